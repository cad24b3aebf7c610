package data

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Writer writes a file of examples in the format that its name says. The file is there whole after Commit, and not at all
// without it.
type Writer struct {
	path    string
	file    *atomicfile.Writer
	buffer  *bufio.Writer
	packer  io.WriteCloser // of .gz and .zst; nil for none
	format  recordWriter
	columns *Columns
}

// recordWriter writes examples in one format.
type recordWriter interface {
	write(e *Example) error
	flush() error
}

const wayToWrite = "choose another file, or free some space"

// Create begins a file: JSON lines (.jsonl, and any name that says nothing else), CSV (.csv), a table with tabs (.tsv),
// Parquet (.parquet) or a token and its tag a line (.conll, .bio), the texts also as .gz or .zst. Columns are text, label,
// and as far as c names them pair, group, time and its slices; entities stand in the column of the label, or in one of
// their own where there is a label as well.
func Create(path string, c *Columns) (*Writer, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, hint.Wrap(err, wayToWrite, "writing examples")
	}
	w := &Writer{path: path, file: file, columns: c, buffer: bufio.NewWriterSize(file, 64<<10)}
	out := io.Writer(w.buffer)
	name := strings.ToLower(path)
	switch filepath.Ext(name) {
	case ".gz":
		w.packer = gzip.NewWriter(out)
	case ".zst":
		w.packer, err = zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	}
	if w.packer != nil {
		out, name = w.packer, strings.TrimSuffix(name, filepath.Ext(name))
	}
	if err == nil {
		w.format, err = newRecordWriter(filepath.Ext(name), out, c)
	}
	if err != nil {
		file.Abort()
		return nil, hint.Wrap(err, wayToWrite, "writing %s", path)
	}
	return w, nil
}

func newRecordWriter(extension string, out io.Writer, c *Columns) (recordWriter, error) {
	switch extension {
	case ".csv":
		return newTableWriter(out, ',', c), nil
	case ".tsv":
		return newTableWriter(out, '\t', c), nil
	case ".parquet":
		return newParquetWriter(out, c)
	case ".conll", ".bio":
		return &conllWriter{out: out}, nil
	}
	return newJSONWriter(out, c), nil
}

// Write adds an example.
func (w *Writer) Write(e *Example) error {
	if err := w.format.write(e); err != nil {
		return hint.Wrap(err, wayToWrite, "writing %s", w.path)
	}
	return nil
}

// Notes tells what the format could not hold.
func (w *Writer) Notes() []string {
	if n, ok := w.format.(interface{ notes() []string }); ok {
		return n.notes()
	}
	return nil
}

// Commit ends the file and puts it in its place.
func (w *Writer) Commit() error {
	err := w.format.flush()
	if err == nil && w.packer != nil {
		err = w.packer.Close()
	}
	if err == nil {
		err = w.buffer.Flush()
	}
	if err == nil {
		err = w.file.Commit()
	}
	if err != nil {
		return hint.Wrap(err, wayToWrite, "writing %s", w.path)
	}
	return nil
}

// Abort leaves things as they were before Create, unless Commit was reached.
func (w *Writer) Abort() { w.file.Abort() }

// WriteFile writes texts, labels and entities to a file: the whole file or none of it. See Create for formats.
func WriteFile(path string, examples iter.Seq2[Example, error]) error {
	return WriteExamples(path, &Columns{Pair: "pair"}, examples)
}

// WriteExamples is WriteFile with the columns that c names beside text and label.
func WriteExamples(path string, c *Columns, examples iter.Seq2[Example, error]) error {
	w, err := Create(path, c)
	if err != nil {
		return err
	}
	defer w.Abort()
	for e, err := range examples {
		if err != nil {
			return err
		}
		if err := w.Write(&e); err != nil {
			return err
		}
	}
	return w.Commit()
}

// CleanFile writes the examples of c.Path to out as cleaning leaves them. With an empty out nothing is written: the
// report says what would be.
func CleanFile(ctx context.Context, c *Config, out string, progress func(done, total int64)) (*CleanReport, error) {
	pass, err := NewPass(c)
	if err != nil {
		return nil, err
	}
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n := 0
	cleaned := func(yield func(Example, error) bool) {
		for e, err := range pass.All(r.All()) {
			if n++; n%512 == 0 && progress != nil {
				progress(r.Progress())
			}
			if !yield(e, err) {
				return
			}
		}
	}
	if out != "" {
		err = WriteExamples(out, &c.Columns, cleaned)
		return &pass.Report, err
	}
	for _, err := range cleaned {
		if err != nil {
			return nil, err
		}
	}
	return &pass.Report, nil
}

// WriteParts writes train.jsonl, validation.jsonl and test.jsonl to a folder and returns their paths.
func (s *Set) WriteParts(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose another folder with --out", "writing the parts of the data")
	}
	var files []string
	for side, rows := range s.Parts {
		path := filepath.Join(dir, fmt.Sprintf("%s.jsonl", Side(side)))
		err := WriteFile(path, func(yield func(Example, error) bool) {
			for _, r := range rows {
				if !yield(s.example(r), nil) {
					return
				}
			}
		})
		if err != nil {
			return files, err
		}
		files = append(files, path)
	}
	return files, nil
}
