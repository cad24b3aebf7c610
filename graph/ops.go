package graph

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// The methods that add a node: each checks what it is given and knows the shape of its result. A graph that cannot be
// is a mistake of the network that is lowered, and a panic.

// Gather looks up rows of a table.
func (g *Graph) Gather(table, index *Value) *Value {
	return g.add(Node{Op: Gather, In: []*Value{table, index}}, table.Type, slices.Concat(index.Shape, table.Shape[1:]))
}

// GatherLast picks numbers of the last dimension, of each row those that its row of index names.
func (g *Graph) GatherLast(x, index *Value) *Value {
	n := len(x.Shape)
	if len(index.Shape) != 2 || x.Shape[n-2] != index.Shape[0] {
		panic(fmt.Sprintf("graph: numbers %v of %v", index.Shape, x.Shape))
	}
	return g.add(Node{Op: GatherLast, In: []*Value{x, index}}, x.Type, slices.Concat(x.Shape[:n-1], index.Shape[1:]))
}

// Linear is x·wᵀ + b; b may be nil.
func (g *Graph) Linear(x, w, b *Value) *Value {
	last := len(x.Shape) - 1
	if len(w.Shape) < 2 || x.Shape[last] != volume(w.Shape[1:]) {
		panic(fmt.Sprintf("graph: linear %s of %v on %v", w.Name, w.Shape, x.Shape))
	}
	in := []*Value{x, w}
	if b != nil {
		in = append(in, b)
	}
	return g.add(Node{Op: Linear, In: in}, Float, append(slices.Clone(x.Shape[:last]), w.Shape[0]))
}

// MatMul multiplies the last two dimensions.
func (g *Graph) MatMul(a, b *Value) *Value {
	n := len(a.Shape)
	if len(b.Shape) != n || a.Shape[n-1] != b.Shape[n-2] {
		panic(fmt.Sprintf("graph: product of %v and %v", a.Shape, b.Shape))
	}
	shape := append(broadcast(a.Shape[:n-2], b.Shape[:n-2]), a.Shape[n-2], b.Shape[n-1])
	return g.add(Node{Op: MatMul, In: []*Value{a, b}}, Float, shape)
}

// Conv slides filters over the length; before and behind it stand so many zeros, as many as the filters' width less one
// in all, so that the length stays.
func (g *Graph) Conv(x, w, b *Value, pads [2]int, groups int) *Value {
	if len(w.Shape) != 3 || x.Shape[2] != groups*w.Shape[2] || pads[0]+pads[1] != w.Shape[1]-1 {
		panic(fmt.Sprintf("graph: convolution %s of %v on %v", w.Name, w.Shape, x.Shape))
	}
	return g.add(Node{Op: Conv, In: []*Value{x, w, b}, Pads: pads, Groups: groups}, Float, []int{x.Shape[0], x.Shape[1], w.Shape[0]})
}

// Recurrent runs one direction of one layer. What it gives for padding means nothing.
//
// A runtime without lengths can step over the whole length with state ← present·new + (1-present)·state: where padding
// comes first, as it does in the reverse direction, the state is still zero at the text's end.
func (g *Graph) Recurrent(x, present *Value, r nn.Recurrent, cell nn.Cell, reverse bool) *Value {
	in := []*Value{x, present, g.Param(r.WIH), g.Param(r.WHH), g.Param(r.BIH), g.Param(r.BHH)}
	return g.add(Node{Op: Recurrent, In: in, Cell: cell, Reverse: reverse}, Float, []int{x.Shape[0], x.Shape[1], r.WHH.Shape[1]})
}

// LayerNorm scales rows to mean 0 and variance 1; bias may be nil.
func (g *Graph) LayerNorm(x, gain, bias *Value, epsilon float32) *Value {
	in := []*Value{x, gain}
	if bias != nil {
		in = append(in, bias)
	}
	return g.add(Node{Op: LayerNorm, In: in, Epsilon: epsilon}, Float, x.Shape)
}

// RMSNorm scales rows to a mean square of 1.
func (g *Graph) RMSNorm(x, gain *Value, epsilon float32) *Value {
	return g.add(Node{Op: RMSNorm, In: []*Value{x, gain}, Epsilon: epsilon}, Float, x.Shape)
}

// Softmax makes probabilities of the last dimension.
func (g *Graph) Softmax(x *Value) *Value { return g.each(Softmax, x) }

// Add, Sub, Mul, Div, Min and Max are of two tensors that broadcast.
func (g *Graph) Add(a, b *Value) *Value { return g.both(Add, a, b) }

// Sub is a - b.
func (g *Graph) Sub(a, b *Value) *Value { return g.both(Sub, a, b) }

// Mul is a·b.
func (g *Graph) Mul(a, b *Value) *Value { return g.both(Mul, a, b) }

// Div is a/b.
func (g *Graph) Div(a, b *Value) *Value { return g.both(Div, a, b) }

// Min is the lesser of a and b.
func (g *Graph) Min(a, b *Value) *Value { return g.both(Min, a, b) }

// Max is the greater of a and b.
func (g *Graph) Max(a, b *Value) *Value { return g.both(Max, a, b) }

func (g *Graph) both(op Op, a, b *Value) *Value {
	if a.Type != b.Type {
		panic(fmt.Sprintf("graph: %s of %s and %s, which have different types", op, a.Name, b.Name))
	}
	return g.add(Node{Op: op, In: []*Value{a, b}}, a.Type, broadcast(a.Shape, b.Shape))
}

func broadcast(a, b []int) []int {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		at := len(a) - len(b) + i
		switch {
		case out[at] == 1:
			out[at] = d
		case d != 1 && d != out[at]:
			panic(fmt.Sprintf("graph: %v and %v do not go together", a, b))
		}
	}
	return out
}

// Activate applies an activation to each number.
func (g *Graph) Activate(x *Value, a nn.Activation) *Value {
	ops := map[nn.Activation]Op{nn.ReLU: Relu, nn.Tanh: Tanh, nn.Sigmoid: Sigmoid, nn.GELU: Gelu, nn.GELUTanh: GeluTanh, nn.SiLU: Silu}
	if a == nn.Identity {
		return x
	}
	op, ok := ops[a]
	if !ok {
		panic(fmt.Sprintf("graph: activation %v has no operation", a))
	}
	return g.each(op, x)
}

// Relu is max(x, 0).
func (g *Graph) Relu(x *Value) *Value { return g.each(Relu, x) }

// Sigmoid is 1/(1+e^-x).
func (g *Graph) Sigmoid(x *Value) *Value { return g.each(Sigmoid, x) }

// Abs is |x|.
func (g *Graph) Abs(x *Value) *Value { return g.each(Abs, x) }

// Sqrt is √x.
func (g *Graph) Sqrt(x *Value) *Value { return g.each(Sqrt, x) }

// Log is the natural logarithm.
func (g *Graph) Log(x *Value) *Value { return g.each(Log, x) }

// Sin is the sine of radians.
func (g *Graph) Sin(x *Value) *Value { return g.each(Sin, x) }

// Cos is the cosine of radians.
func (g *Graph) Cos(x *Value) *Value { return g.each(Cos, x) }

func (g *Graph) each(op Op, x *Value) *Value {
	return g.add(Node{Op: op, In: []*Value{x}}, x.Type, x.Shape)
}

// Sum adds up a dimension, which stays as 1.
func (g *Graph) Sum(x *Value, axis int) *Value { return g.reduce(ReduceSum, x, axis) }

// Highest is the maximum over a dimension, which stays as 1.
func (g *Graph) Highest(x *Value, axis int) *Value { return g.reduce(ReduceMax, x, axis) }

func (g *Graph) reduce(op Op, x *Value, axis int) *Value {
	shape := slices.Clone(x.Shape)
	shape[axis] = 1
	return g.add(Node{Op: op, In: []*Value{x}, Axis: axis}, x.Type, shape)
}

// Reshape gives the numbers another shape. Sizes that are open stay, in their order.
func (g *Graph) Reshape(x *Value, shape ...int) *Value {
	open := func(shape []int) (open []int, known int) {
		known = 1
		for _, d := range shape {
			if d < 0 {
				open = append(open, d)
			} else {
				known *= d
			}
		}
		return open, known
	}
	from, n := open(x.Shape)
	to, m := open(shape)
	if !slices.Equal(from, to) || n != m {
		panic(fmt.Sprintf("graph: shape %v for %v", shape, x.Shape))
	}
	return g.add(Node{Op: Reshape, In: []*Value{x}}, x.Type, shape)
}

// Transpose orders the dimensions anew: dimension i of the result is perm[i] of x.
func (g *Graph) Transpose(x *Value, perm ...int) *Value {
	shape := make([]int, len(perm))
	for i, p := range perm {
		shape[i] = x.Shape[p]
	}
	return g.add(Node{Op: Transpose, In: []*Value{x}, Perm: perm}, x.Type, shape)
}

// Concat joins along a dimension of known size.
func (g *Graph) Concat(axis int, list ...*Value) *Value {
	if len(list) == 1 {
		return list[0]
	}
	shape := slices.Clone(list[0].Shape)
	for _, v := range list[1:] {
		shape[axis] += v.Shape[axis]
	}
	return g.add(Node{Op: Concat, In: list, Axis: axis}, list[0].Type, shape)
}

// Slice takes [from, to) of a dimension; of an open one, that has so many at least.
func (g *Graph) Slice(x *Value, axis, from, to int) *Value {
	shape := slices.Clone(x.Shape)
	shape[axis] = to - from
	return g.add(Node{Op: Slice, In: []*Value{x}, Axis: axis, From: from, To: to}, x.Type, shape)
}

// Range counts along a dimension of x.
func (g *Graph) Range(x *Value, axis int) *Value {
	return g.add(Node{Op: Range, In: []*Value{x}, Axis: axis}, Int, []int{x.Shape[axis]})
}

// Cast changes the type; a fraction is cut off.
func (g *Graph) Cast(x *Value, t Type) *Value {
	return g.add(Node{Op: Cast, In: []*Value{x}}, t, x.Shape)
}
