package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
)

func TestSmallerPartsOfOneSeedLieInLargerOnes(t *testing.T) {
	var rows []data.Row
	for i := range 100 {
		rows = append(rows, data.Row{Line: i})
	}
	small, large, other := subset(rows, 10, 1), subset(rows, 40, 1), subset(rows, 10, 2)
	in := func(r data.Row) bool {
		return slices.ContainsFunc(large, func(q data.Row) bool { return q.Line == r.Line })
	}
	same := 0
	for i, r := range small {
		if !in(r) {
			t.Errorf("row %d of the small part is not in the large one", r.Line)
		}
		if i > 0 && r.Line <= small[i-1].Line {
			t.Error("the rows have lost their order")
		}
		if r.Line == other[i].Line {
			same++
		}
	}
	if same == len(small) {
		t.Error("another seed draws the same rows")
	}
	if len(subset(rows, 100, 3)) != 100 {
		t.Error("all rows are not all")
	}
}

// stopper ends a training when a stage of that name begins.
type stopper struct {
	silent
	stage string
	stop  context.CancelFunc
}

func (s stopper) Stage(name string, _ int64, _ string) {
	if name == s.stage {
		s.stop()
	}
}

func TestAnInterruptedCurveEndsAsAnUnbrokenOne(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range 160 {
		fmt.Fprintf(&b, "%s room %d %s,%d\n", []string{"good", "bad"}[i%2], i, []string{"nice", "dirty"}[(i/2)%2], i%2)
	}
	path := filepath.Join(dir, "data.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	config := func(runs string) *Config {
		c, err := Preset("ngram")
		if err != nil {
			t.Fatal(err)
		}
		c.Data.Path, c.Data.Text, c.Data.Label, c.Runs = path, "text", "label", filepath.Join(dir, runs)
		c.Train.Epochs = 3
		return c
	}
	o := CurveOptions{Shares: []float64{.25, .5, 1}, Seeds: 2}
	want, err := LearningCurve(context.Background(), config("unbroken"), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.Observer = stopper{stage: "curve 4/6", stop: cancel}
	c := config("broken")
	if _, err := LearningCurve(ctx, c, o); !errors.Is(err, context.Canceled) || !strings.Contains(Way(err), "continues") {
		t.Fatalf("%v", err)
	}
	o.Observer = nil
	got, err := LearningCurve(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Points) != fmt.Sprint(want.Points) {
		t.Errorf("%v, unbroken %v", got.Points, want.Points)
	}
	left, err := filepath.Glob(filepath.Join(dir, "broken", "curves", "*", "*.safetensors"))
	if err != nil || len(left) > 0 {
		t.Errorf("checkpoints are left: %v, %v", left, err)
	}
	fewer, err := LearningCurve(context.Background(), c, CurveOptions{Shares: []float64{.25, 1}, Seeds: 1})
	if err != nil || len(fewer.Points) != 2 {
		t.Errorf("a curve of fewer points: %+v, %v", fewer, err)
	}
}
