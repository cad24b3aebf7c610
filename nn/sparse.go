package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Sparse is a matrix of [rows, Cols] of which few numbers are not zero, row by row: row i holds Value[j] in column
// Index[j] for j in [Offsets[i], Offsets[i+1]) (compressed sparse rows). It carries no gradient: features are given.
type Sparse struct {
	Cols    int
	Offsets []int32
	Index   []int32
	Value   []float32
}

// NewSparse returns a matrix without rows, whose memory serves again after the next Begin.
func (t *Tape) NewSparse(cols int) *Sparse {
	s := t.sparses.next()
	*s = Sparse{Cols: cols, Offsets: append(s.Offsets[:0], 0), Index: s.Index[:0], Value: s.Value[:0]}
	return s
}

// Rows returns the number of rows.
func (s *Sparse) Rows() int { return max(len(s.Offsets)-1, 0) }

// SparseLinear computes x·w + b for a table w of [in, out] (the transpose of Linear's, so that a feature's weights
// lie together) and b of [out]: the result is [rows, out]. Gradients reach only the rows of w that x uses.
func (t *Tape) SparseLinear(x *Sparse, w, b *Param) *Var {
	out := w.Width()
	if w.Shape[0] != x.Cols {
		panic(fmt.Sprintf("nn: sparse linear %s of %v on input of width %d", w.Name, w.Shape, x.Cols))
	}
	y := t.value(x.Rows(), out)
	if t.serial() {
		sparseRows(y, x, w, b, 0, x.Rows())
	} else {
		t.pool.For(x.Rows(), grain(256*out), func(lo, hi int) { sparseRows(y, x, w, b, lo, hi) })
	}
	if t.training() {
		t.record(y, nil, func() {
			t.addColumns(b.Grad, y.Grad, y.Rows)
			if w.Frozen {
				return
			}
			for r := range y.Rows {
				d := y.Grad[r*out : (r+1)*out]
				for j := x.Offsets[r]; j < x.Offsets[r+1]; j++ {
					w.Rows.Insert(x.Index[j])
					kernel.ShortAxpy(x.Value[j], d, w.Grad[int(x.Index[j])*out:int(x.Index[j]+1)*out])
				}
			}
		})
	}
	return y
}

// sparseRows computes the rows [lo, hi) of y = x·w + b.
func sparseRows(y *Var, x *Sparse, w, b *Param, lo, hi int) {
	of, pairs := w.rows(), w.Data != nil && w.Width() == 2
	for r := lo; r < hi; r++ {
		row := y.Row(r)
		if pairs {
			index, value := x.Index[x.Offsets[r]:x.Offsets[r+1]], x.Value[x.Offsets[r]:x.Offsets[r+1]]
			row[0], row[1] = sparsePair(index, value, w.Data, b.Data[0], b.Data[1])
			continue
		}
		copy(row, b.Data)
		for j := x.Offsets[r]; j < x.Offsets[r+1]; j++ {
			kernel.ShortAxpy(x.Value[j], of.row(int(x.Index[j])), row)
		}
	}
}

// sparsePair adds to the sums of two labels the weights, [in, 2], of the columns of a row.
func sparsePair(index []int32, value, w []float32, first, second float32) (float32, float32) {
	value = value[:len(index)]
	for j, i := range index {
		pair := w[2*i:][:2]
		first += value[j] * pair[0]
		second += value[j] * pair[1]
	}
	return first, second
}

// SparseDropout leaves each number of x out with probability p and scales the others by 1/(1-p); in inference it
// returns x.
func (t *Tape) SparseDropout(x *Sparse, p float32) *Sparse {
	if !t.drops(p) {
		return x
	}
	t.streams++
	key, limit := mix(t.seed^t.streams), uint64(math.Round(float64(p)*(1<<32)))
	scale := 1 / (1 - p)
	y := &Sparse{Cols: x.Cols, Offsets: make([]int32, 1, len(x.Offsets))}
	for r := range x.Rows() {
		for j := x.Offsets[r]; j < x.Offsets[r+1]; j++ {
			if mix(key+uint64(j))>>32 >= limit {
				y.Index, y.Value = append(y.Index, x.Index[j]), append(y.Value, scale*x.Value[j])
			}
		}
		y.Offsets = append(y.Offsets, int32(len(y.Index)))
	}
	return y
}
