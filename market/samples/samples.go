// Package samples fills a new market with something to find: two data sets, three small models that are trained of them
// here and now, and an application that needs two of those. All of it goes through the market's public API, as anybody's
// packages do.
//
//	err := samples.Publish(ctx, samples.Options{Client: c, Owner: "xiaoyu", Dir: work, Observer: o})
//
// What is published already is left alone, so that an interrupted call goes on with the next one.
package samples

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Version is the one under which all samples are published.
const Version = "1.0.0"

// Options say where to and as whom.
type Options struct {
	Client   *client.Client // with a token of the owner's
	Owner    string
	Dir      string // folder to work in, which is removed at the end
	Observer xiaoyu.Observer
}

// Published is what a call has published, by name; empty where everything was there.
type Published []string

// sample is a package that is made and published.
type sample struct {
	name string
	make func(ctx context.Context, w *work, dir string) error
}

// all lists the samples; each may need those before it.
var all = append(append(dataSets, models...), sample{"review-desk", makeDesk})

// Names lists the samples as they are published.
func Names(owner string) (list []string) {
	for _, s := range all {
		list = append(list, owner+"/"+s.name)
	}
	return list
}

// work is a call of Publish.
type work struct {
	Options
	digests map[string]digest.Digest // of what is published, by name
}

// Publish publishes the samples that the market does not have yet.
func Publish(ctx context.Context, o Options) (done Published, err error) {
	w := &work{o, map[string]digest.Digest{}}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written with --data", "making the samples")
	}
	defer os.RemoveAll(o.Dir)
	for i, s := range all {
		name := o.Owner + "/" + s.name
		info, err := o.Client.Info(ctx, name, Version)
		if err == nil {
			w.digests[s.name] = digest.Digest(info.Digest)
			continue
		}
		// A repository without that version answers as one that is not there.
		if !errors.Is(err, client.ErrNotFound) && !errors.Is(err, client.ErrUnauthorized) {
			return done, fmt.Errorf("looking for the sample %s: %w", name, err)
		}
		o.Observer.Note("sample    %d of %d: %s", i+1, len(all), name)
		if err := w.publish(ctx, s); err != nil {
			return done, fmt.Errorf("making the sample %s: %w", name, err)
		}
		done = append(done, name)
	}
	return done, nil
}

// publish makes a sample and pushes it.
func (w *work) publish(ctx context.Context, s sample) error {
	dir := filepath.Join(w.Dir, s.name)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := s.make(ctx, w, dir); err != nil {
		return err
	}
	p, err := pack.Folder(ctx, dir, pack.Options{})
	if err != nil {
		return err
	}
	found, err := inspect.New(inspect.Limits{}).Folder(ctx, p, true)
	if err != nil {
		return err
	}
	for _, f := range found { // they are ours: nothing is to be noted either
		return errors.New(f.Sentence())
	}
	pushed, err := w.Client.Push(ctx, p, client.Reference{Name: w.Owner + "/" + s.name, Tag: Version}, client.Watch{})
	if err != nil {
		return err
	}
	w.digests[s.name] = pushed.Digest
	return nil
}

// write writes the files of a folder.
func write(dir string, files map[string]string) error {
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// in puts the owner's name and the version into a text.
func (w *work) in(text string) string {
	return strings.NewReplacer("OWNER", w.Owner, "VERSION", Version).Replace(text)
}
