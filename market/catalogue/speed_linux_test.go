package catalogue

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSearchesOfAMillionPackagesAreQuick measures eight clients at once. XIAOYU_SEARCH_PACKAGES says how many packages.
func TestSearchesOfAMillionPackagesAreQuick(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("XIAOYU_SEARCH_PACKAGES"))
	if err != nil || testing.Short() {
		t.Skip("XIAOYU_SEARCH_PACKAGES says of how many packages")
	}
	each(t, func(t *testing.T, c *Catalogue) {
		begun := time.Now()
		crowded(t, c, person(t, c, "ada"), n)
		t.Logf("%d packages in %v", n, time.Since(begun))
		begun = time.Now()
		keepIndex(t, c)
		t.Logf("their index in %v", time.Since(begun))
		asked := []Query{{Text: "sentiment"}, {Text: "情感"}, {Text: "senti"}, {Text: "新闻 分类"}, {Text: "spam", Sort: ByTrend}, {Text: "pack-77777"}, {Facets: map[string]string{"kind": "model", "licence": "mit"}}, {},
			{Text: "sentiment", Sort: BySize, Facets: map[string]string{"task": "text-classification"}}, {Text: "sentimnet"}, {Sort: ByDownloads, Offset: 200}, {Text: "观点", Sort: ByUpdated}}
		worst := map[int]time.Duration{}
		var mu sync.Mutex
		var all []time.Duration
		var wait sync.WaitGroup
		for client := range 8 {
			wait.Go(func() {
				for i := range 120 {
					k := (i + client*5) % len(asked)
					begun := time.Now()
					if _, err := c.Search(t.Context(), Caller{}, asked[k]); err != nil {
						t.Error(err)
						return
					}
					took := time.Since(begun)
					mu.Lock()
					all = append(all, took)
					worst[k] = max(worst[k], took)
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		slices.Sort(all)
		t.Logf("p50 %v, p99 %v, most %v", all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
		for k, q := range asked {
			var before, after syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for range 10 {
				if _, err := c.Search(t.Context(), Caller{}, q); err != nil {
					t.Fatal(err)
				}
			}
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			t.Logf("%v of the processor each, with counts; at worst %v: %+v", time.Duration(after.Utime.Nano()-before.Utime.Nano())/10, worst[k], q)
		}
	})
}
