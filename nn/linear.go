package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Linear computes a(x·wᵀ + b): x is [rows, in], w is [out, in] as PyTorch keeps it, b is [out] or nil, the result
// is [rows, out].
func (t *Tape) Linear(x *Var, w, b *Param, a Activation) *Var {
	out := checkLinear(x, w)
	x = t.entering(x, w)
	y := t.value(x.Rows, out)
	e := kernel.Epilogue{Bias: dataOf(b), Activation: a}
	changes := t.begin(x, w, b, y.Data, &e)
	pre := y.Data
	if t.training() && a.FromInput() {
		pre = t.arena.Raw(len(y.Data))
		e.Pre = pre
	}
	t.multiplyT(x, w, y.Data, e)
	if t.training() {
		t.recordLinear(x, w, b, a, y, pre, changes)
	}
	return y
}

// begin adds the changes of w to y before the product is, and tells the epilogue so.
func (t *Tape) begin(x *Var, w, b *Param, y []float32, e *kernel.Epilogue) *lowRanks {
	if len(w.Changes) == 0 {
		return nil
	}
	clear(y)
	if b != nil {
		kernel.AddBias(y, x.Rows, w.Shape[0], b.Data)
	}
	e.Accumulate, e.Bias = true, nil
	return t.addLowRanks(x, w, y)
}

func (t *Tape) recordLinear(x *Var, w, b *Param, a Activation, y *Var, pre []float32, changes *lowRanks) {
	t.record(y, nil, func() {
		d := y.Grad // becomes the gradient before the activation
		if a != Identity {
			t.pool.For(x.Rows, grain(4*y.Cols), func(lo, hi int) {
				lo, hi = lo*y.Cols, hi*y.Cols
				a.Grad(d[lo:hi], d[lo:hi], pre[lo:hi], y.Data[lo:hi])
			})
		}
		t.linearBackward(x, d, w, b)
		changes.backward(d, y.Cols)
	})
}

// LinearAdd computes residual + dropout(x·wᵀ + b), dropping with probability p while training. In inference the result
// takes the place of residual, which must not be used any more.
func (t *Tape) LinearAdd(residual, x *Var, w, b *Param, p float32) *Var {
	out := checkLinear(x, w)
	if residual.Rows != x.Rows || residual.Cols != out {
		panic(fmt.Sprintf("nn: linear %s of %d rows added to [%d, %d]", w.Name, x.Rows, residual.Rows, residual.Cols))
	}
	x = t.entering(x, w)
	if !t.training() {
		if b != nil {
			kernel.AddBias(residual.Data, residual.Rows, out, b.Data)
		}
		t.addLowRanks(x, w, residual.Data)
		t.multiplyT(x, w, residual.Data, kernel.Epilogue{Accumulate: true})
		return residual
	}
	y := t.value(x.Rows, out)
	e := kernel.Epilogue{Bias: dataOf(b)}
	changes := t.begin(x, w, b, y.Data, &e)
	if p == 0 {
		e.Residual = residual.Data
	}
	t.multiplyT(x, w, y.Data, e)
	mask := t.dropoutMask(p)
	if p > 0 {
		t.pool.For(x.Rows, grain(4*out), func(lo, hi int) {
			mask.Apply(y.Data[lo*out:hi*out], y.Data[lo*out:hi*out], lo*out, false)
			kernel.Add(y.Data[lo*out:hi*out], residual.Data[lo*out:hi*out])
		})
	}
	t.record(y, nil, func() {
		d := y.Grad
		if p > 0 {
			d = t.gradients.take(len(y.Grad))
			t.pool.For(x.Rows, grain(4*out), func(lo, hi int) { mask.Apply(d[lo*out:hi*out], y.Grad[lo*out:hi*out], lo*out, false) })
			defer t.gradients.put(d)
		}
		t.linearBackward(x, d, w, b)
		changes.backward(d, out)
		y.passGradient(residual)
	})
	return y
}

func checkLinear(x *Var, w *Param) (out int) {
	if w.Width() != x.Cols {
		panic(fmt.Sprintf("nn: linear %s of %v on input of width %d", w.Name, w.Shape, x.Cols))
	}
	return w.Shape[0]
}

func dataOf(p *Param) []float32 {
	if p == nil {
		return nil
	}
	return p.Data
}

// multiplyT computes y = x·wᵀ with an epilogue. The next product packs its weights into the same memory.
func (t *Tape) multiplyT(x *Var, w *Param, y []float32, e kernel.Epilogue) {
	packs := t.packs.used
	if w.inner != nil {
		thin := t.arena.Raw(x.Rows * w.inner.Cols())
		t.multiply(x.Data, x.Rows, w.inner, thin, kernel.Epilogue{})
		t.multiply(thin, x.Rows, w.packed, y, e)
		return
	}
	b := t.packedT(w)
	t.multiply(t.bounded(x.Data, b.Bounded()), x.Rows, b, y, e)
	t.packs.used = packs
}

// bounded are numbers within limit, 0 for none.
func (t *Tape) bounded(x []float32, limit float32) []float32 {
	if limit == 0 {
		return x
	}
	y := t.arena.Raw(len(x))
	for i, v := range x {
		y[i] = min(max(v, -limit), limit)
	}
	return y
}

// multiply computes y = x·b with an epilogue, over all workers: x is [rows, in].
func (t *Tape) multiply(x []float32, rows int, b *kernel.PackedB, y []float32, e kernel.Epilogue) {
	if t.serial() {
		kernel.GemmPacked(rows, x, b.Rows(), b, y, b.Cols(), e)
		return
	}
	in, out := b.Rows(), b.Cols()
	t.pool.For(rows, grain(in*out), func(lo, hi int) {
		part := e
		if e.Pre != nil {
			part.Pre = e.Pre[lo*out:]
		}
		if e.Residual != nil {
			part.Residual = e.Residual[lo*out:]
		}
		kernel.GemmPacked(hi-lo, x[lo*in:], in, b, y[lo*out:], out, part)
	})
}

// linearBackward adds what the gradient d of x·wᵀ + b is to w, b and x.
func (t *Tape) linearBackward(x *Var, d []float32, w, b *Param) {
	in, out := x.Cols, w.Shape[0]
	if b != nil && !b.Frozen {
		t.addColumns(b.Grad, d, x.Rows)
	}
	if !w.Frozen {
		dw, fresh := w.gradient()
		t.weightGradient(dw, in, d, out, x.Data, in, in, x.Rows, !fresh)
		w.touch()
	}
	dx, fresh := x.gradient()
	packs := t.packs.used
	t.multiply(d, x.Rows, t.packed(w), dx, kernel.Epilogue{Accumulate: !fresh})
	t.packs.used = packs
}

// weightGradient makes dw, [out, in], dᵀ·x, or adds that, for d of [rows, out] and x of [rows, in]; the rows of dw and x
// lie ldw and ldx apart. Workers share the columns, so that each packs its own part of x.
func (t *Tape) weightGradient(dw []float32, ldw int, d []float32, out int, x []float32, ldx, in, rows int, add bool) {
	const panel = 32
	t.pool.For((in+panel-1)/panel, grain(rows*out*panel), func(lo, hi int) {
		lo, hi = lo*panel, min(hi*panel, in)
		kernel.GemmTN(t.Precision, out, hi-lo, rows, d, out, x[lo:], ldx, dw[lo:], ldw, add)
	})
}

// packedT returns w, seen as [out, in], packed for products with its transpose.
func (t *Tape) packedT(w *Param) *kernel.PackedB {
	if w.packed != nil && w.inner == nil {
		return w.packed
	}
	p, weights := t.packs.next(), w.Floats()
	p.Reserve(t.Precision, w.Width(), w.Shape[0])
	if t.serial() {
		p.FillT(0, p.Parts(), weights, w.Width())
	} else {
		t.pool.For(p.Parts(), 1, func(lo, hi int) { p.FillT(lo, hi, weights, w.Width()) })
	}
	return p
}

// keptT is packedT for many products in one pass.
func (t *Tape) keptT(w *Param) *kernel.PackedB {
	p := t.packedT(w)
	if p != w.packed { // else Freeze did
		p.Keep()
	}
	return p
}

// packed returns w, seen as [out, in], packed for products of gradients with it, in a backward pass.
func (t *Tape) packed(w *Param) *kernel.PackedB {
	p := t.packs.next()
	p.Reserve(t.Precision, w.Shape[0], w.Width())
	t.pool.For(p.Parts(), 1, func(lo, hi int) { p.Fill(lo, hi, w.Data, w.Width()) })
	return p
}

// addColumns adds the sums of the columns of x, [rows, len(dst)], to dst. Workers share the columns.
func (t *Tape) addColumns(dst, x []float32, rows int) {
	cols := len(dst)
	t.pool.For(cols, grain(rows), func(lo, hi int) {
		if rows > 0 {
			kernel.AddColumns(dst[lo:hi], x[lo:], rows, hi-lo, cols)
		}
	})
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
		t.record(y, nil, func() {
			at := 0
			for _, p := range parts {
				dp := p.Gradient()
				for r := range rows {
					kernel.Add(dp[r*p.Cols:(r+1)*p.Cols], y.Grad[r*cols+at:r*cols+at+p.Cols])
				}
				at += p.Cols
			}
		})
	}
	return y
}
