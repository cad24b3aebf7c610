package export

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// reshape gives x another shape. RESHAPE itself leaves one size to follow from the rest; with two open ones, dimensions
// of 1 come and go, and the last two become one.
func (g *liteGraph) reshape(n *graph.Node) (liteTensor, error) {
	to := n.Out.Shape
	if v := n.In[0]; v.Constant() {
		again := *v
		again.Name, again.Shape = v.Name+" reshaped", to
		return g.value(&again), nil
	}
	x := g.value(n.In[0])
	if len(openSizes(to)) < 2 {
		return g.shaped(x, to), nil
	}
	if known := without1(x.shape); slices.Equal(known, without1(to)) {
		return g.expanded(x, to), nil
	}
	last := len(to) - 1
	if len(x.shape) == len(to)+1 && slices.Equal(x.shape[:last], to[:last]) {
		return g.joined(x, to), nil
	}
	return liteTensor{}, unsupported("tflite", n.Op, " of ", x.shape, " to ", to)
}

// openSizes are the sizes of a shape that may be changed: all open ones but the batch, which is 1.
func openSizes(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(d int) bool { return d >= 0 || d == graph.Batch })
}

func without1(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(d int) bool { return d == 1 || d == graph.Batch })
}

// shaped is x in a shape with one open size at most.
func (g *liteGraph) shaped(x liteTensor, to []int) liteTensor {
	sizes := slices.Clone(to)
	for i, d := range sizes {
		switch {
		case d == graph.Batch:
			sizes[i] = 1
		case d < 0:
			sizes[i] = -1
		}
	}
	return g.op(tflite.Reshape, x.typ, to, x, g.ints(sizes...))
}

// expanded drops the dimensions of 1 and adds those of the new shape.
func (g *liteGraph) expanded(x liteTensor, to []int) liteTensor {
	var ones []int
	for i, d := range x.shape {
		if d == 1 || d == graph.Batch {
			ones = append(ones, i)
		}
	}
	if len(ones) > 0 {
		x = g.op(tflite.Squeeze(ones...), x.typ, without1(x.shape), x)
	}
	for i, d := range to {
		if d == 1 || d == graph.Batch {
			x = g.op(tflite.ExpandDims, x.typ, slices.Insert(slices.Clone(x.shape), i, d), x, g.ints(i))
		}
	}
	return x
}

// joined makes one of the last two dimensions: the rows of the former side by side.
func (g *liteGraph) joined(x liteTensor, to []int) liteTensor {
	at := len(to) - 1
	var rows []liteTensor
	for i := range x.shape[at] {
		row := g.part(x, at, i, i+1)
		rows = append(rows, g.op(tflite.Squeeze(at), x.typ, slices.Delete(slices.Clone(row.shape), at, at+1), row))
	}
	return g.op(tflite.Concatenation(at), x.typ, to, rows...)
}
