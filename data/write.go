package data

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// record is an example as it is written.
type record struct {
	Text  string `json:"text"`
	Pair  string `json:"pair,omitempty"`
	Label any    `json:"label,omitempty"` // text, or a list of spans counted in characters
}

func newRecord(e *Example) record {
	r := record{Text: e.Text, Pair: e.Pair}
	if e.Label != "" {
		r.Label = e.Label
	}
	if len(e.Entities) > 0 {
		var spans [][3]any
		for _, s := range e.Entities {
			start := utf8.RuneCountInString(e.Text[:s.Start])
			spans = append(spans, [3]any{start, start + utf8.RuneCountInString(e.Text[s.Start:s.End]), s.Label})
		}
		r.Label = spans
	}
	return r
}

// WriteFile writes examples as JSON lines, or as CSV where path ends in .csv: the whole file or none of it.
func WriteFile(path string, examples iter.Seq2[Example, error]) error {
	const way = "choose another file, or free some space"
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, way, "writing examples")
	}
	defer w.Abort()
	buf := bufio.NewWriter(w)
	write, flush := jsonWriter(buf), buf.Flush
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		write, flush = csvWriter(buf)
	}
	for e, err := range examples {
		if err != nil {
			return err
		}
		if err := write(newRecord(&e)); err != nil {
			return hint.Wrap(err, way, "writing %s", path)
		}
	}
	if err := flush(); err != nil {
		return hint.Wrap(err, way, "writing %s", path)
	}
	if err := w.Commit(); err != nil {
		return hint.Wrap(err, way, "writing examples")
	}
	return nil
}

func jsonWriter(w io.Writer) func(record) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r record) error { return e.Encode(r) }
}

func csvWriter(w *bufio.Writer) (write func(record) error, flush func() error) {
	c := csv.NewWriter(w)
	header := false
	write = func(r record) error {
		if !header {
			header = true
			if err := c.Write([]string{"text", "pair", "label"}); err != nil {
				return err
			}
		}
		label, ok := r.Label.(string)
		if !ok && r.Label != nil {
			return hint.Errorf("write JSON lines: FILE.jsonl", "CSV has no place for labelled stretches of a text")
		}
		return c.Write([]string{r.Text, r.Pair, label})
	}
	return write, func() error {
		c.Flush()
		if err := c.Error(); err != nil {
			return err
		}
		return w.Flush()
	}
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
		err = WriteFile(out, cleaned)
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
