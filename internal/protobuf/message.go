// Package protobuf reads and writes protocol buffers (https://protobuf.dev/programming-guides/encoding) without a schema.
// Fields reads a message as views of its bytes. A Message is written, with others within it that hold many numbers: these
// are copied once, when all is joined.
//
//	var tensor, graph protobuf.Message
//	tensor.Text(8, "weights")
//	tensor.Bytes(9, numbers)
//	graph.Message(5, &tensor)
//	file := graph.Marshal()
package protobuf

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxSize is how many bytes readers take for one file: those written in C++ count them in 31 bits.
const MaxSize = math.MaxInt32

// large is from how many bytes on something is kept as it is until all is joined.
const large = 1 << 10

// Message is a message that is being written: its fields stand in the order of the calls. The zero value is an empty one.
type Message struct {
	parts [][]byte // in their order; large ones may be the caller's memory
	tail  []byte   // what stands behind them
	size  int      // of parts
}

// Size is how many bytes the message has.
func (m *Message) Size() int { return m.size + len(m.tail) }

// Int appends a whole number, or a truth as 0 or 1.
func (m *Message) Int(field protowire.Number, v int64) {
	m.tail = protowire.AppendVarint(protowire.AppendTag(m.tail, field, protowire.VarintType), uint64(v))
}

// Float appends a number.
func (m *Message) Float(field protowire.Number, v float32) {
	m.tail = protowire.AppendFixed32(protowire.AppendTag(m.tail, field, protowire.Fixed32Type), math.Float32bits(v))
}

// Text appends a text; an empty one is left out, as readers take it for granted.
func (m *Message) Text(field protowire.Number, s string) {
	if s != "" {
		m.Bytes(field, []byte(s))
	}
}

// Bytes appends bytes, which must stay as they are until Marshal.
func (m *Message) Bytes(field protowire.Number, b []byte) {
	m.head(field, len(b))
	m.put(b)
}

// Message appends a message within this one; x must stay as it is until Marshal.
func (m *Message) Message(field protowire.Number, x *Message) {
	m.head(field, x.Size())
	for _, part := range x.parts {
		m.put(part)
	}
	m.put(x.tail)
}

func (m *Message) head(field protowire.Number, size int) {
	m.tail = protowire.AppendVarint(protowire.AppendTag(m.tail, field, protowire.BytesType), uint64(size))
}

// put appends bytes as they are.
func (m *Message) put(b []byte) {
	if len(b) < large {
		m.tail = append(m.tail, b...)
		return
	}
	m.parts = append(m.parts, m.tail, b)
	m.size += len(m.tail) + len(b)
	m.tail = nil
}

// Marshal joins everything.
func (m *Message) Marshal() []byte {
	out := make([]byte, 0, m.Size())
	for _, part := range m.parts {
		out = append(out, part...)
	}
	return append(out, m.tail...)
}
