package graph

import "github.com/xiaoyu-slm/xiaoyu/nn"

// What attention needs beside products: who sees whom, heads, and positions that turn.

// Graph is what the text is an input of.
func (t *Text) Graph() *Graph { return t.g }

// First is the first row of a table, for all tokens: [1, 1, dim].
func (t *Text) First(table *nn.Param) *Value {
	return t.g.Weights(table.Name+" 0", table.Floats()[:table.Width()], 1, 1, table.Width())
}

// Absent is far below all scores for keys that are padding, and 0 for others: [batch, 1, 1, length].
func (t *Text) Absent() *Value {
	return t.g.Reshape(t.g.Mul(t.g.Sub(t.Present, t.g.Number(1)), t.g.Number(far)), Batch, 1, 1, t.length)
}

// Beyond is far below all scores where x, [queries, keys], is above 0, and 0 elsewhere.
func (t *Text) Beyond(x *Value) *Value { return t.g.Mul(t.g.Relu(x), t.g.Number(-far)) }

// Keys is the place of each key, [1, length].
func (t *Text) Keys() *Value { return t.Places }

// Queries is the place of each query, [length, 1].
func (t *Text) Queries() *Value { return t.g.Reshape(t.Places, t.length, 1) }

// Distances are those from query to key as rows of a table that begins with -reach: [queries, keys].
func (t *Text) Distances(reach int) *Value {
	d := t.g.Sub(t.places, t.g.Reshape(t.places, t.length, 1))
	return t.g.Add(d, t.g.Whole("reach", []int64{int64(reach)}))
}

// Split makes heads of rows: [batch, length, heads, dim].
func (t *Text) Split(x *Value, heads int) *Value {
	return t.g.Reshape(x, Batch, t.length, heads, x.Shape[2]/heads)
}

// Join is its inverse.
func (t *Text) Join(x *Value) *Value { return t.g.Reshape(x, Batch, t.length, x.Shape[2]*x.Shape[3]) }

// Repeat puts so many copies of each head, [batch, heads, length, dim], one after the other.
func (t *Text) Repeat(x *Value, copies int) *Value {
	heads, dim := x.Shape[1], x.Shape[3]
	apart := t.g.Reshape(x, Batch, heads, 1, t.length, dim)
	list := make([]*Value, copies)
	for i := range list {
		list[i] = apart
	}
	return t.g.Reshape(t.g.Concat(2, list...), Batch, heads*copies, t.length, dim)
}

// turns are the sines and cosines of each place, [1, length, 1, pairs].
func (t *Text) turns(name string, r nn.Rotary) (sin, cos *Value) {
	g, pairs := t.g, len(r.Frequencies)
	if r.Table == nil {
		angle := g.Mul(g.Reshape(t.Places, 1, t.length, 1, 1), g.Weights(name, r.Frequencies, pairs))
		return g.Sin(angle), g.Cos(angle)
	}
	table := g.Weights(name+", table", r.Table, len(r.Table)/(2*pairs), 2*pairs)
	both := g.Reshape(g.Gather(table, t.places), 1, t.length, 1, 2*pairs)
	return g.Slice(both, 3, 0, pairs), g.Slice(both, 3, pairs, 2*pairs)
}

// Rotate is nn.Tape.Rotate of heads, [batch, length, heads, dim]; name is that of the frequencies.
func (t *Text) Rotate(x *Value, name string, r nn.Rotary) *Value {
	g, pairs := t.g, len(r.Frequencies)
	heads, dim := x.Shape[2], x.Shape[3]
	sin, cos := t.turns(name, r)
	turn := func(a, b *Value) (*Value, *Value) {
		return g.Sub(g.Mul(a, cos), g.Mul(b, sin)), g.Add(g.Mul(b, cos), g.Mul(a, sin))
	}
	turned := func(a, b *Value) []*Value {
		if 2*pairs == dim {
			return []*Value{a, b}
		}
		return []*Value{a, b, g.Slice(x, 3, 2*pairs, dim)}
	}
	if !r.Interleaved {
		a, b := turn(g.Slice(x, 3, 0, pairs), g.Slice(x, 3, pairs, 2*pairs))
		return g.Concat(3, turned(a, b)...)
	}
	couples := g.Reshape(g.Slice(x, 3, 0, 2*pairs), Batch, t.length, heads, pairs, 2)
	side := func(i int) *Value { return g.Reshape(g.Slice(couples, 4, i, i+1), Batch, t.length, heads, pairs) }
	column := func(v *Value) *Value { return g.Reshape(v, Batch, t.length, heads, pairs, 1) }
	a, b := turn(side(0), side(1))
	y := g.Reshape(g.Concat(4, column(a), column(b)), Batch, t.length, heads, 2*pairs)
	if 2*pairs < dim {
		y = g.Concat(3, y, g.Slice(x, 3, 2*pairs, dim))
	}
	return y
}
