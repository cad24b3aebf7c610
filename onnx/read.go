package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Parse reads a file. Tensors are views of data.
func Parse(data []byte) (*Model, error) {
	m := new(Model)
	graphs := 0
	err := fields(data, func(n protowire.Number, v field) error {
		switch n {
		case modelIR:
			m.IR = int64(v.number)
		case modelProducer:
			m.Producer = string(v.bytes)
		case modelGraph:
			graphs++
			return m.Graph.read(v.bytes)
		case modelOpset:
			return m.readOpset(v.bytes)
		case modelMetadata:
			var e [2]string
			err := fields(v.bytes, func(n protowire.Number, v field) error {
				if n == entryKey || n == entryValue {
					e[n-1] = string(v.bytes)
				}
				return nil
			})
			m.Metadata = append(m.Metadata, e)
			return err
		}
		return nil
	})
	if err == nil && graphs != 1 {
		err = malformed("it has %d graphs, not one", graphs)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Model) readOpset(data []byte) error {
	var domain string
	var version int64
	err := fields(data, func(n protowire.Number, v field) error {
		switch n {
		case opsetDomain:
			domain = string(v.bytes)
		case opsetVersion:
			version = int64(v.number)
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		m.Opset = version
	}
	return err
}

// field is the value of one field: bytes for messages, texts, packed lists and numbers of a fixed size, else a number.
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

func (g *Graph) read(data []byte) error {
	return fields(data, func(n protowire.Number, v field) error {
		switch n {
		case graphName:
			g.Name = string(v.bytes)
		case graphNode:
			node, err := readNode(v.bytes)
			g.Nodes = append(g.Nodes, node)
			return err
		case graphInitializer:
			t, err := readTensor(v.bytes)
			g.Weights = append(g.Weights, t)
			return err
		case graphInput, graphOutput:
			i, err := readInfo(v.bytes)
			if n == graphInput {
				g.Inputs = append(g.Inputs, i)
			} else {
				g.Outputs = append(g.Outputs, i)
			}
			return err
		}
		return nil
	})
}

func readNode(data []byte) (*Node, error) {
	node := &Node{Attrs: map[string]Attr{}}
	err := fields(data, func(n protowire.Number, v field) error {
		switch n {
		case nodeInput:
			node.In = append(node.In, string(v.bytes))
		case nodeOutput:
			node.Out = append(node.Out, string(v.bytes))
		case nodeName:
			node.Name = string(v.bytes)
		case nodeOp:
			node.Op = string(v.bytes)
		case nodeDomain:
			node.Domain = string(v.bytes)
		case nodeAttr:
			return node.readAttr(v.bytes)
		}
		return nil
	})
	return node, err
}

func (node *Node) readAttr(data []byte) error {
	var name string
	var a Attr
	err := fields(data, func(n protowire.Number, v field) error {
		var err error
		switch n {
		case attrName:
			name = string(v.bytes)
		case attrFloat:
			if len(v.bytes) != 4 {
				return malformed("the attribute %q is no number", name)
			}
			a.Float = math.Float32frombits(binary.LittleEndian.Uint32(v.bytes))
		case attrInt:
			a.Int = int64(v.number)
		case attrString:
			a.String = string(v.bytes)
		case attrTensor:
			a.Tensor, err = readTensor(v.bytes)
		case attrInts:
			a.Ints, err = varints(a.Ints, v)
		case attrType:
			a.Type = AttrType(v.number)
		}
		return err
	})
	node.Attrs[name] = a
	return err
}

// varints appends whole numbers, which come one by one or packed.
func varints(dst []int64, v field) ([]int64, error) {
	if v.typ == protowire.VarintType {
		return append(dst, int64(v.number)), nil
	}
	for rest := v.bytes; len(rest) > 0; {
		x, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return nil, malformed("%w", protowire.ParseError(n))
		}
		dst, rest = append(dst, int64(x)), rest[n:]
	}
	return dst, nil
}

func readTensor(data []byte) (*Tensor, error) {
	t := new(Tensor)
	var floats []byte
	var ints []int64
	outside := false
	err := fields(data, func(n protowire.Number, v field) error {
		var err error
		switch n {
		case tensorDims:
			t.Dims, err = varints(t.Dims, v)
		case tensorType:
			t.Type = DType(v.number)
		case tensorName:
			t.Name = string(v.bytes)
		case tensorRaw:
			t.Raw = v.bytes
		case tensorFloats:
			floats = append(floats, v.bytes...)
		case tensorInt32s, tensorInt64s:
			ints, err = varints(ints, v)
		case tensorLocation:
			outside = v.number == 1
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	size, ok := sizes[t.Type]
	switch {
	case outside:
		return nil, hint.Errorf("export it with its weights inside", "the numbers of tensor %q lie in another file", t.Name)
	case !ok:
		return nil, hint.Errorf("export it as float32, float16 or int8", "tensor %q has numbers of type %d, which is not supported", t.Name, t.Type)
	case t.Raw == nil && len(floats) > 0:
		t.Raw = floats
	case t.Raw == nil:
		for _, v := range ints {
			t.Raw = append(t.Raw, binary.LittleEndian.AppendUint64(nil, uint64(v))[:size]...)
		}
	}
	n, err := elements(t.Dims, len(t.Raw)/size)
	if err != nil {
		return nil, err
	}
	if n*size != len(t.Raw) {
		return nil, malformed("tensor %q of %v has %d bytes", t.Name, t.Dims, len(t.Raw))
	}
	return t, nil
}

func readInfo(data []byte) (*Info, error) {
	i := new(Info)
	inside := func(want protowire.Number, do func(data []byte) error) func(protowire.Number, field) error {
		return func(n protowire.Number, v field) error {
			if n != want {
				return nil
			}
			return do(v.bytes)
		}
	}
	err := fields(data, func(n protowire.Number, v field) error {
		switch n {
		case infoName:
			i.Name = string(v.bytes)
		case infoType:
			return fields(v.bytes, inside(typeTensor, func(data []byte) error {
				return fields(data, func(n protowire.Number, v field) error {
					switch n {
					case typeElement:
						i.Type = DType(v.number)
					case typeShape:
						return fields(v.bytes, inside(shapeDim, i.readDim))
					}
					return nil
				})
			}))
		}
		return nil
	})
	return i, err
}

func (i *Info) readDim(data []byte) error {
	size, name := int64(-1), ""
	err := fields(data, func(n protowire.Number, v field) error {
		switch n {
		case dimValue:
			size = int64(v.number)
		case dimParam:
			name = string(v.bytes)
		}
		return nil
	})
	i.Dims, i.Names = append(i.Dims, size), append(i.Names, name)
	return err
}
