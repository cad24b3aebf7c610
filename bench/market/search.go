package main

import (
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
)

// search has eight clients ask a market of many packages at once.
func (b *bench) search(ctx context.Context, packages int) error {
	const clients, each = 8, 250
	data := filepath.Join(b.dir, fmt.Sprintf("catalogue-%d", packages))
	from := time.Now()
	if err := fill(ctx, data, packages); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d packages made in %.0f s\n", packages, time.Since(from).Seconds())
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	defer s.stop()
	random := rand.New(rand.NewPCG(3, 4))
	addresses := make([]string, clients*each)
	for i := range addresses {
		addresses[i] = s.url + "/api/v1/packages?" + question(random).Encode()
	}
	if _, err := asked(ctx, addresses[:50], 1); err != nil { // the database's pages come into memory
		return err
	}
	took, err := asked(ctx, addresses, clients)
	if err != nil {
		return err
	}
	memory, err := s.memory()
	if err != nil {
		return err
	}
	fmt.Printf("| packages | searches, %d at once | median | p95 | p99 | longest | ready after | memory of the server |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n| %d | %d | %s | %s | %s | %s | %.2f s | %d MB |\n\n",
		clients, packages, len(took), ms(took, 0.5), ms(took, 0.95), ms(took, 0.99), ms(took, 1), s.ready.Seconds(), memory/1e6)
	return nil
}

// question is a search as people make them: one word or two, of either language, often with a facet or an order.
func question(random *rand.Rand) url.Values {
	q := url.Values{"limit": {"20"}}
	words := subjects[random.IntN(len(subjects))]
	switch random.IntN(6) {
	case 0:
		words += " " + forms[random.IntN(len(forms))]
	case 1:
		words = "" // only facets
	case 2:
		words += fmt.Sprintf(" %d", random.IntN(100_000))
	}
	if words != "" {
		q.Set("q", words)
	}
	if random.IntN(2) == 0 || words == "" {
		q.Set("task", tasks[random.IntN(len(tasks))])
	}
	if random.IntN(3) == 0 {
		q.Set("language", []string{"zh", "en"}[random.IntN(2)])
	}
	if random.IntN(3) == 0 {
		q.Set("sort", []string{"downloads", "updated", "size", "trend"}[random.IntN(4)])
	}
	return q
}

// asked sends requests, some at once, and returns how long they took, the shortest first.
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
	slices.Sort(took)
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
	weights := filepath.Join(b.dir, "weights")
	if err := model(weights, 1<<20); err != nil {
		return err
	}
	defer os.RemoveAll(weights)
	s, err := b.serve(ctx, data)
	if err != nil {
		return err
	}
	for _, version := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		if _, err := b.xiaoyu(ctx, s, "push", weights, "ada/model:"+version); err != nil {
			s.stop()
			return err
		}
	}
	s.stop()
	if s, err = b.serve(ctx, data); err != nil {
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
	fmt.Printf("| packages | ready after | then the first page | a package's page, median | p99 |\n|---:|---:|---:|---:|---:|\n| %d | %.2f s | %s | %s | %s |\n\n",
		packages, s.ready.Seconds(), ms(home, 1), ms(page, 0.5), ms(page, 0.99))
	return nil
}
