package nn

import "github.com/xiaoyu-slm/xiaoyu/internal/kernel"

// LowRank is a trained change of some rows of a matrix W that itself stays as it is: W + Scale·B·A (Hu et al. 2021,
// "LoRA: Low-Rank Adaptation of Large Language Models"). Linear and LinearAdd add the changes of their matrix, so that
// the gradient of W, as large as W, is never made.
type LowRank struct {
	A       *Param // [rank, in]
	B       *Param // [rows, rank]
	From    int    // the first row of W that changes
	Scale   float32
	Dropout float32 // probability with which an input of A is dropped while training
}

// Merge adds the change to the rows of w, [out, in], with the sign of factor 1 or -1.
func (l *LowRank) Merge(w []float32, factor float32) {
	in, rank, rows := l.A.Width(), l.A.Shape[0], l.B.Shape[0]
	scaled := make([]float32, len(l.B.Data))
	kernel.Axpy(factor*l.Scale, l.B.Data, scaled)
	kernel.GemmNN(kernel.F32, rows, in, rank, scaled, rank, l.A.Data, in, w[l.From*in:], in, true)
}

// lowRanks is a pass through the changes of one matrix: what the backward needs of the forward.
type lowRanks struct {
	t     *Tape
	x     *Var
	terms []*LowRank
	masks []kernel.Dropout
	down  [][]float32 // of each term, Scale·A·dropout(x): [tokens, rank]
}

// addLowRanks adds what the changes of w make of x to y, [rows, out]. It returns nil where there are none.
func (t *Tape) addLowRanks(x *Var, w *Param, y []float32) *lowRanks {
	if len(w.Changes) == 0 {
		return nil
	}
	p := &lowRanks{t: t, x: x, terms: w.Changes}
	out := w.Shape[0]
	for _, l := range p.terms {
		mask := kernel.Dropout{}
		if t.training() && l.Dropout > 0 {
			mask = t.dropoutMask(l.Dropout)
		}
		p.masks = append(p.masks, mask)
		rank, rows := l.A.Shape[0], l.B.Shape[0]
		down := t.arena.Raw(x.Rows * rank)
		input, done := p.input(mask)
		t.pool.For(x.Rows, grain(rank*x.Cols), func(lo, hi int) {
			kernel.GemmNT(t.Precision, hi-lo, rank, x.Cols, input[lo*x.Cols:], x.Cols, l.A.Data, x.Cols, down[lo*rank:], rank, false)
			kernel.Scale(l.Scale, down[lo*rank:hi*rank])
			kernel.GemmNT(t.Precision, hi-lo, rows, rank, down[lo*rank:], rank, l.B.Data, rank, y[lo*out+l.From:], out, true)
		})
		done()
		p.down = append(p.down, down)
	}
	return p
}

// input returns x as a term sees it, and a function that ends its use. What a mask drops is found again from the mask,
// and not kept.
func (p *lowRanks) input(mask kernel.Dropout) (x []float32, done func()) {
	if mask.Scale == 0 {
		return p.x.Data, func() {}
	}
	dropped := p.t.gradients.take(len(p.x.Data))
	p.t.pool.For(len(dropped), 1<<14, func(lo, hi int) { mask.Apply(dropped[lo:hi], p.x.Data[lo:hi], lo, false) })
	return dropped, func() { p.t.gradients.put(dropped) }
}

// backward adds what the gradient d, [rows, out], of the sum is to A, B and x.
func (p *lowRanks) backward(d []float32, out int) {
	if p == nil {
		return
	}
	t, x := p.t, p.x
	for i, l := range p.terms {
		rank, rows, in := l.A.Shape[0], l.B.Shape[0], x.Cols
		if !l.B.Frozen {
			db, fresh := l.B.gradient()
			t.pool.For(rows, grain(x.Rows*rank), func(lo, hi int) {
				kernel.GemmTN(t.Precision, hi-lo, rank, x.Rows, d[l.From+lo:], out, p.down[i], rank, db[lo*rank:], rank, !fresh)
			})
		}
		inner := t.gradients.take(x.Rows * rank) // of A's output
		t.pool.For(x.Rows, grain(rank*rows), func(lo, hi int) {
			kernel.GemmNN(t.Precision, hi-lo, rank, rows, d[lo*out+l.From:], out, l.B.Data, rank, inner[lo*rank:], rank, false)
			kernel.Scale(l.Scale, inner[lo*rank:hi*rank])
		})
		if !l.A.Frozen {
			da, fresh := l.A.gradient()
			input, done := p.input(p.masks[i])
			t.weightGradient(da, in, inner, rank, input, in, in, x.Rows, !fresh)
			done()
		}
		p.toInput(inner, l.A, p.masks[i])
		t.gradients.put(inner)
	}
}

// toInput adds inner·A, with what the mask has dropped left out, to the gradient of x.
func (p *lowRanks) toInput(inner []float32, a *Param, mask kernel.Dropout) {
	t, x := p.t, p.x
	rank, in := a.Shape[0], x.Cols
	dx, fresh := x.gradient()
	to := dx
	if mask.Scale != 0 {
		to = t.gradients.take(len(dx))
		defer t.gradients.put(to)
	}
	t.pool.For(x.Rows, grain(rank*in), func(lo, hi int) {
		kernel.GemmNN(t.Precision, hi-lo, in, rank, inner[lo*rank:], rank, a.Data, in, to[lo*in:], in, mask.Scale == 0 && !fresh)
		if mask.Scale != 0 {
			mask.Apply(dx[lo*in:hi*in], to[lo*in:hi*in], lo*in, !fresh)
		}
	})
}
