package xiaoyu_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

// Where nobody names a family, it follows from the task, which follows from the data.
func TestTheFamilyFollowsFromTheTask(t *testing.T) {
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	table := file("reviews.csv", "text,label,other\n很干净,好,不错\n太脏了,差,失望\n")
	tags := file("train.bmes", "北 B-LOC\n京 E-LOC\n好 O\n\n")
	questions := file("train.json", `{"data":[{"paragraphs":[{"context":"灯塔在岛上。","qas":[{"id":"1","question":"灯塔在哪里？","answers":[{"text":"岛上","answer_start":3}]}]}]}]}`)
	for _, c := range []struct{ family, keys string }{
		{"ngram", "data: {path: " + table + "}"},
		{"ngram", "data: {path: " + table + ", pair: other}"},
		{"ngram", "task: regression\ndata: {path: " + table + "}"},
		{"ngram", "data: {path: missing.csv}"},
		{"ngram", "data: {path: " + table + "}\nmodel: {family: auto}"},
		{"gru", "data: {path: " + table + "}\nmodel: {vectors: words.vec}"},
		{"static", "task: embedding\ndata: {path: " + table + ", pair: other, label: \"\"}"},
		{"transformer", "data: {path: " + table + "}\npretrain: {texts: [texts.txt]}"},
		{"lstm", "data: {path: " + tags + "}"},
		{"gru", "data: {path: " + questions + "}"},
		{"encoder", "data: {path: " + table + "}\nmodel: {base: hf://owner/encoder}"},
		{"cnn", "data: {path: " + tags + "}\nmodel: {family: cnn}"},
	} {
		got, err := xiaoyu.ParseConfig([]byte(c.keys), "x.yaml")
		if err != nil || got.Model.Family != c.family {
			t.Errorf("%s\n%v, %v; want %s", c.keys, got.Model.Family, err, c.family)
			continue
		}
		preset, err := xiaoyu.Preset(c.family)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"train.epochs", "train.optimizer", "tokenizer.vocab_size"} {
			is, _ := conf.Get(got, key)
			want, _ := conf.Get(preset, key)
			if fmt.Sprint(is) != fmt.Sprint(want) {
				t.Errorf("%s\n%s is %v; the preset of %s has %v", c.keys, key, is, c.family, want)
			}
		}
	}
	c := &xiaoyu.Config{}
	conf.Defaults(c)
	c.Data.Path = "missing.csv"
	if family, err := c.SuitableFamily(context.Background()); err == nil {
		t.Errorf("a missing file suits %s", family)
	}
}
