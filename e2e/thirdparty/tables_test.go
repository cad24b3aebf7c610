package thirdparty

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func columnsOf(text, label string, slices ...string) data.Columns {
	var c data.Config
	conf.Defaults(&c)
	c.Text, c.Label, c.Slices = text, label, slices
	return c.Columns
}

func readAll(t *testing.T, path string, c data.Columns) ([]data.Example, error) {
	t.Helper()
	r, err := data.Open(context.Background(), path, c)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []data.Example
	for e, err := range r.All() {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func TestSpreadsheetsOfOpenpyxlAreRead(t *testing.T) {
	dir := t.TempDir()
	python(t, "tables_check.py", "write", dir)
	path := filepath.Join(dir, "reviews.xlsx")
	got, err := readAll(t, path, columnsOf("text", "label", "day", "ok"))
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	var rows []string
	for _, e := range got {
		rows = append(rows, fmt.Sprintf("%d %s %s %s", e.Line, e.Text, e.Label, strings.Join(e.Slices, " ")))
	}
	want := "3 房间很干净 好 2024-02-29 true\n4 服务一般 好 2024-02-29T18:30:00 false\n6 0.3 7 09:05:00 "
	if s := strings.Join(rows, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	c := columnsOf("text", "label")
	c.Part = "formulas"
	if _, err := readAll(t, path, c); err == nil || !strings.Contains(err.Error(), "formula in cell B2 has no stored result") {
		t.Errorf("a formula that was never computed: %v", err)
	}
}

// pyarrowRow is a row of tables_check.py.
type pyarrowRow struct {
	Text *string
	Meta struct {
		Body  string
		Stars int
	}
	Tags     []string
	Entities []struct {
		Start, End int
		Label      string
	}
	Day, At, Price string
	Whole          int64
	Small          int
	Real           float64
	OK             bool
}

func TestParquetOfPyarrowIsRead(t *testing.T) {
	dir := t.TempDir()
	python(t, "tables_check.py", "write", dir)
	f, err := os.Open(filepath.Join(dir, "rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var want []pyarrowRow
	for s := bufio.NewScanner(f); s.Scan(); {
		var r pyarrowRow
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	slices := []string{"meta.body", "meta.stars", "day", "at", "price", "whole", "small", "real", "ok"}
	for _, name := range []string{"codec-none", "codec-snappy", "codec-gzip", "codec-zstd", "codec-lz4", "pages-2", "no-dictionary", "old", "delta"} {
		got, err := readAll(t, filepath.Join(dir, name+".parquet"), columnsOf("text", "tags", slices...))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d: %v", name, len(got), len(want), err)
			continue
		}
		for i, w := range want {
			at, err := time.Parse("2006-01-02T15:04:05.999999", w.At)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			if w.Text != nil {
				text = *w.Text
			}
			var spans []string
			for _, s := range w.Entities {
				spans = append(spans, fmt.Sprint(s))
			}
			line := strings.Join([]string{text, strings.Join(w.Tags, "|"), w.Meta.Body, strconv.Itoa(w.Meta.Stars), w.Day, at.Format("2006-01-02T15:04:05.999999999"), w.Price,
				strconv.FormatInt(w.Whole, 10), strconv.Itoa(w.Small), strconv.FormatFloat(w.Real, 'f', -1, 64), strconv.FormatBool(w.OK), strings.Join(spans, " ")}, "¦")
			g := got[i]
			spans = nil
			for _, s := range g.Entities {
				spans = append(spans, fmt.Sprintf("{%d %d %s}", utf8.RuneCountInString(g.Text[:s.Start]), utf8.RuneCountInString(g.Text[:s.End]), s.Label))
			}
			if read := strings.Join(append(append([]string{g.Text, g.Label}, g.Slices...), strings.Join(spans, " ")), "¦"); fixPrice(read) != fixPrice(line) {
				t.Fatalf("%s: row %d is\n%s, want\n%s", name, i, read, line)
			}
		}
	}
	_, err = readAll(t, filepath.Join(dir, "codec-brotli.parquet"), columnsOf("text", ""))
	if err == nil || !strings.Contains(err.Error(), "compressed by Brotli; write it with zstd") {
		t.Errorf("Brotli: %v", err)
	}
}

// fixPrice writes numbers of Python's Decimal with the digits of the column: -1 as -1.00.
func fixPrice(line string) string {
	f := strings.Split(line, "¦")
	if v, err := strconv.ParseFloat(f[6], 64); err == nil {
		f[6] = strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strings.Join(f, "¦")
}

func TestPyarrowReadsOurParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	c := columnsOf("text", "label")
	c.Pair, c.Time = "pair", "time"
	examples := []data.Example{
		{Text: "小明在北京", Time: "2024", Entities: []data.Entity{{Start: 0, End: 6, Label: "PER"}, {Start: 9, End: 15, Label: "LOC"}}},
		{Text: "", Label: "x", Pair: "b\n\"😀"},
	}
	for i := range 200_000 { // several row groups
		examples = append(examples, data.Example{Text: fmt.Sprint("很好 ", i), Label: "y"})
	}
	err := data.WriteExamples(path, &c, func(yield func(data.Example, error) bool) {
		for _, e := range examples {
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(python(t, "tables_check.py", "read", path), "\n")
	if len(lines) != len(examples) {
		t.Fatalf("%d rows, want %d", len(lines), len(examples))
	}
	for i, want := range map[int]string{
		0:       `{"text": "小明在北京", "label": null, "entities": [{"start": 0, "end": 2, "label": "PER"}, {"start": 3, "end": 5, "label": "LOC"}], "pair": null, "time": "2024"}`,
		1:       `{"text": "", "label": "x", "entities": [], "pair": "b\n\"😀", "time": null}`,
		200_001: `{"text": "很好 199999", "label": "y", "entities": [], "pair": null, "time": null}`,
	} {
		if lines[i] != want {
			t.Errorf("row %d is %s, want %s", i, lines[i], want)
		}
	}
}
