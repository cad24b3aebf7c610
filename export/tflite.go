package export

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// TFLiteFile is the file of an export to TFLite.
const TFLiteFile = "model.tflite"

var tfliteFormat = Format{Name: "tflite", Doc: "LiteRT (TensorFlow Lite) on phones, TensorFlow Lite Micro on microcontrollers", File: TFLiteFile, Precisions: []Precision{F32, F16, Int8, Int8QDQ},
	holds: func(op graph.Op) bool { _, ok := liteOps[op]; return ok }, write: writeTFLite, use: useTFLite, whole: "int32", shapes: shapesTFLite,
	precisions: map[Precision]string{
		Int8:    "weights as int8 with a scale for each channel, inputs of linear and recurrent layers rounded to int8 row by row; convolutions compute in float32",
		Int8QDQ: "linear layers and convolutions in int8, with a scale for each channel of weights, and within ranges found on texts; recurrent layers are float32",
	}}

func writeTFLite(g *graph.Graph, o *Options) (map[string][]byte, error) {
	if err := o.calibrated(); err != nil {
		return nil, err
	}
	m, err := TFLite(g, o.Precision, o.Ranges, o.sizes)
	if err != nil {
		return nil, err
	}
	data, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{TFLiteFile: data}, nil
}

// TFLite turns a graph into a model of that format, for one text at a time: a batch is of size 1. sizes are those of the
// open dimensions (graph.Length …) that the file has as long as nobody resizes an input; ranges are those of Calibrate, for
// Int8QDQ alone.
func TFLite(g *graph.Graph, p Precision, ranges Ranges, sizes map[int]int) (*tflite.Model, error) {
	w := &liteWriter{model: &tflite.Model{Description: "xiaoyu", Buffers: [][]byte{nil}}, precision: p, ranges: ranges, sizes: sizes,
		buffers: map[string]int{}, scales: map[string][]float32{}, gathered: map[*graph.Value]bool{}}
	main := w.graph("main")
	for _, v := range g.Inputs {
		x := main.tensor(v.Name, liteType(v.Type), v.Shape)
		main.values[v] = x
		main.Inputs = append(main.Inputs, x.index)
	}
	for _, n := range g.Nodes {
		if n.Op == graph.Gather {
			w.gathered[n.In[0]] = true
		}
	}
	for _, n := range g.Nodes {
		write, ok := liteOps[n.Op]
		if !ok {
			return nil, unsupported("tflite", n.Op)
		}
		y, err := write(main, n)
		if err != nil {
			return nil, err
		}
		main.values[n.Out] = y
		main.Tensors[y.index].Name = n.Out.Name
	}
	for _, v := range g.Outputs {
		main.Outputs = append(main.Outputs, main.values[v].index)
	}
	return w.model, nil
}

func liteType(t graph.Type) tflite.Type {
	if t == graph.Int {
		return tflite.Int32
	}
	return tflite.Float32
}

// liteWriter makes a model: graphs and the numbers that they share.
type liteWriter struct {
	model     *tflite.Model
	precision Precision
	ranges    Ranges
	sizes     map[int]int
	buffers   map[string]int       // by what they hold
	scales    map[string][]float32 // of buffers of int8
	gathered  map[*graph.Value]bool
}

// liteGraph is a graph that is being written.
type liteGraph struct {
	*tflite.Graph
	w      *liteWriter
	values map[*graph.Value]liteTensor
	stored map[string]liteTensor // by what they hold
}

// liteTensor is one of a graph's, with a shape in which open sizes are still open.
type liteTensor struct {
	index int
	typ   tflite.Type
	shape []int
}

func (w *liteWriter) graph(name string) *liteGraph {
	return &liteGraph{w.model.Add(name), w, map[*graph.Value]liteTensor{}, map[string]liteTensor{}}
}

// tensor appends one that is an input or is computed.
func (g *liteGraph) tensor(name string, t tflite.Type, shape []int) liteTensor {
	now, open := make([]int, len(shape)), make([]int, len(shape))
	isOpen := false
	for i, d := range shape {
		now[i], open[i] = d, d
		switch {
		case d == graph.Batch:
			now[i], open[i] = 1, 1
		case d < 0:
			now[i], open[i], isOpen = g.w.sizes[d], -1, true
		}
	}
	if !isOpen {
		open = nil
	}
	return liteTensor{g.Tensor(tflite.Tensor{Name: name, Type: t, Shape: now, Open: open}), t, shape}
}

// op appends an operation and returns its result.
func (g *liteGraph) op(k tflite.Kind, t tflite.Type, shape []int, in ...liteTensor) liteTensor {
	y := g.tensor(fmt.Sprintf("t%d", len(g.Tensors)), t, shape)
	g.Do(k, places(in), y.index)
	return y
}

// float is an operation that makes floats.
func (g *liteGraph) float(k tflite.Kind, shape []int, in ...liteTensor) liteTensor {
	return g.op(k, tflite.Float32, shape, in...)
}

func places(list []liteTensor) []int {
	out := make([]int, len(list))
	for i, x := range list {
		out[i] = x.index
	}
	return out
}

// constant is a tensor of known numbers: stored once in the file, and once in each graph and shape that reads it.
func (g *liteGraph) constant(name string, t tflite.Type, shape []int, data func() []byte) liteTensor {
	key := fmt.Sprint(name, shape)
	if x, ok := g.stored[key]; ok {
		return x
	}
	if g.w.buffers[name] == 0 {
		g.w.buffers[name] = g.w.model.Buffer(data())
	}
	x := liteTensor{g.Tensor(tflite.Tensor{Name: name, Type: t, Shape: shape, Buffer: g.w.buffers[name]}), t, shape}
	g.stored[key] = x
	return x
}

// ints is a list of whole numbers.
func (g *liteGraph) ints(list ...int) liteTensor {
	return g.wholes(fmt.Sprintf("whole numbers %v", list), list, len(list))
}

func (g *liteGraph) wholes(name string, list []int, shape ...int) liteTensor {
	return g.constant(name, tflite.Int32, shape, func() []byte {
		raw := make([]byte, 0, 4*len(list))
		for _, v := range list {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(int32(v)))
		}
		return raw
	})
}

// number is a constant without dimensions.
func (g *liteGraph) number(v float32) liteTensor {
	return g.numbers(fmt.Sprintf("number %g", v), []float32{v})
}

func (g *liteGraph) numbers(name string, data []float32, shape ...int) liteTensor {
	return g.constant(name, tflite.Float32, shape, func() []byte { return floatBytes(data) })
}

// value is the tensor of a value; a constant is stored.
func (g *liteGraph) value(v *graph.Value) liteTensor {
	if x, ok := g.values[v]; ok {
		return x
	}
	if v.Ints != nil {
		list := make([]int, len(v.Ints))
		for i, n := range v.Ints {
			list[i] = int(n)
		}
		return g.wholes(v.Name, list, v.Shape...)
	}
	return g.numbers(v.Name, v.Data, v.Shape...)
}

func (g *liteGraph) in(n *graph.Node) []liteTensor {
	var list []liteTensor
	for _, v := range n.In {
		list = append(list, g.value(v))
	}
	return list
}

// liteOps writes each operation.
var liteOps = map[graph.Op]func(g *liteGraph, n *graph.Node) (liteTensor, error){
	graph.Gather: liteAlways((*liteGraph).gather), graph.GatherLast: liteAlways((*liteGraph).gatherLast),
	graph.Linear: liteAlways((*liteGraph).linear), graph.MatMul: liteAs(tflite.BatchMatMul(false)),
	graph.Conv: (*liteGraph).conv, graph.Recurrent: liteAlways((*liteGraph).recurrent),
	graph.LayerNorm: liteAlways((*liteGraph).layerNorm), graph.RMSNorm: liteAlways((*liteGraph).rmsNorm),
	graph.Softmax: liteAs(tflite.Softmax()),
	graph.Add:     liteAs(tflite.Add), graph.Mul: liteAs(tflite.Mul),
	graph.Sub: liteBroad(tflite.Sub, 3), graph.Div: liteBroad(tflite.Div, 2), graph.Min: liteBroad(tflite.Minimum, 3), graph.Max: liteBroad(tflite.Maximum, 3),
	graph.Relu: liteAs(tflite.Relu), graph.Tanh: liteAs(tflite.Tanh), graph.Sigmoid: liteAs(tflite.Logistic), graph.Sqrt: liteAs(tflite.Sqrt),
	graph.Log: liteAs(tflite.Log), graph.Sin: liteAs(tflite.Sin), graph.Cos: liteAs(tflite.Cos), graph.Abs: liteAs(tflite.Abs.Since(5)), // 5 has whole numbers
	graph.Gelu: liteAs(tflite.Gelu(false)), graph.GeluTanh: liteAs(tflite.Gelu(true)), graph.Silu: liteAlways((*liteGraph).silu),
	graph.ReduceSum: liteAlong(tflite.Sum), graph.ReduceMax: liteAlong(tflite.ReduceMax),
	graph.Reshape: (*liteGraph).reshape, graph.Range: (*liteGraph).places,
	graph.Transpose: liteAlways((*liteGraph).transpose), graph.Slice: liteAlways((*liteGraph).slice),
	graph.Concat: liteAlways(func(g *liteGraph, n *graph.Node) liteTensor {
		return g.op(tflite.Concatenation(n.Axis), liteType(n.Out.Type), n.Out.Shape, g.in(n)...)
	}),
	graph.Cast: liteAlways(func(g *liteGraph, n *graph.Node) liteTensor {
		to := liteType(n.Out.Type)
		return g.op(tflite.Cast(liteType(n.In[0].Type), to), to, n.Out.Shape, g.in(n)...)
	}),
}

// liteAlways is of operations that the format has whatever their shapes are.
func liteAlways(write func(g *liteGraph, n *graph.Node) liteTensor) func(g *liteGraph, n *graph.Node) (liteTensor, error) {
	return func(g *liteGraph, n *graph.Node) (liteTensor, error) { return write(g, n), nil }
}

// liteAs is an operation that the format has as it is.
func liteAs(k tflite.Kind) func(g *liteGraph, n *graph.Node) (liteTensor, error) {
	return liteAlways(func(g *liteGraph, n *graph.Node) liteTensor {
		return g.op(k, liteType(n.Out.Type), n.Out.Shape, g.in(n)...)
	})
}

// liteBroad is one that broadcasts more than four dimensions since a version.
func liteBroad(k tflite.Kind, version int) func(g *liteGraph, n *graph.Node) (liteTensor, error) {
	return func(g *liteGraph, n *graph.Node) (liteTensor, error) {
		if len(n.Out.Shape) > 4 {
			return liteAs(k.Since(version))(g, n)
		}
		return liteAs(k)(g, n)
	}
}

// liteAlong is a reduction.
func liteAlong(k tflite.Kind) func(g *liteGraph, n *graph.Node) (liteTensor, error) {
	return liteAlways(func(g *liteGraph, n *graph.Node) liteTensor {
		return g.op(k, liteType(n.Out.Type), n.Out.Shape, g.value(n.In[0]), g.ints(n.Axis))
	})
}

func (g *liteGraph) layerNorm(n *graph.Node) liteTensor {
	x, last := g.value(n.In[0]), len(n.Out.Shape)-1
	one := append(slices.Clone(n.Out.Shape[:last]), 1)
	axis := g.ints(last)
	mean := g.float(tflite.Mean, one, x, axis)
	variance := g.float(tflite.Mean, one, g.float(tflite.SquaredDifference, x.shape, x, mean), axis)
	factor := g.float(tflite.Rsqrt, one, g.float(tflite.Add, one, variance, g.number(n.Epsilon)))
	y := g.float(tflite.Mul, x.shape, g.float(tflite.Sub, x.shape, x, mean), factor)
	y = g.float(tflite.Mul, x.shape, y, g.value(n.In[1]))
	if len(n.In) > 2 {
		y = g.float(tflite.Add, x.shape, y, g.value(n.In[2]))
	}
	return y
}

func (g *liteGraph) rmsNorm(n *graph.Node) liteTensor {
	x, last := g.value(n.In[0]), len(n.Out.Shape)-1
	one := append(slices.Clone(n.Out.Shape[:last]), 1)
	mean := g.float(tflite.Mean, one, g.float(tflite.Mul, x.shape, x, x), g.ints(last))
	factor := g.float(tflite.Rsqrt, one, g.float(tflite.Add, one, mean, g.number(n.Epsilon)))
	return g.float(tflite.Mul, x.shape, g.float(tflite.Mul, x.shape, x, factor), g.value(n.In[1]))
}

func (g *liteGraph) silu(n *graph.Node) liteTensor {
	x := g.value(n.In[0])
	return g.float(tflite.Mul, x.shape, x, g.float(tflite.Logistic, x.shape, x))
}

func (g *liteGraph) transpose(n *graph.Node) liteTensor {
	return g.turn(g.value(n.In[0]), n.Perm...)
}

func (g *liteGraph) turn(x liteTensor, perm ...int) liteTensor {
	shape := make([]int, len(perm))
	for i, p := range perm {
		shape[i] = x.shape[p]
	}
	k := tflite.Transpose
	if len(perm) > 4 {
		k = k.Since(4)
	}
	return g.op(k, x.typ, shape, x, g.ints(perm...))
}

func (g *liteGraph) slice(n *graph.Node) liteTensor {
	return g.part(g.value(n.In[0]), n.Axis, n.From, n.To)
}

// part takes [from, to) of a dimension and all of the others.
func (g *liteGraph) part(x liteTensor, axis, from, to int) liteTensor {
	begin, size, shape := make([]int, len(x.shape)), make([]int, len(x.shape)), slices.Clone(x.shape)
	for i := range size {
		size[i] = -1
	}
	begin[axis], size[axis], shape[axis] = from, to-from, to-from
	k := tflite.Slice
	if len(shape) > 4 {
		k = k.Since(5)
	}
	return g.op(k, x.typ, shape, x, g.ints(begin...), g.ints(size...))
}

// places counts along the one dimension of x that is not 1. Sums of ones keep the size open without a tensor whose shape
// only running tells, which delegates would not take.
func (g *liteGraph) places(n *graph.Node) (liteTensor, error) {
	x := g.value(n.In[0])
	for i, d := range x.shape {
		if i != n.Axis && d != 1 && d != graph.Batch {
			return liteTensor{}, unsupported("tflite", n.Op, " along dimension ", n.Axis, " of ", x.shape)
		}
	}
	shape := n.Out.Shape
	flat := g.shaped(x, shape)
	if x.typ == tflite.Int32 {
		flat = g.float(tflite.Cast(tflite.Int32, tflite.Float32), shape, flat) // microcontrollers add up floats alone
	}
	ones := g.float(tflite.Add, shape, g.float(tflite.ZerosLike, shape, flat), g.number(1))
	sums := g.float(tflite.CumulativeSum(), shape, ones, g.wholes("whole number 0", []int{0}))
	return g.op(tflite.Cast(tflite.Float32, tflite.Int32), tflite.Int32, shape, sums), nil
}

// gatherLast has the rows that go together with those of index come first: x is then [n, …, m], index [n, k].
func (g *liteGraph) gatherLast(n *graph.Node) liteTensor {
	x, index := g.value(n.In[0]), g.value(n.In[1])
	last := len(x.shape) - 1
	forth, back := []int{last - 1}, []int{}
	for i := range last - 1 {
		forth, back = append(forth, i), append(back, i+1)
	}
	turned := g.turn(x, append(forth, last)...)
	shape := append(slices.Clone(turned.shape[:last]), index.shape[1])
	y := g.op(tflite.Gather(last, 1), x.typ, shape, turned, index)
	return g.turn(y, append(back, 0, last)...)
}
