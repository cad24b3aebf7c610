package vector

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Hit is a row and its cosine to what was looked for.
type Hit struct {
	Row    int     `json:"row"`
	Cosine float32 `json:"cosine"`
}

// compareHits puts the nearest first; of equals, the first row.
func compareHits(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.Row, b.Row))
}

// blockRows is how many rows are widened and multiplied at a time: few enough to stay in the cache.
const blockRows = 256

// Search returns the k rows that are nearest to a question, nearest first.
func (s *Set) Search(ctx context.Context, question []float32, k int) ([]Hit, error) {
	q, err := unit(question, s.dim)
	if err != nil {
		return nil, err
	}
	parts := make([]nearest, runtime.GOMAXPROCS(0))
	err = split(ctx, 0, s.Len(), blockRows, func(part, lo, hi int) {
		best := nearest{k: k}
		block := make([]float32, blockRows*s.dim)
		for ; lo < hi && ctx.Err() == nil; lo += blockRows {
			n := min(blockRows, hi-lo)
			kernel.FromBF16(block[:n*s.dim], s.bits[lo*s.dim:(lo+n)*s.dim])
			for i := range n {
				best.offer(Hit{lo + i, kernel.Dot(q, block[i*s.dim:(i+1)*s.dim])})
			}
		}
		parts[part] = best
	})
	if err != nil {
		return nil, err
	}
	all := nearest{k: k}
	for _, p := range parts {
		for _, h := range p.hits {
			all.offer(h)
		}
	}
	return all.sorted(), nil
}

// split calls f for parts of [lo, hi), each at least grain long but the last, and in a goroutine of its own. The parts
// depend on the number of processors alone.
func split(ctx context.Context, lo, hi, grain int, f func(part, lo, hi int)) error {
	parts := min(runtime.GOMAXPROCS(0), (hi-lo+grain-1)/grain)
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() { f(p, lo+(hi-lo)*p/parts, lo+(hi-lo)*(p+1)/parts) })
	}
	wg.Wait()
	return ctx.Err()
}

// multiply gives visit the products of the rows [lo, hi) with packed columns, a block at a time: scores is
// [rows, columns.Cols()], the first of row first.
func (s *Set) multiply(ctx context.Context, lo, hi int, columns *kernel.PackedB, visit func(first int, scores []float32)) {
	n := columns.Cols()
	block, scores := make([]float32, blockRows*s.dim), make([]float32, blockRows*n)
	for ; lo < hi && ctx.Err() == nil; lo += blockRows {
		rows := min(blockRows, hi-lo)
		kernel.FromBF16(block[:rows*s.dim], s.bits[lo*s.dim:(lo+rows)*s.dim])
		kernel.GemmPacked(rows, block, s.dim, columns, scores, n, kernel.Epilogue{})
		visit(lo, scores[:rows*n])
	}
}

// packRows packs the rows [lo, hi) as columns. Rows are bfloat16 already, so that products of that precision lose nothing
// of theirs; they are faster where there are tiles for them.
func (s *Set) packRows(lo, hi int) *kernel.PackedB {
	block := make([]float32, (hi-lo)*s.dim)
	kernel.FromBF16(block, s.bits[lo*s.dim:hi*s.dim])
	precision := kernel.F32
	if kernel.Name() == "amx" {
		precision = kernel.BF16
	}
	b := new(kernel.PackedB)
	b.PackT(precision, s.dim, hi-lo, block, s.dim)
	return b
}

// nearest keeps the k best of many hits: a heap with the worst of them on top.
type nearest struct {
	k    int
	hits []Hit
}

// offer takes a hit if it is among the k best so far.
func (b *nearest) offer(h Hit) {
	switch {
	case len(b.hits) < b.k:
		b.hits = append(b.hits, h)
		for i := len(b.hits) - 1; i > 0; {
			parent := (i - 1) / 2
			if compareHits(b.hits[i], b.hits[parent]) <= 0 {
				break
			}
			b.hits[i], b.hits[parent] = b.hits[parent], b.hits[i]
			i = parent
		}
	case b.k > 0 && compareHits(h, b.hits[0]) < 0:
		b.hits[0] = h
		b.sink()
	}
}

// sink brings the top to its place.
func (b *nearest) sink() {
	for i := 0; ; {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(b.hits); child++ {
			if compareHits(b.hits[child], b.hits[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		b.hits[i], b.hits[worst] = b.hits[worst], b.hits[i]
		i = worst
	}
}

// refuses tells whether a hit of this cosine would not be taken.
func (b *nearest) refuses(cosine float32) bool {
	return len(b.hits) == b.k && (b.k == 0 || cosine < b.hits[0].Cosine)
}

func (b *nearest) sorted() []Hit {
	slices.SortFunc(b.hits, compareHits)
	return b.hits
}
