package data

import (
	"archive/zip"
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// shown writes an example as its label, its text, and its entities with their text.
func shown(e Example) string {
	s := e.Label + "|" + e.Text
	for _, x := range e.Entities {
		s += fmt.Sprintf("|%s=%s", x.Label, e.Text[x.Start:x.End])
	}
	return s
}

func TestReadJSONOfEveryShape(t *testing.T) {
	for _, c := range []struct {
		name, content string
		change        func(*Columns)
		want          []string
	}{
		{"a list", `[ {"text":"好","label":1},
			{"text":"b","label":null} ]`, nil, []string{"1|好", "|b"}},
		{"an empty list", `[]`, nil, nil},
		{"a list within an object", `{"version":"1","meta":{"tags":["x"],"authors":[{"name":"n"}]},"rows":[{"text":"a","label":"x"}],"more":[1]}`, nil, []string{"x|a"}},
		{"the list that part names", `{"a":[{"text":"1","label":"x"}],"b":{"c":[{"text":"2","label":"y"}]}}`, func(c *Columns) { c.Part = "b.c" }, []string{"y|2"}},
		{"one object a line, first without a label", "{\"text\":\"a\"}\n{\"text\":\"b\",\"label\":\"x\"}\n", nil, []string{"|a", "x|b"}},
		{"a single record", `{"text":"a","label":"x"}`, nil, []string{"x|a"}},
		{"Rasa NLU", `{"rasa_nlu_data":{"regex_features":[{"name":"zip","pattern":"\\d"}],"common_examples":[{"text":"飞到北京去","intent":"fly","entities":[{"start":2,"end":4,"value":"Beijing","entity":"city"}]}]}}`,
			nil, []string{"fly|飞到北京去|city=北京"}},
		{"another column of Rasa NLU", `{"rasa_nlu_data":{"common_examples":[{"text":"飞到北京去","intent":"fly","domain":"travel"}]}}`,
			func(c *Columns) { c.Label = "domain" }, []string{"travel|飞到北京去"}},
		{"doccano spans", "{\"id\":1,\"text\":\"小明在北京\",\"label\":[[3,5,\"LOC\"],[0,2,\"PER\"]],\"Comments\":[]}\n", nil, []string{"|小明在北京|PER=小明|LOC=北京"}},
		{"doccano of old, labels", "{\"id\":1,\"text\":\"小明在北京\",\"labels\":[[0,2,\"PER\"]],\"meta\":{}}\n", nil, []string{"|小明在北京|PER=小明"}},
		{"doccano relations export", "{\"id\":1,\"text\":\"小明在北京\",\"entities\":[{\"id\":0,\"start_offset\":0,\"end_offset\":2,\"label\":\"PER\"}],\"relations\":[]}\n", nil, []string{"|小明在北京|PER=小明"}},
		{"doccano annotations", "{\"id\":1,\"text\":\"小明在北京\",\"annotations\":[{\"label\":4,\"start_offset\":0,\"end_offset\":2,\"user\":1}]}\n", nil, []string{"|小明在北京|4=小明"}},
		{"doccano categories, old", "{\"id\":1,\"text\":\"a\",\"annotations\":[{\"label\":4,\"user\":1}]}\n", nil, []string{"4|a"}},
		{"doccano categories", "{\"id\":1,\"data\":\"a\",\"label\":[\"x\",\"y\"]}\n", nil, []string{"x|y|a"}},
		{"spans in a cell of a table", "text,label\n小明在北京,\"[[0,2,\"\"PER\"\"]]\"\n", nil, []string{"|小明在北京|PER=小明"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cols := columns()
			if c.change != nil {
				c.change(&cols)
			}
			got, err := read(t, write(t, "x", []byte(c.content)), cols)
			if err != nil {
				t.Fatalf("%v; %s", err, hint.Way(err))
			}
			var lines []string
			for _, e := range got {
				lines = append(lines, shown(e))
			}
			if strings.Join(lines, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q, want %q", lines, c.want)
			}
		})
	}
}

func TestReadLabelStudio(t *testing.T) {
	task := func(text, results string) string {
		return fmt.Sprintf(`{"id":1,"data":{"text":%q},"annotations":[{"was_cancelled":true,"result":[]},{"id":2,"result":[%s]}],"predictions":[]}`, text, results)
	}
	span := func(from, control string, start, end int, text string) string {
		return fmt.Sprintf(`{"from_name":%q,"to_name":"text","type":%q,"value":{"start":%d,"end":%d,"text":%q,%q:["LOC"]}}`, from, control, start, end, text, control)
	}
	choice := func(from, of string) string {
		return fmt.Sprintf(`{"from_name":%q,"to_name":"text","type":"choices","value":{"choices":%s}}`, from, of)
	}
	for _, c := range []struct{ name, task, label, want string }{
		{"choices", task("好", choice("sentiment", `["pos"]`)), "label", "pos|好"},
		{"several choices", task("好", choice("topic", `["a","b"]`)), "topic", "a|b|好"},
		{"spans", task("我在北京", span("label", "labels", 2, 4, "北京")), "label", "|我在北京|LOC=北京"},
		{"spans of hypertext", task("我在北京", span("ner", "hypertextlabels", 2, 4, "北京")), "label", "|我在北京|LOC=北京"},
		{"spans and a choice", task("我在北京", span("ner", "labels", 2, 4, "北京")+","+choice("sentiment", `["neg"]`)), "sentiment", "neg|我在北京|LOC=北京"},
		{"counted in characters", task("😀我在北京", span("ner", "labels", 3, 5, "北京")), "label", "|😀我在北京|LOC=北京"},
		{"counted in UTF-16 units, as before 1.4", task("😀我在北京", span("ner", "labels", 4, 6, "北京")), "label", "|😀我在北京|LOC=北京"},
		{"a rating", task("好", `{"from_name":"stars","type":"rating","value":{"rating":4}}`), "label", "4|好"},
		{"a number", task("好", `{"from_name":"n","type":"number","value":{"number":2.5}}`), "n", "2.5|好"},
		{"a taxonomy", task("好", `{"from_name":"t","type":"taxonomy","value":{"taxonomy":[["food","noodles"]]}}`), "label", "food/noodles|好"},
		{"nobody's work", `{"id":1,"data":{"text":"好"},"annotations":[]}`, "sentiment", "|好"},
		{"completions, before 1.0", `{"id":1,"data":{"text":"好"},"completions":[{"result":[` + choice("s", `["x"]`) + `]}]}`, "label", "x|好"},
		{"the short form", `{"id":1,"text":"我在北京","label":[{"start":2,"end":4,"text":"北京","labels":["LOC"]}],"annotator":1}`, "label", "|我在北京|LOC=北京"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cols := columns()
			cols.Label = c.label
			got, err := read(t, write(t, "export.json", []byte("["+c.task+"]")), cols)
			if err != nil || len(got) != 1 || shown(got[0]) != c.want {
				t.Errorf("got %v (%v; %s), want %s", got, err, hint.Way(err), c.want)
			}
		})
	}
	_, err := read(t, write(t, "export.json", []byte("["+task("好", choice("a", `["x"]`)+","+choice("b", `["y"]`))+"]")), columns())
	if err == nil || !strings.Contains(err.Error(), "--label with one of a, b") {
		t.Errorf("two controls: %v", err)
	}
}

func TestBadJSONIsExplained(t *testing.T) {
	for _, c := range []struct{ name, content, message, way string }{
		{"cut off", `[{"text":"a","label":1},{"text":`, "unexpected EOF", "cut off"},
		{"cut off behind the records", `{"rows":[{"text":"a","label":1}]`, "unexpected EOF", "cut off"},
		{"broken", `[{"text":"a","label":1} {`, "after record 1", "check the JSON"},
		{"no list", `{"a":{"b":1}}`, "no list of records", ".jsonl"},
		{"lists without the text", `{"a":[{"x":1,"y":2}],"b":[1,2]}`, `no list of records in the JSON has a column "text"`, "a (x, y)"},
		{"records that are no objects", `[{"text":"a","label":1},7]`, "record 2", "must be one JSON object"},
		{"a list without the text", `[{"texts":"a","label":1}]`, `no column "text"`, "--text texts"},
		{"too deep", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), "nested", "list of objects"},
		{"invalid UTF-8", "[{\"text\":\"" + strings.Repeat("好", 90) + "\",\"label\":1},{\"text\":\"\xff\",\"label\":1}]", "record 2 is not valid UTF-8", "--encoding"},
		{"a span beyond the text", `[{"text":"ab","label":[[1,9,"X"]]}]`, "span 1 to 9", "in characters"},
		{"a span within a pair of units", `[{"text":"😀","label":[{"start":1,"end":2,"label":"X"}]}]`, "span 1 to 2", "in characters"},
		{"a span without a label", `[{"text":"ab","label":[[0,1]]}]`, "is no start, end and label", "list of labels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(t, write(t, "x.json", []byte(c.content)), columns())
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.message) || !strings.Contains(hint.Way(err), c.way) {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
		})
	}
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnArchiveOfOneFileIsRead(t *testing.T) {
	got, err := read(t, write(t, "x.zip", zipped(t, map[string]string{"a/data.csv": "text,label\n好,1\n", "__MACOSX/._data.csv": "x", "a/.DS_Store": "y"})), columns())
	if err != nil || summary(got) != "2:好=1" {
		t.Errorf("%q, %v", summary(got), err)
	}
	several := write(t, "x.zip", zipped(t, map[string]string{"train.csv": "text,label\n好,1\n", "test.csv": "text,label\n差,1\n"}))
	if _, err = read(t, several, columns()); err == nil || !strings.Contains(err.Error(), "holds 2 files") {
		t.Errorf("two files: %v", err)
	}
	cols := columns()
	cols.Part = "test.csv"
	if got, err = read(t, several, cols); err != nil || summary(got) != "2:差=1" {
		t.Errorf("a chosen one: %q, %v", summary(got), err)
	}
	bomb := zipped(t, map[string]string{"x.csv": "text,label\n" + strings.Repeat(strings.Repeat("好", 4000)+",1\n", 3<<10)})
	if _, err = read(t, write(t, "x.zip", bomb), columns()); err == nil || !strings.Contains(err.Error(), "250 times") {
		t.Errorf("a bomb of %d bytes: %v", len(bomb), err)
	}
}

func TestRasaFilesOfTheSharedSetsAreRead(t *testing.T) {
	cols := columns()
	for name, rows := range map[string]int{"small-talk_zh-CN.zip": 1225, "support_zh-CN.zip": 314} {
		got, err := read(t, golden.Path(t, "data", "dialogs_zh", name), cols)
		if err != nil || len(got) != rows || got[0].Label == "" {
			t.Errorf("%s: %d rows, want %d (%v)", filepath.Base(name), len(got), rows, err)
		}
	}
}
