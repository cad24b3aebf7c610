package nn

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Dropout zeroes each number of x with probability p and scales the others by 1/(1-p) (Srivastava et al. 2014); in
// inference it returns x. The mask is a function of the step's seed and the position alone, so the backward computes
// it again instead of storing it, and the number of threads does not matter.
func (t *Tape) Dropout(x *Var, p float32) *Var {
	if !t.drops(p) {
		return x
	}
	y := t.value(x.Rows, x.Cols)
	mask := t.dropoutMask(p)
	t.pool.For(len(x.Data), 1<<14, func(lo, hi int) { mask.Apply(y.Data[lo:hi], x.Data[lo:hi], lo, false) })
	t.record(y, nil, func() {
		dx, fresh := x.gradient()
		t.pool.For(len(x.Data), 1<<14, func(lo, hi int) { mask.Apply(dx[lo:hi], y.Grad[lo:hi], lo, !fresh) })
	})
	return y
}

// drops tells whether a share p is dropped in this pass.
func (t *Tape) drops(p float32) bool { return t.training() && !t.Whole && p > 0 }

// dropoutMask returns the next mask of this step.
func (t *Tape) dropoutMask(p float32) kernel.Dropout {
	t.streams++
	return kernel.NewDropout(t.seed^mix(t.streams), float64(p))
}

// Replace returns ids with each replaced by other with probability p while training (word dropout: Iyyer et al. 2015);
// in inference, ids itself.
func (t *Tape) Replace(ids []int32, p float32, other int32) []int32 {
	if !t.drops(p) {
		return ids
	}
	out := t.arena.Ints(len(ids))
	t.streams++
	key, limit := mix(t.seed^t.streams), uint64(math.Round(float64(p)*(1<<32)))
	for i, id := range ids {
		if mix(key+uint64(i))>>32 < limit {
			id = other
		}
		out[i] = id
	}
	return out
}
