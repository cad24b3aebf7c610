package inspect

import (
	"encoding/binary"
)

// Bounds of a LiteRT file's tables.
const (
	mostTFLiteList  = 1 << 20 // entries of a list
	mostTFLiteWork  = 4 << 20 // tables and numbers that are looked at
	mostTFLiteGraph = 1 << 10
)

// tfliteSizes are the bytes of a number, by the types of tensors; text, resources and packed types have none
// (https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs).
var tfliteSizes = map[byte]int64{0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}

// flat reads the tables of a flatbuffer (https://flatbuffers.dev/internals/) at their places.
type flat struct {
	s    *source
	work int
	err  error
}

// table is one: its place, and the places of its fields, 0 for those that are not there.
type table struct {
	f      *flat
	at     int64
	fields []int64
}

func (f *flat) fail(format string, args ...any) {
	if f.err == nil {
		f.err = malformed(format, args...)
	}
}

func (f *flat) bytes(at int64, n int) []byte {
	var b [8]byte
	if f.work++; f.work > mostTFLiteWork {
		f.fail("its tables have no end")
	}
	if f.err != nil {
		return b[:n]
	}
	if at < 0 || at > f.s.size-int64(n) {
		f.fail("a place at byte %d, the file has %d", at, f.s.size)
		return b[:n]
	}
	if _, err := f.s.ReadAt(b[:n], at); err != nil {
		f.err = err
	}
	return b[:n]
}

func (f *flat) uint16(at int64) int64 { return int64(binary.LittleEndian.Uint16(f.bytes(at, 2))) }
func (f *flat) uint32(at int64) int64 { return int64(binary.LittleEndian.Uint32(f.bytes(at, 4))) }
func (f *flat) int32(at int64) int64  { return int64(int32(binary.LittleEndian.Uint32(f.bytes(at, 4)))) }
func (f *flat) uint64(at int64) uint64 {
	return binary.LittleEndian.Uint64(f.bytes(at, 8))
}

// table reads the list of fields of a table.
func (f *flat) table(at int64) table {
	t := table{f: f, at: at}
	list := at - f.int32(at)
	length, size := f.uint16(list), f.uint16(list+2)
	if f.err == nil && (length < 4 || length%2 != 0 || size < 4 || at > f.s.size-size) {
		f.fail("a table at byte %d goes beyond the end", at)
	}
	for i := int64(4); i < length && f.err == nil; i += 2 {
		field := f.uint16(list + i)
		if field >= size {
			f.fail("a field of the table at byte %d lies outside of it", at)
		}
		if field > 0 {
			field += at
		}
		t.fields = append(t.fields, field)
	}
	return t
}

// field is the place of a field, 0 where it is not there.
func (t table) field(n int) int64 {
	if t.f.err != nil || n >= len(t.fields) {
		return 0
	}
	return t.fields[n]
}

// list returns the place and the length of a list of entries of some bytes.
func (t table) list(n int, size int64) (at, length int64) {
	if at = t.field(n); at == 0 {
		return 0, 0
	}
	at += t.f.uint32(at)
	length = t.f.uint32(at)
	if at += 4; t.f.err == nil && length > (t.f.s.size-at)/size {
		t.f.fail("a list of %d entries at byte %d goes beyond the end", length, at)
	}
	return at, length
}

// tables calls do for each table of a list.
func (t table) tables(n int, do func(i int64, t table)) int64 {
	at, length := t.list(n, 4)
	if length > mostTFLiteList {
		t.f.fail("a list of %d tables", length)
	}
	for i := int64(0); i < length && t.f.err == nil; i++ {
		place := at + 4*i
		do(i, t.f.table(place+t.f.uint32(place)))
	}
	return length
}

// checkTFLite reads the tables of a LiteRT file, and checks that every place and every number that names another table is
// one that there is.
func checkTFLite(s *source) error {
	f := &flat{s: s}
	model := f.table(f.uint32(0))
	if version := model.field(0); version != 0 && f.err == nil && f.uint32(version) != 3 {
		return malformed("its version is %d, not 3", f.uint32(version))
	}
	var sizes []int64 // of the buffers' contents
	model.tables(4, func(_ int64, b table) { sizes = append(sizes, bufferSize(b)) })
	_, codes := model.list(1, 4)
	graphs := model.tables(2, func(_ int64, g table) { checkSubgraph(g, codes, sizes) })
	if f.err == nil && (graphs == 0 || graphs > mostTFLiteGraph) {
		return malformed("it has %d graphs", graphs)
	}
	return f.err
}

// bufferSize is how many bytes a buffer holds, in the file's tables or behind them.
func bufferSize(b table) int64 {
	_, n := b.list(0, 1)
	at, size := b.field(1), b.field(2)
	if at == 0 || size == 0 || b.f.err != nil {
		return n
	}
	from, length := b.f.uint64(at), b.f.uint64(size)
	if from > 1 && (from > uint64(b.f.s.size) || length > uint64(b.f.s.size)-from) {
		b.f.fail("a buffer ends beyond the end")
	}
	if from > 1 {
		return int64(length)
	}
	return n
}

func checkSubgraph(g table, codes int64, sizes []int64) {
	f := g.f
	tensors := g.tables(0, func(i int64, t table) {
		buffer := int64(0)
		if at := t.field(2); at != 0 {
			buffer = f.uint32(at)
		}
		if buffer >= int64(len(sizes)) {
			f.fail("tensor %d has the buffer %d, of %d", i, buffer, len(sizes))
			return
		}
		checkTFLiteTensor(i, t, sizes[buffer])
	})
	places := func(t table, n int) {
		at, length := t.list(n, 4)
		for i := int64(0); i < length && f.err == nil; i++ {
			if v := f.int32(at + 4*i); v < -1 || v >= tensors {
				f.fail("an operation names tensor %d, of %d", v, tensors)
			}
		}
	}
	places(g, 1)
	places(g, 2)
	g.tables(3, func(_ int64, o table) {
		code := int64(0)
		if at := o.field(0); at != 0 {
			code = f.uint32(at)
		}
		if code >= codes {
			f.fail("an operation has the code %d, of %d", code, codes)
		}
		places(o, 1)
		places(o, 2)
	})
}

// checkTFLiteTensor compares a constant's shape with the bytes of its buffer.
func checkTFLiteTensor(i int64, t table, have int64) {
	f := t.f
	typ := byte(0)
	if at := t.field(1); at != 0 {
		typ = f.bytes(at, 1)[0]
	}
	want, fixed := tfliteSizes[typ]
	at, length := t.list(0, 4)
	if length > 64 {
		f.fail("tensor %d has %d dimensions", i, length)
		return
	}
	for d := int64(0); d < length && f.err == nil; d++ {
		v := f.int32(at + 4*d)
		if v < 0 {
			f.fail("tensor %d has a dimension of %d", i, v)
			return
		}
		if v > 0 && want > 1<<50/v {
			f.fail("tensor %d is larger than any", i)
			return
		}
		want *= v
	}
	sparse := t.field(6) != 0
	if f.err == nil && fixed && have > 0 && !sparse && have != want {
		f.fail("tensor %d needs %d bytes and has %d", i, want, have)
	}
}
