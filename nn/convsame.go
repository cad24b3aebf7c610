package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// ConvSame slides filters over each sequence and keeps one row a token: the window of token i begins at i −
// (width−1)/2, and what lies beyond the ends of its sequence is zero. x is [tokens, dim] packed by offsets, the result
// [tokens, filters].
func (t *Tape) ConvSame(x *Var, offsets []int32, c Conv, a Activation) *Var {
	dim, width := x.Cols, c.width()
	if len(c.W.Shape) != 3 || c.W.Shape[2] != dim {
		panic(fmt.Sprintf("nn: convolution %s of %v on input of width %d", c.W.Name, c.W.Shape, dim))
	}
	n := max(len(offsets)-1, 0)
	windows := t.value(x.Rows, width*dim) // rows of x side by side
	clear(windows.Data)
	// each calls f for every row of x and its place in a window.
	each := func(f func(window, row int, at int)) {
		t.pool.For(n, 1, func(lo, hi int) {
			for s := lo; s < hi; s++ {
				from, to := int(offsets[s]), int(offsets[s+1])
				for i := from; i < to; i++ {
					first := i - (width-1)/2
					for j := max(first, from); j < min(first+width, to); j++ {
						f(i, j, (j-first)*dim)
					}
				}
			}
		})
	}
	each(func(window, row, at int) { copy(windows.Row(window)[at:at+dim], x.Row(row)) })
	if t.training() {
		t.record(windows, nil, func() {
			dx := x.Gradient()
			each(func(window, row, at int) {
				d := windows.Grad[window*width*dim+at:]
				kernel.Add(dx[row*dim:(row+1)*dim], d[:dim])
			})
		})
	}
	return t.Linear(windows, c.W, c.B, a)
}

// DepthwiseConv slides one filter of its own over each column: w is [width, dim] (PyTorch's Conv1d with groups = dim
// keeps [dim, 1, width]), b is [dim]. Windows lie as in ConvSame; the result is [tokens, dim].
func (t *Tape) DepthwiseConv(x *Var, offsets []int32, w, b *Param) *Var {
	dim, width := x.Cols, w.Shape[0]
	if w.Width() != dim {
		panic(fmt.Sprintf("nn: depthwise convolution %s of %v on input of width %d", w.Name, w.Shape, dim))
	}
	n := max(len(offsets)-1, 0)
	y := t.value(x.Rows, dim)
	if t.serial() {
		depthwise(y, x, offsets, w, b, 0, n)
	} else {
		t.pool.For(n, 1, func(lo, hi int) { depthwise(y, x, offsets, w, b, lo, hi) })
	}
	if t.training() {
		t.record(y, nil, func() {
			dx, dw := x.Gradient(), w.Gradient()
			// Workers share the columns, so that each weight's sum has one owner and one order.
			t.pool.For(dim, 16, func(lo, hi int) {
				for s := range n {
					from, to := int(offsets[s]), int(offsets[s+1])
					for i := from; i < to; i++ {
						d, first := y.Grad[i*dim+lo:i*dim+hi], i-(width-1)/2
						kernel.Add(b.Grad[lo:hi], d)
						for j := max(first, from); j < min(first+width, to); j++ {
							at := (j - first) * dim
							kernel.MulAdd(dw[at+lo:at+hi], d, x.Data[j*dim+lo:j*dim+hi])
							kernel.MulAdd(dx[j*dim+lo:j*dim+hi], d, w.Data[at+lo:at+hi])
						}
					}
				}
			})
		})
	}
	return y
}

// depthwise computes the sequences [lo, hi) of y.
func depthwise(y, x *Var, offsets []int32, w, b *Param, lo, hi int) {
	dim, width := x.Cols, w.Shape[0]
	for s := lo; s < hi; s++ {
		from, to := int(offsets[s]), int(offsets[s+1])
		for i := from; i < to; i++ {
			out, first := y.Row(i), i-(width-1)/2
			copy(out, b.Data)
			for j := max(first, from); j < min(first+width, to); j++ {
				kernel.MulAdd(out, x.Row(j), w.Data[(j-first)*dim:(j-first+1)*dim])
			}
		}
	}
}
