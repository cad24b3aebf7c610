package data

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// anything returns examples of every kind: no label, a label, entities, both, texts that are hard to quote.
func anything(n int) []Example {
	rng := rand.New(rand.NewPCG(4, 4))
	pieces := []string{"很好", "😀", "a", "\"", "\n", ",", "\t", " ", "[[", "小明", "\\", "\u2028", "𠮷", "O"}
	var out []Example
	for i := range n {
		var e Example
		for range rng.IntN(12) {
			at := len(e.Text)
			e.Text += pieces[rng.IntN(len(pieces))]
			if rng.IntN(6) == 0 {
				e.Entities = append(e.Entities, Entity{at, len(e.Text), []string{"PER", "机构"}[rng.IntN(2)]})
			}
		}
		if rng.IntN(3) > 0 {
			e.Label = fmt.Sprint("类 ", rng.IntN(4))
		}
		e.Group, e.Time, e.Slices = fmt.Sprint("g", i%7), fmt.Sprint(2000+i), []string{"x", fmt.Sprint(i % 2)}
		out = append(out, e)
	}
	return out
}

func TestWhatIsWrittenReadsBackTheSame(t *testing.T) {
	c := columns()
	c.Group, c.Time, c.Slices = "group", "time", []string{"source", "meta.part"}
	examples := anything(700)
	for _, name := range []string{"x.jsonl", "x.parquet", "x.csv", "x.tsv", "x.jsonl.gz", "x.csv.zst"} {
		path := filepath.Join(t.TempDir(), name)
		err := WriteExamples(path, &c, func(yield func(Example, error) bool) {
			for _, e := range examples {
				if !yield(e, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := read(t, path, c)
		if err != nil || len(got) != len(examples) {
			t.Fatalf("%s: %d examples, %v; %s", name, len(got), err, hint.Way(err))
		}
		for i := range got {
			got[i].Line = 0
			if len(got[i].Entities) == 0 {
				got[i].Entities = nil
			}
			if !reflect.DeepEqual(got[i], examples[i]) {
				t.Fatalf("%s: example %d is %+v, was %+v", name, i, got[i], examples[i])
			}
		}
	}
}

func convert(t *testing.T, from, to string, change func(*Config)) *Conversion {
	t.Helper()
	c := config()
	c.Path = from
	if change != nil {
		change(c)
	}
	r, err := Convert(context.Background(), c, to, nil)
	if err != nil {
		t.Fatalf("%s to %s: %v; %s", from, to, err, hint.Way(err))
	}
	return r
}

func TestEntitiesSurviveEveryFormat(t *testing.T) {
	for _, path := range [][]string{{"resume_ner", "test.bmes"}, {"conll2003", "eng.testb"}} {
		first := golden.Path(t, append([]string{"data"}, path...)...)
		dir := t.TempDir()
		before := first
		for i, name := range []string{"a.jsonl", "b.parquet", "c.csv", "d.conll", "e.jsonl"} {
			to := filepath.Join(dir, name)
			r := convert(t, before, to, nil)
			if i > 0 && len(r.Notes) > 0 {
				t.Errorf("%s: %q", name, r.Notes)
			}
			before = to
		}
		a, err := os.ReadFile(filepath.Join(dir, "a.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := os.ReadFile(filepath.Join(dir, "e.jsonl"))
		if err != nil || string(a) != string(e) {
			t.Errorf("%s is another after four formats (%v)", first, err)
		}
	}
}

func TestWhatAFormatCannotHoldIsTold(t *testing.T) {
	dir := t.TempDir()
	from := write(t, "x.jsonl", []byte(`{"text":"I  live in U.S.-led York","label":[[10,14,"LOC"],[12,19,"X"]]}`+"\n"+`{"text":" ","label":[]}`+"\n"))
	to := filepath.Join(dir, "x.conll")
	r := convert(t, from, to, nil)
	if notes := strings.Join(r.Notes, "; "); !strings.Contains(notes, "1 texts have other spaces") || !strings.Contains(notes, "1 labelled stretches overlap") || !strings.Contains(notes, "1 empty texts") {
		t.Errorf("notes %q", notes)
	}
	got, err := os.ReadFile(to)
	if want := "I\tO\nlive\tO\nin\tO\nU\tB-LOC\n.S\tI-LOC\n.-led\tO\nYork\tO\n\n"; err != nil || string(got) != want {
		t.Errorf("got %q", got)
	}
	c := config()
	c.Path = write(t, "y.jsonl", []byte(`{"text":"a","label":"x"}`))
	if _, err := Convert(context.Background(), c, filepath.Join(dir, "y.conll"), nil); err == nil || !strings.Contains(hint.Way(err), `--label ""`) {
		t.Errorf("a label in CoNLL: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "y.conll")); err == nil {
		t.Error("half a file was left")
	}
}

func TestParquetColumnsAreExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	convert(t, write(t, "x.jsonl", []byte(`{"text":"a b","label":[[0,1,"X"]]}`)), path, nil)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, message, way string
		content            []byte
		change             func(*Columns)
	}{
		{"a struct", `the column "entities" is made of others`, "entities.start, entities.end, entities.label", content, func(c *Columns) { c.Text = "entities" }},
		{"a list", `the column "entities.label" is a list`, "one value a row", content, func(c *Columns) { c.Text = "entities.label" }},
		{"no such column", `no column "texts"`, "did you mean --text text", content, func(c *Columns) { c.Text = "texts" }},
		{"cut off", "its end is missing", "get it again", content[:len(content)-9], nil},
		{"encrypted", "encrypted", "without encryption", append([]byte("PARE"), content...), nil},
	} {
		cols := columns()
		if c.change != nil {
			c.change(&cols)
		}
		_, err := read(t, write(t, "x", c.content), cols)
		if err == nil || !strings.Contains(err.Error(), c.message) || !strings.Contains(hint.Way(err), c.way) {
			t.Errorf("%s: %v; %s", c.name, err, hint.Way(err))
		}
	}
	cols := columns()
	cols.Label = "entities.list.element.label"
	if got, err := read(t, path, cols); err != nil || got[0].Label != "X" || len(got[0].Entities) != 1 {
		t.Errorf("a list by its full path: %+v, %v", got, err)
	}
}

func TestQuotesCanBeSwitchedOff(t *testing.T) {
	cols := columns()
	cols.Text, cols.Label, cols.Quotes = "2", "1", "no"
	got, err := read(t, golden.Path(t, "data", "finfe", "train.tsv"), cols)
	if err != nil || len(got) != 10550 {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

func TestTheTaskIsToldFromTheFirstRows(t *testing.T) {
	for _, c := range []struct{ name, content, task string }{
		{"labels", "text,label\na,x\n", Classes},
		{"columns of tags", "a O\nb B-X\n\nc O\n", Tags},
		{"spans, not in the first row", "{\"text\":\"a\",\"label\":[]}\n{\"text\":\"b\",\"label\":[[0,1,\"X\"]]}\n", Tags},
		{"labels and spans", "{\"text\":\"b\",\"label\":\"x\",\"entities\":[[0,1,\"X\"]]}\n", Classes},
		{"neither", "{\"text\":\"a\",\"label\":\"\"}\n", Classes},
	} {
		d := config()
		d.Path = write(t, "x", []byte(c.content))
		if err := d.Resolve(context.Background(), "auto"); err != nil || d.Task != c.task || d.Rows.Duplicates != (c.task == Classes) {
			t.Errorf("%s: %s, duplicates dropped: %v (%v)", c.name, d.Task, d.Rows.Duplicates, err)
		}
	}
	d := config()
	d.Path = "-"
	if err := d.Resolve(context.Background(), "auto"); err != nil || d.Task != Classes {
		t.Errorf("standard input: %s, %v", d.Task, err)
	}
}
