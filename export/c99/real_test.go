package c99_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// reviews returns the texts of hotel reviews that no model here was trained on, and a file of others to train on.
func reviews(t *testing.T) (train string, test []string) {
	t.Helper()
	data, err := os.ReadFile("../../../shared/data/chnsenticorp/chnsenticorp_htl.csv")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs ../shared/data/chnsenticorp, which is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(data), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	train = filepath.Join(t.TempDir(), "train.csv")
	f, err := os.Create(train)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	some := [][]string{rows[0]}
	for i, row := range rows[1:] {
		switch i % 8 {
		case 0, 1:
			some = append(some, row)
		case 2:
			test = append(test, row[1])
		}
	}
	if err := w.WriteAll(some); err != nil {
		t.Fatal(err)
	}
	return train, test
}

// trained trains a small model of a family.
func trained(t *testing.T, family, kind, train string) *model.Model {
	t.Helper()
	c, err := xiaoyu.Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.Name, c.Out, c.Runs = "small", filepath.Join(dir, "small"), filepath.Join(dir, "runs")
	c.Data.Path, c.Data.Text, c.Data.Label = train, "review", "label"
	c.Tokenizer.Kind, c.Tokenizer.MinFrequency, c.Tokenizer.VocabSize = kind, 2, 4000
	c.Model.EmbedDim, c.Model.Filters, c.Model.Hidden, c.Model.MaxTokens = 24, 24, 24, 128
	c.Train.Epochs, c.Train.LearningRate, c.Train.Refit, c.Eval.Bootstrap = 3, 0.01, false, 0
	result, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(result.Package)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

func TestReviewsGetTheSameLabelsNativelyAndOnSmallMachines(t *testing.T) {
	if testing.Short() {
		t.Skip("trains models")
	}
	train, test := reviews(t)
	for _, c := range []struct {
		family, kind string
		whole        bool
		least        float64 // share of texts with the same label
	}{
		{"ngram", "char", false, 1}, {"ngram", "word", true, 0.995}, {"cnn", "unigram", false, 1}, {"gru", "wordpiece", true, 0.995}, {"dwcnn", "char", true, 0.995},
	} {
		name := c.family + " of " + c.kind
		t.Run(name, func(t *testing.T) {
			m := trained(t, c.family, c.kind, train)
			want := said(t, m, test)
			s, err := c99.Write(m, c99.Options{Name: "m", Int8: c.whole, About: name})
			if err != nil {
				t.Fatal(err)
			}
			got := optimised.ask(t, optimised.compile(t, s), asBytes(test))
			same, labels := 0, map[int]bool{}
			for i := range want {
				labels[want[i].result] = true
				if want[i].result == got[i].result {
					same++
				}
			}
			if share := float64(same) / float64(len(want)); share < c.least || len(labels) < 2 {
				t.Errorf("%d of %d texts have the same label, of %d labels", same, len(want), len(labels))
			}
			t.Logf("%d of %d texts have the same label, scores differ by at most %.2g; %s", same, len(want), worst(t, want, got), &s.Cost)
			for _, machine := range crossed {
				t.Run(machine.name, func(t *testing.T) {
					few := asBytes(test[:100])
					for i, a := range machine.ask(t, machine.compile(t, s), few) {
						if a.line != got[i].line {
							t.Fatalf("text %d: %s says %q, this machine %q", i, machine.name, a.line, got[i].line)
						}
					}
				})
			}
		})
	}
}

func TestTheMemoryThatIsToldIsWhatTheCompilerFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many programs of C")
	}
	arm := crossed[0]
	size := strings.TrimSuffix(arm.compiler, "gcc") + "size"
	each(t, func(name string, m *model.Model) {
		if strings.Contains(name, "-") {
			return // families are what memory differs by
		}
		s, err := c99.Write(m, c99.Options{Name: "m", Int8: true})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(arm.compile(t, s))
		c := exec.Command(arm.compiler, "-std=c99", "-Os", "-c", "m.c")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		out, err := exec.Command(size, "-A", filepath.Join(dir, "m.o")).Output()
		if err != nil {
			t.Fatal(err)
		}
		sections := map[string]int{}
		for l := range strings.Lines(string(out)) {
			var section string
			var bytes int
			if n, _ := fmt.Sscan(l, &section, &bytes); n == 2 {
				for _, kind := range []string{".bss", ".data", ".rodata"} {
					if strings.HasPrefix(section, kind) {
						sections[kind] += bytes
					}
				}
			}
		}
		// Tables of pointers and of what describes others are not told: a few hundred bytes.
		if told, found := s.Cost.RAM, sections[".bss"]; found > told+64 || found < told-64 {
			t.Errorf("%s: %d bytes of memory are told, the compiler finds %d", name, told, found)
		}
		if told, found := s.Cost.Flash, sections[".rodata"]+sections[".data"]; found > told+told/50+1024 || found < told-told/50 {
			t.Errorf("%s: %d bytes of constants are told, the compiler finds %d", name, told, found)
		}
	})
}
