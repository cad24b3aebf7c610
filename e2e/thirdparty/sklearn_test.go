package thirdparty

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/eval"
)

type classification struct {
	Labels  int
	Targets []int
	Probs   [][]float32
}

// classifications returns random and awkward cases: few and many labels, labels that never occur or are never
// predicted, ties, certainties, single examples.
func classifications() []classification {
	rng := rand.New(rand.NewPCG(11, 12))
	var out []classification
	for i := range 200 {
		k := []int{2, 3, 5, 20, 77}[rng.IntN(5)]
		n := []int{1, 2, 7, 50, 400}[rng.IntN(5)]
		used := 1 + rng.IntN(k) // labels beyond are never true
		c := classification{Labels: k}
		for range n {
			row := make([]float32, k)
			for j := range row {
				switch i % 4 {
				case 0: // ties
					row[j] = float32(1 + rng.IntN(3))
				case 1: // certainties
					row[j] = 0
				default:
					row[j] = float32(rng.ExpFloat64())
				}
			}
			target := rng.IntN(used)
			if i%4 == 1 {
				row[rng.IntN(k)] = 1
			} else if rng.IntN(2) == 0 {
				row[target] += 2
			}
			c.Targets, c.Probs = append(c.Targets, target), append(c.Probs, row)
		}
		out = append(out, c)
	}
	return out
}

func TestScikitLearnComputesTheSameFigures(t *testing.T) {
	cases := classifications()
	path := filepath.Join(t.TempDir(), "cases.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	for _, c := range cases {
		// Widened first: the shortest decimal form of a float32 is another double.
		wide := make([][]float64, len(c.Probs))
		for i, row := range c.Probs {
			for _, p := range row {
				wide[i] = append(wide[i], float64(p))
			}
		}
		if err := enc.Encode(map[string]any{"labels": c.Labels, "targets": c.Targets, "probs": wide}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(python(t, "sklearn_check.py", path), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%d answers for %d cases", len(lines), len(cases))
	}
	for i, c := range cases {
		var want struct {
			Accuracy  float64
			LogLoss   float64 `json:"log_loss"`
			Macro     [3]float64
			Weighted  [3]float64
			Micro     [3]float64
			PerClass  [][4]float64 `json:"per_class"`
			Confusion [][]int
		}
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		labels := make([]string, c.Labels)
		for j := range labels {
			labels[j] = fmt.Sprint(j)
		}
		got, err := eval.Classify(labels, c.Targets, c.Probs, eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, a, b float64) {
			t.Helper()
			if math.Abs(a-b) > 1e-9*max(1, math.Abs(b)) {
				t.Errorf("case %d (%d labels, %d examples): %s is %v, there %v", i, c.Labels, len(c.Targets), what, a, b)
			}
		}
		same("accuracy", got.Accuracy, want.Accuracy)
		same("log loss", got.LogLoss, want.LogLoss)
		same("macro precision", got.MacroPrecision, want.Macro[0])
		same("macro recall", got.MacroRecall, want.Macro[1])
		same("macro F1", got.MacroF1, want.Macro[2])
		same("weighted F1", got.WeightedF1, want.Weighted[2])
		same("micro F1", got.MicroF1, want.Micro[2])
		for j, p := range got.PerClass {
			same("precision of "+p.Label, p.Precision, want.PerClass[j][0])
			same("recall of "+p.Label, p.Recall, want.PerClass[j][1])
			same("F1 of "+p.Label, p.F1, want.PerClass[j][2])
			same("support of "+p.Label, float64(p.Support), want.PerClass[j][3])
		}
		if !reflect.DeepEqual(got.Confusion, want.Confusion) {
			t.Errorf("case %d: other confusion matrix", i)
		}
	}
}
