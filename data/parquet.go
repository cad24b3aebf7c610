package data

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parquet"
)

// parquetReader reads the wanted columns of a Parquet file row by row. Nested columns are named by their path; a list of
// structs with start, end and label is a column of labelled spans.
type parquetReader struct {
	r     *Reader
	scan  *parquet.Scan
	at    []int  // place in the scan's row of each wanted column; -1 for none
	spans [3]int // places of start, end and label; -1 for none
	list  []bool // by place in the row
	n     int
}

func (r *Reader) openParquet(at io.ReaderAt) error {
	r.unit = "row"
	f, err := parquet.Open(at, r.size)
	if err != nil {
		return hint.Wrap(err, "the file is cut off or damaged: get it again", "reading %s", r.name())
	}
	p := &parquetReader{r: r, spans: [3]int{-1, -1, -1}}
	var columns []int
	add := func(column int) int {
		columns, p.list = append(columns, column), append(p.list, f.Columns[column].List)
		return len(columns) - 1
	}
	for _, want := range r.columns.wanted() {
		if want.column == "" {
			p.at = append(p.at, -1)
			continue
		}
		i := f.Find(want.column)
		if n, err := strconv.Atoi(want.column); err == nil && i < 0 && n >= 1 && n <= len(f.Columns) {
			i = n - 1
		}
		if s, ok := spanColumns(f, want.column); i < 0 && want.flag == "label" && ok {
			p.spans = [3]int{add(s[0]), add(s[1]), add(s[2])}
			p.at = append(p.at, -1)
			continue
		}
		if i < 0 {
			return r.noColumn(f, want)
		}
		if f.Columns[i].List && want.flag != "label" {
			return hint.Errorf("name a column with one value a row", "reading %s: the column %q is a list", r.name(), want.column)
		}
		p.at = append(p.at, add(i))
	}
	if s, ok := spanColumns(f, "entities"); ok && p.spans[0] < 0 {
		p.spans = [3]int{add(s[0]), add(s[1]), add(s[2])}
	}
	p.scan = f.Scan(columns...)
	r.records = p
	return nil
}

// spanColumns finds the columns of a list of spans.
func spanColumns(f *parquet.File, name string) (columns [3]int, ok bool) {
	for i, names := range [][]string{{"start", "start_offset"}, {"end", "end_offset"}, {"label", "entity"}} {
		columns[i] = -1
		for _, n := range names {
			columns[i] = max(columns[i], f.Find(name+"."+n))
		}
		if columns[i] < 0 || !f.Columns[columns[i]].List {
			return columns, false
		}
	}
	return columns, true
}

// noColumn explains which columns there are; of a struct, which are in it.
func (r *Reader) noColumn(f *parquet.File, want wantedColumn) error {
	names := f.Names()
	var inside []string
	for _, name := range names {
		if strings.HasPrefix(name, want.column+".") {
			inside = append(inside, name)
		}
	}
	if len(inside) > 0 {
		return hint.Errorf(fmt.Sprintf("pass --%s with one of: %s", want.flag, firstChars(strings.Join(inside, ", "), 200)), "reading %s: the column %q is made of others", r.name(), want.column)
	}
	return r.missingColumn(want.flag, want.column, names, "")
}

func (p *parquetReader) next() (Example, error) {
	row, err := p.scan.Next()
	if err == io.EOF {
		return Example{}, io.EOF
	}
	p.n++
	if err != nil {
		return Example{}, hint.Wrap(err, "the file is damaged: get it again, or write it anew", "reading %s: row %d", p.r.name(), p.n)
	}
	e := Example{Line: p.n}
	for i, to := range e.wanted(&p.r.columns) {
		at := p.at[i]
		if at < 0 {
			continue
		}
		if !p.list[at] {
			*to = row[at][0].Text
			continue
		}
		var labels []string
		for _, v := range row[at] {
			if !v.Null {
				labels = append(labels, v.Text)
			}
		}
		*to = strings.Join(labels, cmp.Or(p.r.columns.Separator, "|"))
	}
	if p.spans[0] >= 0 {
		if e.Entities, err = p.entities(e.Text, row); err != nil {
			return e, hint.Wrap(err, "count start and end in characters of the text", "reading %s: row %d", p.r.name(), p.n)
		}
	}
	return e, nil
}

// entities reads the spans of a row from its three columns.
func (p *parquetReader) entities(text string, row [][]parquet.Value) ([]Entity, error) {
	start, end, label := row[p.spans[0]], row[p.spans[1]], row[p.spans[2]]
	if len(start) != len(end) || len(start) != len(label) {
		return nil, fmt.Errorf("%d starts, %d ends and %d labels", len(start), len(end), len(label))
	}
	var spans []characterSpan
	for i := range start {
		if start[i].Null && end[i].Null && label[i].Null {
			continue // an empty list
		}
		from, err := strconv.Atoi(start[i].Text)
		if err != nil {
			return nil, err
		}
		to, err := strconv.Atoi(end[i].Text)
		if err != nil {
			return nil, err
		}
		spans = append(spans, characterSpan{Start: from, End: to, Label: label[i].Text})
	}
	return entities(text, slices.Clip(spans))
}
