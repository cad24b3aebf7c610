package data

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func softConfig(t *testing.T, content, task string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "soft.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return &Config{Path: path, Task: task, Soft: true, Columns: Columns{Text: "text", Label: "label", Separator: "|"}, Rows: Rows{Unlabelled: true}}
}

func TestSoftLabelsBecomeOpinions(t *testing.T) {
	content := `{"text":"a","probabilities":{"good":0.75,"bad":0.25}}
{"text":"b","label":"bad"}
{"text":"c","label":"wrong","probabilities":{"good":0.2,"soso":0.6}}
`
	set, err := Load(context.Background(), softConfig(t, content, Classes), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.Labels, []string{"bad", "good", "soso"}) {
		t.Fatalf("labels %q", set.Labels)
	}
	rows := set.Parts[Train]
	a, b, c := rows[0], rows[1], rows[2]
	if set.Labels[a.Class] != "good" || !a.NoTruth || b.Opinion != nil || b.NoTruth || set.Labels[c.Class] != "soso" {
		t.Errorf("%+v", rows)
	}
	for i, want := range []float64{1e-6, 0.25, 0.75} {
		if got := math.Exp(float64(c.Opinion.Logits[i])); math.Abs(got-want) > 1e-6 {
			t.Errorf("label %d of c: %g, want %g", i, got, want)
		}
	}
	hard := softConfig(t, content, Classes)
	hard.Soft = false
	if set, err = Load(context.Background(), hard, nil); err != nil || len(set.Parts[Train]) != 2 || set.Parts[Train][1].Opinion != nil || !slices.Contains(set.Labels, "wrong") {
		t.Errorf("without data.soft: %+v, %v", set, err)
	}
	set, err = Load(context.Background(), softConfig(t, `{"text":"a","probabilities":{"x":0.9,"y":0.6,"z":0.1}}`, MultiLabel), nil)
	if err != nil || !slices.Equal(set.Parts[Train][0].Labels, []int32{0, 1}) || math.Abs(float64(set.Parts[Train][0].Opinion.Logits[2])-math.Log(1.0/9)) > 1e-6 {
		t.Errorf("several labels: %+v, %v", set, err)
	}
}

func TestSoftLabelsAreWrittenAndReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	w, err := Create(path, &Columns{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"bad": 0.125, "good": 0.875}
	if err := w.Write(&Example{Text: "好", Label: "good", Probabilities: want}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(context.Background(), path, Columns{Text: "text", Label: "label"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for e, err := range r.All() {
		if err != nil || e.Label != "good" || e.Probabilities["bad"] != 0.125 || len(e.Probabilities) != 2 {
			t.Errorf("%+v, %v", e, err)
		}
		o, ok, err := e.Opinion([]string{"good", "bad"}, Classes)
		if err != nil || !ok || math.Abs(float64(o.Logits[0])-math.Log(0.875)) > 1e-6 {
			t.Errorf("%v, %v", o, err)
		}
		if _, _, err := e.Opinion([]string{"good", "poor"}, Classes); err == nil {
			t.Error("another label was taken")
		}
	}
}

func TestWrongSoftLabelsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, task, want string }{
		"more than 1":  {`{"text":"a","probabilities":{"x":1.5}}`, Classes, `"x" is 1.5`},
		"none":         {`{"text":"a","probabilities":{"x":0,"y":0}}`, Classes, "no label is probable"},
		"text":         {`{"text":"a","probabilities":{"x":"much"}}`, Classes, "line 1"},
		"another task": {`{"text":"a","probabilities":{"x":0.5,"y":0.5}}`, Scores, ""},
	} {
		_, err := Load(context.Background(), softConfig(t, c.content+"\n", c.task), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
