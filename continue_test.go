package xiaoyu_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
)

// writeRows writes a table of texts and labels.
func writeRows(t testing.TB, path string, rows [][]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.WriteAll(append([][]string{{"text", "label"}}, rows...)); err != nil {
		t.Fatal(err)
	}
}

// combined returns texts of every pair of words, with labels by the first.
func combined(first map[string]string, second []string) (rows [][]string) {
	for _, word := range slices.Sorted(maps.Keys(first)) {
		for _, place := range second {
			for _, when := range []string{"今天", "昨天", "上次", "这次", "总是"} {
				rows = append(rows, []string{when + place + word, first[word]})
			}
		}
	}
	return rows
}

// olderAndNewer writes data of two labels, and newer data with a third, and trains a model of the older.
func olderAndNewer(t *testing.T, family string) (older *xiaoyu.Result, c *xiaoyu.Config, newer string) {
	t.Helper()
	c = project(t, family)
	dir := filepath.Dir(c.Data.Path)
	places := []string{"房间", "前台", "早餐", "位置", "大堂", "电梯", "浴室", "餐厅"}
	newer = filepath.Join(dir, "newer.csv")
	writeRows(t, c.Data.Path, combined(map[string]string{"很干净": "好", "真不错": "好", "很满意": "好", "太脏了": "差", "很糟糕": "差", "真失望": "差"}, places))
	writeRows(t, newer, combined(map[string]string{"多少钱": "问", "在哪里": "问", "很喜欢": "好", "太差了": "差"}, places))
	c.Data.Text, c.Data.Label = "text", "label"
	c.Train.Epochs, c.Train.LearningRate = 8, 0.01
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r, c, newer
}

func further(t *testing.T, older *xiaoyu.Result, newer string) *xiaoyu.Config {
	t.Helper()
	c, err := xiaoyu.ContinueConfig(older.Package)
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path = newer
	return c
}

func TestAModelLearnsANewLabelAndKeepsTheOld(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	for _, family := range []string{"cnn", "ngram"} {
		older, _, newer := olderAndNewer(t, family)
		c := further(t, older, newer)
		c.Continue.MaxDrop = 0.05
		r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
		if err != nil {
			t.Fatal(family, err)
		}
		changed := r.Continued
		if changed.Old.After < 0.95 || changed.New.After < 0.9 || changed.New.Before > 0.7 || changed.Parent != older.Digest || fmt.Sprint(changed.Labels) != "[问]" {
			t.Errorf("%s: %v %v", family, changed, changed.Labels)
		}
		m, err := xiaoyu.Open(r.Package)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(context.Background(), "今天房间多少钱", "昨天早餐太脏了")
		if err != nil || p[0].Label != "问" || p[1].Label != "差" {
			t.Errorf("%s: %+v, %v", family, p, err)
		}
		m.Close()
		card, err := os.ReadFile(filepath.Join(r.Package, "README.md"))
		if err != nil || !strings.Contains(string(card), "Before and after") || !strings.Contains(string(card), older.Digest) {
			t.Errorf("%s: the card tells nothing of it (%v)", family, err)
		}

		// And once more: the lineage knows what its parent's parent had learnt from.
		third := filepath.Join(filepath.Dir(newer), "third.csv")
		writeRows(t, third, combined(map[string]string{"请退款": "退", "要取消": "退"}, []string{"房间", "早餐", "餐厅", "浴室"}))
		again, err := xiaoyu.Train(context.Background(), func() *xiaoyu.Config {
			c := further(t, r, third)
			c.Continue.MaxDrop = 1
			return c
		}(), xiaoyu.TrainOptions{})
		if err != nil {
			t.Fatal(family, err)
		}
		if both := changed.Old.Rows + changed.New.Rows; again.Continued.Old.Rows != both {
			t.Errorf("%s: %d old test rows, there are %d", family, again.Continued.Old.Rows, both)
		}
	}
}

func TestAModelThatForgetsIsRefused(t *testing.T) {
	older, _, _ := olderAndNewer(t, "cnn")
	contrary := filepath.Join(t.TempDir(), "contrary.csv")
	writeRows(t, contrary, combined(map[string]string{"很干净": "差", "真不错": "差", "太脏了": "好", "真失望": "好"}, []string{"窗户", "走廊", "阳台", "花园", "停车场", "会议室"}))
	c := further(t, older, contrary)
	c.Continue.Replay, c.Continue.EWC = 0, 0
	_, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err == nil || !strings.Contains(err.Error(), "on the old test part would fall from") || !strings.Contains(xiaoyu.Way(err), "continue.replay") {
		t.Fatalf("%v; %s", err, xiaoyu.Way(err))
	}
	m, err := xiaoyu.Open(older.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Package.Digest != older.Digest {
		t.Error("the package was replaced")
	}
	if kept, _ := filepath.Glob(filepath.Join(c.Runs, "*", "continued.json")); len(kept) != 1 {
		t.Errorf("the comparison is not in the run: %v", kept)
	}
}

func TestAnInterruptedContinuationComesToTheSameModel(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	var weights [2]string
	for i := range weights {
		older, _, newer := olderAndNewer(t, "gru")
		c := further(t, older, newer)
		c.Continue.MaxDrop, c.Out = 1, filepath.Join(t.TempDir(), "further")
		resume := ""
		if i == 1 {
			for _, stage := range []string{"what matters", "training", "evaluating"} {
				ctx, cancel := context.WithCancel(context.Background())
				_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stage, at: 5, cancel: cancel}, Resume: resume})
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("interrupted in %s: %v", stage, err)
				}
				if stage != "what matters" {
					resume = "last"
				}
			}
		}
		r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: resume})
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(r.Package, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		weights[i] = string(content)
	}
	if weights[0] != weights[1] {
		t.Error("the weights differ")
	}
}

func TestWhatCannotBeContinuedIsNamed(t *testing.T) {
	older, old, newer := olderAndNewer(t, "mlp")
	for _, c := range []struct {
		name, says, way string
		change          func(c *xiaoyu.Config)
	}{
		{"another family", "it is of the family mlp, not cnn", "leave the family", func(c *xiaoyu.Config) { c.Model.Family = "cnn" }},
		{"folds", "cross-validation trains models from nothing", "train.folds", func(c *xiaoyu.Config) { c.Train.Folds = 3 }},
		{"an ensemble", "cannot become an ensemble", "ensemble.members", func(c *xiaoyu.Config) { c.Ensemble.Members = []string{"cnn", "gru"} }},
		{"pairs", "pairs of texts", "--pair", func(c *xiaoyu.Config) { c.Data.Pair = "label" }},
		{"nothing but old test rows", "the old data has every row of the training part", "new to it", func(c *xiaoyu.Config) {
			c.Data.Path = filepath.Join(t.TempDir(), "tests.csv")
			var rows [][]string
			for _, row := range combined(map[string]string{"很干净": "好", "太脏了": "差"}, []string{"房间", "前台", "早餐", "位置"}) {
				if old.Data.Split.Side(row[0]) == data.Test {
					rows = append(rows, row)
				}
			}
			writeRows(t, c.Data.Path, rows)
			c.Data.Split.Test, c.Data.Split.Validation = 0, 0
		}},
		{"old data elsewhere", "no such file", "continue.old", func(c *xiaoyu.Config) { c.Continue.Old = t.TempDir() }},
		{"no package", "opening the model", "check the path", func(c *xiaoyu.Config) { c.Continue.Model = "nowhere" }},
	} {
		config := further(t, older, newer)
		c.change(config)
		_, err := xiaoyu.Train(context.Background(), config, xiaoyu.TrainOptions{})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(xiaoyu.Way(err), c.way) {
			t.Errorf("%s: %v; %s", c.name, err, xiaoyu.Way(err))
		}
	}
	writeRows(t, old.Data.Path, [][]string{{"别的", "好"}, {"东西", "差"}})
	if _, err := xiaoyu.Train(context.Background(), further(t, older, newer), xiaoyu.TrainOptions{}); err == nil || !strings.Contains(err.Error(), "the digests differ") {
		t.Errorf("other old data: %v", err)
	}
}

// TestEveryTaskGoesOn trains further on each kind of label, with kinds that the old data did not have where labels are
// named.
func TestEveryTaskGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	places := []string{"房间", "前台", "早餐", "位置", "大堂", "电梯"}
	tagged := func(names map[string]string) (rows string) {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			for _, place := range places {
				for _, word := range []string{"在", "去", "等", "看"} {
					rows += fmt.Sprintf("%s O\n%s B-%s\n%s O\n\n", place, name, names[name], word)
				}
			}
		}
		return rows
	}
	for _, k := range []struct {
		task       string
		old, newer func(path string)
		labels     string
	}{
		{"multilabel", func(path string) {
			writeRows(t, path, combined(map[string]string{"干净": "好|净", "太脏": "差|脏", "便宜": "好", "太贵": "差"}, places))
		}, func(path string) {
			writeRows(t, path, combined(map[string]string{"很吵": "差|吵", "安静": "好"}, places))
		}, "[吵]"},
		{"regression", func(path string) {
			writeRows(t, path, combined(map[string]string{"干净": "5", "一般": "3", "太脏": "1"}, places))
		}, func(path string) {
			writeRows(t, path, combined(map[string]string{"很吵": "2", "安静": "4"}, places))
		}, "[]"},
		{"tokens", func(path string) {
			if err := os.WriteFile(path, []byte(tagged(map[string]string{"Anna": "PER", "Bob": "PER", "Paris": "LOC", "Rome": "LOC"})), 0o644); err != nil {
				t.Fatal(err)
			}
		}, func(path string) {
			if err := os.WriteFile(path, []byte(tagged(map[string]string{"Acme": "ORG", "Carl": "PER"})), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "[ORG]"},
	} {
		c := project(t, "cnn")
		newer := c.Data.Path + ".newer"
		k.old(c.Data.Path)
		k.newer(newer)
		c.Task, c.Data.Split.Near = k.task, 0
		c.Data.Text, c.Data.Label = "text", "label"
		if k.task == data.Tags {
			c.Data.Format = "conll"
		}
		c.Train.Epochs, c.Train.LearningRate, c.Train.MinSteps = 8, 0.01, 0
		c.Chosen("train.epochs")
		c.Chosen("train.min_steps")
		older, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
		if err != nil {
			t.Fatal(k.task, err)
		}
		c = further(t, older, newer)
		c.Continue.MaxDrop, c.Train.Epochs = 0.1, 30
		r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
		if err != nil {
			t.Fatal(k.task, err)
		}
		if f := r.Continued; fmt.Sprint(f.Labels) != k.labels || f.New.After < 0.9 || f.New.After < f.New.Before {
			t.Errorf("%s: %v %v", k.task, f, f.Labels)
		}
	}
}
