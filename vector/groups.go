package vector

import (
	"context"
	"runtime"

	"github.com/xiaoyu-slm/xiaoyu/internal/partition"
)

// exactGroups is the number of rows up to which all are compared with all.
const exactGroups = 200_000

// Groups returns the groups of rows whose cosine is at least the threshold, directly or by a chain of rows that are: each
// in the order of the rows, the groups by their first one. Up to 200,000 rows all are compared; of more, each with its
// neighbours in a graph, so that a few pairs are missed. progress hears of rows that are done, of all.
func (s *Set) Groups(ctx context.Context, threshold float64, progress func(done, total int64)) ([][]int32, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	joined := partition.New(s.Len())
	var err error
	if s.Len() <= exactGroups {
		err = s.joinAll(ctx, float32(threshold), joined, progress)
	} else {
		err = s.joinNeighbours(ctx, float32(threshold), joined, progress)
	}
	if err != nil {
		return nil, err
	}
	return joined.Groups(), nil
}

// joinAll compares every row with all that come after it.
func (s *Set) joinAll(ctx context.Context, threshold float32, joined *partition.Partition, progress func(done, total int64)) error {
	total := int64(s.Len()) * int64(s.Len()+1) / 2
	done := int64(0)
	pairs := make([][][2]int32, runtime.GOMAXPROCS(0))
	for first := 0; first < s.Len(); first += blockRows {
		last := min(first+blockRows, s.Len())
		columns := s.packRows(first, last)
		err := split(ctx, first, s.Len(), blockRows, func(part, lo, hi int) {
			found := pairs[part][:0]
			s.multiply(ctx, lo, hi, columns, func(row int, scores []float32) {
				for i, cosine := range scores {
					if cosine >= threshold {
						found = append(found, [2]int32{int32(first + i%(last-first)), int32(row + i/(last-first))})
					}
				}
			})
			pairs[part] = found
		})
		if err != nil {
			return err
		}
		for part := range pairs {
			for _, p := range pairs[part] {
				joined.Join(p[0], p[1])
			}
			pairs[part] = pairs[part][:0]
		}
		done += int64(last-first) * int64(s.Len()-first)
		progress(min(done, total), total)
	}
	return nil
}

// joinNeighbours compares every row with those that a graph finds near it.
func (s *Set) joinNeighbours(ctx context.Context, threshold float32, joined *partition.Partition, progress func(done, total int64)) error {
	const neighbours = 32
	n := int64(s.Len())
	g, err := BuildGraph(ctx, s, func(done, _ int64) { progress(done, 2*n) })
	if err != nil {
		return err
	}
	const step = 4096
	for first := 0; first < s.Len(); first += step {
		last := min(first+step, s.Len())
		found := make([][]Hit, last-first)
		err := split(ctx, first, last, 1, func(_, lo, hi int) {
			w := g.searcher()
			question := make([]float32, s.dim)
			for i := lo; i < hi && ctx.Err() == nil; i++ {
				s.Vector(question, i)
				found[i-first] = w.search(question, neighbours)
			}
		})
		if err != nil {
			return err
		}
		for i, hits := range found {
			for _, h := range hits {
				if h.Cosine >= threshold {
					joined.Join(int32(first+i), int32(h.Row))
				}
			}
		}
		progress(n+int64(last), 2*n)
	}
	return nil
}
