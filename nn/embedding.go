package nn

import "github.com/xiaoyu-slm/xiaoyu/internal/kernel"

// Embedding looks up a row of table, [vocabulary, dim], for each id: the result is [len(ids), dim]. Ids must be
// valid (tensor.Packed.Check).
func (t *Tape) Embedding(table *Param, ids []int32) *Var {
	dim := table.Width()
	y := t.value(len(ids), dim)
	if t.serial() {
		lookUp(y, table, ids, 0, len(ids))
	} else {
		t.pool.For(len(ids), grain(dim), func(lo, hi int) { lookUp(y, table, ids, lo, hi) })
	}
	if t.training() && !table.Frozen {
		t.record(y, nil, func() {
			for _, id := range ids {
				if int(id) >= table.Still {
					table.Rows.Insert(id)
				}
			}
			// Workers share the columns and not the rows, so that each sum has one owner and one order.
			t.pool.For(dim, 16, func(lo, hi int) {
				for i, id := range ids {
					if int(id) < table.Still {
						continue
					}
					row := int(id) * dim
					kernel.Add(table.Grad[row+lo:row+hi], y.Grad[i*dim+lo:i*dim+hi])
				}
			})
		})
	}
	return y
}

// lookUp fills the rows [lo, hi) of y.
func lookUp(y *Var, table *Param, ids []int32, lo, hi int) {
	dim := y.Cols
	if table.Data == nil {
		for i := lo; i < hi; i++ {
			table.Stored.Row(y.Data[i*dim:(i+1)*dim], int(ids[i]))
		}
		return
	}
	for i := lo; i < hi; i++ {
		row := int(ids[i]) * dim
		copy(y.Data[i*dim:(i+1)*dim], table.Data[row:row+dim])
	}
}
