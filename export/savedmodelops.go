package export

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
)

// tfOps writes each operation (https://www.tensorflow.org/api_docs/python/tf/raw_ops).
var tfOps = map[graph.Op]func(w *tfWriter, n *graph.Node) error{
	graph.Gather: made((*tfWriter).gather), graph.GatherLast: made((*tfWriter).gatherLast),
	graph.Linear: made((*tfWriter).linear), graph.Conv: (*tfWriter).conv, graph.Recurrent: made((*tfWriter).recurrent),
	graph.MatMul: made(func(w *tfWriter, n *graph.Node) string {
		return w.node(n.Out, "BatchMatMulV2", tfAttrs{"T": savedmodel.Float, "adj_x": savedmodel.Truth(false), "adj_y": savedmodel.Truth(false)}, w.name(n.In[0]), w.name(n.In[1]))
	}),
	graph.LayerNorm: made((*tfWriter).layerNorm), graph.RMSNorm: made((*tfWriter).rmsNorm), graph.Softmax: tfSame("Softmax"),
	graph.Add: tfSame("AddV2"), graph.Sub: tfSame("Sub"), graph.Mul: tfSame("Mul"), graph.Div: tfSame("RealDiv"), graph.Min: tfSame("Minimum"), graph.Max: tfSame("Maximum"),
	graph.Relu: tfSame("Relu"), graph.Tanh: tfSame("Tanh"), graph.Sigmoid: tfSame("Sigmoid"), graph.Abs: tfSame("Abs"), graph.Sqrt: tfSame("Sqrt"),
	graph.Log: tfSame("Log"), graph.Sin: tfSame("Sin"), graph.Cos: tfSame("Cos"),
	graph.Gelu: made((*tfWriter).gelu), graph.GeluTanh: made((*tfWriter).geluTanh),
	graph.Silu: made(func(w *tfWriter, n *graph.Node) string {
		x := w.name(n.In[0])
		return w.both(n.Out, "Mul", x, w.each(nil, "Sigmoid", x))
	}),
	graph.ReduceSum: made(func(w *tfWriter, n *graph.Node) string {
		return w.reduce(n.Out, "Sum", w.name(n.In[0]), tfType(n.Out.Type), n.Axis)
	}),
	graph.ReduceMax: made(func(w *tfWriter, n *graph.Node) string {
		return w.reduce(n.Out, "Max", w.name(n.In[0]), tfType(n.Out.Type), n.Axis)
	}),
	graph.Reshape: made(func(w *tfWriter, n *graph.Node) string {
		return w.reshape(n.Out, w.name(n.In[0]), tfType(n.Out.Type), n.Out.Shape)
	}),
	graph.Transpose: made(func(w *tfWriter, n *graph.Node) string {
		return w.transpose(n.Out, w.name(n.In[0]), tfType(n.Out.Type), n.Perm...)
	}),
	graph.Concat: made(func(w *tfWriter, n *graph.Node) string {
		return w.node(n.Out, "ConcatV2", tfAttrs{"N": savedmodel.Int(len(n.In)), "T": tfType(n.Out.Type), "Tidx": savedmodel.Int32}, append(w.inputs(n), w.whole(n.Axis))...)
	}),
	graph.Slice: made((*tfWriter).slice),
	graph.Range: made(func(w *tfWriter, n *graph.Node) string {
		return w.node(n.Out, "Range", tfAttrs{"Tidx": savedmodel.Int32}, w.whole(0), w.size(n.In[0].Shape[n.Axis]), w.whole(1))
	}),
	graph.Cast: made(func(w *tfWriter, n *graph.Node) string {
		return w.cast(n.Out, w.name(n.In[0]), tfType(n.In[0].Type), tfType(n.Out.Type))
	}),
}

// made is a writer that always succeeds.
func made(f func(w *tfWriter, n *graph.Node) string) func(w *tfWriter, n *graph.Node) error {
	return func(w *tfWriter, n *graph.Node) error { f(w, n); return nil }
}

// tfSame is an operation that TensorFlow has as it is.
func tfSame(op string) func(w *tfWriter, n *graph.Node) error {
	return made(func(w *tfWriter, n *graph.Node) string {
		return w.node(n.Out, op, tfAttrs{"T": tfType(n.Out.Type)}, w.inputs(n)...)
	})
}

func (w *tfWriter) inputs(n *graph.Node) []string {
	var in []string
	for _, v := range n.In {
		in = append(in, w.name(v))
	}
	return in
}

// gather looks up rows in the type that they are stored in, and makes float32 of these alone.
func (w *tfWriter) gather(n *graph.Node) string {
	table, index := n.In[0], w.name(n.In[1])
	if table.Data == nil || w.small(table.Data) {
		return w.rows(n.Out, w.name(table), tfType(table.Type), index, 0, 0)
	}
	rows := w.rows(nil, w.halves(table.Name, table.Data, table.Shape...), savedmodel.Half, index, 0, 0)
	return w.cast(n.Out, rows, savedmodel.Half, savedmodel.Float)
}

// gatherLast repeats the index for all that stands before the last two dimensions of x.
func (w *tfWriter) gatherLast(n *graph.Node) string {
	index := w.node(nil, "BroadcastTo", tfAttrs{"T": savedmodel.Int32, "Tidx": savedmodel.Int32}, w.name(n.In[1]), w.shape(n.Out.Shape, false))
	last := len(n.Out.Shape) - 1
	return w.rows(n.Out, w.name(n.In[0]), tfType(n.Out.Type), index, last, last)
}

// linear multiplies matrices: tensors of more dimensions become some for the time.
func (w *tfWriter) linear(n *graph.Node) string {
	x, v := n.In[0], n.In[1]
	out, in := v.Shape[0], len(v.Data)/v.Shape[0]
	weights, bias := w.floats(v.Name, v.Data, out, in), ""
	if len(n.In) > 2 {
		bias = w.name(n.In[2])
	}
	if len(x.Shape) == 2 {
		return w.product(n.Out, w.name(x), weights, bias)
	}
	return w.reshape(n.Out, w.product(nil, w.flat(x), weights, bias), savedmodel.Float, n.Out.Shape)
}

// flat is the matrix of all rows of a tensor.
func (w *tfWriter) flat(x *graph.Value) string {
	return w.reshape(nil, w.name(x), savedmodel.Float, []int{-1, x.Shape[len(x.Shape)-1]})
}

func (w *tfWriter) slice(n *graph.Node) string {
	begin, size := make([]int, len(n.Out.Shape)), slices.Repeat([]int{-1}, len(n.Out.Shape)) // -1: all that there is
	begin[n.Axis], size[n.Axis] = n.From, n.To-n.From
	return w.node(n.Out, "Slice", tfAttrs{"T": tfType(n.Out.Type), "Index": savedmodel.Int32}, w.name(n.In[0]), w.ints(begin...), w.ints(size...))
}

func (w *tfWriter) layerNorm(n *graph.Node) string {
	x := w.name(n.In[0])
	x = w.scaled(w.both(nil, "Sub", x, w.reduce(nil, "Mean", x, savedmodel.Float, -1)), n.Epsilon)
	if len(n.In) == 2 {
		return w.both(n.Out, "Mul", x, w.name(n.In[1]))
	}
	return w.both(n.Out, "AddV2", w.both(nil, "Mul", x, w.name(n.In[1])), w.name(n.In[2]))
}

func (w *tfWriter) rmsNorm(n *graph.Node) string {
	return w.both(n.Out, "Mul", w.scaled(w.name(n.In[0]), n.Epsilon), w.name(n.In[1]))
}

// scaled divides rows by the root of their mean square.
func (w *tfWriter) scaled(x string, epsilon float32) string {
	square := w.reduce(nil, "Mean", w.each(nil, "Square", x), savedmodel.Float, -1)
	return w.both(nil, "Mul", x, w.each(nil, "Rsqrt", w.both(nil, "AddV2", square, w.number(epsilon))))
}

func (w *tfWriter) gelu(n *graph.Node) string {
	x := w.name(n.In[0])
	erf := w.each(nil, "Erf", w.both(nil, "Mul", x, w.number(1/math.Sqrt2)))
	return w.both(n.Out, "Mul", w.both(nil, "Mul", x, w.number(0.5)), w.both(nil, "AddV2", erf, w.number(1)))
}

// geluTanh is x/2·(1+tanh(√(2/π)·(x+0.044715·x³))).
func (w *tfWriter) geluTanh(n *graph.Node) string {
	x := w.name(n.In[0])
	cube := w.both(nil, "Mul", w.each(nil, "Square", x), x)
	inner := w.both(nil, "AddV2", x, w.both(nil, "Mul", cube, w.number(0.044715)))
	tanh := w.each(nil, "Tanh", w.both(nil, "Mul", inner, w.number(float32(math.Sqrt(2/math.Pi)))))
	return w.both(n.Out, "Mul", w.both(nil, "Mul", x, w.number(0.5)), w.both(nil, "AddV2", tanh, w.number(1)))
}

// conv is a convolution over pictures of one row: [batch, 1, length, in].
func (w *tfWriter) conv(n *graph.Node) error {
	x, v := n.In[0], n.In[1]
	filters, width, in := v.Shape[0], v.Shape[1], v.Shape[2]
	op, dims := "Conv2D", []int{1, width, in, filters}
	a := tfAttrs{"T": savedmodel.Float, "strides": savedmodel.Ints{1, 1, 1, 1}, "dilations": savedmodel.Ints{1, 1, 1, 1}, "padding": savedmodel.Text("VALID"),
		"data_format": savedmodel.Text("NHWC"), "explicit_paddings": savedmodel.Ints{}}
	if n.Groups > 1 {
		if in != 1 || filters != n.Groups {
			return unsupported("savedmodel", n.Op, " of ", n.Groups, " groups with ", filters, " filters")
		}
		op, dims = "DepthwiseConv2dNative", []int{1, width, filters, 1}
	}
	data := make([]float32, len(v.Data)) // width, then columns, then filters; columns are filters in the depthwise form
	for f := range filters {
		for i := range width {
			for j := range in {
				data[(i*in+j)*filters+f] = v.Data[(f*width+i)*in+j]
			}
		}
	}
	columns := []int{x.Shape[0], 1, x.Shape[1], x.Shape[2]}
	picture := w.reshape(nil, w.name(x), savedmodel.Float, columns)
	if n.Pads != [2]int{} {
		pads := w.once(fmt.Sprint("pads ", n.Pads), func() string {
			return w.constant("pads", savedmodel.Int32, int32Bytes(0, 0, 0, 0, n.Pads[0], n.Pads[1], 0, 0), 4, 2)
		})
		picture = w.node(nil, "Pad", tfAttrs{"T": savedmodel.Float, "Tpaddings": savedmodel.Int32}, picture, pads)
	}
	y := w.node(nil, op, a, picture, w.floats(v.Name+" as picture", data, dims...))
	y = w.node(nil, "BiasAdd", tfAttrs{"T": savedmodel.Float, "data_format": savedmodel.Text("NHWC")}, y, w.name(n.In[2]))
	w.reshape(n.Out, y, savedmodel.Float, n.Out.Shape)
	return nil
}

// recurrent is a loop over the places of a text. What enters the gates is multiplied before it, for all places at once;
// weights are handed through it, so that one function serves all layers of a cell.
func (w *tfWriter) recurrent(n *graph.Node) string {
	x, present, hidden := n.In[0], n.In[1], n.Out.Shape[2]
	rows := n.In[3].Shape[0]
	gates := w.product(nil, w.flat(x), w.name(n.In[2]), w.name(n.In[4]))
	gates = w.transpose(nil, w.reshape(nil, gates, savedmodel.Float, []int{x.Shape[0], x.Shape[1], rows}), savedmodel.Float, 1, 0, 2)
	there := w.once("there "+w.name(present), func() string { // [length, batch, 1]
		turned := w.transpose(nil, w.name(present), savedmodel.Float, 1, 0)
		column := w.node(nil, "ExpandDims", tfAttrs{"T": savedmodel.Float, "Tdim": savedmodel.Int32}, turned, w.whole(-1))
		return w.both(nil, "Greater", column, w.number(0))
	})
	zeros := w.once(fmt.Sprint("states ", hidden), func() string {
		return w.node(nil, "Fill", tfAttrs{"T": savedmodel.Float, "index_type": savedmodel.Int32}, w.shape([]int{x.Shape[0], hidden}, false), w.number(0))
	})
	length, element := w.size(x.Shape[1]), w.ints(-1, hidden)
	list := w.node(nil, "TensorListReserve", tfAttrs{"element_dtype": savedmodel.Float, "shape_type": savedmodel.Int32}, element, length)
	loop := tfLoops[n.Cell]
	cond, body := loop.functions(w, n.Reverse)
	first := w.whole(0)
	if n.Reverse {
		first = w.node(nil, "Sub", tfAttrs{"T": savedmodel.Int32}, length, w.whole(1))
	}
	in := []string{first, length, gates, there, w.name(n.In[3]), w.name(n.In[5]), list, zeros}
	shapes := savedmodel.Shapes{{}, {}, {-1, -1, rows}, {-1, -1, 1}, {rows, hidden}, {rows}, {}, {-1, hidden}}
	if n.Cell == nn.LSTM {
		in, shapes = append(in, zeros), append(shapes, savedmodel.Shape{-1, hidden})
	}
	var types savedmodel.Types
	for _, a := range loop.args() {
		types = append(types, a.Type)
	}
	end := w.node(nil, "StatelessWhile", tfAttrs{"T": types, "cond": savedmodel.Call(cond), "body": savedmodel.Call(body), "output_shapes": shapes, "parallel_iterations": savedmodel.Int(10),
		"_lower_using_switch_merge": savedmodel.Truth(true)}, in...) // a hint: the loop runs in the graph itself, not as calls
	states := w.node(nil, "TensorListStack", tfAttrs{"element_dtype": savedmodel.Float, "num_elements": savedmodel.Int(-1)}, fmt.Sprintf("%s:%d", end, loopList), element)
	return w.transpose(n.Out, states, savedmodel.Float, 1, 0, 2)
}
