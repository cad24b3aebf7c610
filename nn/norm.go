package nn

import "github.com/xiaoyu-slm/xiaoyu/internal/kernel"

// LayerNorm scales each row of x, [rows, dim], to mean 0 and variance 1, then multiplies by gain and adds bias, both
// [dim] (Ba, Kiros & Hinton 2016). bias may be nil.
func (t *Tape) LayerNorm(x *Var, gain, bias *Param, eps float32) *Var {
	n := t.norms.next()
	*n = layerNorm{x: x, y: t.value(x.Rows, x.Cols), gain: gain, bias: bias, eps: eps}
	if bias != nil {
		n.shift = bias.Data
	} else {
		n.shift = t.arena.Floats(x.Cols)
	}
	if t.training() {
		n.mean = t.arena.Raw(x.Rows)
	}
	return n.run(t)
}

// RMSNorm scales each row of x, [rows, dim], to a mean square of 1, then multiplies by gain, [dim] (Zhang & Sennrich
// 2019).
func (t *Tape) RMSNorm(x *Var, gain *Param, eps float32) *Var {
	n := t.norms.next()
	*n = layerNorm{x: x, y: t.value(x.Rows, x.Cols), gain: gain, eps: eps}
	return n.run(t)
}

// layerNorm is one operation.
type layerNorm struct {
	x, y          *Var
	gain, bias    *Param    // bias may be nil
	shift         []float32 // what is added: bias or zeros; nil for RMSNorm
	eps           float32
	mean, inverse []float32 // of each row: its mean and 1/deviation; nil in inference
}

func (n *layerNorm) run(t *Tape) *Var {
	if t.training() {
		n.inverse = t.arena.Raw(n.x.Rows)
	}
	if t.serial() {
		n.forward(0, n.x.Rows)
	} else {
		t.pool.For(n.x.Rows, grain(8*n.x.Cols), n.forward)
	}
	if t.training() {
		t.record(n.y, nil, func() { n.backward(t) })
	}
	return n.y
}

// rows is the kernel's view of the rows [lo, hi).
func (n *layerNorm) rows(lo, hi int) kernel.Norm {
	k := kernel.Norm{Gain: n.gain.Data, Bias: n.shift, Eps: n.eps}
	if n.mean != nil {
		k.Mean = n.mean[lo:hi]
	}
	if n.inverse != nil {
		k.Inverse = n.inverse[lo:hi]
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
			k.Backward(dx[lo*dim:], n.y.Grad[lo*dim:], n.x.Data[lo*dim:], hi-lo, !fresh, sum[:dim], sum[dim:2*dim])
		}
	})
	if !n.gain.Frozen {
		kernel.AddColumns(n.gain.Grad, sums, parts, dim, 2*dim)
	}
	if n.bias != nil && !n.bias.Frozen {
		kernel.AddColumns(n.bias.Grad, sums[dim:], parts, dim, 2*dim)
	}
}

// NormHeads is RMSNorm of each of so many heads of a size that lie side by side in the columns of x from column on,
// with one gain, [size], for all (Henry et al. 2020). The result takes the place of x, which must not be used any more;
// other columns stay.
func (t *Tape) NormHeads(x *Var, column, heads, size int, gain *Param, eps float32) *Var {
	y := t.replacing(x)
	var inverse []float32 // of the backward
	if t.training() {
		inverse = t.arena.Raw(x.Rows * heads)
	}
	for r := range x.Rows {
		k := kernel.Norm{Gain: gain.Data, Eps: eps}
		if inverse != nil {
			k.Inverse = inverse[r*heads : (r+1)*heads]
		}
		row := y.Data[r*x.Cols+column:][:heads*size]
		k.Forward(row, nil, row, nil, heads)
	}
	if t.training() {
		t.record(y, nil, func() {
			dgain := gain.Grad
			if gain.Frozen {
				dgain = t.arena.Floats(size)
			}
			for r := range x.Rows {
				k := kernel.Norm{Gain: gain.Data, Eps: eps, Inverse: inverse[r*heads : (r+1)*heads]}
				at := r*x.Cols + column
				d := y.Grad[at:][:heads*size]
				k.Backward(d, d, x.Data[at:][:heads*size], heads, false, dgain, nil)
			}
			y.passGradient(x)
		})
	}
	return y
}
