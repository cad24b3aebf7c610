// Package onnx reads, writes and runs models in the Open Neural Network Exchange format (https://onnx.ai, protocol
// buffers of onnx.proto).
//
//	m, err := onnx.Parse(data)
//	p, err := onnx.NewProgram(m)
//	out, err := p.Run(map[string]graph.Tensor{"input_ids": ids, "attention_mask": mask})
//
// It knows the operations that encoders of texts are made of, in their forms since opset 13, and names the first that it
// does not know. What a file says of sizes is checked before memory is taken, and a run takes no more than
// [Program.Limit]: a file may come from anywhere.
package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed is the cause of an error about a file that breaks the format.
var ErrMalformed = errors.New("not a well-formed ONNX model")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// DType is the type of a tensor's numbers (TensorProto.DataType).
type DType int32

// The types that package onnx knows.
const (
	Float   DType = 1
	Uint8   DType = 2
	Int8    DType = 3
	Int32   DType = 6
	Int64   DType = 7
	Bool    DType = 9
	Float16 DType = 10
)

var sizes = map[DType]int{Float: 4, Uint8: 1, Int8: 1, Int32: 4, Int64: 8, Bool: 1, Float16: 2}

// Model is a file.
type Model struct {
	IR       int64 // version of the format
	Opset    int64 // version of the operations
	Producer string
	Metadata [][2]string // keys and values
	Graph    Graph
}

// Graph is what it computes.
type Graph struct {
	Name            string
	Nodes           []*Node
	Weights         []*Tensor
	Inputs, Outputs []*Info
}

// Info is an input or output. Dims are sizes, -1 where Names has a name or where nothing is said.
type Info struct {
	Name  string
	Type  DType
	Dims  []int64
	Names []string // of open sizes, by dimension
}

// Node is an operation.
type Node struct {
	Name, Op, Domain string
	In, Out          []string // "" for what is left out
	Attrs            map[string]Attr
}

// Attr is an attribute: one of these.
type Attr struct {
	Int    int64
	Float  float32
	String string
	Ints   []int64
	Tensor *Tensor
	Type   AttrType
}

// AttrType says which of an Attr's fields is meant (AttributeProto.AttributeType).
type AttrType int32

// The attribute types that package onnx knows.
const (
	AttrFloat  AttrType = 1
	AttrInt    AttrType = 2
	AttrString AttrType = 3
	AttrTensor AttrType = 4
	AttrInts   AttrType = 7
)

// IntAttr is an attribute that is a whole number.
func IntAttr(v int64) Attr { return Attr{Int: v, Type: AttrInt} }

// FloatAttr is an attribute that is a number.
func FloatAttr(v float32) Attr { return Attr{Float: v, Type: AttrFloat} }

// StringAttr is an attribute that is a text.
func StringAttr(v string) Attr { return Attr{String: v, Type: AttrString} }

// IntsAttr is an attribute that is a list of whole numbers.
func IntsAttr(v ...int64) Attr { return Attr{Ints: v, Type: AttrInts} }

// Tensor holds numbers, little-endian in row-major order.
type Tensor struct {
	Name string
	Type DType
	Dims []int64
	Raw  []byte
}

// elements returns how many numbers a tensor's dimensions make, at most limit.
func elements(dims []int64, limit int) (int, error) {
	n, empty := int64(1), false
	for _, d := range dims {
		if d < 0 || d > math.MaxInt32 {
			return 0, malformed("a dimension of %d", d)
		}
		if d == 0 { // the others must not be beyond all measure for that
			empty, d = true, 1
		}
		if n > int64(max(limit, 1))/d {
			return 0, malformed("dimensions %v are more than there is", dims)
		}
		n *= d
	}
	if empty {
		return 0, nil
	}
	return int(n), nil
}

// The field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
const (
	modelIR, modelProducer, modelGraph, modelOpset, modelMetadata protowire.Number = 1, 2, 7, 8, 14

	graphNode, graphName, graphInitializer, graphInput, graphOutput protowire.Number = 1, 2, 5, 11, 12

	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttr, nodeDomain protowire.Number = 1, 2, 3, 4, 5, 7

	attrName, attrFloat, attrInt, attrString, attrTensor, attrInts, attrType protowire.Number = 1, 2, 3, 4, 5, 8, 20

	tensorDims, tensorType, tensorFloats, tensorInt32s, tensorInt64s, tensorName, tensorRaw, tensorLocation protowire.Number = 1, 2, 4, 5, 7, 8, 9, 14

	infoName, infoType                              protowire.Number = 1, 2
	typeTensor, typeElement, typeShape              protowire.Number = 1, 1, 2
	shapeDim, dimValue, dimParam                    protowire.Number = 1, 1, 2
	opsetDomain, opsetVersion, entryKey, entryValue protowire.Number = 1, 2, 1, 2
)
