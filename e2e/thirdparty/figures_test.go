package thirdparty

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/eval"
)

// judge is figures_check.py, which runs as long as the tests do: what it imports takes it longer than all that it is asked.
type judge struct {
	mu     sync.Mutex
	in     *json.Encoder
	out    *bufio.Scanner
	stderr bytes.Buffer
}

var theJudge = sync.OnceValues(func() (*judge, error) {
	j := new(judge)
	cmd := exec.Command(os.Getenv("XIAOYU_PYTHON"), "figures_check.py")
	cmd.Stderr = &j.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	j.in, j.out = json.NewEncoder(in), bufio.NewScanner(out)
	return j, cmd.Start()
})

// answers asks figures_check.py about cases; the answers are figures by name, NaN where one does not exist.
func answers(t *testing.T, cases []map[string]any) []map[string][]float64 {
	t.Helper()
	needsPython(t)
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []map[string][]float64
	for _, c := range cases {
		if err := j.in.Encode(c); err != nil || !j.out.Scan() {
			t.Fatalf("figures_check.py: %v, %v: %s", err, j.out.Err(), j.stderr.String())
		}
		var raw map[string]any
		if err := json.Unmarshal(j.out.Bytes(), &raw); err != nil {
			t.Fatal(err)
		}
		one := map[string][]float64{}
		for key, v := range raw {
			switch v := v.(type) {
			case nil:
				one[key] = []float64{math.NaN()}
			case float64:
				one[key] = []float64{v}
			case []any:
				for _, x := range v {
					one[key] = append(one[key], x.(float64))
				}
			}
		}
		out = append(out, one)
	}
	return out
}

// same compares two figures; neither may exist without the other.
func same(t *testing.T, where, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s: %s is %v, there %v", where, what, got, want)
	}
}

// more returns a figure of a report, NaN where it is left out.
func more(r *eval.Report, key string) float64 {
	if v, ok := r.More[key]; ok {
		return v
	}
	return math.NaN()
}

func labelNames(k int) []string {
	labels := make([]string, k)
	for i := range labels {
		labels[i] = fmt.Sprint(i)
	}
	return labels
}

func TestAgreementAndRankingOfClasses(t *testing.T) {
	cases := classifications()
	var asked []map[string]any
	for _, c := range cases {
		scaled := make([][]float64, len(c.Probs))
		for i, row := range c.Probs {
			sum := 0.0
			for _, p := range row {
				sum += float64(p)
			}
			for _, p := range row {
				scaled[i] = append(scaled[i], float64(p)/sum)
			}
		}
		asked = append(asked, map[string]any{"kind": "classes", "labels": c.Labels, "targets": c.Targets, "probs": scaled})
	}
	for i, want := range answers(t, asked) {
		got, err := eval.Classify(labelNames(cases[i].Labels), cases[i].Targets, cases[i].Probs, eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		where := fmt.Sprintf("case %d (%d labels, %d examples)", i, cases[i].Labels, len(cases[i].Targets))
		for _, key := range []string{"mcc", "kappa", "roc_auc", "pr_auc"} {
			same(t, where, key, more(got, key), want[key][0])
		}
	}
}

func TestSetsOfLabels(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	type set struct {
		k                  int
		targets, predicted [][]int
		probs              [][]float32
	}
	var cases []set
	var asked []map[string]any
	for i := range 150 {
		c := set{k: []int{1, 2, 6, 30}[rng.IntN(4)]}
		used := 1 + rng.IntN(c.k)
		for range []int{1, 2, 40, 300}[rng.IntN(4)] {
			var target, predicted []int
			row := make([]float32, c.k)
			for l := range row {
				row[l] = float32(rng.IntN(5)) / 4 // ties
				if i%3 > 0 {
					row[l] = rng.Float32()
				}
				if l < used && rng.IntN(3) == 0 {
					target = append(target, l)
					row[l] = min(1, row[l]+0.3)
				}
				if row[l] >= 0.5 && i%7 > 0 { // of every seventh case all predictions are empty
					predicted = append(predicted, l)
				}
			}
			c.targets, c.predicted, c.probs = append(c.targets, target), append(c.predicted, predicted), append(c.probs, row)
		}
		wide := make([][]float64, len(c.probs))
		for i, row := range c.probs {
			for _, p := range row {
				wide[i] = append(wide[i], float64(p))
			}
		}
		cases = append(cases, c)
		asked = append(asked, map[string]any{"kind": "sets", "labels": c.k, "targets": c.targets, "predicted": c.predicted, "probs": wide})
	}
	for i, want := range answers(t, asked) {
		c := cases[i]
		got, err := eval.JudgeSets(labelNames(c.k), c.targets, c.predicted, c.probs, eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		where := fmt.Sprintf("case %d (%d labels, %d examples)", i, c.k, len(c.targets))
		same(t, where, "accuracy", got.Accuracy, want["accuracy"][0])
		for _, key := range []string{"hamming_loss", "roc_auc", "pr_auc"} {
			same(t, where, key, more(got, key), want[key][0])
		}
		averages(t, where, got, want)
	}
}

// averages compares precision, recall and F1 under each way to take their mean.
func averages(t *testing.T, where string, got *eval.Report, want map[string][]float64) {
	t.Helper()
	for i, v := range []float64{got.MicroPrecision, got.MicroRecall, got.MicroF1} {
		same(t, where, fmt.Sprint("micro ", i), v, want["micro"][i])
	}
	for i, v := range []float64{got.MacroPrecision, got.MacroRecall, got.MacroF1} {
		same(t, where, fmt.Sprint("macro ", i), v, want["macro"][i])
	}
	same(t, where, "weighted F1", got.WeightedF1, want["weighted"][2])
}

func TestNumbersRandomConstantTiedAndHuge(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	type pair struct{ targets, predictions []float64 }
	var cases []pair
	var asked []map[string]any
	for i := range 200 {
		var c pair
		scale, huge := 1.0, false
		if i%10 == 0 {
			scale, huge = 1e300, true
		}
		for range []int{1, 2, 3, 50, 500}[rng.IntN(5)] {
			v := rng.NormFloat64()
			w := v + rng.NormFloat64()
			switch i % 5 {
			case 1: // ties
				v, w = math.Round(v), math.Round(w)
			case 2:
				v = 0.1 // constant, and no binary fraction
			case 3:
				w = -0.3
			case 4:
				v, w = v+1e6, w+1e6
			}
			c.targets, c.predictions = append(c.targets, scale*v), append(c.predictions, scale*w)
		}
		cases = append(cases, c)
		asked = append(asked, map[string]any{"kind": "numbers", "targets": c.targets, "predictions": c.predictions, "huge": huge})
	}
	for i, want := range answers(t, asked) {
		got, err := eval.JudgeNumbers(cases[i].targets, cases[i].predictions, eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		where := fmt.Sprintf("case %d (%d examples)", i, len(cases[i].targets))
		for key, v := range want {
			same(t, where, key, more(got, key), v[0])
		}
	}
}

// tagSequences are valid and invalid sequences of a scheme's letters.
func tagSequences(rng *rand.Rand, letters string, valid bool) (targets, predicted [][]string) {
	one := func(n int) []string {
		var tags []string
		for len(tags) < n {
			typ := []string{"PER", "LOC", "A-B"}[rng.IntN(3)]
			switch {
			case rng.IntN(3) == 0:
				tags = append(tags, "O")
			case !valid:
				tags = append(tags, string(letters[rng.IntN(len(letters))])+"-"+typ)
			case strings.Contains(letters, "S") && rng.IntN(2) == 0:
				tags = append(tags, "S-"+typ)
			default:
				tags = append(tags, "B-"+typ)
				for range rng.IntN(3) {
					tags = append(tags, "I-"+typ)
				}
				if strings.Contains(letters, "E") {
					tags = append(tags, "E-"+typ)
				}
			}
		}
		return tags[:n]
	}
	for range 1 + rng.IntN(20) {
		n := 1 + rng.IntN(15)
		a := one(n)
		b := append([]string{}, a...)
		if rng.IntN(2) == 0 {
			b = one(n)
		}
		if rng.IntN(6) == 0 {
			for i := range b {
				b[i] = "O"
			}
		}
		targets, predicted = append(targets, a), append(predicted, b)
	}
	return targets, predicted
}

func TestEntitiesAsSeqevalCountsThem(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	type sequences struct {
		scheme             eval.Scheme
		targets, predicted [][]string
	}
	var cases []sequences
	var asked []map[string]any
	for i := range 300 {
		scheme, letters := []eval.Scheme{eval.Lenient, eval.IOB2, eval.IOBES, eval.Lenient}[i%4], []string{"BI", "BI", "BIES", "BIES"}[i%4]
		c := sequences{scheme: scheme}
		c.targets, c.predicted = tagSequences(rng, letters, i%8 < 4)
		cases = append(cases, c)
		asked = append(asked, map[string]any{"kind": "tags", "scheme": scheme, "targets": c.targets, "predicted": c.predicted})
	}
	for i, want := range answers(t, asked) {
		c := cases[i]
		got, err := eval.JudgeTags(c.targets, c.predicted, c.scheme, eval.Options{})
		if err != nil {
			t.Fatal(err)
		}
		averages(t, fmt.Sprintf("case %d (%s): %v %v", i, c.scheme, c.targets, c.predicted), got, want)
	}
}

func TestExactPairedTest(t *testing.T) {
	var asked []map[string]any
	counts := [][2]int{{0, 0}, {1, 0}, {0, 7}, {5, 5}, {6, 5}, {30, 12}, {500, 431}, {3000, 2801}, {100_000, 99_000}, {2, 40_000}}
	for _, c := range counts {
		asked = append(asked, map[string]any{"kind": "compare", "only_a": c[0], "only_b": c[1]})
	}
	for i, want := range answers(t, asked) {
		got := eval.McNemar(counts[i][0], counts[i][1])
		if math.Abs(got-want["p"][0]) > 1e-6*want["p"][0]+1e-300 {
			t.Errorf("%v: p %v, there %v", counts[i], got, want["p"][0])
		}
	}
}

func TestTemperatureAndThreshold(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	var asked []map[string]any
	var got []float64
	for i := range 30 {
		if i%2 == 0 {
			k := 2 + rng.IntN(8)
			var targets []int
			var probs [][]float32
			var wide [][]float64
			sharp := 0.3 + 3*rng.Float64() // how overconfident the model is
			for range 20 + rng.IntN(300) {
				row, w, sum := make([]float32, k), make([]float64, k), 0.0
				target := rng.IntN(k)
				for c := range w {
					w[c] = rng.NormFloat64()
					if c == target {
						w[c] += 1
					}
					w[c] = math.Exp(sharp * w[c])
					sum += w[c]
				}
				for c := range w {
					row[c] = float32(w[c] / sum)
					w[c] = float64(row[c])
				}
				targets, probs, wide = append(targets, target), append(probs, row), append(wide, w)
			}
			asked = append(asked, map[string]any{"kind": "scaling", "targets": targets, "probs": wide})
			got = append(got, eval.Temperature(targets, probs))
			continue
		}
		var holds []bool
		var scores []float64
		for range 1 + rng.IntN(200) {
			h := rng.IntN(4) == 0
			s := float64(rng.IntN(20)) / 20 // ties
			if h {
				s = min(1, s+0.2)
			}
			holds, scores = append(holds, h), append(scores, s)
		}
		asked = append(asked, map[string]any{"kind": "threshold", "holds": holds, "scores": scores})
		threshold := eval.Threshold(holds, scores)
		right, called, wanted := 0.0, 0.0, 0.0
		for i, h := range holds {
			if h {
				wanted++
			}
			if scores[i] >= threshold {
				called++
				if h {
					right++
				}
			}
		}
		got = append(got, 2*right/max(called+wanted, 1))
	}
	for i, want := range answers(t, asked) {
		if v, ok := want["temperature"]; ok {
			if math.Abs(got[i]/v[0]-1) > 1e-4 {
				t.Errorf("case %d: temperature %v, there %v", i, got[i], v[0])
			}
			continue
		}
		same(t, fmt.Sprint("case ", i), "F1 at the threshold", got[i], want["f1"][0])
	}
}
