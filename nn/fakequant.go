package nn

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Fake has training compute as if a weight, and what a linear layer multiplies it with, were whole numbers already: the
// forward pass rounds, and the backward pass takes the rounding for a line through all numbers (the straight-through
// estimator: Bengio, Léonard & Courville 2013, "Estimating or Propagating Gradients Through Stochastic Neurons"; Jacob et al.
// 2018, "Quantization and Training of Neural Networks"). The exact numbers are what the optimiser changes.
type Fake struct {
	// Round writes to dst what src, of the parameter's shape, becomes when it is kept in fewer bits.
	Round func(dst, src []float32)
	// Inputs of linear layers are rounded as products of INT8 round them, within ±Param.Limit.
	Inputs bool

	exact, rounded []float32
}

// Fakes has training passes of the tape compute with the rounded numbers of the parameters that have a Fake: from Begin to
// the end of the backward pass their Data is these.
func (t *Tape) Fakes(ps *Params) {
	t.fakes = t.fakes[:0]
	for _, p := range ps.All() {
		if p.Fake != nil {
			t.fakes = append(t.fakes, p)
		}
	}
}

// fake puts rounded numbers in the place of exact ones.
func (t *Tape) fake() {
	for _, p := range t.fakes {
		f := p.Fake
		if len(f.rounded) != len(p.Data) {
			f.rounded = make([]float32, len(p.Data))
		}
		f.exact = p.Data
		f.Round(f.rounded, f.exact)
		p.Data = f.rounded
	}
}

// unfake puts the exact numbers back.
func (t *Tape) unfake() {
	for _, p := range t.fakes {
		if p.Fake.exact != nil {
			p.Data, p.Fake.exact = p.Fake.exact, nil
		}
	}
}

// entering is x as the products with w take it: it is shown to who watches, and rounded where w says so.
func (t *Tape) entering(x *Var, w *Param) *Var {
	if t.Watch != nil && !t.training() {
		t.Watch(w, x.Data)
	}
	if w.Fake == nil || !w.Fake.Inputs || !t.training() {
		return x
	}
	return t.FakeQuantize(x, w.Limit)
}

// FakeQuantize rounds each row of x to whole numbers of [-127, 127] times a scale: that of its largest magnitude, or with a
// limit above 0 the one by which they reach to ±limit, beyond which there are none. The gradient passes through where x is
// not beyond.
func (t *Tape) FakeQuantize(x *Var, limit float32) *Var {
	y := t.value(x.Rows, x.Cols)
	t.pool.For(x.Rows, grain(8*x.Cols), func(lo, hi int) {
		ints := make([]int8, x.Cols)
		for r := lo; r < hi; r++ {
			fakeRow(y.Row(r), x.Row(r), ints, limit)
		}
	})
	if t.training() {
		t.record(y, nil, func() {
			dx := x.Gradient()
			for i, d := range y.Grad {
				if v := x.Data[i]; limit == 0 || v >= -limit && v <= limit {
					dx[i] += d
				}
			}
		})
	}
	return y
}

func fakeRow(dst, x []float32, ints []int8, limit float32) {
	if limit == 0 {
		scale := kernel.QuantizeRow(ints, x)
		for i, q := range ints {
			dst[i] = scale * float32(q)
		}
		return
	}
	scale, inverse := limit/127, 127/limit
	for i, v := range x {
		dst[i] = scale * float32(math.RoundToEven(float64(min(max(v, -limit), limit)*inverse)))
	}
}
