package verify

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// Row is an example of a benchmark: a text, or a pair of them, and what is to be said of it, by the kind of benchmark. What
// a row does not have is not written, so that rows of one label have the bytes, and the digest, that they always had.
type Row struct {
	Text     string        `json:"text"`
	Pair     string        `json:"pair,omitempty"` // the second text; "" where there are no pairs
	Label    string        `json:"label,omitempty"`
	Labels   []string      `json:"labels,omitempty"` // those that hold
	Score    *float64      `json:"score,omitempty"`
	Entities []data.Entity `json:"entities,omitempty"`
}

// size is the length of what a model reads, in bytes.
func (r *Row) size() int { return len(r.Text) + len(r.Pair) }

// Bounds of a benchmark. Fewer rows tell models apart by chance alone.
const (
	fewestRows = 20
	mostRows   = 50_000
	mostLabels = 500
)

// ReadRows reads the rows of a kind of benchmark from a file of any format that package data knows; those that do not tell
// what is to be said of them are left out.
func (k *Kind) ReadRows(ctx context.Context, file string, c data.Columns) ([]Row, error) {
	r, err := data.Open(ctx, file, c)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var rows []Row
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		row := Row{Text: e.Text}
		if c.Pair != "" {
			row.Pair = e.Pair
		}
		ok, err := k.read(&row, &e, &c)
		if err != nil {
			return nil, hint.Errorf("name the column of the number", "%s: the label of line %d is %.40q, where a number is wanted: %w", file, e.Line, e.Label, catalogue.ErrInvalid)
		}
		if !ok {
			continue
		}
		if n := utf8.RuneCountInString(e.Text); n > try.MaxText || n == 0 {
			return nil, hint.Errorf("shorten it or leave it out", "%s: line %d has %d characters, where 1 to %d are taken: %w", file, e.Line, n, try.MaxText, catalogue.ErrInvalid)
		}
		if n := utf8.RuneCountInString(e.Pair); c.Pair != "" && (n > try.MaxText || n == 0) {
			return nil, hint.Errorf("shorten it or leave it out", "%s: the second text of line %d has %d characters, where 1 to %d are taken: %w", file, e.Line, n, try.MaxText, catalogue.ErrInvalid)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Labels lists those of rows, in order; none of rows that have numbers.
func (k *Kind) Labels(rows []Row) []string {
	list := []string{}
	if k.labels == nil {
		return list
	}
	for i := range rows {
		list = append(list, k.labels(&rows[i])...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lines is how rows are kept, and what their digest is of.
func lines(rows []Row) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			panic(err) // strings and finite numbers can be encoded
		}
	}
	return b.Bytes()
}

// Digest is that of rows, by which a copy of a benchmark is known.
func Digest(rows []Row) digest.Digest { return digest.FromBytes(lines(rows)) }

// Add adds a benchmark to a catalogue, with rows of its kind that nothing gives out again. Labels, Examples and Digest of b
// are set; where they are empty, Kind is that of one label, Metric is the kind's first, and Task means all models that the
// kind may suit.
func Add(ctx context.Context, c *catalogue.Catalogue, who string, b *catalogue.Benchmark, rows []Row) error {
	k, err := KindOf(b.Kind)
	if err != nil {
		return fmt.Errorf("adding the benchmark %s: %w", b.Name, err)
	}
	if b.Kind = k.Name; b.Task == "" {
		b.Task, b.Also = k.Tasks[0], k.Tasks[1:]
	}
	if b.Metric == "" {
		b.Metric = k.Metrics[0]
	}
	if !slices.Contains(k.Tasks, b.Task) {
		return hint.Errorf("write "+oneOf(k.Tasks), "adding the benchmark %s: the task %q cannot be measured by the kind %s: %w", b.Name, b.Task, k.Name, catalogue.ErrInvalid)
	}
	if !slices.Contains(k.Metrics, b.Metric) {
		return hint.Errorf("it is "+oneOf(k.Metrics), "adding the benchmark %s: the metric %q is none of the kind %s: %w", b.Name, b.Metric, k.Name, catalogue.ErrInvalid)
	}
	if b.Labels = k.Labels(rows); len(b.Labels) > mostLabels || len(b.Labels) < k.fewest {
		return hint.Errorf("name the column of the label", "adding the benchmark %s: it has %d labels, where %d to %d are taken: %w", b.Name, len(b.Labels), k.fewest, mostLabels, catalogue.ErrInvalid)
	}
	if len(rows) < fewestRows || len(rows) > mostRows {
		return hint.Errorf("choose others", "adding the benchmark %s: it has %d rows with a label, where %d to %d are taken: %w", b.Name, len(rows), fewestRows, mostRows, catalogue.ErrInvalid)
	}
	if slices.ContainsFunc(rows, func(r Row) bool { return (r.Pair == "") != (rows[0].Pair == "") }) {
		return hint.Errorf("choose others", "adding the benchmark %s: some rows have a second text, and some have none: %w", b.Name, catalogue.ErrInvalid)
	}
	if k.Paired && rows[0].Pair == "" {
		return hint.Errorf("name the column of the second text", "adding the benchmark %s: its kind compares two texts, and the rows have one: %w", b.Name, catalogue.ErrInvalid)
	}
	if rows[0].Score != nil && !slices.ContainsFunc(rows, func(r Row) bool { return *r.Score != *rows[0].Score }) {
		return hint.Errorf("name the column of the number", "adding the benchmark %s: all rows have the same number, which brings no model into an order: %w", b.Name, catalogue.ErrInvalid)
	}
	text := lines(rows)
	b.Examples, b.Digest = len(rows), digest.FromBytes(text)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return c.AddBenchmark(ctx, who, b, packed.Bytes())
}

// unseal reads what Add has kept, and sees that it is that.
func unseal(sealed []byte, want digest.Digest) (rows []Row, err error) {
	z, err := gzip.NewReader(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(text); got != want {
		return nil, hint.Errorf("add the benchmark anew, or restore a backup", "the rows of a benchmark have the digest %s, not %s", got, want)
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var r Row
		if err := d.Decode(&r); err == io.EOF {
			return rows, nil
		} else if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
}
