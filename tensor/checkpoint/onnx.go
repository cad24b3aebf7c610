package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
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
	err := fields(data, func(n protowire.Number, v field) error {
		if n != modelGraph || v.typ != protowire.BytesType {
			return nil
		}
		graphs++
		return fields(v.bytes, func(n protowire.Number, v field) error {
			switch n {
			case graphNode:
				node, err := parseNode(v.bytes)
				nodes = append(nodes, node)
				return err
			case graphInitializer:
				t, err := parseTensor(v.bytes)
				tensors = append(tensors, t)
				return err
			}
			return nil
		})
	})
	switch {
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

// field is the value of one field on the wire: bytes for messages, texts and packed lists, else a number.
type field struct {
	typ    protowire.Type
	bytes  []byte
	number uint64
}

// fields calls do for every field of a message.
func fields(message []byte, do func(protowire.Number, field) error) error {
	for len(message) > 0 {
		number, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return malformed("%w", protowire.ParseError(n))
		}
		message = message[n:]
		v := field{typ: typ}
		switch typ {
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			v.bytes, n = message[:min(4, len(message))], 4
		case protowire.Fixed64Type:
			v.bytes, n = message[:min(8, len(message))], 8
		default:
			n = protowire.ConsumeFieldValue(number, typ, message)
		}
		if n < 0 || n > len(message) {
			return malformed("a field ends beyond its message")
		}
		message = message[n:]
		if err := do(number, v); err != nil {
			return err
		}
	}
	return nil
}

func parseNode(message []byte) (onnxNode, error) {
	var n onnxNode
	err := fields(message, func(number protowire.Number, v field) error {
		switch number {
		case nodeInput:
			n.inputs = append(n.inputs, string(v.bytes))
		case nodeOutput:
			n.outputs = append(n.outputs, string(v.bytes))
		case nodeName:
			n.name = string(v.bytes)
		case nodeOperator:
			n.operator = string(v.bytes)
		case nodeMetadata:
			key, value, err := parseEntry(v.bytes)
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
	err = fields(message, func(number protowire.Number, v field) error {
		switch number {
		case entryKey:
			key = string(v.bytes)
		case entryValue:
			value = string(v.bytes)
		}
		return nil
	})
	return key, value, err
}

func parseTensor(message []byte) (onnxTensor, error) {
	t := onnxTensor{external: map[string]string{}}
	var ints []uint64
	err := fields(message, func(number protowire.Number, v field) error {
		var err error
		switch number {
		case tensorDims:
			var dims []uint64
			dims, err = varints(v)
			for _, d := range dims {
				t.dims = append(t.dims, int64(d))
			}
		case tensorType:
			t.typ = v.number
		case tensorFloats, tensorDoubles:
			t.values = append(t.values, v.bytes)
		case tensorInt32s, tensorInt64s, tensorUint64s:
			var more []uint64
			more, err = varints(v)
			ints = append(ints, more...)
		case tensorName:
			t.name = string(v.bytes)
		case tensorRaw:
			t.raw = v.bytes
		case tensorExternal:
			var key, value string
			key, value, err = parseEntry(v.bytes)
			t.external[key] = value
		case tensorDataLocation:
			t.outside = v.number == 1
		}
		return err
	})
	if size := onnxTypes[t.typ].Size(); len(ints) > 0 && size > 0 {
		packed := make([]byte, 0, len(ints)*size)
		for _, i := range ints {
			packed = append(packed, binary.LittleEndian.AppendUint64(nil, i)[:size]...)
		}
		t.values = append(t.values, packed)
	}
	return t, err
}

// varints reads whole numbers, which come one by one or packed.
func varints(v field) ([]uint64, error) {
	if v.typ == protowire.VarintType {
		return []uint64{v.number}, nil
	}
	var out []uint64
	for rest := v.bytes; len(rest) > 0; {
		x, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return nil, malformed("%w", protowire.ParseError(n))
		}
		out, rest = append(out, x), rest[n:]
	}
	return out, nil
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
