package verify

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// Row is an example of a benchmark: a text, or a pair of them, and its label.
type Row struct {
	Text  string `json:"text"`
	Pair  string `json:"pair,omitempty"` // the second text; "" where there are no pairs
	Label string `json:"label"`
}

// size is the length of what a model reads, in bytes.
func (r *Row) size() int { return len(r.Text) + len(r.Pair) }

// Bounds of a benchmark. Fewer rows tell models apart by chance alone.
const (
	fewestRows = 20
	mostRows   = 50_000
	mostLabels = 500
)

// ReadRows reads the rows of a file of any format that package data knows; those without a label are left out.
func ReadRows(ctx context.Context, file string, c data.Columns) ([]Row, error) {
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
		if e.Label == "" {
			continue
		}
		if n := utf8.RuneCountInString(e.Text); n > try.MaxText || n == 0 {
			return nil, hint.Errorf("shorten it or leave it out", "%s: line %d has %d characters, where 1 to %d are taken: %w", file, e.Line, n, try.MaxText, catalogue.ErrInvalid)
		}
		if n := utf8.RuneCountInString(e.Pair); c.Pair != "" && (n > try.MaxText || n == 0) {
			return nil, hint.Errorf("shorten it or leave it out", "%s: the second text of line %d has %d characters, where 1 to %d are taken: %w", file, e.Line, n, try.MaxText, catalogue.ErrInvalid)
		}
		row := Row{Text: e.Text, Label: e.Label}
		if c.Pair != "" {
			row.Pair = e.Pair
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Labels lists those of rows, in order.
func Labels(rows []Row) (list []string) {
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Label] {
			seen[r.Label] = true
			list = append(list, r.Label)
		}
	}
	slices.Sort(list)
	return list
}

// lines is how rows are kept, and what their digest is of.
func lines(rows []Row) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			panic(err) // two strings can be encoded
		}
	}
	return b.Bytes()
}

// Digest is that of rows, by which a copy of a benchmark is known.
func Digest(rows []Row) digest.Digest { return digest.FromBytes(lines(rows)) }

// Add adds a benchmark to a catalogue, with rows that nothing gives out again. Labels, Examples and Digest of b are set.
func Add(ctx context.Context, c *catalogue.Catalogue, who string, b *catalogue.Benchmark, rows []Row) error {
	if b.Task != taskOfTexts {
		return hint.Errorf("write "+taskOfTexts, "adding the benchmark %s: the task %q cannot be measured yet: %w", b.Name, b.Task, catalogue.ErrInvalid)
	}
	if b.Metric != catalogue.Accuracy && b.Metric != catalogue.MacroF1 {
		return hint.Errorf("it is accuracy or macro_f1", "adding the benchmark %s: the metric %q is not known: %w", b.Name, b.Metric, catalogue.ErrInvalid)
	}
	if b.Labels = Labels(rows); len(b.Labels) < 2 || len(b.Labels) > mostLabels {
		return hint.Errorf("name the column of the label", "adding the benchmark %s: it has %d labels, where 2 to %d are taken: %w", b.Name, len(b.Labels), mostLabels, catalogue.ErrInvalid)
	}
	if len(rows) < fewestRows || len(rows) > mostRows {
		return hint.Errorf("choose others", "adding the benchmark %s: it has %d rows with a label, where %d to %d are taken: %w", b.Name, len(rows), fewestRows, mostRows, catalogue.ErrInvalid)
	}
	if slices.ContainsFunc(rows, func(r Row) bool { return (r.Pair == "") != (rows[0].Pair == "") }) {
		return hint.Errorf("choose others", "adding the benchmark %s: some rows have a second text, and some have none: %w", b.Name, catalogue.ErrInvalid)
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

// Kind is a task that models can be measured at, with the figures that they may be ranked by, the usual one first.
type Kind struct {
	Task    string // as packages have it
	Metrics []string
}

// Kinds are those that there are.
var Kinds = []Kind{{taskOfTexts, []string{catalogue.Accuracy, catalogue.MacroF1}}}

// Metrics lists the figures of all kinds, each once.
func Metrics() (list []string) {
	for _, k := range Kinds {
		for _, m := range k.Metrics {
			if !slices.Contains(list, m) {
				list = append(list, m)
			}
		}
	}
	return list
}

// taskOfTexts is the one task that can be measured today: one label of a text, or of a pair of texts.
const taskOfTexts = "text-classification"

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
