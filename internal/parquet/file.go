// Package parquet reads columns of Apache Parquet files as text, and writes files of text columns.
//
// It is made for data sets of texts: a value is read as a person would write it (dates as ISO 8601, decimals with their
// point), structs are reached by dotted paths, and lists yield several values a row. Files are not trusted: memory follows
// what a file holds, not what it says that it holds, and whatever is damaged ends in an error.
//
//	f, err := parquet.Open(file, size)
//	scan := f.Scan(f.Find("review.body"))
//	for {
//		row, err := scan.Next() // row[0] are the values of the column in this row; io.EOF after the last
//		…
//	}
//
// Read are all encodings and the codecs snappy, gzip, zstd and LZ4_RAW. Not read are encrypted files, Brotli, LZO, and the
// old LZ4. The format is described at https://parquet.apache.org/docs/file-format/.
package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// File is an open file.
type File struct {
	Columns []Column // the leaves of the schema
	Rows    int64    // as the footer says
	r       io.ReaderAt
	end     int64 // of the data
	groups  []rowGroup
}

type rowGroup struct {
	rows   int64
	chunks []chunk // by column
}

// chunk is where the values of a column in a row group lie.
type chunk struct {
	at, size int64
	values   int64
	codec    int64
}

// Column is a leaf of the schema.
type Column struct {
	Name   string // path with dots, without the names that lists need inside: "labels", "spans.start"
	Path   string // path with dots, in full: "labels.list.element"
	List   bool   // a row may have several values
	maxDef int
	maxRep int
	kind   kind
}

const maxFooter = 64 << 20

// Open reads the footer of a file of the given size.
func Open(r io.ReaderAt, size int64) (*File, error) {
	tail := make([]byte, 8)
	if size < 12 {
		return nil, errors.New("it is too short for Parquet")
	}
	if _, err := r.ReadAt(tail, size-8); err != nil {
		return nil, err
	}
	if string(tail[4:]) != "PAR1" {
		return nil, errors.New("its end is missing")
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > size-12 || length > maxFooter {
		return nil, fmt.Errorf("its metadata would have %d bytes", length)
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-8-length); err != nil {
		return nil, err
	}
	t := thriftReader{bytes.NewReader(footer), len(footer)}
	meta, err := t.message(0)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, end: size - 8 - length, Rows: meta.number(3, 0)}
	s := schemaReader{elements: meta.list(2), f: f}
	if err := s.root(); err != nil {
		return nil, err
	}
	return f, f.readGroups(meta.list(4))
}

func (f *File) readGroups(groups []any) error {
	for _, g := range groups {
		m, _ := g.(message)
		group := rowGroup{rows: m.number(3, 0)}
		columns := m.list(1)
		if len(columns) != len(f.Columns) || group.rows < 0 {
			return fmt.Errorf("a row group has %d columns, the schema %d", len(columns), len(f.Columns))
		}
		for _, c := range columns {
			column, _ := c.(message)
			meta := column.message(3)
			if column.text(1) != "" {
				return errors.New("its columns are in other files")
			}
			if meta == nil {
				return errors.New("its columns are encrypted, or their metadata is missing")
			}
			k := chunk{at: meta.number(9, -1), size: meta.number(7, -1), values: meta.number(5, -1), codec: meta.number(4, -1)}
			if dictionary := meta.number(11, 0); dictionary > 0 && dictionary < k.at {
				k.at = dictionary
			}
			if k.at < 4 || k.size < 0 || k.values < 0 || k.at > f.end || k.size > f.end-k.at {
				return fmt.Errorf("column %s lies outside of the file", shown(f.Columns[len(group.chunks)].Name))
			}
			group.chunks = append(group.chunks, k)
		}
		f.groups = append(f.groups, group)
	}
	return nil
}

// Names returns the names of all columns.
func (f *File) Names() []string {
	var names []string
	for i := range f.Columns {
		names = append(names, f.Columns[i].Name)
	}
	return names
}

// Find returns the number of the column of a name, by its path in short or in full; -1 if there is none.
func (f *File) Find(name string) int {
	i := slices.IndexFunc(f.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		i = slices.IndexFunc(f.Columns, func(c Column) bool { return c.Path == name })
	}
	return i
}

// schemaReader walks the schema, which is a tree written depth first.
type schemaReader struct {
	elements []any
	at       int
	f        *File
}

// repetition of a schema element
const (
	required = iota
	optional
	repeated
)

func (s *schemaReader) root() error {
	if len(s.elements) == 0 {
		return errThrift
	}
	root, _ := s.elements[0].(message)
	s.at = 1
	for range root.number(5, 0) {
		if err := s.node(nil, nil, 0, 0, false, 0); err != nil {
			return err
		}
	}
	if len(s.f.Columns) == 0 {
		return errors.New("it has no columns")
	}
	return nil
}

// node reads an element and what is under it. hidden elements are those that lists need: they give no name.
func (s *schemaReader) node(path, name []string, def, rep int, hidden bool, depth int) error {
	if s.at >= len(s.elements) || depth > maxNesting {
		return errThrift
	}
	e, _ := s.elements[s.at].(message)
	s.at++
	path = append(slices.Clip(path), e.text(4))
	if !hidden {
		name = append(slices.Clip(name), e.text(4))
	}
	switch e.number(3, required) {
	case optional:
		def++
	case repeated:
		def, rep = def+1, rep+1
	}
	children, isGroup := e.int(5)
	if !isGroup || children == 0 {
		kind, err := kindOf(e)
		if err != nil {
			return fmt.Errorf("column %s: %w", shown(strings.Join(path, ".")), err)
		}
		s.f.Columns = append(s.f.Columns, Column{Name: strings.Join(name, "."), Path: strings.Join(path, "."), List: rep > 0, maxDef: def, maxRep: rep, kind: kind})
		return nil
	}
	list := e.number(6, -1) == 3 || e.message(10).message(3) != nil
	for range children {
		if list && children == 1 {
			if err := s.element(path, name, def, rep, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := s.node(path, name, def, rep, false, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// element reads the repeated group of a list, whose name means nothing, and the element in it, whose name neither does.
func (s *schemaReader) element(path, name []string, def, rep, depth int) error {
	if s.at >= len(s.elements) {
		return errThrift
	}
	e, _ := s.elements[s.at].(message)
	children, _ := e.int(5)
	inner := e.text(4)
	if children != 1 || inner == "array" || strings.HasSuffix(inner, "_tuple") || e.number(3, required) != repeated {
		return s.node(path, name, def, rep, true, depth) // the repeated group is the element itself
	}
	s.at++
	return s.node(append(slices.Clip(path), inner), name, def+1, rep+1, true, depth+1)
}

// shown is a name for an error: as it is if it is short and plain, else quoted and cut.
func shown(name string) string {
	if quoted := strconv.Quote(name); len(name) > 80 || quoted[1:len(quoted)-1] != name {
		return fmt.Sprintf("%.80q", name)
	}
	return name
}
