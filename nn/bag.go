package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// EmbeddingBag looks up the rows of table, [rows, dim], that each sequence of bags names, and returns their means,
// [sequences, dim]; an empty bag gives zeros (fastText's subwords: Bojanowski et al. 2017). Ids must be valid.
func (t *Tape) EmbeddingBag(table *Param, bags *tensor.Packed) *Var {
	return t.bag(table, bags, bags.IDs, func(n int) float32 { return 1 / float32(max(n, 1)) })
}

// EmbeddingSum is EmbeddingBag with sums in place of means: a linear layer over sparse features that are there or not.
// While training, each feature is left out with probability p and the sums are scaled by 1/(1-p).
func (t *Tape) EmbeddingSum(table *Param, bags *tensor.Packed, p float32) *Var {
	ids, scale := t.Replace(bags.IDs, p, dropped), float32(1)
	if t.training() {
		scale = 1 / (1 - p)
	}
	return t.bag(table, bags, ids, func(int) float32 { return scale })
}

// EmbeddingScaled is EmbeddingSum times scale, with nothing left out. Adam's steps have one size whatever the gradient: a
// table whose rows count several times learns as many times as fast as others.
func (t *Tape) EmbeddingScaled(table *Param, bags *tensor.Packed, scale float32) *Var {
	return t.bag(table, bags, bags.IDs, func(int) float32 { return scale })
}

// dropped stands in for the id of a feature that was left out.
const dropped = -1

// bag scales the sum of the rows of a bag of n by scale(n); ids are those of bags, some perhaps dropped.
func (t *Tape) bag(table *Param, bags *tensor.Packed, ids []int32, scale func(n int) float32) *Var {
	n, dim := bags.Len(), table.Width()
	y := t.value(n, dim)
	each := func(i int, visit func(row int, scale float32)) {
		from, to := bags.Offsets[i], bags.Offsets[i+1]
		f := scale(int(to - from))
		for _, id := range ids[from:to] {
			if id != dropped {
				visit(int(id), f)
			}
		}
	}
	t.pool.For(n, grain(8*dim), func(lo, hi int) {
		of := table.rows()
		for i := lo; i < hi; i++ {
			row := y.Row(i)
			clear(row)
			each(i, func(id int, f float32) { kernel.Axpy(f, of.row(id), row) })
		}
	})
	if t.training() && !table.Frozen {
		t.record(y, nil, func() {
			for _, id := range ids {
				if id != dropped {
					table.Rows.Insert(id)
				}
			}
			// Workers share the columns and not the rows, so that each sum has one owner and one order.
			t.pool.For(dim, 16, func(lo, hi int) {
				for i := range n {
					d := y.Grad[i*dim+lo : i*dim+hi]
					each(i, func(id int, f float32) { kernel.Axpy(f, d, table.Grad[id*dim+lo:id*dim+hi]) })
				}
			})
		})
	}
	return y
}

// PairFeatures joins the rows of two texts, 2i and 2i+1 of x, [2·pairs, dim], to [u, v, |u−v|, u·v], [pairs, 4·dim]
// (Conneau et al. 2017, "Supervised Learning of Universal Sentence Representations").
func (t *Tape) PairFeatures(x *Var) *Var {
	if x.Rows%2 != 0 {
		panic(fmt.Sprintf("nn: pair features of %d rows", x.Rows))
	}
	n, dim := x.Rows/2, x.Cols
	y := t.value(n, 4*dim)
	for i := range n {
		u, v, out := x.Row(2*i), x.Row(2*i+1), y.Row(i)
		copy(out, u)
		copy(out[dim:], v)
		for j := range dim {
			out[2*dim+j] = max(u[j]-v[j], v[j]-u[j])
			out[3*dim+j] = u[j] * v[j]
		}
	}
	if t.training() {
		t.record(y, nil, func() {
			dx := x.Gradient()
			for i := range n {
				u, v, d := x.Row(2*i), x.Row(2*i+1), y.Grad[i*4*dim:(i+1)*4*dim]
				du, dv := dx[2*i*dim:(2*i+1)*dim], dx[(2*i+1)*dim:(2*i+2)*dim]
				for j := range dim {
					sign := d[2*dim+j]
					switch {
					case u[j] < v[j]:
						sign = -sign
					case u[j] == v[j]:
						sign = 0
					}
					du[j] += d[j] + sign + d[3*dim+j]*v[j]
					dv[j] += d[dim+j] - sign + d[3*dim+j]*u[j]
				}
			}
		})
	}
	return y
}

// Add returns x + y, of equal shapes.
func (t *Tape) Add(x, y *Var) *Var {
	if x.Rows != y.Rows || x.Cols != y.Cols {
		panic(fmt.Sprintf("nn: sum of [%d, %d] and [%d, %d]", x.Rows, x.Cols, y.Rows, y.Cols))
	}
	z := t.value(x.Rows, x.Cols)
	copy(z.Data, x.Data)
	kernel.Add(z.Data, y.Data)
	if t.training() {
		t.record(z, nil, func() {
			x.addGradient(z.Grad)
			z.passGradient(y)
		})
	}
	return z
}

// AddTo is Add; in inference the sum takes the place of x, which must not be used any more.
func (t *Tape) AddTo(x, y *Var) *Var {
	if t.training() {
		return t.Add(x, y)
	}
	kernel.Add(x.Data, y.Data)
	return x
}
