package market_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// pair is two servers with one PostgreSQL and one store.
type pair struct {
	a, b     *markettest.Market
	token    string
	database *markettest.Server
	store    *markettest.Server // nil for a folder
	data     string
}

// pairs runs a test with a store in a folder, and with one in an object store.
func pairs(t *testing.T, test func(t *testing.T, p *pair)) {
	if testing.Short() {
		t.Skip("starts PostgreSQL and an object store")
	}
	start := func(t *testing.T, p *pair, o market.Options) {
		p.database = markettest.PostgreSQL(t)
		o.Database, o.Grace = p.database.Address, 2*time.Second
		if p.store != nil {
			o.Store = p.store.Address
		}
		first, second := o, o
		first.Data = t.TempDir()
		if second.Data = first.Data; o.Store != "" { // nothing else is shared then
			second.Data = t.TempDir()
		}
		p.data, p.a, p.b = first.Data, markettest.Start(t, first), markettest.Start(t, second)
		p.token = p.a.Token(t, "ada", catalogue.Write)
		test(t, p)
	}
	t.Run("folder", func(t *testing.T) { start(t, &pair{}, market.Options{}) })
	t.Run("bucket", func(t *testing.T) {
		start(t, &pair{store: markettest.ObjectStore(t)}, market.Options{})
	})
}

func packed(t *testing.T, seed uint64, size int) *pack.Packed {
	t.Helper()
	p, err := pack.Folder(t.Context(), folder(t, seed, size), pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// installed fails the test where a market does not give a package as it was pushed.
func installed(t *testing.T, m *markettest.Market, name string, want *pack.Packed) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if _, err := connect(t, m.URL, "").Pull(t.Context(), reference(t, name), out, false, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	same(t, want.Dir, out)
}

func TestTwoServersAreOneMarket(t *testing.T) { pairs(t, testTwoServers) }

func testTwoServers(t *testing.T, p *pair) {
	first := packed(t, 20, 12<<20)
	if _, err := connect(t, p.a.URL, p.token).Push(t.Context(), first, reference(t, "ada/model:1.0.0"), client.Watch{}); err != nil {
		t.Fatal(err)
	}
	installed(t, p.b, "ada/model:1.0.0", first)
	p.sendByTurns(t)
	p.race(t)
	p.collectOnBoth(t)
}

// ask sends a request of the OCI distribution API and fails the test with another status.
func (p *pair) ask(t *testing.T, method, address string, body []byte, header http.Header, want int) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != want {
		t.Fatalf("%s %s: %s, want %d\n%s", method, address, answer.Status, want, said)
	}
	return answer
}

// sendByTurns begins an upload on one server, goes on at the other, and so on.
func (p *pair) sendByTurns(t *testing.T) {
	t.Helper()
	content := bytes.Repeat([]byte("by turns "), 2_500_000)
	at := p.ask(t, "POST", p.a.URL+"/v2/ada/model/blobs/uploads/", nil, nil, http.StatusAccepted).Header.Get("Location")
	const part = 6_000_000
	for i, from := 0, 0; from < len(content); i, from = i+1, from+part {
		to := min(from+part, len(content))
		server := []string{p.a.URL, p.b.URL}[i%2]
		p.ask(t, "PATCH", server+at, content[from:to], http.Header{"Content-Range": {fmt.Sprintf("%d-%d", from, to-1)}}, http.StatusAccepted)
	}
	d := digest.FromBytes(content)
	p.ask(t, "PUT", p.b.URL+at+"?digest="+d.String(), nil, nil, http.StatusCreated)
	if n := p.ask(t, "HEAD", p.a.URL+"/v2/ada/model/blobs/"+d.String(), nil, nil, http.StatusOK).ContentLength; n != int64(len(content)) {
		t.Errorf("%d bytes of %d", n, len(content))
	}
}

// race publishes two contents under one version on both servers at once: one wins, the other is told so.
func (p *pair) race(t *testing.T) {
	t.Helper()
	for round := range 5 {
		version := fmt.Sprintf("ada/model:2.%d.0", round)
		contents := []*pack.Packed{packed(t, uint64(30+2*round), 2_000), packed(t, uint64(31+2*round), 2_000)}
		clients := []*client.Client{connect(t, p.a.URL, p.token), connect(t, p.b.URL, p.token)}
		ref := reference(t, version)
		var errs [2]error
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { _, errs[i] = clients[i].Push(t.Context(), contents[i], ref, client.Watch{}) })
		}
		wait.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || errs[1-winner] == nil || !strings.Contains(errs[1-winner].Error(), "never changes") {
			t.Fatalf("round %d: %v; %v", round, errs[0], errs[1])
		}
		for _, m := range []*markettest.Market{p.a, p.b} {
			installed(t, m, version, contents[winner])
		}
	}
}

// collectOnBoth collects garbage on both servers all the time while versions come and go.
func (p *pair) collectOnBoth(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for _, m := range []*markettest.Market{p.a, p.b} {
		wait.Go(func() {
			for ctx.Err() == nil {
				if _, err := m.Depot.Collect(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("collecting garbage: %v", err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	clients := []*client.Client{connect(t, p.a.URL, p.token), connect(t, p.b.URL, p.token)}
	one := packed(t, 50, 300_000)
	for i := range 6 {
		ref := reference(t, fmt.Sprintf("ada/model:3.%d.0", i))
		if _, err := clients[i%2].Push(t.Context(), one, ref, client.Watch{}); err != nil {
			t.Fatal(err)
		}
		installed(t, p.a, ref.String(), one)
		p.ask(t, "DELETE", p.b.URL+"/v2/ada/model/manifests/"+one.Digest.String(), nil, nil, http.StatusAccepted)
		time.Sleep(700 * time.Millisecond)
	}
	stop()
	wait.Wait()
	damages, err := p.a.Depot.Scrub(t.Context(), func(int, int64) {})
	if err != nil || len(damages) > 0 {
		t.Errorf("%v, %v", damages, err)
	}
}

// away checks that both servers say what has gone, and that a push that meets it succeeds once it is back.
func (p *pair) away(t *testing.T, what string, gone, back func()) {
	t.Helper()
	known := packed(t, 60, 400_000)
	if _, err := connect(t, p.a.URL, p.token).Push(t.Context(), known, reference(t, "ada/known:1.0.0"), client.Watch{}); err != nil {
		t.Fatal(err)
	}
	gone()
	for _, m := range []*markettest.Market{p.a, p.b} {
		for _, path := range []string{"/readyz", "/v2/ada/known/blobs/" + known.Files[2].Digest.String(), "/ada/known/resolve/main/model.safetensors"} {
			answer := p.ask(t, "GET", m.URL+path, nil, nil, http.StatusServiceUnavailable)
			if answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s does not say when to come again", path)
			}
		}
		p.ask(t, "GET", m.URL+"/healthz", nil, nil, http.StatusOK)
	}
	fresh, pushed := packed(t, 61, 3<<20), make(chan error)
	go func() {
		_, err := connect(t, p.b.URL, p.token).Push(t.Context(), fresh, reference(t, "ada/fresh:1.0.0"), client.Watch{})
		pushed <- err
	}()
	time.Sleep(time.Second)
	back()
	if err := <-pushed; err != nil {
		t.Errorf("a push while the %s was away: %v", what, err)
	}
	for _, m := range []*markettest.Market{p.a, p.b} {
		p.ask(t, "GET", m.URL+"/readyz", nil, nil, http.StatusOK)
		installed(t, m, "ada/known:1.0.0", known)
		installed(t, m, "ada/fresh:1.0.0", fresh)
	}
	if damages, err := p.b.Depot.Scrub(t.Context(), func(int, int64) {}); err != nil || len(damages) > 0 {
		t.Errorf("%v, %v", damages, err)
	}
}

func TestADatabaseOrAStoreThatWasAwayIsBackByItself(t *testing.T) {
	pairs(t, func(t *testing.T, p *pair) {
		if p.store != nil {
			p.away(t, "store", func() { p.store.Stop(t) }, func() { p.store.Start(t) })
			return
		}
		p.away(t, "database", func() { p.database.Stop(t) }, func() { p.database.Start(t) })
		rename := func(from, to string) {
			if err := errors.Join(os.Rename(filepath.Join(p.data, "blobs"+from), filepath.Join(p.data, "blobs"+to)), os.Rename(filepath.Join(p.data, "uploads"+from), filepath.Join(p.data, "uploads"+to))); err != nil {
				t.Error(err)
			}
		}
		p.ask(t, "DELETE", p.a.URL+"/v2/ada/known/manifests/1.0.0", nil, nil, http.StatusAccepted)
		p.ask(t, "DELETE", p.a.URL+"/v2/ada/fresh/manifests/1.0.0", nil, nil, http.StatusAccepted)
		p.away(t, "store", func() { rename("", "-away") }, func() { rename("-away", "") })
	})
}

// TestABackupOfServersThatShareADatabaseIsAMarket copies PostgreSQL and store to a folder while both serve, and from there
// to an empty database and store.
func TestABackupOfServersThatShareADatabaseIsAMarket(t *testing.T) {
	pairs(t, func(t *testing.T, p *pair) {
		first, second := packed(t, 80, 9<<20), packed(t, 81, 20_000)
		c := connect(t, p.a.URL, p.token)
		for version, content := range map[string]*pack.Packed{"1.0.0": first, "2.0.0": second} {
			if _, err := c.Push(t.Context(), content, reference(t, "ada/model:"+version), client.Watch{}); err != nil {
				t.Fatal(err)
			}
		}
		backup, none := filepath.Join(t.TempDir(), "backup"), func(depot.Copied) {}
		if _, err := p.b.Depot.Backup(t.Context(), backup, none); err != nil {
			t.Fatal(err)
		}
		again, err := p.a.Depot.Backup(t.Context(), backup, none)
		if err != nil || again.Blobs > 0 || again.Known == 0 {
			t.Errorf("the second backup: %+v, %v", again, err)
		}
		served := markettest.Start(t, market.Options{Data: backup})
		installed(t, served, "ada/model:1.0.0", first)

		o := depot.Options{Data: filepath.Join(t.TempDir(), "data"), Database: p.database.Address + "&search_path=restored"}
		if _, err := depot.Restore(t.Context(), backup, depot.Options{Data: o.Data, Database: p.database.Address}, none); !errors.Is(err, catalogue.ErrExists) {
			t.Errorf("a database in use was written over: %v", err)
		}
		p.database.Run(t, "CREATE SCHEMA restored")
		if p.store != nil {
			o.Store = strings.Replace(p.store.Address, "test/market", "test/restored", 1)
		}
		o.Data = filepath.Join(t.TempDir(), "data")
		if _, err := depot.Restore(t.Context(), backup, o, none); err != nil {
			t.Fatal(err)
		}
		m := markettest.Start(t, market.Options{Data: o.Data, Database: o.Database, Store: o.Store})
		installed(t, m, "ada/model:1.0.0", first)
		installed(t, m, "ada/model:latest", second)
		if found, err := connect(t, m.URL, "").Search(t.Context(), client.Search{Text: "test"}); err != nil || len(found.Packages) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
		third := packed(t, 82, 1000) // the token is in it as well, and numbers go on
		if _, err := connect(t, m.URL, p.token).Push(t.Context(), third, reference(t, "ada/other:1.0.0"), client.Watch{}); err != nil {
			t.Fatal(err)
		}
		installed(t, m, "ada/other:1.0.0", third)
	})
}
