package vector

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/partition"
)

// planted returns n vectors around centres, and the centre of each.
func planted(n, dim, centres int, spread float64, seed uint64) (vectors [][]float32, of []int) {
	r := rand.New(rand.NewPCG(seed, seed))
	middle := make([][]float64, centres)
	for i := range middle {
		middle[i] = make([]float64, dim)
		for j := range middle[i] {
			middle[i][j] = r.NormFloat64()
		}
	}
	for range n {
		c := r.IntN(centres)
		v := make([]float32, dim)
		for j := range v {
			v[j] = float32(middle[c][j] + spread*r.NormFloat64())
		}
		vectors, of = append(vectors, v), append(of, c)
	}
	return vectors, of
}

func setOf(t testing.TB, vectors [][]float32) *Set {
	s := NewSet(len(vectors[0]))
	for _, v := range vectors {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestSearchFindsTheNearestRows(t *testing.T) {
	for _, n := range []int{1, 5, 255, 257, 2000} {
		vectors, _ := planted(n, 33, 40, 1, uint64(n))
		s := setOf(t, vectors)
		question := vectors[n/2]
		hits, err := s.Search(t.Context(), question, 7)
		if err != nil || len(hits) != min(7, n) || hits[0].Row != n/2 {
			t.Fatalf("%d rows: %v, %v", n, hits, err)
		}
		all := make([]float64, n)
		for i, v := range vectors {
			all[i] = cosine(question, v)
		}
		slices.Sort(all)
		for i, h := range hits {
			if want := all[n-1-i]; math.Abs(float64(h.Cosine)-want) > 2e-3 || math.Abs(cosine(question, vectors[h.Row])-want) > 2e-3 {
				t.Errorf("%d rows, place %d: row %d with %v, want a cosine of %v", n, i, h.Row, h.Cosine, want)
			}
		}
	}
	empty := NewSet(3)
	if hits, err := empty.Search(t.Context(), []float32{1, 0, 0}, 5); len(hits) > 0 || err != nil {
		t.Errorf("an empty set has %v, %v", hits, err)
	}
}

func TestWrongVectorsAreRefused(t *testing.T) {
	s := NewSet(2)
	for _, v := range [][]float32{{1}, {1, 2, 3}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), 1}} {
		if s.Add(v) == nil {
			t.Errorf("%v was taken", v)
		}
		if _, err := s.Search(t.Context(), v, 1); err == nil {
			t.Errorf("%v was looked for", v)
		}
	}
	if err := s.Add([]float32{0, 0}); err != nil || s.Len() != 1 {
		t.Errorf("a vector without a length: %v", err)
	}
}

func TestSearchesCanBeInterrupted(t *testing.T) {
	vectors, _ := planted(1000, 8, 3, 1, 1)
	s := setOf(t, vectors)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Search(ctx, vectors[0], 3)
	_, groupsErr := s.Groups(ctx, 0.9, nil)
	_, clusterErr := Cluster(ctx, s, ClusterOptions{K: 3})
	_, graphErr := BuildGraph(ctx, s, nil)
	for _, err := range []error{err, groupsErr, clusterErr, graphErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func TestGroupsJoinWhatSaysTheSame(t *testing.T) {
	vectors, _ := planted(700, 64, 1, 9, 3) // each alone
	groups := [][]int32{{0, 300, 699}, {5, 6}, {256, 511}}
	for _, g := range groups {
		for _, i := range g[1:] {
			vectors[i] = slices.Clone(vectors[g[0]])
			vectors[i][0] += 0.01
		}
	}
	got, err := setOf(t, vectors).Groups(t.Context(), 0.98, nil)
	if err != nil || len(got) != len(groups) {
		t.Fatalf("%v, %v", got, err)
	}
	for i, g := range groups {
		if !slices.Equal(got[i], g) {
			t.Errorf("group %v, want %v", got[i], g)
		}
	}
}

func TestAGraphFindsNearlyAllNeighboursAndIsTheSameEachTime(t *testing.T) {
	const n, k = 4000, 10
	vectors, _ := planted(n, 48, 60, 0.8, 5)
	s := setOf(t, vectors)
	g, err := BuildGraph(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := BuildGraph(t.Context(), s, nil)
	if err != nil || !slices.Equal(g.links, again.links) {
		t.Errorf("another graph of the same rows: %v", err)
	}
	questions, _ := planted(100, 48, 60, 0.8, 5)
	found := 0
	for _, q := range questions {
		want, err := s.Search(t.Context(), q, k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Search(q, k)
		if err != nil || len(got) != k {
			t.Fatalf("%v, %v", got, err)
		}
		for _, h := range got {
			if slices.ContainsFunc(want, func(w Hit) bool { return w.Row == h.Row }) {
				found++
			}
		}
	}
	if recall := float64(found) / float64(len(questions)*k); recall < 0.98 {
		t.Errorf("recall %.3f", recall)
	}
}

// TestGroupsByNeighboursAreThoseByComparison compares the way for large sets with that for small ones.
func TestGroupsByNeighboursAreThoseByComparison(t *testing.T) {
	vectors, _ := planted(2000, 32, 900, 0.15, 9)
	s := setOf(t, vectors)
	all, near := partition.New(s.Len()), partition.New(s.Len())
	if err := errors.Join(s.joinAll(t.Context(), 0.97, all, func(_, _ int64) {}), s.joinNeighbours(t.Context(), 0.97, near, func(_, _ int64) {})); err != nil {
		t.Fatal(err)
	}
	want, got := all.Groups(), near.Groups()
	same := 0
	for _, g := range got {
		if slices.ContainsFunc(want, func(w []int32) bool { return slices.Equal(w, g) }) {
			same++
		}
	}
	if len(want) < 100 || same < len(want)*98/100 {
		t.Errorf("%d of %d groups", same, len(want))
	}
}

func TestClustersAreThoseThatWerePlanted(t *testing.T) {
	vectors, of := planted(3000, 32, 7, 0.4, 11)
	s := setOf(t, vectors)
	for _, k := range []int{7, 0} {
		c, err := Cluster(t.Context(), s, ClusterOptions{K: k, Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Sizes) != 7 || !slices.IsSortedFunc(c.Sizes, func(a, b int) int { return b - a }) || c.Silhouette < 0.5 {
			t.Fatalf("k %d: sizes %v, silhouette %.2f", k, c.Sizes, c.Silhouette)
		}
		cluster := map[int]int32{}
		for i, j := range c.Of {
			if other, ok := cluster[of[i]]; ok && other != j {
				t.Fatalf("k %d: centre %d is in clusters %d and %d", k, of[i], other, j)
			}
			cluster[of[i]] = j
		}
	}
}

func TestFewAndEqualRowsCanBeClustered(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		s := NewSet(4)
		for range n {
			if err := s.Add([]float32{1, 2, 3, 4}); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range []int{0, 2} {
			c, err := Cluster(t.Context(), s, ClusterOptions{K: k})
			if err != nil || len(c.Of) != n {
				t.Errorf("%d rows, k %d: %+v, %v", n, k, c, err)
			}
		}
	}
}

func TestSilhouetteIsThatOfItsDefinition(t *testing.T) {
	// Two rows at a distance of 1, one at 3 from both: (3 − 1) / 3 twice, and 0 for the one that is alone.
	d := []float32{0, 1, 3, 1, 0, 3, 3, 3, 0}
	if got := silhouette(d, []int32{0, 0, 1}, 2); math.Abs(got-4.0/9) > 1e-12 {
		t.Errorf("%v, want 4/9", got)
	}
}

func BenchmarkSearch(b *testing.B) {
	vectors, _ := planted(100_000, 384, 2000, 1, 1)
	s := setOf(b, vectors)
	for b.Loop() {
		if _, err := s.Search(b.Context(), vectors[7], 10); err != nil {
			b.Fatal(err)
		}
	}
}
