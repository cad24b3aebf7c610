package xiaoyu_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
)

func TestCrossValidationJudgesEveryTrainingRowOnceAndSurvivesInterruptions(t *testing.T) {
	with := func() *xiaoyu.Config {
		c := project(t, "ngram")
		c.Train.Folds = 3
		return c
	}
	want, err := xiaoyu.Train(context.Background(), with(), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cv := want.Folds
	if cv == nil || len(cv.Values) != 3 || cv.Metric != "accuracy" {
		t.Fatalf("%+v", cv)
	}
	plain, err := xiaoyu.Train(context.Background(), project(t, "ngram"), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Folds != nil || plain.Report.Accuracy != want.Report.Accuracy {
		t.Errorf("folds change the model: accuracy %v, without them %v", want.Report.Accuracy, plain.Report.Accuracy)
	}
	mean := (cv.Values[0] + cv.Values[1] + cv.Values[2]) / 3
	if math.Abs(mean-cv.Mean) > 1e-12 || cv.Mean < 0.4 || cv.Deviation <= 0 {
		t.Errorf("%+v", cv)
	}
	c, resume := with(), ""
	for _, stage := range []string{"fold 1/3", "fold 2/3", "fold 3/3 evaluating", "training"} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stage, at: 5, cancel: cancel}, Resume: resume})
		if !errors.Is(err, context.Canceled) || !strings.Contains(xiaoyu.Way(err), "--resume") {
			t.Fatalf("interrupted in %s: %v; %s", stage, err, xiaoyu.Way(err))
		}
		resume = "last"
	}
	got, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: "last"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Folds.Values, cv.Values) || !slices.Equal(got.Folds.Rows, cv.Rows) {
		t.Errorf("after interruptions %+v, without %+v", got.Folds, cv)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Runs, "*", "*.safetensors")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(got.Package, "model.safetensors")); err != nil {
		t.Error(err)
	}
}

func TestCrossValidationExplainsWhatCannotBe(t *testing.T) {
	c := project(t, "ngram")
	c.Train.Folds = 1
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err == nil || !strings.Contains(xiaoyu.Way(err), "train.folds") {
		t.Errorf("one fold: %v; %s", err, xiaoyu.Way(err))
	}
	c = project(t, "ngram")
	few := "text,label\n"
	for i, s := range []string{"好", "坏", "好啊", "坏啊", "很好", "很坏", "好的", "坏的", "真好", "真坏"} {
		few += s + "," + []string{"1", "0"}[i%2] + "\n"
	}
	if err := os.WriteFile(c.Data.Path, []byte(few), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Model.NGram.MinTexts, c.Train.Folds = 1, 40
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err == nil || !strings.Contains(xiaoyu.Way(err), "lower train.folds") {
		t.Errorf("more folds than rows: %v; %s", err, xiaoyu.Way(err))
	}
}
