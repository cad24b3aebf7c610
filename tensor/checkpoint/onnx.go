package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/protobuf"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// The field numbers of ONNX's messages that hold weights or tell what they are:
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
const (
	modelGraph = 7

	graphNode        = 1
	graphInitializer = 5

	nodeInput    = 1
	nodeOutput   = 2
	nodeName     = 3
	nodeOperator = 4
	nodeMetadata = 9

	tensorDims         = 1
	tensorType         = 2
	tensorFloats       = 4
	tensorInt32s       = 5
	tensorInt64s       = 7
	tensorName         = 8
	tensorRaw          = 9
	tensorDoubles      = 10
	tensorUint64s      = 11
	tensorExternal     = 13
	tensorDataLocation = 14

	entryKey   = 1
	entryValue = 2
)

// onnxTypes are the number types of TensorProto.DataType that have a counterpart in safetensors.
var onnxTypes = map[uint64]safetensors.DType{
	1: safetensors.F32, 2: safetensors.U8, 3: safetensors.I8, 4: safetensors.U16, 5: safetensors.I16, 6: safetensors.I32,
	7: safetensors.I64, 9: safetensors.Bool, 10: safetensors.F16, 11: safetensors.F64, 12: safetensors.U32,
	13: safetensors.U64, 16: safetensors.BF16,
}

// onnxNode is an operation of the graph.
type onnxNode struct {
	name, operator  string
	inputs, outputs []string
	scope           string // the module that it belongs to, where the exporter says so
}

// onnxTensor is an initialiser. Its numbers are in one of the lists, as the exporter liked it.
type onnxTensor struct {
	name     string
	dims     []int64
	typ      uint64
	raw      []byte
	values   [][]byte // pieces of float_data, double_data or integers, each already little-endian
	external map[string]string
	outside  bool
}

// parseONNX adds the initialisers of a graph, under the names that its modules had before the export where those can
// be told.
func (s *Set) parseONNX(path string, data []byte) error {
	var nodes []onnxNode
	var tensors []onnxTensor
	graphs := 0
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		if n != modelGraph || v.Type != protowire.BytesType {
			return nil
		}
		graphs++
		return protobuf.Fields(v.Bytes, func(n protowire.Number, v protobuf.Field) error {
			switch n {
			case graphNode:
				node, err := parseNode(v.Bytes)
				nodes = append(nodes, node)
				return err
			case graphInitializer:
				t, err := parseTensor(v.Bytes)
				tensors = append(tensors, t)
				return err
			}
			return nil
		})
	})
	switch {
	case errors.Is(err, protobuf.ErrMalformed):
		return malformed("%w", err)
	case err != nil:
		return err
	case graphs != 1:
		return malformed("it has %d graphs, not one", graphs)
	case len(tensors) == 0:
		return hint.Errorf("export the model with its weights as initialisers", "its graph has no weights")
	}
	outside := map[string][]byte{}
	for _, t := range tensors {
		stored, err := t.data(s, filepath.Dir(path), outside)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.name, err)
		}
		if stored == nil {
			continue
		}
		if err := s.add(t.name, stored); err != nil {
			return err
		}
	}
	s.joinQuantised()
	s.renameInitialisers(nodes)
	return nil
}

func parseNode(message []byte) (onnxNode, error) {
	var n onnxNode
	err := protobuf.Fields(message, func(number protowire.Number, v protobuf.Field) error {
		switch number {
		case nodeInput:
			n.inputs = append(n.inputs, string(v.Bytes))
		case nodeOutput:
			n.outputs = append(n.outputs, string(v.Bytes))
		case nodeName:
			n.name = string(v.Bytes)
		case nodeOperator:
			n.operator = string(v.Bytes)
		case nodeMetadata:
			key, value, err := parseEntry(v.Bytes)
			if key == "pkg.torch.onnx.name_scopes" {
				n.scope = moduleOfScopes(value)
			}
			return err
		}
		return nil
	})
	return n, err
}

// parseEntry reads a StringStringEntryProto.
func parseEntry(message []byte) (key, value string, err error) {
	err = protobuf.Fields(message, func(number protowire.Number, v protobuf.Field) error {
		switch number {
		case entryKey:
			key = string(v.Bytes)
		case entryValue:
			value = string(v.Bytes)
		}
		return nil
	})
	return key, value, err
}

func parseTensor(message []byte) (onnxTensor, error) {
	t := onnxTensor{external: map[string]string{}}
	var ints []int64
	err := protobuf.Fields(message, func(number protowire.Number, v protobuf.Field) error {
		var err error
		switch number {
		case tensorDims:
			t.dims, err = v.Ints(t.dims)
		case tensorType:
			t.typ = v.Number
		case tensorFloats, tensorDoubles:
			t.values = append(t.values, v.Bytes)
		case tensorInt32s, tensorInt64s, tensorUint64s:
			ints, err = v.Ints(ints)
		case tensorName:
			t.name = string(v.Bytes)
		case tensorRaw:
			t.raw = v.Bytes
		case tensorExternal:
			var key, value string
			key, value, err = parseEntry(v.Bytes)
			t.external[key] = value
		case tensorDataLocation:
			t.outside = v.Number == 1
		}
		return err
	})
	if size := onnxTypes[t.typ].Size(); len(ints) > 0 && size > 0 {
		packed := make([]byte, 0, len(ints)*size)
		for _, i := range ints {
			packed = append(packed, binary.LittleEndian.AppendUint64(nil, uint64(i))[:size]...)
		}
		t.values = append(t.values, packed)
	}
	return t, err
}

// data checks an initialiser and finds its bytes, those of files beside the model's included. Texts and other types
// that are no weights give nil.
func (t *onnxTensor) data(s *Set, dir string, outside map[string][]byte) (*tensor, error) {
	dtype, ok := onnxTypes[t.typ]
	if !ok {
		return nil, nil
	}
	stored := t.raw
	switch {
	case t.outside:
		var err error
		if stored, err = t.beside(s, dir, outside); err != nil {
			return nil, err
		}
	case stored == nil && len(t.values) == 1:
		stored = t.values[0]
	case stored == nil:
		stored = slices.Concat(t.values...)
	}
	shape, elements, err := checkShape(t.dims, max(1, len(stored)/dtype.Size()))
	if err != nil {
		return nil, malformed("%w", err)
	}
	if elements*dtype.Size() != len(stored) {
		return nil, malformed("%d bytes do not hold shape %v of %s", len(stored), t.dims, dtype)
	}
	return &tensor{dtype: string(dtype), shape: shape, stored: stored}, nil
}

// beside returns the bytes of a tensor that a file beside the model holds.
// https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
func (t *onnxTensor) beside(s *Set, dir string, outside map[string][]byte) ([]byte, error) {
	location := filepath.FromSlash(t.external["location"])
	if !filepath.IsLocal(location) {
		return nil, hint.Errorf("do not use this model: it points elsewhere",
			"%w: its data lies at %q, which is not below the model's folder", ErrMalformed, t.external["location"])
	}
	data, ok := outside[location]
	if !ok {
		var err error
		if data, err = s.mapped(filepath.Join(dir, location)); err != nil {
			return nil, hint.Wrap(err, "fetch the file that holds the weights as well: it stands beside the .onnx file",
				"its data lies in %s", location)
		}
		outside[location] = data
	}
	offset, err := t.externalNumber("offset", 0)
	if err != nil {
		return nil, err
	}
	if offset > len(data) {
		return nil, malformed("its data begins behind the end of %s", location)
	}
	length, err := t.externalNumber("length", len(data)-offset)
	if err != nil {
		return nil, err
	}
	if length > len(data)-offset {
		return nil, malformed("its data ends behind the end of %s", location)
	}
	return data[offset : offset+length : offset+length], nil
}

func (t *onnxTensor) externalNumber(key string, absent int) (int, error) {
	text, ok := t.external[key]
	if !ok {
		return absent, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
	if err != nil || n > math.MaxInt {
		return 0, malformed("%s of its data is %q", key, text)
	}
	return int(n), nil
}
