//go:build unix

package market_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// kills is how often a market is killed: XIAOYU_KILLS says so.
func kills(t *testing.T, standard int) int {
	t.Helper()
	if text := os.Getenv("XIAOYU_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 3
	}
	return standard
}

// rater is somebody who rates, and what a market has acknowledged to him.
type rater struct {
	catalogue.Caller
	token string
	stars int // 0: he has rated nothing
}

// TestAKilledMarketLosesNoRating kills a market with SIGKILL at random moments while people rate a package, change that and
// take it back: what was acknowledged is there, what was not is there or not, once, and the sums are those of the reviews.
func TestAKilledMarketLosesNoRating(t *testing.T) {
	rounds, ctx, data := kills(t, 6), t.Context(), t.TempDir()
	d, err := depot.Open(ctx, depot.Options{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var people []*rater
	for i := range 8 {
		a, err := d.Catalogue.CreateAccount(ctx, catalogue.Account{Name: fmt.Sprint("rater", i)}, "")
		if err != nil {
			t.Fatal(err)
		}
		token, err := d.Catalogue.CreateToken(ctx, a, "test", catalogue.Write, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, &rater{Caller: catalogue.Caller{Account: a, Scope: catalogue.Write}, token: token})
	}
	home := t.TempDir()
	connect := func(address string, p *rater) *client.Client {
		c, err := client.New(client.Options{Market: address, Token: p.token, Home: home})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	packed, err := pack.Folder(ctx, folder(t, 1, 1000), pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const name = "rater0/model" // whose owner rates nothing
	random, cut := rand.New(rand.NewPCG(3, 4)), 0
	for round := range rounds {
		address, kill := startProcess(t, data, "")
		if round == 0 {
			if _, err := connect(address, people[0]).Push(ctx, packed, client.Reference{Name: name, Tag: "1.0.0"}, client.Watch{}); err != nil {
				t.Fatal(err)
			}
			r, err := d.Catalogue.Repository(ctx, people[0].Caller, name)
			for _, p := range people[1:] {
				if err == nil {
					err = d.Catalogue.RecordInstall(ctx, p.Account, r, packed.Digest)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		until, cancel := context.WithCancel(ctx)
		killed := make(chan struct{})
		go func() {
			time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
			kill()
			cancel()
			close(killed)
		}()
		pending, asked := (*rater)(nil), 0
		for step := round; until.Err() == nil; step++ {
			pending, asked = people[1+step%(len(people)-1)], 1+(step*7+round)%5
			c := connect(address, pending)
			if step%4 == 3 && pending.stars > 0 {
				asked = 0
				err = c.Unrate(until, name, "")
			} else {
				_, err = c.Rate(until, name, client.NewReview{Version: "1.0.0", Stars: asked, Text: fmt.Sprint("round ", round)})
			}
			if err != nil {
				cut++
				break
			}
			pending.stars = asked
			pending = nil
		}
		<-killed
		ratingsAre(t, d, name, people, pending, asked, round)
	}
	if cut < rounds/2 {
		t.Errorf("only %d of %d kills have interrupted anything", cut, rounds)
	}
}

// ratingsAre compares what a market has with what it has acknowledged; pending has asked for so many stars and heard nothing.
func ratingsAre(t *testing.T, d *depot.Depot, name string, people []*rater, pending *rater, asked, round int) {
	t.Helper()
	ctx := t.Context()
	r, err := d.Catalogue.Repository(ctx, people[0].Caller, name)
	if err != nil {
		t.Fatal(err)
	}
	n, sum := int64(0), 0
	for _, p := range people {
		own, err := d.Catalogue.OwnReviews(ctx, p.Caller, r)
		if err != nil || len(own) > 1 {
			t.Fatal(round, len(own), err)
		}
		has := 0
		if len(own) == 1 {
			has = own[0].Stars
			n++
			sum += has
		}
		if has != p.stars && !(p == pending && has == asked) {
			t.Errorf("round %d: %s was acknowledged %d stars and has %d", round, p.Name(), p.stars, has)
		}
		p.stars = has
	}
	stars, err := d.Catalogue.Stars(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	counted, mean := int64(0), 0.0
	for _, k := range stars {
		counted += k
	}
	if n > 0 {
		mean = float64(sum) / float64(n)
	}
	if counted != n || r.Ratings != n || math.Abs(r.Mean()-mean) > 1e-9 {
		t.Errorf("round %d: %d reviews with the mean %v, counted as %v and %d with %v", round, n, mean, stars, r.Ratings, r.Mean())
	}
}
