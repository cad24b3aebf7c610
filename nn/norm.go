package nn

import "github.com/xiaoyu-slm/xiaoyu/internal/kernel"

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

// rows is the kernel's view of the rows [lo, hi).
func (n *layerNorm) rows(lo, hi int) kernel.Norm {
	k := kernel.Norm{Gain: n.gain.Data, Bias: n.bias.Data, Eps: n.eps}
	if n.mean != nil {
		k.Mean, k.Inverse = n.mean[lo:hi], n.inverse[lo:hi]
	}
	return k
}

func (n *layerNorm) forward(lo, hi int) {
	k, dim := n.rows(lo, hi), n.x.Cols
	k.Forward(n.y.Data[lo*dim:], nil, n.x.Data[lo*dim:], nil, hi-lo)
}

// backward sums the gradients of gain and bias over parts of the rows, which do not depend on the number of workers,
// and then over the parts.
func (n *layerNorm) backward(t *Tape) {
	rows, dim := n.x.Rows, n.x.Cols
	dx, fresh := n.x.gradient()
	parts := min(16, 1+rows/32)
	sums := t.arena.Floats(parts * 2 * dim)
	t.pool.For(parts, grain(8*dim*rows/parts), func(from, to int) {
		for p := from; p < to; p++ {
			lo, hi := rows*p/parts, rows*(p+1)/parts
			k, sum := n.rows(lo, hi), sums[p*2*dim:]
			k.Backward(dx[lo*dim:], n.y.Grad[lo*dim:], n.x.Data[lo*dim:], hi-lo, !fresh, sum[:dim], sum[dim:])
		}
	})
	kernel.AddColumns(n.gain.Grad, sums, parts, dim, 2*dim)
	kernel.AddColumns(n.bias.Grad, sums[dim:], parts, dim, 2*dim)
}
