package nn

import "math"

// Dropout zeroes each number of x with probability p and scales the others by 1/(1-p) (Srivastava et al. 2014); in
// inference it returns x. The mask is a function of the step's seed and the position alone, so the backward computes
// it again instead of storing it, and the number of threads does not matter.
func (t *Tape) Dropout(x *Var, p float32) *Var {
	if !t.training() || p <= 0 {
		return x
	}
	y := t.value(x.Rows, x.Cols)
	mask := t.dropoutMask(p)
	t.pool.For(len(x.Data), 1<<14, func(lo, hi int) { mask.apply(y.Data, x.Data, lo, hi, false) })
	t.record(y, nil, func() {
		dx, fresh := x.gradient()
		t.pool.For(len(x.Data), 1<<14, func(lo, hi int) { mask.apply(dx, y.Grad, lo, hi, !fresh) })
	})
	return y
}

// dropoutMask draws 16 random bits a position, four from each value of the counter-based generator.
type dropoutMask struct {
	key   uint64
	limit uint64 // of 65,536; positions that draw less are dropped
	scale float32
}

// dropoutMask returns the next mask of this step.
func (t *Tape) dropoutMask(p float32) dropoutMask {
	t.streams++
	m := dropoutMask{key: mix(t.seed ^ t.streams), limit: uint64(math.Round(float64(p) * (1 << 16)))}
	m.scale = 1 / (1 - float32(m.limit)/(1<<16))
	return m
}

// apply sets, or adds to, dst[lo:hi] the masked src[lo:hi].
func (m dropoutMask) apply(dst, src []float32, lo, hi int, add bool) {
	for i := lo; i < hi; {
		bits := mix(m.key+uint64(i>>2)) >> (16 * uint(i&3))
		for end := min(i|3, hi-1); i <= end; i++ {
			var v float32
			if bits&0xffff >= m.limit {
				v = src[i] * m.scale
			}
			if add {
				v += dst[i]
			}
			dst[i] = v
			bits >>= 16
		}
	}
}

// Replace returns ids with each replaced by other with probability p while training (word dropout: Iyyer et al. 2015);
// in inference, ids itself.
func (t *Tape) Replace(ids []int32, p float32, other int32) []int32 {
	if !t.training() || p <= 0 {
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
