package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// The versions that are written: what ONNX Runtime has read since 2022.
const (
	onnxIR    = 8
	onnxOpset = 17
)

// ONNXFile is the file of an export to ONNX.
const ONNXFile = "model.onnx"

func writeONNX(g *graph.Graph, o *Options) (map[string][]byte, error) {
	if err := o.calibrated(); err != nil {
		return nil, err
	}
	m, err := ONNX(g, o.Precision, o.Ranges)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{ONNXFile: m.Marshal()}, nil
}

// ONNX turns a graph into a model of that format. ranges are those that static quantisation knows of the inputs of
// linear layers; nil for other precisions.
func ONNX(g *graph.Graph, p Precision, ranges Ranges) (*onnx.Model, error) {
	w := &onnxWriter{precision: p, ranges: ranges, stored: map[string]string{}, gathered: map[*graph.Value]bool{}}
	w.model = &onnx.Model{IR: onnxIR, Opset: onnxOpset, Producer: "xiaoyu", Graph: onnx.Graph{Name: "xiaoyu"}}
	for _, n := range g.Nodes {
		if n.Op == graph.Gather {
			w.gathered[n.In[0]] = true
		}
	}
	for _, n := range g.Nodes {
		write, ok := onnxOps[n.Op]
		if !ok {
			return nil, unsupported("onnx", n.Op)
		}
		write(w, n)
	}
	for _, v := range g.Inputs {
		w.model.Graph.Inputs = append(w.model.Graph.Inputs, onnxInfo(v))
	}
	for _, v := range g.Outputs {
		w.model.Graph.Outputs = append(w.model.Graph.Outputs, onnxInfo(v))
	}
	return w.model, nil
}

func onnxType(t graph.Type) onnx.DType {
	if t == graph.Int {
		return onnx.Int64
	}
	return onnx.Float
}

func onnxInfo(v *graph.Value) *onnx.Info {
	i := &onnx.Info{Name: v.Name, Type: onnxType(v.Type)}
	for _, d := range v.Shape {
		i.Dims, i.Names = append(i.Dims, int64(max(d, -1))), append(i.Names, graph.DimNames[d])
	}
	return i
}

// onnxWriter makes nodes and initialisers.
type onnxWriter struct {
	model     *onnx.Model
	precision Precision
	ranges    Ranges
	stored    map[string]string // initialisers by what they hold: the name under which their numbers can be used
	gathered  map[*graph.Value]bool
	count     int
}

// attrs are attributes by name.
type attrs map[string]onnx.Attr

// node appends an operation that makes out, or something with a name of its own for "".
func (w *onnxWriter) node(out, op string, a attrs, in ...string) string {
	if out == "" {
		w.count++
		out = fmt.Sprintf("%s.%d", op, w.count)
	}
	w.nodes([]string{out}, op, a, in...)
	return out
}

func (w *onnxWriter) nodes(out []string, op string, a attrs, in ...string) {
	w.model.Graph.Nodes = append(w.model.Graph.Nodes, &onnx.Node{Name: "node " + out[len(out)-1], Op: op, In: in, Out: out, Attrs: a})
}

// weight appends an initialiser, once under each name.
func (w *onnxWriter) weight(name string, t onnx.DType, raw []byte, dims ...int) string {
	if w.stored[name] == "" {
		w.stored[name] = name
		w.model.Graph.Weights = append(w.model.Graph.Weights, &onnx.Tensor{Name: name, Type: t, Dims: wide(dims), Raw: raw})
	}
	return name
}

func wide(list []int) []int64 {
	out := make([]int64, len(list))
	for i, v := range list {
		out[i] = int64(v)
	}
	return out
}

// ints is a list of whole numbers.
func (w *onnxWriter) ints(list ...int) string {
	raw := make([]byte, 0, 8*len(list))
	for _, v := range list {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return w.weight(fmt.Sprintf("whole numbers %v", list), onnx.Int64, raw, len(list))
}

func (w *onnxWriter) number(v float32) string {
	return w.weight(fmt.Sprintf("number %g", v), onnx.Float, floatBytes([]float32{v}))
}

func (w *onnxWriter) whole(v int) string {
	return w.weight(fmt.Sprintf("whole number %d", v), onnx.Int64, binary.LittleEndian.AppendUint64(nil, uint64(v)))
}

// name is what a value is called; a constant is stored.
func (w *onnxWriter) name(v *graph.Value) string {
	switch {
	case v.Ints != nil:
		raw := make([]byte, 0, 8*len(v.Ints))
		for _, x := range v.Ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
		return w.weight(v.Name, onnx.Int64, raw, v.Shape...)
	case v.Data != nil:
		return w.weight(v.Name, onnx.Float, floatBytes(v.Data), v.Shape...)
	}
	return v.Name
}

func (w *onnxWriter) inputs(n *graph.Node) []string {
	var in []string
	for _, v := range n.In {
		in = append(in, w.name(v))
	}
	return in
}

// onnxOps writes each operation.
var onnxOps = map[graph.Op]func(w *onnxWriter, n *graph.Node){
	graph.Gather: (*onnxWriter).gather, graph.GatherLast: (*onnxWriter).gatherLast,
	graph.Linear: (*onnxWriter).linear, graph.MatMul: same("MatMul"),
	graph.Conv: (*onnxWriter).conv, graph.Recurrent: (*onnxWriter).recurrent,
	graph.LayerNorm: (*onnxWriter).layerNorm, graph.RMSNorm: (*onnxWriter).rmsNorm,
	graph.Softmax: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "Softmax", attrs{"axis": onnx.IntAttr(-1)}, w.inputs(n)...)
	},
	graph.Add: same("Add"), graph.Sub: same("Sub"), graph.Mul: same("Mul"), graph.Div: same("Div"), graph.Min: same("Min"), graph.Max: same("Max"),
	graph.Relu: same("Relu"), graph.Tanh: same("Tanh"), graph.Sigmoid: same("Sigmoid"), graph.Abs: same("Abs"), graph.Sqrt: same("Sqrt"),
	graph.Log: same("Log"), graph.Sin: same("Sin"), graph.Cos: same("Cos"),
	graph.Gelu: (*onnxWriter).gelu, graph.GeluTanh: (*onnxWriter).geluTanh, graph.Silu: (*onnxWriter).silu,
	graph.ReduceSum: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "ReduceSum", attrs{"keepdims": onnx.IntAttr(1)}, w.name(n.In[0]), w.ints(n.Axis))
	},
	graph.ReduceMax: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "ReduceMax", attrs{"keepdims": onnx.IntAttr(1), "axes": onnx.IntsAttr(int64(n.Axis))}, w.name(n.In[0]))
	},
	graph.Reshape: (*onnxWriter).reshape,
	graph.Transpose: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "Transpose", attrs{"perm": onnx.IntsAttr(wide(n.Perm)...)}, w.inputs(n)...)
	},
	graph.Concat: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "Concat", attrs{"axis": onnx.IntAttr(int64(n.Axis))}, w.inputs(n)...)
	},
	graph.Slice: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "Slice", nil, w.name(n.In[0]), w.ints(n.From), w.ints(n.To), w.ints(n.Axis))
	},
	graph.Range: func(w *onnxWriter, n *graph.Node) {
		size := w.node("", "Shape", attrs{"start": onnx.IntAttr(int64(n.Axis)), "end": onnx.IntAttr(int64(n.Axis + 1))}, w.name(n.In[0]))
		w.node(n.Out.Name, "Range", nil, w.whole(0), w.node("", "Squeeze", nil, size, w.ints(0)), w.whole(1))
	},
	graph.Cast: func(w *onnxWriter, n *graph.Node) {
		w.node(n.Out.Name, "Cast", attrs{"to": onnx.IntAttr(int64(onnxType(n.Out.Type)))}, w.inputs(n)...)
	},
}

// same is an operation that ONNX has as it is.
func same(op string) func(w *onnxWriter, n *graph.Node) {
	return func(w *onnxWriter, n *graph.Node) { w.node(n.Out.Name, op, nil, w.inputs(n)...) }
}

// reshape copies open sizes that stay in their places, and has one other follow from the rest.
func (w *onnxWriter) reshape(n *graph.Node) {
	from, to := n.In[0].Shape, slices.Clone(n.Out.Shape)
	for i, d := range to {
		switch {
		case d >= 0:
		case i < len(from) && from[i] == d:
			to[i] = 0
		default:
			to[i] = -1
		}
	}
	w.node(n.Out.Name, "Reshape", nil, w.name(n.In[0]), w.ints(to...))
}

func (w *onnxWriter) gatherLast(n *graph.Node) {
	x, index := w.name(n.In[0]), w.name(n.In[1])
	rows := w.node("", "Shape", attrs{"start": onnx.IntAttr(0), "end": onnx.IntAttr(-1)}, x)
	columns := w.node("", "Shape", attrs{"start": onnx.IntAttr(1), "end": onnx.IntAttr(2)}, index)
	shape := w.node("", "Concat", attrs{"axis": onnx.IntAttr(0)}, rows, columns)
	w.node(n.Out.Name, "GatherElements", attrs{"axis": onnx.IntAttr(-1)}, x, w.node("", "Expand", nil, index, shape))
}

func (w *onnxWriter) layerNorm(n *graph.Node) {
	w.node(n.Out.Name, "LayerNormalization", attrs{"axis": onnx.IntAttr(-1), "epsilon": onnx.FloatAttr(n.Epsilon)}, w.inputs(n)...)
}

func (w *onnxWriter) rmsNorm(n *graph.Node) {
	x := w.name(n.In[0])
	mean := w.node("", "ReduceMean", attrs{"keepdims": onnx.IntAttr(1), "axes": onnx.IntsAttr(-1)}, w.node("", "Mul", nil, x, x))
	root := w.node("", "Sqrt", nil, w.node("", "Add", nil, mean, w.number(n.Epsilon)))
	w.node(n.Out.Name, "Mul", nil, w.node("", "Div", nil, x, root), w.name(n.In[1]))
}

func (w *onnxWriter) gelu(n *graph.Node) {
	x := w.name(n.In[0])
	erf := w.node("", "Erf", nil, w.node("", "Div", nil, x, w.number(math.Sqrt2)))
	sum := w.node("", "Add", nil, erf, w.number(1))
	w.node(n.Out.Name, "Mul", nil, w.node("", "Mul", nil, x, sum), w.number(0.5))
}

// geluTanh is x/2·(1+tanh(√(2/π)·(x+0.044715·x³))).
func (w *onnxWriter) geluTanh(n *graph.Node) {
	x := w.name(n.In[0])
	cube := w.node("", "Mul", nil, w.node("", "Mul", nil, x, x), x)
	inner := w.node("", "Add", nil, x, w.node("", "Mul", nil, cube, w.number(0.044715)))
	tanh := w.node("", "Tanh", nil, w.node("", "Mul", nil, inner, w.number(float32(math.Sqrt(2/math.Pi)))))
	half := w.node("", "Mul", nil, x, w.number(0.5))
	w.node(n.Out.Name, "Mul", nil, half, w.node("", "Add", nil, tanh, w.number(1)))
}

func (w *onnxWriter) silu(n *graph.Node) {
	x := w.name(n.In[0])
	w.node(n.Out.Name, "Mul", nil, x, w.node("", "Sigmoid", nil, x))
}

// conv turns rows into columns and back: ONNX has channels before places.
func (w *onnxWriter) conv(n *graph.Node) {
	v := n.In[1]
	filters, width, in := v.Shape[0], v.Shape[1], v.Shape[2]
	data := v.Data
	if width > 1 && in > 1 {
		data = make([]float32, len(v.Data))
		for f := range filters {
			for i := range width {
				for j := range in {
					data[(f*in+j)*width+i] = v.Data[(f*width+i)*in+j]
				}
			}
		}
	}
	weights := w.floats(v.Name, data, 0, filters, in, width)
	turn := attrs{"perm": onnx.IntsAttr(0, 2, 1)}
	y := w.node("", "Conv", attrs{
		"kernel_shape": onnx.IntsAttr(int64(width)), "strides": onnx.IntsAttr(1), "dilations": onnx.IntsAttr(1),
		"pads": onnx.IntsAttr(int64(n.Pads[0]), int64(n.Pads[1])), "group": onnx.IntAttr(int64(n.Groups)),
	}, w.node("", "Transpose", turn, w.name(n.In[0])), weights, w.name(n.In[2]))
	w.node(n.Out.Name, "Transpose", turn, y)
}

// gateOrder is where ONNX's gates stand among ours: i o f c of i f g o, and z r h of r z n.
var gateOrder = map[nn.Cell][]int{nn.LSTM: {0, 3, 1, 2}, nn.GRU: {1, 0, 2}, nn.RNN: {0}}

func (w *onnxWriter) recurrent(n *graph.Node) {
	x, wih, whh := n.In[0], n.In[2], n.In[3]
	hidden, order := whh.Shape[1], gateOrder[n.Cell]
	gates := func(v *graph.Value) []float32 {
		part := len(v.Data) / len(order)
		out := make([]float32, 0, len(v.Data))
		for _, g := range order {
			out = append(out, v.Data[g*part:(g+1)*part]...)
		}
		return out
	}
	rows := len(order) * hidden
	bias := floatBytes(slices.Concat(gates(n.In[4]), gates(n.In[5])))
	a := attrs{"hidden_size": onnx.IntAttr(int64(hidden)), "direction": onnx.StringAttr("forward")}
	if n.Reverse {
		a["direction"] = onnx.StringAttr("reverse")
	}
	op := map[nn.Cell]string{nn.LSTM: "LSTM", nn.GRU: "GRU", nn.RNN: "RNN"}[n.Cell]
	if n.Cell == nn.GRU {
		a["linear_before_reset"] = onnx.IntAttr(1)
	}
	turned := w.node("", "Transpose", attrs{"perm": onnx.IntsAttr(1, 0, 2)}, w.name(x)) // [length, batch, in]
	y := w.node("", op, a, turned,
		w.floats(wih.Name, gates(wih), 1, 1, rows, wih.Shape[1]), w.floats(whh.Name, gates(whh), 1, 1, rows, hidden),
		w.weight(n.In[4].Name+", "+n.In[5].Name, onnx.Float, bias, 1, 2*rows), w.lengths(n.In[1]))
	y = w.node("", "Squeeze", nil, y, w.ints(1))
	w.node(n.Out.Name, "Transpose", attrs{"perm": onnx.IntsAttr(1, 0, 2)}, y)
}

// lengths is how many steps each text has, one at least: no runtime is asked for none.
func (w *onnxWriter) lengths(present *graph.Value) string {
	name := "lengths of " + present.Name
	if w.stored[name] == "" {
		sum := w.node("", "ReduceSum", attrs{"keepdims": onnx.IntAttr(0)}, present.Name, w.ints(1))
		w.stored[name] = w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(onnx.Int32))}, w.node("", "Max", nil, sum, w.number(1)))
	}
	return w.stored[name]
}
