package xiaoyu_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
)

// Each fold's model has not seen its fold, and what all say of their own decides how families count; one command makes
// one model of them.
func TestFoldsAreStackedAndDistilled(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	c := project(t, "ngram")
	c.Eval.Bootstrap = 0
	c.Ensemble = xiaoyu.Ensemble{Members: []string{"ngram", "mlp"}, Folds: 3, Seeds: 1, Weights: "stack"}
	seen := &notes{}
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: seen})
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(seen.lines, "\n"); strings.Count(s, "weights of labels") != 2 || !strings.Contains(s, "6/6 mlp fold 3") {
		t.Errorf("%s", s)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	stack := m.Ensemble.Stack
	if stack == nil || len(m.Ensemble.Members) != 6 || stack.Groups[2] != 0 || stack.Groups[3] != 1 || len(stack.Weights) != 2 {
		t.Fatalf("%+v", stack)
	}
	got, err := m.Predict(context.Background(), "房间很干净，服务特别好")
	if err != nil || got[0].Probability < 0.5 || got[0].Probability > 1 {
		t.Errorf("%+v, %v", got, err)
	}
	m.Close()
	student, err := xiaoyu.DistillConfig(r.Package, "ngram")
	if err != nil {
		t.Fatal(err)
	}
	if student.Data.Path != c.Data.Path || student.Data.Split.Folds != 0 || student.Task != "class" {
		t.Errorf("%+v", student.Data)
	}
	student.Distill.Teacher, student.Out, student.Eval.Bootstrap = []string{r.Package}, filepath.Join(t.TempDir(), "m"), 0
	taught, err := xiaoyu.Train(context.Background(), student, xiaoyu.TrainOptions{})
	if err != nil || taught.Taught == nil || taught.Taught.Agreement < 0.7 {
		t.Fatalf("%+v, %v", taught, err)
	}
	if err := os.WriteFile(c.Data.Path, []byte("text,label\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := xiaoyu.DistillConfig(r.Package, "ngram"); err == nil || xiaoyu.Way(err) == "" {
		t.Errorf("the data has changed: %v", err)
	}
}
