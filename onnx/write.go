package onnx

import (
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/protobuf"
)

// Marshal returns the file's bytes; they follow from the model alone.
func (m *Model) Marshal() []byte {
	var out, opset protobuf.Message
	out.Int(modelIR, m.IR)
	out.Text(modelProducer, m.Producer)
	out.Message(modelGraph, m.Graph.message())
	opset.Int(opsetVersion, m.Opset)
	out.Message(modelOpset, &opset)
	for _, e := range m.Metadata {
		var entry protobuf.Message
		entry.Text(entryKey, e[0])
		entry.Text(entryValue, e[1])
		out.Message(modelMetadata, &entry)
	}
	return out.Marshal()
}

func (g *Graph) message() *protobuf.Message {
	m := new(protobuf.Message)
	for _, n := range g.Nodes {
		m.Message(graphNode, n.message())
	}
	m.Text(graphName, g.Name)
	for _, t := range g.Weights {
		m.Message(graphInitializer, t.message())
	}
	for _, i := range g.Inputs {
		m.Message(graphInput, i.message())
	}
	for _, i := range g.Outputs {
		m.Message(graphOutput, i.message())
	}
	return m
}

func (t *Tensor) message() *protobuf.Message {
	m := new(protobuf.Message)
	for _, d := range t.Dims {
		m.Int(tensorDims, d)
	}
	m.Int(tensorType, int64(t.Type))
	m.Text(tensorName, t.Name)
	if t.Raw != nil {
		m.Bytes(tensorRaw, t.Raw)
	}
	return m
}

func (n *Node) message() *protobuf.Message {
	m := new(protobuf.Message)
	for _, name := range n.In {
		m.Bytes(nodeInput, []byte(name)) // "" stands for what is left out
	}
	for _, name := range n.Out {
		m.Bytes(nodeOutput, []byte(name))
	}
	m.Text(nodeName, n.Name)
	m.Text(nodeOp, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a := n.Attrs[name]
		m.Message(nodeAttr, a.message(name))
	}
	m.Text(nodeDomain, n.Domain)
	return m
}

func (a *Attr) message(name string) *protobuf.Message {
	m := new(protobuf.Message)
	m.Text(attrName, name)
	switch a.Type {
	case AttrFloat:
		m.Float(attrFloat, a.Float)
	case AttrInt:
		m.Int(attrInt, a.Int)
	case AttrString:
		m.Bytes(attrString, []byte(a.String))
	case AttrInts:
		for _, v := range a.Ints {
			m.Int(attrInts, v)
		}
	case AttrTensor:
		m.Message(attrTensor, a.Tensor.message())
	}
	m.Int(attrType, int64(a.Type))
	return m
}

func (i *Info) message() *protobuf.Message {
	var shape, tensor, typ protobuf.Message
	for d, size := range i.Dims {
		var dim protobuf.Message
		if size >= 0 {
			dim.Int(dimValue, size)
		} else {
			dim.Text(dimParam, i.Names[d])
		}
		shape.Message(shapeDim, &dim)
	}
	tensor.Int(typeElement, int64(i.Type))
	tensor.Message(typeShape, &shape)
	typ.Message(typeTensor, &tensor)
	m := new(protobuf.Message)
	m.Text(infoName, i.Name)
	m.Message(infoType, &typ)
	return m
}
