package parquet

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Field is a column of a file that is written: texts that may be absent, or lists of labelled spans, which become a list
// of structs with start, end and label.
type Field struct {
	Name  string
	Spans bool
}

// Cell is the value of a field in a row.
type Cell struct {
	Text  string
	Null  bool
	Spans []Span
}

// Span is a labelled stretch.
type Span struct {
	Start, End int
	Label      string
}

// Writer writes a file: plain values, compressed by zstd, in row groups of some megabytes.
type Writer struct {
	out    io.Writer
	at     int64
	fields []Field
	leaves []leaf
	rows   int64 // of the row group in the making
	size   int   // bytes of it
	all    int64
	groups []writtenGroup
	zstd   *zstd.Encoder
}

// leaf collects the values of a column.
type leaf struct {
	path     []string
	physical int64
	maxRep   int // 1 in lists
	values   []byte
	rep, def []byte // levels; all maximal levels are 1
}

type writtenGroup struct {
	rows   int64
	chunks []writtenChunk
	size   int64
}

type writtenChunk struct{ at, values, plain, packed int64 }

const (
	groupBytes = 16 << 20
	groupRows  = 1 << 17
)

// NewWriter begins a file.
func NewWriter(out io.Writer, fields ...Field) (*Writer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, fields: fields, zstd: z}
	for _, f := range fields {
		if !f.Spans {
			w.leaves = append(w.leaves, leaf{path: []string{f.Name}, physical: byteArray})
			continue
		}
		for i, name := range []string{"start", "end", "label"} {
			l := leaf{path: []string{f.Name, "list", "element", name}, physical: int32Type, maxRep: 1}
			if i == 2 {
				l.physical = byteArray
			}
			w.leaves = append(w.leaves, l)
		}
	}
	return w, w.write([]byte("PAR1"))
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

// Write adds a row; cells are in the order of the fields.
func (w *Writer) Write(cells ...Cell) error {
	if len(cells) != len(w.fields) {
		return fmt.Errorf("a row of %d cells for %d columns", len(cells), len(w.fields))
	}
	at := 0
	for i, c := range cells {
		if !w.fields[i].Spans {
			l := &w.leaves[at]
			at++
			if c.Null {
				l.def = append(l.def, 0)
				continue
			}
			l.def = append(l.def, 1)
			l.text(c.Text)
			w.size += len(c.Text) + 4
			continue
		}
		start, end, label := &w.leaves[at], &w.leaves[at+1], &w.leaves[at+2]
		at += 3
		for _, l := range []*leaf{start, end, label} {
			l.levels(len(c.Spans))
		}
		for _, s := range c.Spans {
			start.values = binary.LittleEndian.AppendUint32(start.values, uint32(s.Start))
			end.values = binary.LittleEndian.AppendUint32(end.values, uint32(s.End))
			label.text(s.Label)
			w.size += len(s.Label) + 12
		}
	}
	w.rows++
	if w.size >= groupBytes || w.rows == groupRows {
		return w.flush()
	}
	return nil
}

func (l *leaf) text(s string) {
	l.values = binary.LittleEndian.AppendUint32(l.values, uint32(len(s)))
	l.values = append(l.values, s...)
}

// levels adds those of a list of n elements.
func (l *leaf) levels(n int) {
	if n == 0 {
		l.rep, l.def = append(l.rep, 0), append(l.def, 0)
	}
	for i := range n {
		l.rep, l.def = append(l.rep, min(byte(i), 1)), append(l.def, 1)
	}
}

// flush ends the row group.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	g := writtenGroup{rows: w.rows}
	for i := range w.leaves {
		l := &w.leaves[i]
		c, err := w.chunk(l)
		if err != nil {
			return err
		}
		g.chunks = append(g.chunks, c)
		g.size += c.plain
		l.values, l.rep, l.def = l.values[:0], l.rep[:0], l.def[:0]
	}
	w.groups = append(w.groups, g)
	w.all += w.rows
	w.rows, w.size = 0, 0
	return nil
}

// chunk writes a column of the row group as one page.
func (w *Writer) chunk(l *leaf) (writtenChunk, error) {
	var page []byte
	if l.maxRep > 0 {
		page = appendLevels(page, l.rep)
	}
	page = appendLevels(page, l.def)
	page = append(page, l.values...)
	packed := w.zstd.EncodeAll(page, nil)
	var t thriftWriter
	t.begin()
	t.i32(1, dataPage)
	t.i32(2, int64(len(page)))
	t.i32(3, int64(len(packed)))
	t.structure(5, func() {
		t.i32(1, int64(len(l.def)))
		t.i32(2, 0) // plain
		t.i32(3, 3) // levels in runs
		t.i32(4, 3)
	})
	t.end()
	c := writtenChunk{at: w.at, values: int64(len(l.def)), plain: int64(len(t.out) + len(page)), packed: int64(len(t.out) + len(packed))}
	if err := w.write(t.out); err != nil {
		return c, err
	}
	return c, w.write(packed)
}

// appendLevels writes levels of one bit as runs, with their length before them.
func appendLevels(to []byte, levels []byte) []byte {
	var runs []byte
	for i := 0; i < len(levels); {
		n := 1
		for i+n < len(levels) && levels[i+n] == levels[i] {
			n++
		}
		runs = append(binary.AppendUvarint(runs, uint64(n)<<1), levels[i])
		i += n
	}
	return append(binary.LittleEndian.AppendUint32(to, uint32(len(runs))), runs...)
}

// Close writes what is left, and the footer. It does not close what lies under it.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	var t thriftWriter
	t.begin()
	t.i32(1, 2)
	w.schema(&t)
	t.i64(3, w.all)
	t.list(4, tStruct, len(w.groups))
	for _, g := range w.groups {
		w.groupMeta(&t, &g)
	}
	t.string(6, "xiaoyu")
	t.end()
	footer := binary.LittleEndian.AppendUint32(t.out, uint32(len(t.out)))
	return w.write(append(footer, "PAR1"...))
}

func (w *Writer) schema(t *thriftWriter) {
	n := 1
	for _, f := range w.fields {
		n++
		if f.Spans {
			n += 5
		}
	}
	t.list(2, tStruct, n)
	group := func(name string, repetition, children int64, isList bool) {
		t.begin()
		if repetition >= 0 {
			t.i32(3, repetition)
		}
		t.string(4, name)
		t.i32(5, children)
		if isList {
			t.i32(6, 3)
			t.structure(10, func() { t.structure(3, func() {}) })
		}
		t.end()
	}
	value := func(name string, repetition, physical int64) {
		t.begin()
		t.i32(1, physical)
		t.i32(3, repetition)
		t.string(4, name)
		if physical == byteArray {
			t.i32(6, 0) // UTF-8
			t.structure(10, func() { t.structure(1, func() {}) })
		}
		t.end()
	}
	group("schema", -1, int64(len(w.fields)), false)
	for _, f := range w.fields {
		if !f.Spans {
			value(f.Name, optional, byteArray)
			continue
		}
		group(f.Name, required, 1, true)
		group("list", repeated, 1, false)
		group("element", required, 3, false)
		value("start", required, int32Type)
		value("end", required, int32Type)
		value("label", required, byteArray)
	}
}

func (w *Writer) groupMeta(t *thriftWriter, g *writtenGroup) {
	t.begin()
	t.list(1, tStruct, len(g.chunks))
	for i, c := range g.chunks {
		l := &w.leaves[i]
		t.begin()
		t.i64(2, c.at)
		t.structure(3, func() {
			t.i32(1, l.physical)
			t.list(2, tI32, 2)
			t.out = append(t.out, 0, 3<<1) // plain values, levels in runs
			t.list(3, tBinary, len(l.path))
			for _, name := range l.path {
				t.rawString(name)
			}
			t.i32(4, zstdCodec)
			t.i64(5, c.values)
			t.i64(6, c.plain)
			t.i64(7, c.packed)
			t.i64(9, c.at)
		})
		t.end()
	}
	t.i64(2, g.size)
	t.i64(3, g.rows)
	t.end()
}
