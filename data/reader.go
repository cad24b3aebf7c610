package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

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
	records recordReader
}

// recordReader yields the records of a format as the values of the wanted columns.
type recordReader interface {
	// next returns the text, pair and label of the next record and its line; io.EOF after the last.
	next() (Example, error)
}

const (
	sampleSize = 256 << 10 // bytes from which encoding, delimiter and quoting are sniffed
	maxRecord  = 64 << 20  // bytes of one record
)

// Open opens a file of examples; "-" is standard input. Columns must name at least the text.
func Open(ctx context.Context, path string, c Columns) (*Reader, error) {
	r := &Reader{ctx: ctx, path: path, columns: c}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	file, err := r.openFile()
	if err != nil {
		return err
	}
	r.read = &counting{r: file}
	plain, err := r.decompress(bufio.NewReaderSize(r.read, 64<<10))
	if err != nil {
		return err
	}
	sample, err := plain.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return r.readError(err)
	}
	if len(bytes.TrimSpace(sample)) == 0 {
		return hint.Errorf("give a file with a header and at least two rows", "reading %s: the file is empty", r.name())
	}
	name := r.columns.Encoding
	if name == "auto" || name == "" {
		name = DetectEncoding(sample)
	}
	enc, err := knownEncoding(name)
	if err != nil {
		return hint.Wrap(err, "pass --encoding auto", "reading %s", r.name())
	}
	if enc != nil {
		plain = bufio.NewReaderSize(enc.NewDecoder().Reader(plain), sampleSize)
	}
	r.in = plain
	if start, _ := plain.Peek(3); string(start) == "\ufeff" {
		if _, err := plain.Discard(3); err != nil {
			return r.readError(err)
		}
	}
	if sample, err = plain.Peek(sampleSize); err != nil && err != io.EOF {
		return r.readError(err)
	}
	if r.isJSON(sample) {
		r.records = &jsonReader{lines{r: r}}
		return nil
	}
	if f := r.columns.Format; f == "conll" || (f == "auto" || f == "") && looksConll(sample) {
		r.records, err = newConll(r, sample)
		return err
	}
	r.records, err = newTable(r, sample)
	return err
}

func (r *Reader) openFile() (io.Reader, error) {
	if r.path == "-" {
		return os.Stdin, nil
	}
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Wrap(fs.ErrNotExist, "check the path", "reading %s", r.path)
	}
	if err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check the path", "reading %s", r.path)
	}
	if info.IsDir() {
		return nil, hint.Errorf("name one file", "reading %s: it is a folder", r.path)
	}
	f, err := os.Open(r.path)
	if err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check that you may read the file", "reading %s", r.path)
	}
	r.close = append(r.close, f.Close)
	r.size = info.Size()
	return f, nil
}

// decompress looks at the first bytes, not at the name.
func (r *Reader) decompress(in *bufio.Reader) (*bufio.Reader, error) {
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, r.readError(err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, r.readError(err)
		}
		return bufio.NewReaderSize(z, sampleSize), nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(512<<20))
		if err != nil {
			return nil, r.readError(err)
		}
		r.close = append(r.close, func() error { z.Close(); return nil })
		return bufio.NewReaderSize(z, sampleSize), nil
	}
	return bufio.NewReaderSize(in, sampleSize), nil
}

// isJSON decides between JSON lines and a table: by what was asked for, the file's name, or its first character.
func (r *Reader) isJSON(sample []byte) bool {
	switch r.columns.Format {
	case "jsonl":
		return true
	case "csv", "conll":
		return false
	}
	name := strings.ToLower(r.path)
	for _, suffix := range []string{".gz", ".zst", ".gzip", ".zstd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	switch filepath.Ext(name) {
	case ".jsonl", ".ndjson", ".json":
		return true
	case ".csv", ".tsv":
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(sample), []byte("{"))
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

// validate checks that what was read is UTF-8, or makes it so.
func (r *Reader) validate(e *Example) error {
	fields := append(make([]*string, 0, 8), &e.Text, &e.Pair, &e.Label, &e.Group, &e.Time)
	for i := range e.Slices {
		fields = append(fields, &e.Slices[i])
	}
	for _, s := range fields {
		if utf8.ValidString(*s) {
			continue
		}
		if r.columns.Invalid != "replace" {
			return hint.Errorf("pass --encoding with the file's encoding, or --invalid replace", "reading %s: line %d is not valid UTF-8", r.name(), e.Line)
		}
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	e.Label = strings.TrimSpace(e.Label)
	return nil
}

// Progress returns how many bytes of the file were read, and its size, 0 if that is not known.
func (r *Reader) Progress() (done, total int64) { return r.read.n, r.size }

// Close closes the file.
func (r *Reader) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}

func (r *Reader) name() string {
	if r.path == "-" {
		return "standard input"
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
	return hint.Errorf("close the quote, or split the record", "reading %s: the record that begins in line %d has more than %d MB; a quotation mark may be open", r.name(), line, maxRecord>>20)
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

// missingColumn explains which columns there are, and the nearest.
func (r *Reader) missingColumn(flag, want string, have []string, nearest string) error {
	list := strings.Join(have, ", ")
	if len(list) > 200 {
		list = list[:strings.LastIndexByte(list[:200], ',')+1] + " …"
	}
	way := fmt.Sprintf("pass --%s with one of: %s", flag, list)
	if nearest != "" {
		way = fmt.Sprintf("did you mean --%s %s? There are: %s", flag, nearest, list)
	}
	return hint.Errorf(way, "reading %s: there is no column %q", r.name(), want)
}

// Format returns the name of the file's format, as Columns.Format has it.
func (r *Reader) Format() string {
	switch r.records.(type) {
	case *jsonReader:
		return "jsonl"
	case *conll:
		return "conll"
	}
	return "csv"
}
