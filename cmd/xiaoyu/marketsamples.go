package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/samples"
)

// samplesOwner is the account that samples are published by.
const samplesOwner = "xiaoyu"

// publishSamples fills a market that serves on an address, if it lacks any of the samples, and tells how that went.
func publishSamples(ctx context.Context, term *terminal, d *depot.Depot, at net.Addr) {
	err := fillMarket(ctx, term, d, at)
	switch {
	case ctx.Err() != nil:
		term.Note("note: the samples are not complete; the next start with --with-samples goes on")
	case err != nil:
		term.Note("note: %v; %s", err, hint.Way(err))
	}
}

func fillMarket(ctx context.Context, term *terminal, d *depot.Depot, at net.Addr) error {
	if _, err := samples.AddBenchmarks(ctx, d.Catalogue); err != nil {
		return err
	}
	missing := false
	for _, name := range samples.Names(samplesOwner) {
		there, err := published(ctx, d, name)
		if err != nil {
			return err
		}
		missing = missing || !there
	}
	if !missing {
		return nil
	}
	token, err := samplesToken(ctx, d)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	// Not in the market's folder, whose place models would tell as where their data was.
	work, err := os.MkdirTemp("", "xiaoyu-samples-")
	if err != nil {
		return hint.Wrap(err, "make room for temporary files", "making the samples")
	}
	defer os.RemoveAll(work)
	c, err := client.New(client.Options{Market: "http://" + net.JoinHostPort(host, port), Token: token, Home: work})
	if err != nil {
		return err
	}
	done, err := samples.Publish(ctx, samples.Options{Client: c, Owner: samplesOwner, Dir: work, Observer: term})
	term.endStage()
	if err != nil {
		return err
	}
	term.Note("samples   %d packages published by %s", len(done), samplesOwner)
	return nil
}

// published tells whether a sample is there, for everybody.
func published(ctx context.Context, d *depot.Depot, name string) (bool, error) {
	r, err := d.Catalogue.Repository(ctx, catalogue.Caller{}, name)
	if err == nil {
		_, err = d.Catalogue.Resolve(ctx, r, samples.Version)
	}
	if errors.Is(err, catalogue.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// samplesToken makes a token for an hour, of an account that has no password.
func samplesToken(ctx context.Context, d *depot.Depot) (string, error) {
	a, err := d.Catalogue.Account(ctx, samplesOwner)
	if errors.Is(err, catalogue.ErrNotFound) {
		a, err = d.Catalogue.CreateAccount(ctx, catalogue.Account{Name: samplesOwner, FullName: "小语 Xiaoyu"}, "")
	}
	if err != nil {
		return "", err
	}
	return d.Catalogue.CreateToken(ctx, a, "samples", catalogue.Write, time.Now().Add(time.Hour))
}
