// Package vector searches and groups vectors of texts: which are nearest to a question, which say the same, which belong
// together. Nearness is the cosine; all vectors are kept at length 1, so that it is a product.
//
//	set := vector.NewSet(m.Dim())
//	for _, v := range embeddings {
//		set.Add(v)
//	}
//	hits, err := set.Search(ctx, question, 10)
//
// A [Set] is exact: it multiplies with every row, which takes a tenth of a second for a million. A [Graph] beside it
// answers in a fraction of that, and misses some (Malkov & Yashunin 2016). [Store] keeps vectors and their texts in a
// folder. [Set.Groups] finds rows that say the same, [Cluster] parts a set, and [Keywords] says what its parts are about.
//
// It knows nothing of models: whoever has vectors may use it.
package vector

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Set is vectors of length 1, by row number. They are kept in bfloat16, half of float32's memory: a cosine is off by a
// few ten-thousandths, far below what tells a good hit from a bad one. It may be read by any number of goroutines.
type Set struct {
	dim  int
	bits []uint16 // [rows, dim]
}

// NewSet returns an empty set of vectors of dim numbers.
func NewSet(dim int) *Set { return &Set{dim: dim} }

// Dim returns how many numbers a vector has.
func (s *Set) Dim() int { return s.dim }

// Len returns how many vectors there are.
func (s *Set) Len() int { return len(s.bits) / max(s.dim, 1) }

// Add appends a vector, scaled to length 1; one without a length stays zero and is like nothing.
func (s *Set) Add(v []float32) error {
	row, err := unit(v, s.dim)
	if err != nil {
		return err
	}
	n := len(s.bits)
	s.bits = append(s.bits, make([]uint16, s.dim)...)
	kernel.ToBF16(s.bits[n:], row)
	return nil
}

// Vector writes vector i to dst, [dim].
func (s *Set) Vector(dst []float32, i int) { kernel.FromBF16(dst[:s.dim], s.row(i)) }

// Cosine returns that of two rows.
func (s *Set) Cosine(i, j int) float32 {
	a, b := make([]float32, s.dim), make([]float32, s.dim)
	s.Vector(a, i)
	s.Vector(b, j)
	return kernel.Dot(a, b)
}

func (s *Set) row(i int) []uint16 { return s.bits[i*s.dim : (i+1)*s.dim] }

// unit returns a copy of v with length 1.
func unit(v []float32, dim int) ([]float32, error) {
	if len(v) != dim {
		return nil, fmt.Errorf("a vector has %d numbers, the others have %d", len(v), dim)
	}
	if kernel.HasNonFinite(v) {
		return nil, fmt.Errorf("a vector has numbers that are not finite")
	}
	row := make([]float32, dim)
	copy(row, v)
	if length := math.Sqrt(kernel.SumSquares(row)); length > 0 {
		kernel.Scale(float32(1/length), row)
	}
	return row, nil
}
