package xiaoyu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

// project returns a preset on the sample reviews, in a folder of its own.
func project(t testing.TB, family string) *xiaoyu.Config {
	t.Helper()
	dir := t.TempDir()
	sample, err := examples.Reviews("zh")
	if err != nil {
		t.Fatal(err)
	}
	c, err := xiaoyu.Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path = filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(c.Data.Path, sample, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Name, c.Out, c.Runs = "reviews", filepath.Join(dir, "model"), filepath.Join(dir, "runs")
	c.Train.Epochs, c.Train.Patience, c.Eval.Bootstrap = 3, 0, 50
	return c
}

func TestTrainMakesAModelThatOpens(t *testing.T) {
	c := project(t, "cnn")
	c.Train.Epochs = 15
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Report.Accuracy < 0.5 || r.Report.N < 120 { // three even classes: chance is 0.33
		t.Errorf("accuracy %v on %d", r.Report.Accuracy, r.Report.N)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := m.Predict(context.Background(), "房间很干净，服务特别好", "")
	if err != nil || len(p) != 2 || p[0].Label == "" {
		t.Errorf("%v, %v", p, err)
	}
	for _, name := range []string{"README.md", "metrics.json", "lineage.json", "manifest.json", "tokenizer.json", "config.json", "model.safetensors"} {
		if _, err := os.Stat(filepath.Join(r.Package, name)); err != nil {
			t.Error(err)
		}
	}
	var lineage struct{ Config xiaoyu.Config }
	data, err := os.ReadFile(filepath.Join(r.Package, "lineage.json"))
	if err != nil || json.Unmarshal(data, &lineage) != nil || lineage.Config.Train.Epochs != 15 || lineage.Config.Tokenizer.Kind != "char" {
		t.Errorf("lineage %+v, %v", lineage, err)
	}
	out, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(out), `"package":`) || !strings.Contains(string(out), `"accuracy":`) {
		t.Errorf("%s, %v", out, err)
	}
	again, err := xiaoyu.Evaluate(context.Background(), m, c, nil)
	if err != nil || again.N < 780 {
		t.Errorf("evaluation of all rows: %+v, %v", again, err)
	}
}

// interrupter ends a context when a stage has reached some progress.
type interrupter struct {
	stage  string
	at     int64
	now    string
	cancel context.CancelFunc
}

func (i *interrupter) Stage(name string, _ int64, _ string) { i.now = name }
func (i *interrupter) Note(string, ...any)                  {}
func (i *interrupter) Progress(done int64, _ string) {
	if i.now == i.stage && done >= i.at {
		i.cancel()
	}
}

func TestInterruptedTrainingResumesToTheSameModel(t *testing.T) {
	want, err := xiaoyu.Train(context.Background(), project(t, "gru"), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := project(t, "gru")
	resume := ""
	for _, at := range []int64{7, 25, 40} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: "training", at: at, cancel: cancel}, Resume: resume})
		if !errors.Is(err, context.Canceled) || !strings.Contains(xiaoyu.Way(err), "--resume") {
			t.Fatalf("interrupted at step %d: %v; %s", at, err, xiaoyu.Way(err))
		}
		resume = "last"
	}
	got, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: "last"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(filepath.Join(want.Package, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(got.Package, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Error("the weights differ")
	}
	if left, _ := filepath.Glob(filepath.Join(c.Runs, "*", "checkpoint*")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
}

func TestRefitUsesTheValidationPartToo(t *testing.T) {
	c := project(t, "ngram")
	first, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refitted, err := os.ReadFile(filepath.Join(first.Package, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}

	// Interrupted while it fits the second time, it comes to the same model.
	ctx, cancel := context.WithCancel(context.Background())
	_, err = xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: "refitting", at: 1, cancel: cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	again, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: "last"})
	if err != nil {
		t.Fatal(err)
	}
	resumed, err := os.ReadFile(filepath.Join(again.Package, "model.safetensors"))
	if err != nil || string(resumed) != string(refitted) {
		t.Errorf("the weights differ, %v", err)
	}

	// Without a test part the validation part is what the model is judged on, so that it stays out.
	c.Data.Split.Test = 0
	judged, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil || judged.Report.N > 100 {
		t.Errorf("judged on %+v, %v", judged, err)
	}
	c.Data.Split.Test, c.Train.Refit = 0.2, false
	plain, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if w, err := os.ReadFile(filepath.Join(plain.Package, "model.safetensors")); err != nil || string(w) == string(refitted) {
		t.Errorf("without refit the weights are the same, %v", err)
	}
}

func TestAnInterruptionAnywhereLeavesNothingHalf(t *testing.T) {
	for _, stage := range []string{"reading", "tokenizer", "encoding", "training", "evaluating"} {
		c := project(t, "mlp")
		ctx, cancel := context.WithCancel(context.Background())
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stage, cancel: cancel}})
		if err == nil && stage != "evaluating" {
			t.Errorf("%s: not interrupted", stage)
		}
		if err != nil {
			if _, err := os.Stat(c.Out); err == nil {
				t.Errorf("%s: a package was left", stage)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Out), ".*tmp*")); len(left) > 0 {
			t.Errorf("%s: %v", stage, left)
		}
	}
}

func TestEveryPresetIsConfigurationThatReadsBack(t *testing.T) {
	for _, family := range []string{"ngram", "mlp", "cnn", "lstm", "gru"} {
		c, err := xiaoyu.Preset(family)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := conf.Explain(&b, c); err != nil {
			t.Fatal(err)
		}
		again, err := xiaoyu.ParseConfig([]byte(b.String()), "x.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", c) {
			t.Errorf("%s reads back as %+v, was %+v", family, again, c)
		}
		short, err := xiaoyu.ParseConfig([]byte("model:\n  family: "+family+"\n"), "x.yaml")
		if err != nil || fmt.Sprintf("%+v", short) != fmt.Sprintf("%+v", c) {
			t.Errorf("%s: naming the family alone must give its preset (%v)", family, err)
		}
	}
	if _, err := xiaoyu.Preset("cnnn"); err == nil || !strings.Contains(xiaoyu.Way(err), "did you mean cnn") {
		t.Errorf("a misspelt family: %v; %s", err, xiaoyu.Way(err))
	}
}

func ExampleOpen() {
	m, err := xiaoyu.Open("models/reviews")
	if err != nil {
		fmt.Println(err)
		fmt.Println(xiaoyu.Way(err))
		return
	}
	defer m.Close()
	predictions, err := m.Predict(context.Background(), "房间很干净", "never again")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range predictions {
		fmt.Println(p.Label, p.Probability)
	}
	// Output:
	// opening the model models/reviews: no such file or directory
	// check the path; `xiaoyu train` prints where it put the model
}
