package onnx

import (
	"encoding/binary"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/protobuf"
)

// Parse reads a file. Tensors are views of data.
func Parse(data []byte) (*Model, error) {
	m := new(Model)
	graphs := 0
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case modelIR:
			m.IR = int64(v.Number)
		case modelProducer:
			m.Producer = string(v.Bytes)
		case modelGraph:
			graphs++
			return m.Graph.read(v.Bytes)
		case modelOpset:
			return m.readOpset(v.Bytes)
		case modelMetadata:
			var e [2]string
			err := protobuf.Fields(v.Bytes, func(n protowire.Number, v protobuf.Field) error {
				if n == entryKey || n == entryValue {
					e[n-1] = string(v.Bytes)
				}
				return nil
			})
			m.Metadata = append(m.Metadata, e)
			return err
		}
		return nil
	})
	switch {
	case errors.Is(err, protobuf.ErrMalformed):
		return nil, malformed("%w", err)
	case err != nil:
		return nil, err
	case graphs != 1:
		return nil, malformed("it has %d graphs, not one", graphs)
	}
	return m, nil
}

func (m *Model) readOpset(data []byte) error {
	var domain string
	var version int64
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case opsetDomain:
			domain = string(v.Bytes)
		case opsetVersion:
			version = int64(v.Number)
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		m.Opset = version
	}
	return err
}

func (g *Graph) read(data []byte) error {
	return protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case graphName:
			g.Name = string(v.Bytes)
		case graphNode:
			node, err := readNode(v.Bytes)
			g.Nodes = append(g.Nodes, node)
			return err
		case graphInitializer:
			t, err := readTensor(v.Bytes)
			g.Weights = append(g.Weights, t)
			return err
		case graphInput, graphOutput:
			i, err := readInfo(v.Bytes)
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
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case nodeInput:
			node.In = append(node.In, string(v.Bytes))
		case nodeOutput:
			node.Out = append(node.Out, string(v.Bytes))
		case nodeName:
			node.Name = string(v.Bytes)
		case nodeOp:
			node.Op = string(v.Bytes)
		case nodeDomain:
			node.Domain = string(v.Bytes)
		case nodeAttr:
			return node.readAttr(v.Bytes)
		}
		return nil
	})
	return node, err
}

func (node *Node) readAttr(data []byte) error {
	var name string
	var a Attr
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		var err error
		switch n {
		case attrName:
			name = string(v.Bytes)
		case attrFloat:
			if len(v.Bytes) != 4 {
				return malformed("the attribute %q is no number", name)
			}
			a.Float = math.Float32frombits(binary.LittleEndian.Uint32(v.Bytes))
		case attrInt:
			a.Int = int64(v.Number)
		case attrString:
			a.String = string(v.Bytes)
		case attrTensor:
			a.Tensor, err = readTensor(v.Bytes)
		case attrInts:
			a.Ints, err = v.Ints(a.Ints)
		case attrType:
			a.Type = AttrType(v.Number)
		}
		return err
	})
	node.Attrs[name] = a
	return err
}

func readTensor(data []byte) (*Tensor, error) {
	t := new(Tensor)
	var floats []byte
	var ints []int64
	outside := false
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		var err error
		switch n {
		case tensorDims:
			t.Dims, err = v.Ints(t.Dims)
		case tensorType:
			t.Type = DType(v.Number)
		case tensorName:
			t.Name = string(v.Bytes)
		case tensorRaw:
			t.Raw = v.Bytes
		case tensorFloats:
			floats = append(floats, v.Bytes...)
		case tensorInt32s, tensorInt64s:
			ints, err = v.Ints(ints)
		case tensorLocation:
			outside = v.Number == 1
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
	inside := func(want protowire.Number, do func(data []byte) error) func(protowire.Number, protobuf.Field) error {
		return func(n protowire.Number, v protobuf.Field) error {
			if n != want {
				return nil
			}
			return do(v.Bytes)
		}
	}
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case infoName:
			i.Name = string(v.Bytes)
		case infoType:
			return protobuf.Fields(v.Bytes, inside(typeTensor, func(data []byte) error {
				return protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
					switch n {
					case typeElement:
						i.Type = DType(v.Number)
					case typeShape:
						return protobuf.Fields(v.Bytes, inside(shapeDim, i.readDim))
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
	err := protobuf.Fields(data, func(n protowire.Number, v protobuf.Field) error {
		switch n {
		case dimValue:
			size = int64(v.Number)
		case dimParam:
			name = string(v.Bytes)
		}
		return nil
	})
	i.Dims, i.Names = append(i.Dims, size), append(i.Names, name)
	return err
}
