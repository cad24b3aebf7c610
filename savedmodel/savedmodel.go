// Package savedmodel writes models in TensorFlow's SavedModel format (https://www.tensorflow.org/guide/saved_model): a
// folder whose file [File] holds the graph, its weights as constants, and one signature.
//
//	m := &savedmodel.Model{Nodes: nodes, Inputs: inputs, Outputs: outputs}
//	data, err := m.Marshal()
//
// The messages are those of tensorflow/core/protobuf/saved_model.proto and what it imports. Weights are constants of the
// graph, in no file of their own: one file is the whole model, for every program that loads the format. A protocol
// buffer ends at 2 GB, and with it such a model.
//
// It does not read the format, and it runs nothing.
package savedmodel

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/protobuf"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// File is the name of the file within the folder.
const File = "saved_model.pb"

// Signature is the name under which programs ask for the model's one function, and Tag that of the graph: those that
// TensorFlow Serving looks for.
const (
	Signature = "serving_default"
	Tag       = "serve"
)

// DType is the type of a tensor's numbers (tensorflow/core/framework/types.proto).
type DType int32

// The types that are written.
const (
	Float   DType = 1
	Int32   DType = 3
	Bool    DType = 10
	Half    DType = 19
	Variant DType = 21 // a list of tensors
)

// Model is a graph with its signature.
type Model struct {
	Nodes           []*Node // in any order
	Functions       []*Function
	Inputs, Outputs []Info
}

// Node is an operation. An input is a node's name, with ":" and a number behind it for results but the first; within a
// function it is the name of an argument, or a node's name, ":", the name of its result and a number in that, as in
// "Split:output:1".
type Node struct {
	Name, Op string
	In       []string
	Attrs    map[string]Attr
}

// Function is a graph that nodes call by its name.
type Function struct {
	Name    string
	In, Out []Arg
	Nodes   []*Node
	Results []string // where each of Out comes from
}

// Arg is an argument or a result of a function.
type Arg struct {
	Name string
	Type DType
}

// Info is an input or output of the signature: a node's first result.
type Info struct {
	Name  string
	Type  DType
	Shape Shape
	Sizes []string // names of open sizes, by dimension
}

// Attr is an attribute of a node: DType, Types, Int, Ints, Truth, Text, Shape, Shapes, Call or *Tensor.
type Attr interface{ append(m *protobuf.Message) }

// The kinds of attributes.
type (
	Types  []DType
	Int    int64
	Ints   []int64
	Truth  bool
	Text   string
	Shape  []int // sizes, -1 for open ones
	Shapes []Shape
	Call   string // of the function of that name
)

// Tensor is a constant: numbers little-endian in row-major order, views of which are kept until a model is marshalled.
type Tensor struct {
	Type  DType
	Shape Shape
	Data  []byte
}

// The field numbers of the messages.
const (
	modelSchema, modelGraphs                                                        protowire.Number = 1, 2
	metaInfo, metaGraph, metaSignature                                              protowire.Number = 1, 2, 5
	infoTags, infoVersion, infoStripped                                             protowire.Number = 4, 5, 7
	signatureInputs, signatureOutputs, signatureMethod                              protowire.Number = 1, 2, 3
	tensorInfoName, tensorInfoType, tensorInfoShape                                 protowire.Number = 1, 2, 3
	graphNode, graphLibrary, graphVersions                                          protowire.Number = 1, 2, 4
	versionProducer                                                                 protowire.Number = 1
	libraryFunction                                                                 protowire.Number = 1
	functionSignature, functionNode, functionResult                                 protowire.Number = 1, 3, 4
	opName, opInput, opOutput                                                       protowire.Number = 1, 2, 3
	argName, argType                                                                protowire.Number = 1, 3
	nodeName, nodeOp, nodeInput, nodeAttr                                           protowire.Number = 1, 2, 3, 5
	attrList, attrText, attrInt, attrTruth, attrType, attrShape, attrTensor, attrFn protowire.Number = 1, 2, 3, 5, 6, 7, 8, 10
	listInt, listType, listShape                                                    protowire.Number = 3, 6, 7
	callName                                                                        protowire.Number = 1
	tensorType, tensorShape, tensorContent                                          protowire.Number = 1, 2, 4
	shapeDim, dimSize, dimName                                                      protowire.Number = 2, 1, 2
	entryKey, entryValue                                                            protowire.Number = 1, 2
)

// What is said of versions: the form of the file, that of graphs (TF_GRAPH_DEF_VERSION), and the first release of
// TensorFlow whose operations are those that package export writes.
const (
	schemaVersion = 1
	graphVersion  = 1087
	release       = "2.8.0"
	predictMethod = "tensorflow/serving/predict"
)

// Marshal returns the bytes of the file; they follow from the model alone.
func (m *Model) Marshal() ([]byte, error) {
	var file, meta, info, graph, versions, signature protobuf.Message
	for _, n := range m.Nodes {
		graph.Message(graphNode, n.message())
	}
	if len(m.Functions) > 0 {
		var library protobuf.Message
		for _, f := range m.Functions {
			library.Message(libraryFunction, f.message())
		}
		graph.Message(graphLibrary, &library)
	}
	versions.Int(versionProducer, graphVersion)
	graph.Message(graphVersions, &versions)

	info.Text(infoTags, Tag)
	info.Text(infoVersion, release)
	info.Int(infoStripped, 1) // attributes that are not there have their defaults
	for _, i := range m.Inputs {
		entry(&signature, signatureInputs, i.Name, i.message())
	}
	for _, i := range m.Outputs {
		entry(&signature, signatureOutputs, i.Name, i.message())
	}
	signature.Text(signatureMethod, predictMethod)

	meta.Message(metaInfo, &info)
	meta.Message(metaGraph, &graph)
	entry(&meta, metaSignature, Signature, &signature)
	file.Int(modelSchema, schemaVersion)
	file.Message(modelGraphs, &meta)
	if n := file.Size(); n > protobuf.MaxSize {
		return nil, hint.Errorf("choose --precision f16, or make the model smaller with xiaoyu compress", "a %s of %s: TensorFlow reads no file of 2 GB or more", File, size.Bytes(int64(n)))
	}
	return file.Marshal(), nil
}

// entry appends an entry of a map.
func entry(m *protobuf.Message, field protowire.Number, key string, value *protobuf.Message) {
	var e protobuf.Message
	e.Text(entryKey, key)
	e.Message(entryValue, value)
	m.Message(field, &e)
}

func (i *Info) message() *protobuf.Message {
	var m, shape protobuf.Message
	m.Text(tensorInfoName, i.Name+":0")
	m.Int(tensorInfoType, int64(i.Type))
	for d, size := range i.Shape {
		name := ""
		if d < len(i.Sizes) {
			name = i.Sizes[d]
		}
		dim(&shape, size, name)
	}
	m.Message(tensorInfoShape, &shape)
	return &m
}

func (n *Node) message() *protobuf.Message {
	m := new(protobuf.Message)
	m.Text(nodeName, n.Name)
	m.Text(nodeOp, n.Op)
	for _, in := range n.In {
		m.Text(nodeInput, in)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		var value protobuf.Message
		n.Attrs[name].append(&value)
		entry(m, nodeAttr, name, &value)
	}
	return m
}

func (f *Function) message() *protobuf.Message {
	var signature protobuf.Message
	m := new(protobuf.Message)
	signature.Text(opName, f.Name)
	for _, a := range f.In {
		signature.Message(opInput, a.message())
	}
	for _, a := range f.Out {
		signature.Message(opOutput, a.message())
	}
	m.Message(functionSignature, &signature)
	for _, n := range f.Nodes {
		m.Message(functionNode, n.message())
	}
	for i, a := range f.Out {
		var e protobuf.Message
		e.Text(entryKey, a.Name)
		e.Text(entryValue, f.Results[i])
		m.Message(functionResult, &e)
	}
	return m
}

func (a Arg) message() *protobuf.Message {
	m := new(protobuf.Message)
	m.Text(argName, a.Name)
	m.Int(argType, int64(a.Type))
	return m
}

func dim(m *protobuf.Message, size int, name string) {
	var d protobuf.Message
	d.Int(dimSize, int64(size))
	d.Text(dimName, name)
	m.Message(shapeDim, &d)
}

func (s Shape) message() *protobuf.Message {
	m := new(protobuf.Message)
	for _, size := range s {
		dim(m, size, "")
	}
	return m
}

func (t DType) append(m *protobuf.Message) { m.Int(attrType, int64(t)) }
func (v Int) append(m *protobuf.Message)   { m.Int(attrInt, int64(v)) }
func (s Text) append(m *protobuf.Message)  { m.Bytes(attrText, []byte(s)) }
func (s Shape) append(m *protobuf.Message) { m.Message(attrShape, s.message()) }

func (v Truth) append(m *protobuf.Message) {
	if v {
		m.Int(attrTruth, 1)
	} else {
		m.Int(attrTruth, 0)
	}
}

func (t *Tensor) append(m *protobuf.Message) {
	var tensor protobuf.Message
	tensor.Int(tensorType, int64(t.Type))
	tensor.Message(tensorShape, t.Shape.message())
	tensor.Bytes(tensorContent, t.Data)
	m.Message(attrTensor, &tensor)
}

func (c Call) append(m *protobuf.Message) {
	var call protobuf.Message
	call.Text(callName, string(c))
	m.Message(attrFn, &call)
}

func (v Ints) append(m *protobuf.Message) {
	list(m, len(v), func(l *protobuf.Message, i int) { l.Int(listInt, v[i]) })
}

func (t Types) append(m *protobuf.Message) {
	list(m, len(t), func(l *protobuf.Message, i int) { l.Int(listType, int64(t[i])) })
}

func (s Shapes) append(m *protobuf.Message) {
	list(m, len(s), func(l *protobuf.Message, i int) { l.Message(listShape, s[i].message()) })
}

func list(m *protobuf.Message, n int, add func(l *protobuf.Message, i int)) {
	var l protobuf.Message
	for i := range n {
		add(&l, i)
	}
	m.Message(attrList, &l)
}
