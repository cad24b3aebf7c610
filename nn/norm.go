package nn

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// LayerNorm scales each row of x, [rows, dim], to mean 0 and variance 1, then multiplies by gain and adds bias, both
// [dim] (Ba, Kiros & Hinton 2016).
func (t *Tape) LayerNorm(x *Var, gain, bias *Param, eps float32) *Var {
	dim := x.Cols
	y := t.value(x.Rows, dim)
	inverse := t.arena.Raw(x.Rows)     // 1/deviation of each row
	scaled := t.arena.Raw(len(x.Data)) // rows before gain and bias
	t.pool.For(x.Rows, grain(8*dim), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, s, out := x.Row(r), scaled[r*dim:(r+1)*dim], y.Row(r)
			mean := kernel.Sum(row) / float32(dim)
			for i, v := range row {
				s[i] = v - mean
			}
			inv := float32(1 / math.Sqrt(kernel.SumSquares(s)/float64(dim)+float64(eps)))
			inverse[r] = inv
			kernel.Scale(inv, s)
			kernel.Mul(out, s, gain.Data)
			kernel.Add(out, bias.Data)
		}
	})
	if t.training() {
		t.record(y, nil, func() {
			sum := x.Gradient()
			t.pool.For(x.Rows, grain(8*dim), func(lo, hi int) {
				g := make([]float32, dim)
				for r := lo; r < hi; r++ {
					s, dx := scaled[r*dim:(r+1)*dim], sum[r*dim:(r+1)*dim]
					kernel.Mul(g, y.Grad[r*dim:(r+1)*dim], gain.Data)
					mean, along := kernel.Sum(g)/float32(dim), kernel.Dot(g, s)/float32(dim)
					inv := inverse[r]
					for i := range dx {
						dx[i] += inv * (g[i] - mean - s[i]*along)
					}
				}
			})
			t.pool.For(dim, 16, func(lo, hi int) {
				for r := range x.Rows {
					d := y.Grad[r*dim+lo : r*dim+hi]
					kernel.MulAdd(gain.Grad[lo:hi], d, scaled[r*dim+lo:r*dim+hi])
					kernel.Add(bias.Grad[lo:hi], d)
				}
			})
		})
	}
	return y
}
