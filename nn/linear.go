package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Linear computes a(x·wᵀ + b): x is [rows, in], w is [out, in] as PyTorch keeps it, b is [out] or nil, the result
// is [rows, out].
func (t *Tape) Linear(x *Var, w, b *Param, a Activation) *Var {
	in, out := x.Cols, w.Shape[0]
	if w.Width() != in {
		panic(fmt.Sprintf("nn: linear %s of %v on input of width %d", w.Name, w.Shape, in))
	}
	y := t.value(x.Rows, out)
	pre := y.Data
	if t.training() && a.FromInput() {
		pre = t.arena.Raw(len(y.Data))
	}
	packed := t.packedT(w)
	t.pool.For(x.Rows, grain(in*out), func(lo, hi int) {
		rows := pre[lo*out : hi*out]
		kernel.GemmPacked(hi-lo, x.Data[lo*in:], in, packed, rows, out, kernel.Epilogue{})
		if b != nil {
			kernel.AddBias(rows, hi-lo, out, b.Data)
		}
		a.Apply(y.Data[lo*out:hi*out], rows)
	})
	if t.training() {
		t.record(func() { t.linearBackward(x, w, b, a, y, pre) })
	}
	return y
}

func (t *Tape) linearBackward(x *Var, w, b *Param, a Activation, y *Var, pre []float32) {
	in, out := x.Cols, y.Cols
	d := y.Grad // becomes the gradient before the activation
	a.Grad(d, d, pre, y.Data)
	if b != nil && !b.Frozen {
		addRows(b.Grad, d, y.Rows, out)
	}
	if !w.Frozen {
		t.pool.For(out, grain(x.Rows*in), func(lo, hi int) {
			kernel.GemmTN(kernel.F32, hi-lo, in, x.Rows, d[lo:], out, x.Data, in, w.Grad[lo*in:], in, true)
		})
	}
	t.addProduct(x.Grad, d, w, x.Rows)
}

// addProduct computes dx += d·w for d of [rows, out] and w of [out, in].
func (t *Tape) addProduct(dx, d []float32, w *Param, rows int) {
	in, out := w.Width(), w.Shape[0]
	packed := t.pack()
	packed.Pack(kernel.F32, out, in, w.Data, in)
	t.pool.For(rows, grain(in*out), func(lo, hi int) {
		kernel.GemmPacked(hi-lo, d[lo*out:], out, packed, dx[lo*in:], in, kernel.Epilogue{Accumulate: true})
	})
}

// packedT returns w, seen as [out, in], packed for products with its transpose.
func (t *Tape) packedT(w *Param) *kernel.PackedB {
	if w.packed != nil {
		return w.packed
	}
	p := t.pack()
	p.PackT(kernel.F32, w.Width(), w.Shape[0], w.Data, w.Width())
	return p
}

// addRows adds every row of x, [rows, len(dst)], to dst.
func addRows(dst, x []float32, rows, cols int) {
	for r := range rows {
		kernel.Add(dst, x[r*cols:(r+1)*cols])
	}
}

// Concat puts values of equal height side by side: the result is [rows, sum of widths].
func (t *Tape) Concat(parts ...*Var) *Var {
	rows, cols := parts[0].Rows, 0
	for _, p := range parts {
		if p.Rows != rows {
			panic(fmt.Sprintf("nn: concatenation of %d and %d rows", rows, p.Rows))
		}
		cols += p.Cols
	}
	y := t.value(rows, cols)
	at := 0
	for _, p := range parts {
		for r := range rows {
			copy(y.Data[r*cols+at:], p.Row(r))
		}
		at += p.Cols
	}
	if t.training() {
		t.record(func() {
			at := 0
			for _, p := range parts {
				for r := range rows {
					kernel.Add(p.Grad[r*p.Cols:(r+1)*p.Cols], y.Grad[r*cols+at:r*cols+at+p.Cols])
				}
				at += p.Cols
			}
		})
	}
	return y
}
