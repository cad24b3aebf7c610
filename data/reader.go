package data

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Reader yields the examples of one file.
type Reader struct {
	ctx     context.Context
	path    string
	columns Columns
	close   []func() error
	in      *bufio.Reader // UTF-8
	read    *counting     // of the file's bytes
	size    int64         // of the file, 0 if not known
	inner   string        // name of the file within the archive path, if it is one
	unit    string        // what Example.Line counts: "line" if empty, "row", "record" or "file"
	notes   []string
	records recordReader
}

// recordReader yields the records of a format as the values of the wanted columns.
type recordReader interface {
	// next returns the wanted columns of the next record and its place in the file; io.EOF after the last.
	next() (Example, error)
}

const (
	sampleSize = 256 << 10 // bytes from which encoding, delimiter and quoting are sniffed
	maxRecord  = 64 << 20  // bytes of one record
)

// Open opens a file of examples, or a folder of texts; "-" is standard input. Columns must name at least the text. What
// the file is, is told from its content first, and from its name where content leaves a choice.
func Open(ctx context.Context, path string, c Columns) (*Reader, error) {
	r := &Reader{ctx: ctx, path: path, columns: c}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// All yields the examples in the order of the file. It ends after the first error.
func (r *Reader) All() iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		for n := 0; ; n++ {
			if n%256 == 0 && r.ctx.Err() != nil {
				yield(Example{}, r.ctx.Err())
				return
			}
			e, err := r.records.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				err = r.validate(&e)
			}
			if err != nil {
				yield(Example{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// validate checks that what was read is UTF-8, or makes it so, and finds labelled stretches in the cells of tables.
func (r *Reader) validate(e *Example) error {
	fields := append(make([]*string, 0, 8), &e.Text, &e.Pair, &e.Third, &e.Label, &e.Group, &e.Time)
	for i := range e.Slices {
		fields = append(fields, &e.Slices[i])
	}
	for _, s := range fields {
		if utf8.ValidString(*s) {
			continue
		}
		if r.columns.Invalid != "replace" {
			return hint.Errorf("pass --encoding with the file's encoding, or --invalid replace", "reading %s: %s is not valid UTF-8", r.name(), r.Place(e.Line))
		}
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	e.Label = strings.TrimSpace(e.Label)
	for _, cell := range []*string{&e.Label, &e.spans} {
		if e.Entities != nil || !isSpansText(*cell) {
			continue
		}
		labels, spans, err := labelList([]byte(*cell))
		if err != nil || len(labels) > 0 {
			continue
		}
		if e.Entities, err = entities(e.Text, spans); err != nil {
			return hint.Wrap(err, "count start and end in characters of the text", "reading %s: %s", r.name(), r.Place(e.Line))
		}
		*cell = ""
	}
	e.spans = ""
	return nil
}

// Progress returns how many bytes of the file were read, and its size, 0 if that is not known.
func (r *Reader) Progress() (done, total int64) {
	if r.size > 0 { // parts of an indexed file are read twice
		return min(r.read.n, r.size), r.size
	}
	return r.read.n, 0
}

// Close closes the file.
func (r *Reader) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}

// Place names a record by its Example.Line: "line 17", or "row 17" of a spreadsheet.
func (r *Reader) Place(line int) string { return fmt.Sprintf("%s %d", cmp.Or(r.unit, "line"), line) }

// Notes tells what the user should know about the file, such as what had to be repaired; it is complete after All.
func (r *Reader) Notes() []string {
	notes := slices.Clone(r.notes)
	if n, ok := r.records.(interface{ notes() []string }); ok {
		notes = append(notes, n.notes()...)
	}
	return notes
}

func (r *Reader) name() string {
	switch {
	case r.path == "-":
		return "standard input"
	case r.inner != "":
		return r.path + ": " + r.inner
	}
	return r.path
}

// readError explains a failure of the file itself.
func (r *Reader) readError(err error) error {
	way := "check the file"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		way = "the file is cut off: get it again"
	}
	return hint.Wrap(err, way, "reading %s", r.name())
}

// tooLong is the error of a record beyond maxRecord.
func (r *Reader) tooLong(line int) error {
	return hint.Errorf("close the quote, or split the record", "reading %s: the record that begins in %s has more than %d MB; a quotation mark may be open", r.name(), r.Place(line), maxRecord>>20)
}

// counting counts the bytes that pass.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// countingAt counts the bytes that are read from anywhere.
type countingAt struct {
	*os.File
	sum *counting
}

func (c *countingAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(p, off)
	c.sum.n += int64(n)
	return n, err
}

// missingColumn explains which columns there are, and the nearest; first is a way out to try before, or "".
func (r *Reader) missingColumn(flag, want string, have []string, first string) error {
	list := strings.Join(have, ", ")
	if len(list) > 200 {
		list = list[:strings.LastIndexByte(list[:200], ',')+1] + " …"
	}
	way := fmt.Sprintf("pass --%s with one of: %s", flag, list)
	if nearest := hint.Nearest(want, have); nearest != "" {
		way = fmt.Sprintf("did you mean --%s %s? There are: %s", flag, nearest, list)
	}
	if flag == "label" {
		way += `, or --label "" if there is none`
	}
	if first != "" {
		way = first + "; otherwise " + way
	}
	return hint.Errorf(way, "reading %s: there is no column %q", r.name(), want)
}

// Format returns the name of the file's format, as Columns.Format has it.
func (r *Reader) Format() string {
	switch records := r.records.(type) {
	case *jsonReader:
		return "jsonl"
	case *document:
		return "json"
	case *conll:
		return "conll"
	case *plainLines:
		return "lines"
	case *parquetReader:
		return "parquet"
	case *table:
		switch records.rows.(type) {
		case *sheet:
			return "xlsx"
		case *folder:
			return "folder"
		}
	}
	return "csv"
}
