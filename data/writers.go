package data

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parquet"
)

// extra are the columns that an example has beside text, label and entities, with their names in files that are written.
func extra(c *Columns) (names []string, values func(e *Example) []string) {
	var take []func(e *Example) string
	add := func(wanted, name string, value func(e *Example) string) {
		if wanted == "" {
			return
		}
		for slices.Contains(names, name) || slices.Contains([]string{"text", "label", "entities", "probabilities"}, name) {
			name += "_"
		}
		names, take = append(names, name), append(take, value)
	}
	add(c.Pair, "pair", func(e *Example) string { return e.Pair })
	add(c.Negative, "negative", func(e *Example) string { return e.Third })
	add(c.Group, "group", func(e *Example) string { return e.Group })
	add(c.Time, "time", func(e *Example) string { return e.Time })
	for i, name := range c.Slices {
		add(name, name, func(e *Example) string {
			if i < len(e.Slices) {
				return e.Slices[i]
			}
			return ""
		})
	}
	return names, func(e *Example) []string {
		list := make([]string, len(take))
		for i, value := range take {
			list[i] = value(e)
		}
		return list
	}
}

// jsonWriter writes an object a line: the label, or in its place the entities as [start, end, label] in characters, or
// both.
type jsonWriter struct {
	out    io.Writer
	json   *json.Encoder
	keys   [][]byte // of the extra columns, as `,"name":`
	values func(e *Example) []string
	line   []byte
	any    bool // an example was written
}

func newJSONWriter(out io.Writer, c *Columns) *jsonWriter {
	j := &jsonWriter{out: out}
	names, values := extra(c)
	j.values = values
	j.json = json.NewEncoder(j)
	j.json.SetEscapeHTML(false)
	for _, name := range names {
		// A string has always a JSON form.
		key, _ := json.Marshal(name)
		j.keys = append(j.keys, append(append([]byte{','}, key...), ':'))
	}
	return j
}

// Write takes a value from the encoder, without the line end behind it.
func (j *jsonWriter) Write(p []byte) (int, error) {
	j.line = append(j.line, p[:len(p)-1]...)
	return len(p), nil
}

func (j *jsonWriter) write(e *Example) error {
	j.line = append(j.line[:0], `{"text":`...)
	value := func(key string, v any) error {
		j.line = append(j.line, key...)
		return j.json.Encode(v)
	}
	err := value("", e.Text)
	for i, v := range j.values(e) {
		if err == nil && v != "" {
			err = value(string(j.keys[i]), v)
		}
	}
	switch {
	case err != nil:
		return err
	case e.Label == "" && len(e.Entities) > 0:
		err = value(`,"label":`, characterSpans(e))
	case e.Label != "" || !j.any: // the first line names the column for all
		err = value(`,"label":`, e.Label)
	}
	if err == nil && e.Label != "" && len(e.Entities) > 0 {
		err = value(`,"entities":`, characterSpans(e))
	}
	if err == nil && len(e.Probabilities) > 0 {
		err = value(`,"probabilities":`, e.Probabilities)
	}
	if err != nil {
		return err
	}
	j.any = true
	_, err = j.out.Write(append(j.line, "}\n"...))
	return err
}

func (j *jsonWriter) flush() error { return nil }

// tableWriter writes rows as RFC 4180 has them, with entities as JSON in the cell of the label. Where texts have a label
// as well, entities have a column of their own; the first rows wait until that is known.
type tableWriter struct {
	csv     *csv.Writer
	names   []string
	values  func(e *Example) []string
	waiting []Example
	begun   bool
	beside  bool // there is a column of entities
}

func newTableWriter(out io.Writer, delimiter rune, c *Columns) *tableWriter {
	t := &tableWriter{csv: csv.NewWriter(out)}
	t.csv.Comma = delimiter
	t.names, t.values = extra(c)
	return t
}

func (t *tableWriter) write(e *Example) error {
	if t.begun {
		return t.row(e)
	}
	if t.waiting = append(t.waiting, *e); len(t.waiting) < decideAfter {
		return nil
	}
	return t.begin()
}

// begin writes the header and the rows that wait.
func (t *tableWriter) begin() error {
	t.begun = true
	for i := range t.waiting {
		t.beside = t.beside || t.waiting[i].Label != "" && len(t.waiting[i].Entities) > 0
	}
	header := append(append([]string{"text"}, t.names...), "label")
	if t.beside {
		header = append(header, "entities")
	}
	if err := t.csv.Write(header); err != nil {
		return err
	}
	for i := range t.waiting {
		if err := t.row(&t.waiting[i]); err != nil {
			return err
		}
	}
	t.waiting = nil
	return nil
}

func (t *tableWriter) row(e *Example) error {
	label, spans := e.Label, ""
	switch {
	case len(e.Entities) == 0:
	case t.beside:
		spans = spansText(e)
	case label == "":
		label = spansText(e)
	default:
		return hint.Errorf(`write FILE.jsonl or FILE.parquet, or leave the label out with --label ""`, "the first text with a label and labelled stretches comes after %d others, and the table was begun without a column for them", decideAfter)
	}
	fields := append(append([]string{e.Text}, t.values(e)...), label)
	if t.beside {
		fields = append(fields, spans)
	}
	return t.csv.Write(fields)
}

func (t *tableWriter) flush() error {
	if !t.begun {
		if err := t.begin(); err != nil {
			return err
		}
	}
	t.csv.Flush()
	return t.csv.Error()
}

// parquetWriter writes texts, and entities as a list of structs.
type parquetWriter struct {
	parquet *parquet.Writer
	values  func(e *Example) []string
}

func newParquetWriter(out io.Writer, c *Columns) (*parquetWriter, error) {
	names, values := extra(c)
	fields := []parquet.Field{{Name: "text"}, {Name: "label"}, {Name: "entities", Spans: true}}
	for _, name := range names {
		fields = append(fields, parquet.Field{Name: name})
	}
	w, err := parquet.NewWriter(out, fields...)
	return &parquetWriter{w, values}, err
}

func (p *parquetWriter) write(e *Example) error {
	cells := []parquet.Cell{{Text: e.Text}, {Text: e.Label, Null: e.Label == ""}, {}}
	for _, s := range characterSpans(e) {
		cells[2].Spans = append(cells[2].Spans, parquet.Span{Start: s[0].(int), End: s[1].(int), Label: s[2].(string)})
	}
	for _, v := range p.values(e) {
		cells = append(cells, parquet.Cell{Text: v, Null: v == ""})
	}
	return p.parquet.Write(cells...)
}

func (p *parquetWriter) flush() error { return p.parquet.Close() }
