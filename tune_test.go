package xiaoyu_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

func searched(t *testing.T) *xiaoyu.Config {
	c := project(t, "mlp")
	c.Tune.Space = map[string]string{"train.learning_rate": "log:0.001..0.1", "model.ngram.tokens": "1..4", "model.family": "ngram,mlp,cnn", "model.filters": "8..32/8"}
	c.Tune.Trials = 6
	return c
}

// what is the same in two runs of one search.
func what(trials []tune.Trial) (out []tune.Trial) {
	for _, t := range trials {
		out = append(out, tune.Trial{Number: t.Number, State: t.State, Params: t.Params, Values: t.Values, Steps: t.Steps})
	}
	return out
}

func TestAnInterruptedSearchGoesOnToTheSameTrials(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	want, err := xiaoyu.Tune(t.Context(), searched(t), xiaoyu.TuneOptions{Set: []string{"train.epochs=3"}})
	if err != nil {
		t.Fatal(err)
	}
	c := searched(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = xiaoyu.Tune(ctx, c, xiaoyu.TuneOptions{Set: []string{"train.epochs=3"}, Observer: &interrupter{stage: "searching", at: 3, cancel: cancel}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(xiaoyu.Way(err), "--resume") {
		t.Fatalf("%v; %s", err, xiaoyu.Way(err))
	}
	got, err := xiaoyu.Tune(t.Context(), c, xiaoyu.TuneOptions{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := what(got.Study.Trials()), what(want.Study.Trials()); !reflect.DeepEqual(a, b) {
		t.Errorf("got  %+v\nwant %+v", a, b)
	}
	if got.Config.Train.Epochs != 3 || got.Config.Data.Path != c.Data.Path || got.Config.Model.Family != got.Best.Params["model.family"] {
		t.Errorf("the best configuration is %+v", got.Config)
	}
	for _, trial := range got.Study.Trials() {
		_, filters := trial.Params["model.filters"]
		if filters != (trial.Params["model.family"] == "cnn") {
			t.Errorf("trial %d: %v", trial.Number, trial.Params)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(c.Runs, "studies", "*", "trials", "*", "*.safetensors")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
	// The training with what was found gives the figure that the search saw on the validation part: nothing else differs.
	if _, err := xiaoyu.Train(t.Context(), got.Config, xiaoyu.TrainOptions{}); err != nil {
		t.Error(err)
	}
}

func TestAutoChoosesTellsWhyAndGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	t.Parallel() // by the clock
	c := project(t, "cnn")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := xiaoyu.Auto(ctx, c, xiaoyu.AutoOptions{Minutes: 0.2, Observer: &interrupter{stage: "trying", at: 1, cancel: cancel}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(xiaoyu.Way(err), "train --auto --resume") {
		t.Fatalf("%v; %s", err, xiaoyu.Way(err))
	}
	r, err := xiaoyu.Auto(t.Context(), c, xiaoyu.AutoOptions{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	story := strings.Join(r.Story, "\n")
	for _, part := range []string{"cross-validation of 5 folds", "ngram", "on the test part"} {
		if !strings.Contains(story, part) {
			t.Errorf("%q is missing in:\n%s", part, story)
		}
	}
	if r.Report.Accuracy < 0.5 || r.Study.Trials()[0].Note != "preset" {
		t.Errorf("accuracy %.3f, trials %+v", r.Report.Accuracy, r.Study.Trials())
	}
	if _, err := os.Stat(filepath.Join(r.Package, "model.safetensors")); err != nil {
		t.Error(err)
	}
	if c.Model.Family != "cnn" || c.Task != "auto" {
		t.Error("the caller's configuration was changed")
	}
}

func TestAutoJudgesOnTheValidationPartWhereItIsLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	t.Parallel() // by the clock
	c := project(t, "cnn")
	c.Data.Split.Validation = 0.5
	r, err := xiaoyu.Auto(t.Context(), c, xiaoyu.AutoOptions{Minutes: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if story := strings.Join(r.Story, "\n"); !strings.Contains(story, "validation rows") || r.Study.Best() == nil {
		t.Errorf("%s", story)
	}
}

func TestFindRateWritesNothing(t *testing.T) {
	c := project(t, "mlp")
	test, err := xiaoyu.FindRate(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if test.Suggested < 1e-4 || test.Suggested > 2 || test.Suggested > test.Steepest {
		t.Errorf("suggested %g", test.Suggested)
	}
	svg := xiaoyu.RatePlot(test).SVG()
	if !strings.Contains(svg, "learning rate") || !strings.Contains(svg, "学习率") {
		t.Error("the plot does not name its axis")
	}
	entries, err := os.ReadDir(filepath.Dir(c.Data.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
