//go:build unix

package market_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// TestAKilledMarketLosesNoSignature kills a market with SIGKILL at random moments while a publisher signs what he has pushed:
// signatures that were acknowledged are there, of the one that was not all is there or nothing, signing again succeeds, and
// who pulls finds a good one.
func TestAKilledMarketLosesNoSignature(t *testing.T) {
	rounds, ctx, data, home := kills(t, 6), t.Context(), t.TempDir(), t.TempDir()
	d, err := depot.Open(ctx, depot.Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, err := d.Catalogue.CreateAccount(ctx, catalogue.Account{Name: "ada"}, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.Catalogue.CreateToken(ctx, a, "test", catalogue.Admin, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	key, public := signingKey(t)
	reach := func(address string) *client.Client {
		c, err := client.New(client.Options{Market: address, Token: token, Home: home, Trust: client.Trust{Require: true, Keys: []sign.PublicKey{key.Public()}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	version := func(round int) client.Reference {
		return client.Reference{Name: "ada/model", Tag: fmt.Sprintf("1.%d.0", round)}
	}
	var last *pack.Packed
	random, cut := rand.New(rand.NewPCG(5, 6)), 0
	// again reads the newest signatures of the last round's version, signs it once more, and pulls it.
	has := 0
	again := func(c *client.Client, round int) {
		said, err := c.Statements(ctx, version(round), last.Digest, sign.BundleType)
		if err != nil || len(said) != min(has, 16) {
			t.Fatalf("round %d: %d signatures can be read of %d: %v", round, len(said), has, err)
		}
		if err := c.Sign(ctx, last, version(round), key); err != nil {
			t.Fatalf("round %d: signing again: %v", round, err)
		}
		pulled, err := c.Pull(ctx, version(round), filepath.Join(t.TempDir(), "out"), false, client.Watch{})
		if err != nil || pulled.SignedBy != key.Public().Fingerprint() {
			t.Fatalf("round %d: pulled %+v: %v", round, pulled, err)
		}
	}
	for round := range rounds {
		address, kill := startProcess(t, data, "")
		c := reach(address)
		if round == 0 {
			if err := c.AddKey(ctx, "ada", public, ""); err != nil {
				t.Fatal(err)
			}
		} else {
			again(c, round-1)
		}
		if last, err = pack.Folder(ctx, folder(t, uint64(round), 1000), pack.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Push(ctx, last, version(round), client.Watch{}); err != nil {
			t.Fatal(err)
		}
		until, cancel := context.WithCancel(ctx)
		killed := make(chan struct{})
		go func() {
			time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
			kill()
			cancel()
			close(killed)
		}()
		acknowledged := 0
		for until.Err() == nil {
			if err := c.Sign(until, last, version(round), key); err != nil {
				cut++
				break
			}
			acknowledged++
		}
		<-killed
		r, err := d.Catalogue.Repository(ctx, catalogue.Caller{}, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		to, err := d.Catalogue.Resolve(ctx, r, version(round).Tag)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Catalogue.Signatures(ctx, &to.Manifest)
		if err != nil || len(list) < acknowledged || len(list) > acknowledged+1 {
			t.Fatalf("round %d: %d signatures, %d were acknowledged: %v", round, len(list), acknowledged, err)
		}
		has = len(list)
	}
	address, kill := startProcess(t, data, "")
	again(reach(address), rounds-1)
	kill()
	if damages, err := d.Scrub(ctx, func(int, int64) {}); err != nil || len(damages) > 0 {
		t.Errorf("what signatures are made of: %v, %v", damages, err)
	}
	if cut < rounds/2 {
		t.Errorf("only %d of %d kills have interrupted anything", cut, rounds)
	}
}
