// Package tflite writes the files that LiteRT executes, once called TensorFlow Lite: flatbuffers by the schema at
// https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs, version 3.
//
//	m := &tflite.Model{Buffers: [][]byte{nil}}
//	g := m.Add("main")
//	x := g.Tensor(tflite.Tensor{Name: "x", Type: tflite.Float32, Shape: []int{1, 4}})
//	y := g.Tensor(tflite.Tensor{Name: "y", Type: tflite.Float32, Shape: []int{1, 4}})
//	g.Do(tflite.Relu, []int{x}, y)
//	g.Inputs, g.Outputs = []int{x}, []int{y}
//	data, err := m.Marshal()
//
// It knows the operations that package export uses and checks nothing that a runtime checks; it reads no files.
package tflite

import (
	"fmt"
	"math"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Type is the type of a tensor's numbers: TensorType of the schema.
type Type int8

// The types.
const (
	Float32 Type = 0
	Float16 Type = 1
	Int32   Type = 2
	Bool    Type = 6
	Int8    Type = 9
)

// Model is a file.
type Model struct {
	Description string
	Buffers     [][]byte // numbers of constants, little-endian; the first is empty and stands for none
	Graphs      []*Graph // the first is the model's, the others are called by operations
}

// Graph is a list of operations over its own tensors.
type Graph struct {
	Name            string
	Tensors         []Tensor
	Ops             []Op
	Inputs, Outputs []int
}

// Tensor is a value of a graph.
type Tensor struct {
	Name   string
	Type   Type
	Shape  []int // as long as nobody resizes an input
	Open   []int // the same with -1 for sizes that may be changed; nil where none may
	Buffer int   // of Model.Buffers; 0 for what is computed

	Scales  []float32 // of whole numbers: (number - Zero) × the one scale, or that of its place along Channel; nil for plain ones
	Zero    int
	Channel int
}

// Op is an operation with its inputs, -1 for one that is left out, and results.
type Op struct {
	Kind
	In, Out []int
}

// Add appends an empty graph.
func (m *Model) Add(name string) *Graph {
	g := &Graph{Name: name}
	m.Graphs = append(m.Graphs, g)
	return g
}

// Buffer appends the numbers of a constant and returns their place.
func (m *Model) Buffer(data []byte) int {
	m.Buffers = append(m.Buffers, data)
	return len(m.Buffers) - 1
}

// Tensor appends a tensor and returns its place.
func (g *Graph) Tensor(t Tensor) int {
	g.Tensors = append(g.Tensors, t)
	return len(g.Tensors) - 1
}

// Do appends an operation.
func (g *Graph) Do(k Kind, in []int, out ...int) { g.Ops = append(g.Ops, Op{k, in, out}) }

// SignatureKey is the name by which runtimes find inputs and outputs by name.
const SignatureKey = "serving_default"

// Marshal writes the file.
func (m *Model) Marshal() ([]byte, error) {
	size := 1 << 16
	for _, b := range m.Buffers {
		size += len(b) + 64
	}
	if size > math.MaxInt32-1<<24 {
		return nil, hint.Errorf("export it as int8, or as another format", "a model of %.1f GB does not fit into a TFLite file, which has offsets of 31 bits", float64(size)/1e9)
	}
	w := &writer{Builder: flatbuffers.NewBuilder(size), codes: map[code]int{}}
	buffers := make([]flatbuffers.UOffsetT, len(m.Buffers))
	for i, data := range m.Buffers {
		buffers[i] = w.buffer(data)
	}
	var graphs []flatbuffers.UOffsetT
	for _, g := range m.Graphs {
		graphs = append(graphs, w.graph(g))
	}
	signature := w.offsets([]flatbuffers.UOffsetT{w.signature(m.Graphs[0])})
	codes, all, kept, text := w.offsets(w.operatorCodes()), w.offsets(graphs), w.offsets(buffers), w.CreateString(m.Description)
	root := w.table(uint32(3), codes, all, text, kept, nil, nil, signature)
	w.FinishWithFileIdentifier(root, []byte("TFL3"))
	return w.FinishedBytes(), nil
}

// code is an entry of the list of operations that a file uses.
type code struct{ number, version int }

// writer makes the tables of the schema, each from its fields in their order.
type writer struct {
	*flatbuffers.Builder
	codes map[code]int
	list  []code
}

// table writes a table: the field in slot i is fields[i], left out if it is nil or zero.
func (w *writer) table(fields ...any) flatbuffers.UOffsetT {
	for i, f := range fields { // vectors stand before the table that points at them
		if list, ok := f.([]int32); ok {
			fields[i] = w.ints(list)
		}
	}
	w.StartObject(len(fields))
	for i, f := range fields {
		switch v := f.(type) {
		case nil:
		case bool:
			w.PrependBoolSlot(i, v, false)
		case int8:
			w.PrependInt8Slot(i, v, 0)
		case uint8:
			w.PrependUint8Slot(i, v, 0)
		case int32:
			w.PrependInt32Slot(i, v, 0)
		case uint32:
			w.PrependUint32Slot(i, v, 0)
		case float32:
			w.PrependFloat32Slot(i, v, 0)
		case flatbuffers.UOffsetT:
			w.PrependUOffsetTSlot(i, v, 0)
		default:
			panic(fmt.Sprintf("tflite: a field of type %T", f))
		}
	}
	return w.EndObject()
}

func (w *writer) ints(list []int32) flatbuffers.UOffsetT {
	w.StartVector(4, len(list), 4)
	for i := len(list) - 1; i >= 0; i-- {
		w.PrependInt32(list[i])
	}
	return w.EndVector(len(list))
}

func (w *writer) offsets(list []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	w.StartVector(4, len(list), 4)
	for i := len(list) - 1; i >= 0; i-- {
		w.PrependUOffsetT(list[i])
	}
	return w.EndVector(len(list))
}

// buffer is a table Buffer. The schema has its bytes begin at multiples of 16.
func (w *writer) buffer(data []byte) flatbuffers.UOffsetT {
	if len(data) == 0 {
		return w.table()
	}
	w.Prep(16, len(data))
	return w.table(w.CreateByteVector(data))
}

// code is the place of a kind of operation in the file's list.
func (w *writer) code(k Kind) int {
	c := code{k.number, max(k.version, 1)}
	at, ok := w.codes[c]
	if !ok {
		at = len(w.list)
		w.codes[c], w.list = at, append(w.list, c)
	}
	return at
}

// operatorCodes are tables OperatorCode. Readers of old took the number from a byte, which says 127 for larger ones.
func (w *writer) operatorCodes() []flatbuffers.UOffsetT {
	var list []flatbuffers.UOffsetT
	for _, c := range w.list {
		list = append(list, w.table(int8(min(c.number, 127)), nil, int32(c.version), int32(c.number)))
	}
	return list
}

func (w *writer) graph(g *Graph) flatbuffers.UOffsetT {
	var tensors, ops []flatbuffers.UOffsetT
	for _, t := range g.Tensors {
		tensors = append(tensors, w.tensor(&t))
	}
	for _, o := range g.Ops {
		in, out := w.ints(narrow(o.In)), w.ints(narrow(o.Out))
		var options any
		if o.options != 0 {
			options = w.table(append([]any(nil), o.fields...)...)
		}
		ops = append(ops, w.table(uint32(w.code(o.Kind)), in, out, o.options, options))
	}
	name := w.CreateString(g.Name)
	t, o := w.offsets(tensors), w.offsets(ops)
	return w.table(t, narrow(g.Inputs), narrow(g.Outputs), o, name)
}

func (w *writer) tensor(t *Tensor) flatbuffers.UOffsetT {
	name := w.CreateString(t.Name)
	var quantization, open any
	if t.Scales != nil {
		quantization = w.quantization(t)
	}
	if t.Open != nil {
		open = narrow(t.Open)
	}
	return w.table(narrow(t.Shape), int8(t.Type), uint32(t.Buffer), name, quantization, nil, nil, open, true)
}

// quantization is a table QuantizationParameters.
func (w *writer) quantization(t *Tensor) flatbuffers.UOffsetT {
	w.StartVector(4, len(t.Scales), 4)
	for i := len(t.Scales) - 1; i >= 0; i-- {
		w.PrependFloat32(t.Scales[i])
	}
	scales := w.EndVector(len(t.Scales))
	w.StartVector(8, len(t.Scales), 8)
	for range t.Scales {
		w.PrependInt64(int64(t.Zero))
	}
	zeros := w.EndVector(len(t.Scales))
	return w.table(nil, nil, scales, zeros, nil, nil, int32(t.Channel))
}

// signature is a table SignatureDef.
func (w *writer) signature(g *Graph) flatbuffers.UOffsetT {
	maps := func(tensors []int) flatbuffers.UOffsetT {
		var list []flatbuffers.UOffsetT
		for _, i := range tensors {
			list = append(list, w.table(w.CreateString(g.Tensors[i].Name), uint32(i)))
		}
		return w.offsets(list)
	}
	in, out := maps(g.Inputs), maps(g.Outputs)
	return w.table(in, out, w.CreateString(SignatureKey), nil, nil)
}

func narrow(list []int) []int32 {
	out := make([]int32, len(list))
	for i, v := range list {
		out[i] = int32(v)
	}
	return out
}
