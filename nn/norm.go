package nn

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// LayerNorm scales each row of x, [rows, dim], to mean 0 and variance 1, then multiplies by gain and adds bias, both
// [dim] (Ba, Kiros & Hinton 2016).
func (t *Tape) LayerNorm(x *Var, gain, bias *Param, eps float32) *Var {
	n := t.norms.next()
	*n = layerNorm{x: x, y: t.value(x.Rows, x.Cols), gain: gain, bias: bias, eps: eps}
	if t.training() {
		n.mean, n.inverse = t.arena.Raw(x.Rows), t.arena.Raw(x.Rows)
	}
	if t.serial() {
		n.forward(0, x.Rows)
	} else {
		t.pool.For(x.Rows, grain(8*x.Cols), n.forward)
	}
	if t.training() {
		t.record(n.y, nil, func() { n.backward(t) })
	}
	return n.y
}

// layerNorm is one operation.
type layerNorm struct {
	x, y          *Var
	gain, bias    *Param
	eps           float32
	mean, inverse []float32 // of each row: its mean and 1/deviation; nil in inference
}

func (n *layerNorm) forward(lo, hi int) {
	dim := n.x.Cols
	for r := lo; r < hi; r++ {
		row, out := n.x.Row(r), n.y.Row(r)
		mean := kernel.Sum(row) / float32(dim)
		for i, v := range row {
			out[i] = v - mean
		}
		inverse := float32(1 / math.Sqrt(kernel.SumSquares(out)/float64(dim)+float64(n.eps)))
		if n.mean != nil {
			n.mean[r], n.inverse[r] = mean, inverse
		}
		kernel.Scale(inverse, out)
		kernel.Mul(out, out, n.gain.Data)
		kernel.Add(out, n.bias.Data)
	}
}

func (n *layerNorm) backward(t *Tape) {
	x, dim := n.x, n.x.Cols
	dx, dy := x.Gradient(), n.y.Grad
	t.pool.For(x.Rows, grain(8*dim), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, d, out := x.Row(r), dy[r*dim:(r+1)*dim], dx[r*dim:(r+1)*dim]
			mean, inverse := n.mean[r], n.inverse[r]
			sum, along := float32(0), float32(0)
			for i, v := range row {
				g := d[i] * n.gain.Data[i]
				sum += g
				along += g * (v - mean) * inverse
			}
			sum, along = sum/float32(dim), along/float32(dim)
			for i, v := range row {
				out[i] += inverse * (d[i]*n.gain.Data[i] - sum - (v-mean)*inverse*along)
			}
		}
	})
	t.pool.For(dim, 16, func(lo, hi int) {
		dg, db := n.gain.Grad, n.bias.Grad
		for r := range x.Rows {
			mean, inverse := n.mean[r], n.inverse[r]
			row, d := x.Row(r), dy[r*dim:(r+1)*dim]
			for i := lo; i < hi; i++ {
				dg[i] += d[i] * (row[i] - mean) * inverse
				db[i] += d[i]
			}
		}
	})
}
