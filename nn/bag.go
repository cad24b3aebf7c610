package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// EmbeddingBag looks up the rows of table, [rows, dim], that each sequence of bags names, and returns their means,
// [sequences, dim]; an empty bag gives zeros (fastText's subwords: Bojanowski et al. 2017). Ids must be valid.
func (t *Tape) EmbeddingBag(table *Param, bags *tensor.Packed) *Var {
	n, dim := bags.Len(), table.Width()
	y := t.value(n, dim)
	t.pool.For(n, grain(8*dim), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := y.Row(i)
			clear(row)
			ids := bags.Sequence(i)
			for _, id := range ids {
				kernel.Add(row, table.Data[int(id)*dim:int(id+1)*dim])
			}
			if len(ids) > 1 {
				kernel.Scale(1/float32(len(ids)), row)
			}
		}
	})
	if t.training() && !table.Frozen {
		t.record(func() {
			for _, id := range bags.IDs {
				table.Rows.Insert(id)
			}
			// Workers share the columns and not the rows, so that each sum has one owner and one order.
			t.pool.For(dim, 16, func(lo, hi int) {
				for i := range n {
					ids := bags.Sequence(i)
					d := y.Grad[i*dim+lo : i*dim+hi]
					for _, id := range ids {
						kernel.Axpy(1/float32(len(ids)), d, table.Grad[int(id)*dim+lo:int(id)*dim+hi])
					}
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
		t.record(func() {
			for i := range n {
				u, v, d := x.Row(2*i), x.Row(2*i+1), y.Grad[i*4*dim:(i+1)*4*dim]
				du, dv := x.Grad[2*i*dim:(2*i+1)*dim], x.Grad[(2*i+1)*dim:(2*i+2)*dim]
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
		t.record(func() {
			kernel.Add(x.Grad, z.Grad)
			kernel.Add(y.Grad, z.Grad)
		})
	}
	return z
}
