package onnx

import (
	"math"
	"slices"

	"maps"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protocol buffer that is written.
type message []byte

func (m *message) number(field protowire.Number, v int64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(v))
}

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.bytes(field, []byte(s))
	}
}

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(v))
}

// Marshal returns the file's bytes; they follow from the model alone.
func (m *Model) Marshal() []byte {
	size := 1 << 16
	for _, t := range m.Graph.Weights {
		size += len(t.Raw) + 128
	}
	graph := make(message, 0, size)
	m.Graph.write(&graph)
	out := make(message, 0, len(graph)+1<<12)
	out.number(modelIR, m.IR)
	out.text(modelProducer, m.Producer)
	out.bytes(modelGraph, graph)
	var opset message
	opset.number(opsetVersion, m.Opset)
	out.bytes(modelOpset, opset)
	for _, e := range m.Metadata {
		var entry message
		entry.text(entryKey, e[0])
		entry.text(entryValue, e[1])
		out.bytes(modelMetadata, entry)
	}
	return out
}

func (g *Graph) write(out *message) {
	for _, n := range g.Nodes {
		out.bytes(graphNode, n.marshal())
	}
	out.text(graphName, g.Name)
	for _, t := range g.Weights {
		// The numbers are many: they are copied once, not into a message of their own.
		head, size := t.head(), 0
		if t.Raw != nil {
			size = protowire.SizeTag(tensorRaw) + protowire.SizeBytes(len(t.Raw))
		}
		*out = protowire.AppendTag(*out, graphInitializer, protowire.BytesType)
		*out = protowire.AppendVarint(*out, uint64(len(head)+size))
		*out = append(*out, head...)
		if t.Raw != nil {
			out.bytes(tensorRaw, t.Raw)
		}
	}
	for _, i := range g.Inputs {
		out.bytes(graphInput, i.marshal())
	}
	for _, i := range g.Outputs {
		out.bytes(graphOutput, i.marshal())
	}
}

// head is a tensor without its numbers.
func (t *Tensor) head() (m message) {
	for _, d := range t.Dims {
		m.number(tensorDims, d)
	}
	m.number(tensorType, int64(t.Type))
	m.text(tensorName, t.Name)
	return m
}

func (n *Node) marshal() (m message) {
	for _, name := range n.In {
		m.bytes(nodeInput, []byte(name))
	}
	for _, name := range n.Out {
		m.bytes(nodeOutput, []byte(name))
	}
	m.text(nodeName, n.Name)
	m.text(nodeOp, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a := n.Attrs[name]
		m.bytes(nodeAttr, a.marshal(name))
	}
	m.text(nodeDomain, n.Domain)
	return m
}

func (a *Attr) marshal(name string) (m message) {
	m.text(attrName, name)
	switch a.Type {
	case AttrFloat:
		m.float(attrFloat, a.Float)
	case AttrInt:
		m.number(attrInt, a.Int)
	case AttrString:
		m.bytes(attrString, []byte(a.String))
	case AttrInts:
		for _, v := range a.Ints {
			m.number(attrInts, v)
		}
	case AttrTensor:
		t := a.Tensor.head()
		t.bytes(tensorRaw, a.Tensor.Raw)
		m.bytes(attrTensor, t)
	}
	m.number(attrType, int64(a.Type))
	return m
}

func (i *Info) marshal() (m message) {
	var shape, tensor, typ message
	for d, size := range i.Dims {
		var dim message
		if size >= 0 {
			dim.number(dimValue, size)
		} else {
			dim.text(dimParam, i.Names[d])
		}
		shape.bytes(shapeDim, dim)
	}
	tensor.number(typeElement, int64(i.Type))
	tensor.bytes(typeShape, shape)
	typ.bytes(typeTensor, tensor)
	m.text(infoName, i.Name)
	m.bytes(infoType, typ)
	return m
}
