package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

// kinds are the searches that people make: words of either language, alone, together and with facets, orders, pages.
var kinds = []struct {
	name  string
	query func(random *rand.Rand) url.Values
}{
	{"a word", func(random *rand.Rand) url.Values { return url.Values{"q": {any(random, subjects[:20])}} }},
	{"a word in Chinese", func(random *rand.Rand) url.Values { return url.Values{"q": {any(random, subjects[20:])}} }},
	{"two words", func(random *rand.Rand) url.Values {
		return url.Values{"q": {any(random, subjects) + " " + any(random, forms)}}
	}},
	{"the beginning of a word", func(random *rand.Rand) url.Values {
		w := any(random, subjects[:20])
		return url.Values{"q": {w[:3+random.IntN(len(w)-3)]}}
	}},
	{"a misspelt word", func(random *rand.Rand) url.Values {
		w := []byte(any(random, []string{"sentiment", "similarity", "classifier", "question", "customer"}))
		at := 1 + random.IntN(len(w)-2)
		w[at], w[at+1] = w[at+1], w[at]
		return url.Values{"q": {string(w)}}
	}},
	{"a rare word", func(random *rand.Rand) url.Values { return url.Values{"q": {fmt.Sprint(random.IntN(100_000))}} }},
	{"a word that none has", func(random *rand.Rand) url.Values {
		return url.Values{"q": {fmt.Sprintf("q%xz", random.Uint64())}}
	}},
	{"a word, two facets, an order", func(random *rand.Rand) url.Values {
		return url.Values{"q": {any(random, subjects)}, "task": {any(random, tasks)}, "language": {any(random, []string{"zh", "en"})}, "sort": {any(random, orders)}}
	}},
	{"facets, an order", func(random *rand.Rand) url.Values {
		return url.Values{"licence": {any(random, licences)}, "kind": {"model"}, "sort": {any(random, orders)}}
	}},
	{"nothing, newest or trending", func(random *rand.Rand) url.Values {
		return url.Values{"sort": {any(random, []string{"updated", "trend"})}}
	}},
	{"a word, page 20 to 400", func(random *rand.Rand) url.Values {
		return url.Values{"q": {any(random, subjects)}, "offset": {fmt.Sprint(20 * (20 + random.IntN(380)))}}
	}},
}

var orders = []string{"relevance", "trend", "downloads", "rating", "updated", "size", "latency"}

func any(random *rand.Rand, list []string) string { return list[random.IntN(len(list))] }

// search has eight clients ask a market of many packages at once.
func (b *bench) search(ctx context.Context, packages int, database string) error {
	const clients, each = 8, 200 // of each kind
	data := filepath.Join(b.dir, fmt.Sprintf("catalogue-%d", packages))
	from := time.Now()
	if err := fill(ctx, data, packages); err != nil {
		return err
	}
	var place []string
	if database != "" {
		if err := fillPostgres(ctx, data, database); err != nil {
			return err
		}
		data, place = filepath.Join(b.dir, fmt.Sprintf("postgres-%d", packages)), []string{"--database", database}
		if err := os.MkdirAll(data, 0o755); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d packages made in %.0f s\n", packages, time.Since(from).Seconds())
	if err := os.Remove(filepath.Join(data, depot.IndexFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	made, peak, err := b.made(ctx, data, place)
	if err != nil {
		return err
	}
	s, err := b.serve(ctx, data, place...)
	if err != nil {
		return err
	}
	defer s.stop()
	read, err := s.indexed(ctx)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(3, 4))
	addresses, of := s.searches(random, each)
	if _, err := asked(ctx, addresses[:100], 1); err != nil { // the database's pages come into memory
		return err
	}
	took, err := asked(ctx, addresses, clients)
	if err != nil {
		return err
	}
	var memory [2]int64
	for i, name := range []string{"VmRSS", "VmHWM"} {
		if memory[i], err = s.status(name); err != nil {
			return err
		}
	}
	addresses, ofToo := s.searches(random, each)
	meanwhile, published, err := b.whilePublishing(ctx, s, func() ([]time.Duration, error) { return asked(ctx, addresses, clients) })
	if err != nil {
		return err
	}
	fmt.Printf("| packages | searches, %d at once | median | p95 | p99 | longest | answers after | index made in | read in | memory of the server: then | at most | when it made the index |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n", clients)
	all := slices.Sorted(slices.Values(took))
	fmt.Printf("| %d | %d | %s | %s | %s | %s | %.2f s | %.1f s | %.2f s | %d MB | %d MB | %d MB |\n", packages, len(all), ms(all, 0.5), ms(all, 0.95), ms(all, 0.99), ms(all, 1), s.ready.Seconds(), made.Seconds(), read.Seconds(), memory[0]/1e6, memory[1]/1e6, peak/1e6)
	all = slices.Sorted(slices.Values(meanwhile))
	fmt.Printf("| and %d published meanwhile | %d | %s | %s | %s | %s | | | | | | |\n\n", published, len(all), ms(all, 0.5), ms(all, 0.95), ms(all, 0.99), ms(all, 1))
	fmt.Printf("| search | median | p95 | p99 | while packages are published: median | p95 | p99 |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for k, kind := range kinds {
		alone, busy := ofKind(took, of, k), ofKind(meanwhile, ofToo, k)
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", kind.name, ms(alone, 0.5), ms(alone, 0.95), ms(alone, 0.99), ms(busy, 0.5), ms(busy, 0.95), ms(busy, 0.99))
	}
	fmt.Println()
	return nil
}

// searches are addresses of each kind of search, mixed, and which kind each is of.
func (s *server) searches(random *rand.Rand, each int) (addresses []string, of []int) {
	addresses, of = make([]string, each*len(kinds)), make([]int, each*len(kinds))
	for i := range addresses {
		of[i] = i % len(kinds)
		addresses[i] = s.url + "/api/v1/packages?" + kinds[of[i]].query(random).Encode()
	}
	random.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j], of[i], of[j] = addresses[j], addresses[i], of[j], of[i] })
	return addresses, of
}

// ofKind is the times of one kind of search, sorted.
func ofKind(took []time.Duration, of []int, kind int) []time.Duration {
	var list []time.Duration
	for i, d := range took {
		if of[i] == kind {
			list = append(list, d)
		}
	}
	slices.Sort(list)
	return list
}

// whilePublishing measures while a package is published every second by a client of its own: all that the market keeps of
// searches asked before is void each time.
func (b *bench) whilePublishing(ctx context.Context, s *server, measure func() ([]time.Duration, error)) (took []time.Duration, published int, err error) {
	small := filepath.Join(b.dir, "small")
	if err := model(small, 1<<10); err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(small)
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if _, err := b.xiaoyu(ctx, s, "push", small, fmt.Sprintf("ada/small-%d:1.0.0", time.Now().UnixMilli())); err != nil {
				ended <- err
				return
			}
			published++
			select {
			case <-done:
				ended <- nil
				return
			case <-tick.C:
			}
		}
	}()
	took, err = measure()
	close(done)
	return took, published, errors.Join(err, <-ended)
}

// made starts a market that has no index yet, and returns how long that takes to be made, and the most memory meanwhile.
func (b *bench) made(ctx context.Context, data string, place []string) (took time.Duration, peak int64, err error) {
	s, err := b.serve(ctx, data, place...)
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	if took, err = s.indexed(ctx); err != nil {
		return 0, 0, err
	}
	peak, err = s.memory()
	return took, peak, err
}

// indexed waits until a market counts all that a search finds, and returns how long that was after its start.
func (s *server) indexed(ctx context.Context) (time.Duration, error) {
	for {
		answer, err := http.Get(s.url + "/api/v1/packages?limit=1&q=" + subjects[0])
		if err != nil {
			return 0, err
		}
		said, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return 0, err
		}
		if answer.StatusCode == http.StatusOK && !bytes.Contains(said, []byte(`"estimated":true`)) {
			return time.Since(s.from), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// asked sends requests, some at once, and returns how long each took.
func asked(ctx context.Context, addresses []string, clients int) ([]time.Duration, error) {
	took, errs := make([]time.Duration, len(addresses)), make([]error, clients)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			for i := c; i < len(addresses) && errs[c] == nil; i += clients {
				from := time.Now()
				errs[c] = fetch(ctx, client, addresses[i])
				took[i] = time.Since(from)
			}
		})
	}
	wait.Wait()
	return took, errors.Join(errs...)
}

func fetch(ctx context.Context, client *http.Client, address string) error {
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s: %s: %s", address, answer.Status, said)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// ms is a quantile of sorted times.
func ms(sorted []time.Duration, q float64) string {
	at := min(int(q*float64(len(sorted))), len(sorted)-1)
	return fmt.Sprintf("%.1f ms", float64(sorted[at].Microseconds())/1000)
}

// start starts a market with packages anew, cold but for the system's own cache, and asks for its first pages and for a
// package's.
func (b *bench) start(ctx context.Context, packages int) error {
	data := filepath.Join(b.dir, fmt.Sprintf("catalogue-%d", packages))
	if err := fill(ctx, data, packages); err != nil {
		return err
	}
	if err := b.pushThree(ctx, data); err != nil {
		return err
	}
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	home, err := asked(ctx, []string{s.url + "/"}, 1)
	if err != nil {
		return err
	}
	pages := make([]string, 200)
	for i := range pages {
		pages[i] = s.url + "/ada/model"
	}
	page, err := asked(ctx, pages, 1)
	if err != nil {
		return err
	}
	slices.Sort(page)
	fmt.Printf("| packages | ready after | then the first page | a package's page, median | p99 |\n|---:|---:|---:|---:|---:|\n| %d | %.2f s | %s | %s | %s |\n\n",
		packages, s.ready.Seconds(), ms(home, 1), ms(page, 0.5), ms(page, 0.99))
	return nil
}

// pushThree publishes three versions of a model in a market that has none of it.
func (b *bench) pushThree(ctx context.Context, data string) error {
	pushed := filepath.Join(data, "pushed")
	if _, err := os.Stat(pushed); err == nil {
		return nil
	}
	weights := filepath.Join(b.dir, "weights")
	if err := model(weights, 1<<20); err != nil {
		return err
	}
	defer os.RemoveAll(weights)
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, version := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		if _, err := b.xiaoyu(ctx, s, "push", weights, "ada/model:"+version); err != nil {
			return err
		}
	}
	return os.WriteFile(pushed, nil, 0o644)
}
