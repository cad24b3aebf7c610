package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Footers and page headers are structs of Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). They are read without a schema,
// into maps by the number of the field, and written field by field.

// message is a struct; values are bool, int64, float64, []byte, []any or message.
type message map[int16]any

func (m message) int(field int16) (int64, bool) {
	v, ok := m[field].(int64)
	return v, ok
}

// number returns a field, or what stands for its absence.
func (m message) number(field int16, absent int64) int64 {
	if v, ok := m[field].(int64); ok {
		return v
	}
	return absent
}

func (m message) text(field int16) string {
	b, _ := m[field].([]byte)
	return string(b)
}

func (m message) list(field int16) []any {
	l, _ := m[field].([]any)
	return l
}

func (m message) message(field int16) message {
	s, _ := m[field].(message)
	return s
}

// types of the compact protocol
const (
	tTrue = iota + 1
	tFalse
	tByte
	tI16
	tI32
	tI64
	tDouble
	tBinary
	tList
	tSet
	tMap
	tStruct
)

const maxNesting = 24

var errThrift = errors.New("its metadata is damaged")

// thriftReader decodes values and never takes more memory than a small multiple of what it reads, up to left bytes.
type thriftReader struct {
	in   io.ByteReader
	left int
}

func (t *thriftReader) byte() (byte, error) {
	if t.left--; t.left < 0 {
		return 0, errThrift
	}
	b, err := t.in.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// ReadByte lets package binary read from t.
func (t *thriftReader) ReadByte() (byte, error) { return t.byte() }

func (t *thriftReader) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(t)
	if err != nil {
		return nil, err
	}
	if n > uint64(t.left) {
		return nil, errThrift
	}
	var b []byte
	for range n {
		c, err := t.byte()
		if err != nil {
			return nil, err
		}
		b = append(b, c)
	}
	return b, nil
}

func (t *thriftReader) message(depth int) (message, error) {
	if depth > maxNesting {
		return nil, errThrift
	}
	m := message{}
	field := int16(0)
	for {
		head, err := t.byte()
		if err != nil {
			return nil, err
		}
		if head == 0 {
			return m, nil
		}
		if delta := head >> 4; delta > 0 {
			field += int16(delta)
		} else {
			n, err := binary.ReadVarint(t)
			if err != nil {
				return nil, err
			}
			field = int16(n)
		}
		if kind := head & 15; kind == tTrue || kind == tFalse {
			m[field] = kind == tTrue
			continue
		}
		if m[field], err = t.value(head&15, depth); err != nil {
			return nil, err
		}
	}
}

func (t *thriftReader) value(kind byte, depth int) (any, error) {
	switch kind {
	case tTrue, tFalse: // as elements of lists
		b, err := t.byte()
		return b == 1, err
	case tByte:
		b, err := t.byte()
		return int64(int8(b)), err
	case tI16, tI32, tI64:
		return binary.ReadVarint(t)
	case tDouble:
		var bits uint64
		for i := range 8 {
			b, err := t.byte()
			if err != nil {
				return nil, err
			}
			bits |= uint64(b) << (8 * i)
		}
		return math.Float64frombits(bits), nil
	case tBinary:
		return t.bytes()
	case tList, tSet:
		return t.elements(depth)
	case tMap:
		return nil, t.skipMap(depth)
	case tStruct:
		return t.message(depth + 1)
	}
	return nil, errThrift
}

func (t *thriftReader) elements(depth int) ([]any, error) {
	head, err := t.byte()
	if err != nil {
		return nil, err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = binary.ReadUvarint(t); err != nil {
			return nil, err
		}
	}
	if n > uint64(t.left) || depth > maxNesting { // each element has a byte
		return nil, errThrift
	}
	var list []any
	for range n {
		v, err := t.value(head&15, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// skipMap passes by a map: Parquet has none that matters here.
func (t *thriftReader) skipMap(depth int) error {
	n, err := binary.ReadUvarint(t)
	if err != nil || n == 0 {
		return err
	}
	kinds, err := t.byte()
	if err != nil {
		return err
	}
	if n > uint64(t.left) || depth > maxNesting {
		return errThrift
	}
	for range n {
		for _, kind := range []byte{kinds >> 4, kinds & 15} {
			if _, err := t.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// thriftWriter encodes structs; fields must be written in rising order.
type thriftWriter struct {
	out  []byte
	last []int16 // field written last, of each open struct
}

func (t *thriftWriter) field(n int16, kind byte) {
	last := &t.last[len(t.last)-1]
	if d := n - *last; d > 0 && d < 16 {
		t.out = append(t.out, byte(d)<<4|kind)
	} else {
		panic(fmt.Sprintf("parquet: field %d after %d", n, *last)) // a mistake of this package
	}
	*last = n
}

func (t *thriftWriter) begin() { t.last = append(t.last, 0) }

func (t *thriftWriter) end() {
	t.out = append(t.out, 0)
	t.last = t.last[:len(t.last)-1]
}

func (t *thriftWriter) i32(n int16, v int64) {
	t.field(n, tI32)
	t.out = binary.AppendVarint(t.out, v)
}

func (t *thriftWriter) i64(n int16, v int64) {
	t.field(n, tI64)
	t.out = binary.AppendVarint(t.out, v)
}

func (t *thriftWriter) string(n int16, s string) {
	t.field(n, tBinary)
	t.rawString(s)
}

func (t *thriftWriter) rawString(s string) {
	t.out = binary.AppendUvarint(t.out, uint64(len(s)))
	t.out = append(t.out, s...)
}

// list begins a list of n elements.
func (t *thriftWriter) list(field int16, kind byte, n int) {
	t.field(field, tList)
	if n < 15 {
		t.out = append(t.out, byte(n)<<4|kind)
		return
	}
	t.out = append(t.out, 15<<4|kind)
	t.out = binary.AppendUvarint(t.out, uint64(n))
}

// structure writes a struct as a field.
func (t *thriftWriter) structure(field int16, content func()) {
	t.field(field, tStruct)
	t.begin()
	content()
	t.end()
}
