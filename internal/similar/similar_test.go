package similar

import (
	"slices"
	"sync"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

func TestEachQueryMeetsEachCandidate(t *testing.T) {
	pool := parallel.New(3)
	defer pool.Close()
	const n, m, dim = 150, 7, 5
	queries, candidates := make([]float32, n*dim), make([]float32, m*dim)
	for i := range queries {
		queries[i] = float32(i%11) - 4
	}
	for i := range candidates {
		candidates[i] = float32(i%13) - 6
	}
	var mu sync.Mutex
	seen := make([]int, n)
	Each(pool, queries, candidates, dim, func(q int, scores []float32) {
		mu.Lock()
		defer mu.Unlock()
		seen[q]++
		for c, s := range scores {
			if want := kernel.Dot(queries[q*dim:(q+1)*dim], candidates[c*dim:(c+1)*dim]); s-want > 1e-4 || want-s > 1e-4 {
				t.Errorf("query %d, candidate %d: %v, want %v", q, c, s, want)
			}
		}
	})
	for q, times := range seen {
		if times != 1 {
			t.Errorf("query %d was visited %d times", q, times)
		}
	}
	Each(pool, queries, nil, dim, func(int, []float32) { t.Error("a visit without candidates") })
}

func TestBestAreSortedAndAllowed(t *testing.T) {
	scores := []float32{0.5, 0.9, 0.9, -1, 0.7}
	all := func(int) bool { return true }
	for _, c := range []struct {
		k       int
		allowed func(int) bool
		want    []int
	}{
		{3, all, []int{1, 2, 4}},
		{9, all, []int{1, 2, 4, 0, 3}},
		{2, func(i int) bool { return i != 1 }, []int{2, 4}},
		{0, all, nil},
		{2, func(int) bool { return false }, nil},
	} {
		if got := Best(scores, c.k, c.allowed); !slices.Equal(got, c.want) {
			t.Errorf("the best %d are %v, want %v", c.k, got, c.want)
		}
	}
}
