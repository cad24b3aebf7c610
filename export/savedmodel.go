package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
)

var savedModelFormat = Format{
	Name: "savedmodel", Doc: "TensorFlow, TensorFlow Serving and what converts from them", File: savedmodel.File, Precisions: []Precision{F32, F16},
	holds: func(op graph.Op) bool { _, ok := tfOps[op]; return ok },
	write: writeSavedModel, use: useSavedModel, whole: "int32",
}

func writeSavedModel(g *graph.Graph, o *Options) (map[string][]byte, error) {
	m, err := SavedModel(g, o.Precision)
	if err != nil {
		return nil, err
	}
	data, err := m.Marshal()
	return map[string][]byte{savedmodel.File: data}, err
}

// SavedModel turns a graph into a model of TensorFlow's format. Whole numbers are int32, as all that reads the format
// knows them.
func SavedModel(g *graph.Graph, p Precision) (*savedmodel.Model, error) {
	m := new(savedmodel.Model)
	w := &tfWriter{graph: g, model: m, half: p == F16, names: map[string]bool{}, stored: map[string]string{}, values: map[*graph.Value]string{}}
	w.nodes = (*tfNodes)(&m.Nodes)
	for _, v := range slices.Concat(g.Inputs, g.Outputs) {
		w.names[v.Name], w.values[v] = true, v.Name
	}
	for _, v := range g.Inputs {
		i := tfInfo(v)
		m.Inputs = append(m.Inputs, i)
		w.nodes.add(v.Name, "Placeholder", tfAttrs{"dtype": i.Type, "shape": i.Shape})
	}
	for _, v := range g.Outputs {
		m.Outputs = append(m.Outputs, tfInfo(v))
	}
	for _, n := range g.Nodes {
		write, ok := tfOps[n.Op]
		if !ok {
			return nil, unsupported("savedmodel", n.Op)
		}
		if err := write(w, n); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func tfType(t graph.Type) savedmodel.DType {
	if t == graph.Int {
		return savedmodel.Int32
	}
	return savedmodel.Float
}

func tfInfo(v *graph.Value) savedmodel.Info {
	i := savedmodel.Info{Name: v.Name, Type: tfType(v.Type)}
	for _, d := range v.Shape {
		i.Shape, i.Sizes = append(i.Shape, max(d, -1)), append(i.Sizes, graph.DimNames[d])
	}
	return i
}

// tfAttrs are attributes by name.
type tfAttrs = map[string]savedmodel.Attr

// tfNodes are the nodes of a graph or of a function.
type tfNodes []*savedmodel.Node

func (l *tfNodes) add(name, op string, a tfAttrs, in ...string) {
	*l = append(*l, &savedmodel.Node{Name: name, Op: op, In: in, Attrs: a})
}

// tfWriter makes nodes and constants.
type tfWriter struct {
	graph  *graph.Graph
	model  *savedmodel.Model
	nodes  *tfNodes
	half   bool
	names  map[string]bool         // that are taken
	stored map[string]string       // names of what is made once, by what it is
	values map[*graph.Value]string // names of the graph's values
}

// fresh is a name that no node has, as close to the one wanted as the format lets names be
// (https://www.tensorflow.org/api_docs/python/tf/Operation): letters, digits and _.\/>-, the first a letter, a digit or a
// dot.
func (w *tfWriter) fresh(want string) string {
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./-", r)) {
			return r
		}
		return '_'
	}, want)
	if name == "" || strings.ContainsRune("_/-", rune(name[0])) {
		name = "n" + name
	}
	for i, base := 2, name; w.names[name]; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	w.names[name] = true
	return name
}

// node appends an operation; out is the value that it makes, nil for a step on the way to one.
func (w *tfWriter) node(out *graph.Value, op string, a tfAttrs, in ...string) string {
	name := ""
	switch {
	case out == nil:
		name = w.fresh("step/" + op)
	case w.values[out] != "":
		name = w.values[out]
	default:
		name = w.fresh(out.Name)
		w.values[out] = name
	}
	w.nodes.add(name, op, a, in...)
	return name
}

// once makes what key says unless it has been made.
func (w *tfWriter) once(key string, do func() string) string {
	if w.stored[key] == "" {
		w.stored[key] = do()
	}
	return w.stored[key]
}

// constant appends numbers.
func (w *tfWriter) constant(name string, t savedmodel.DType, data []byte, dims ...int) string {
	name = w.fresh(name)
	w.nodes.add(name, "Const", tfAttrs{"dtype": t, "value": &savedmodel.Tensor{Type: t, Shape: dims, Data: data}})
	return name
}

func int32Bytes[T int | int64](list ...T) []byte {
	data := make([]byte, 0, 4*len(list))
	for _, v := range list {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return data
}

// ints is a list of whole numbers, whole one of them, number one of float32.
func (w *tfWriter) ints(list ...int) string {
	text := strings.Trim(fmt.Sprint(list), "[]")
	return w.once("ints "+text, func() string {
		return w.constant("sizes_"+text, savedmodel.Int32, int32Bytes(list...), len(list))
	})
}

func (w *tfWriter) whole(v int) string {
	return w.once(fmt.Sprint("whole ", v), func() string { return w.constant(fmt.Sprint("size_", v), savedmodel.Int32, int32Bytes(v)) })
}

func (w *tfWriter) number(v float32) string {
	return w.once(fmt.Sprint("number ", v), func() string { return w.constant(fmt.Sprint("number_", v), savedmodel.Float, floatBytes([]float32{v})) })
}

// name is what a value is called; a constant is stored.
func (w *tfWriter) name(v *graph.Value) string {
	switch {
	case v.Ints != nil:
		return w.once("value "+v.Name, func() string { return w.constant(v.Name, savedmodel.Int32, int32Bytes(v.Ints...), v.Shape...) })
	case v.Data != nil:
		return w.floats(v.Name, v.Data, v.Shape...)
	}
	return w.values[v]
}

// floats stores a weight and returns its numbers as float32.
func (w *tfWriter) floats(name string, data []float32, dims ...int) string {
	key := fmt.Sprint("weight ", name, " ", dims)
	if !w.small(data) {
		return w.once(key, func() string { return w.cast(nil, w.halves(name, data, dims...), savedmodel.Half, savedmodel.Float) })
	}
	return w.once(key, func() string { return w.constant(name, savedmodel.Float, floatBytes(data), dims...) })
}

// small tells that numbers stay as they are.
func (w *tfWriter) small(data []float32) bool { return !w.half || len(data) < least }

// halves stores a weight as float16.
func (w *tfWriter) halves(name string, data []float32, dims ...int) string {
	return w.once(fmt.Sprint("half ", name, " ", dims), func() string { return w.constant(name, savedmodel.Half, halfBytes(data), dims...) })
}

func (w *tfWriter) cast(out *graph.Value, x string, from, to savedmodel.DType) string {
	return w.node(out, "Cast", tfAttrs{"SrcT": from, "DstT": to, "Truncate": savedmodel.Truth(false)}, x)
}

// size is one that is known when the graph runs: that of an input which has it.
func (w *tfWriter) size(d int) string {
	if d >= 0 {
		return w.whole(d)
	}
	return w.once(graph.DimNames[d], func() string {
		for _, v := range w.graph.Inputs {
			axis := slices.Index(v.Shape, d)
			if axis < 0 {
				continue
			}
			shape := w.once("shape of "+v.Name, func() string {
				return w.node(nil, "Shape", tfAttrs{"T": tfType(v.Type), "out_type": savedmodel.Int32}, v.Name)
			})
			return w.node(nil, "StridedSlice", tfAttrs{"T": savedmodel.Int32, "Index": savedmodel.Int32, "begin_mask": savedmodel.Int(0), "end_mask": savedmodel.Int(0),
				"ellipsis_mask": savedmodel.Int(0), "new_axis_mask": savedmodel.Int(0), "shrink_axis_mask": savedmodel.Int(1)},
				shape, w.ints(axis), w.ints(axis+1), w.ints(1))
		}
		panic("export: no input has the size " + graph.DimNames[d])
	})
}

// shape is a list of sizes, of which one that is open may be left to follow from the others.
func (w *tfWriter) shape(dims []int, follows bool) string {
	list, open := slices.Clone(dims), 0
	for i, d := range list {
		if d < 0 {
			if open++; open == 1 && follows {
				list[i] = math.MinInt
			}
		}
	}
	if open == 0 || open == 1 && follows {
		for i, d := range list {
			list[i] = max(d, -1)
		}
		return w.ints(list...)
	}
	return w.once(fmt.Sprint("shape ", list), func() string {
		var in []string
		for _, d := range list {
			if d == math.MinInt {
				in = append(in, w.whole(-1))
			} else {
				in = append(in, w.size(d))
			}
		}
		return w.node(nil, "Pack", tfAttrs{"N": savedmodel.Int(len(in)), "T": savedmodel.Int32, "axis": savedmodel.Int(0)}, in...)
	})
}

// The operations that many others are made of.

func (w *tfWriter) both(out *graph.Value, op, a, b string) string {
	return w.node(out, op, tfAttrs{"T": savedmodel.Float}, a, b)
}

func (w *tfWriter) each(out *graph.Value, op, x string) string {
	return w.node(out, op, tfAttrs{"T": savedmodel.Float}, x)
}

func (w *tfWriter) reduce(out *graph.Value, op, x string, t savedmodel.DType, axis int) string {
	return w.node(out, op, tfAttrs{"T": t, "Tidx": savedmodel.Int32, "keep_dims": savedmodel.Truth(true)}, x, w.ints(axis))
}

func (w *tfWriter) reshape(out *graph.Value, x string, t savedmodel.DType, dims []int) string {
	return w.node(out, "Reshape", tfAttrs{"T": t, "Tshape": savedmodel.Int32}, x, w.shape(dims, true))
}

func (w *tfWriter) transpose(out *graph.Value, x string, t savedmodel.DType, perm ...int) string {
	return w.node(out, "Transpose", tfAttrs{"T": t, "Tperm": savedmodel.Int32}, x, w.ints(perm...))
}

// rows looks up along an axis, where the dimensions before batch are those of the index as well.
func (w *tfWriter) rows(out *graph.Value, x string, t savedmodel.DType, index string, axis, batch int) string {
	return w.node(out, "GatherV2", tfAttrs{"Tparams": t, "Tindices": savedmodel.Int32, "Taxis": savedmodel.Int32, "batch_dims": savedmodel.Int(batch)}, x, index, w.whole(axis))
}

// product is x·wᵀ + b, both matrices as they are stored.
func (w *tfWriter) product(out *graph.Value, x, weights, bias string) string {
	last := out
	if bias != "" {
		last = nil
	}
	y := w.node(last, "MatMul", tfAttrs{"T": savedmodel.Float, "transpose_a": savedmodel.Truth(false), "transpose_b": savedmodel.Truth(true)}, x, weights)
	if bias != "" {
		y = w.node(out, "BiasAdd", tfAttrs{"T": savedmodel.Float, "data_format": savedmodel.Text("NHWC")}, y, bias)
	}
	return y
}

// useSavedModel shows calls from Python and over the network.
func useSavedModel(b *strings.Builder, m *model.Model, g *graph.Graph) {
	fmt.Fprintf(b, "The folder is a SavedModel with the signature `%s`; `saved_model_cli show --dir . --all` prints it.\n\n", savedmodel.Signature)
	opened := fmt.Sprintf("model = tensorflow.saved_model.load(\".\").signatures[%q]\n", savedmodel.Signature)
	if !plain(m, g) {
		b.WriteString("```python\nimport tensorflow\n\n" + opened + "print(model.structured_input_signature)\n```\n\n")
	} else {
		b.WriteString("```python\nimport numpy, tensorflow, tokenizers\n\n")
		pythonFeeds(b, m, g, "int32")
		output := g.Outputs[len(g.Outputs)-1].Name
		fmt.Fprintf(b, "\n%sprint(model(**{name: tensorflow.constant(x) for name, x in feeds.items()})[%q].numpy())\n```\n\n", opened, output)
	}
	b.WriteString("TensorFlow Serving takes the folder as a version of a model:\n\n```sh\ndocker run -p 8501:8501 -v \"$PWD:/models/model/1\" tensorflow/serving\n```\n\n")
	if plain(m, g) {
		b.WriteString("```python\nimport json, urllib.request\n\nbody = json.dumps({\"inputs\": {name: x.tolist() for name, x in feeds.items()}}).encode()\n")
		b.WriteString("print(json.load(urllib.request.urlopen(\"http://localhost:8501/v1/models/model:predict\", body))[\"outputs\"])\n```\n")
		return
	}
	var names []string
	for _, v := range g.Inputs {
		names = append(names, fmt.Sprintf("%q: …", v.Name))
	}
	fmt.Fprintf(b, "```sh\ncurl -d '{\"inputs\": {%s}}' http://localhost:8501/v1/models/model:predict\n```\n", strings.Join(names, ", "))
}
