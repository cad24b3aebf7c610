// Package similar compares vectors of unit length with each other, all with all, by matrix products: an exact search
// for those who need every score, or the best few of them, and can wait.
package similar

import (
	"cmp"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// block is how many queries share one product: enough for its speed, few enough that their scores stay small.
const block = 64

// Each computes the inner products of each query with each candidate, both as rows of dim numbers, and calls visit for
// each query with those of all candidates. Calls come from several goroutines, in any order; scores are only lent.
func Each(pool *parallel.Pool, queries, candidates []float32, dim int, visit func(query int, scores []float32)) {
	n, m := len(queries)/dim, len(candidates)/dim
	if m == 0 {
		return
	}
	pool.For((n+block-1)/block, 1, func(lo, hi int) {
		scores := make([]float32, block*m)
		for b := lo; b < hi; b++ {
			from, to := b*block, min((b+1)*block, n)
			kernel.GemmNT(kernel.F32, to-from, m, dim, queries[from*dim:], dim, candidates, dim, scores, m, false)
			for q := from; q < to; q++ {
				visit(q, scores[(q-from)*m:(q-from+1)*m])
			}
		}
	})
}

// Best returns the numbers of the k highest scores among those that allowed lets in, the highest first, the earlier of
// equal ones first.
func Best(scores []float32, k int, allowed func(i int) bool) []int {
	var best []int
	for i, s := range scores {
		if len(best) == k && (k == 0 || s <= scores[best[k-1]]) || !allowed(i) {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, s, func(b int, s float32) int { return cmp.Or(cmp.Compare(s, scores[b]), -1) })
		best = slices.Insert(best, at, i)
		best = best[:min(len(best), k)]
	}
	return best
}

// Unit scales a vector to length 1; zeros stay.
func Unit(v []float32) {
	if sum := kernel.SumSquares(v); sum > 0 {
		kernel.Scale(float32(1/math.Sqrt(sum)), v)
	}
}

// Flat lays rows of equal width end to end.
func Flat(rows [][]float32) []float32 {
	var out []float32
	for _, r := range rows {
		out = append(out, r...)
	}
	return out
}
