package eval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

func classify(t testing.TB, labels []string, targets []int, probs [][]float32, o Options) *Report {
	t.Helper()
	r, err := Classify(labels, targets, probs, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-6) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestFiguresComputedByHand(t *testing.T) {
	r := classify(t, []string{"a", "b", "c"}, []int{0, 0, 1, 1, 1},
		[][]float32{{.8, .1, .1}, {.3, .6, .1}, {.1, .8, .1}, {.2, .7, .1}, {.1, .2, .7}}, Options{Mistakes: 5, Texts: []string{"1", "2", "3", "4", "5"}})
	near(t, "accuracy", r.Accuracy, 3.0/5)
	// a: precision 1, recall 1/2, F1 2/3; b: 2/3, 2/3, 2/3; c: predicted once, never true
	near(t, "macro F1", r.MacroF1, (2.0/3+2.0/3+0)/3)
	near(t, "weighted F1", r.WeightedF1, 2.0/3)
	near(t, "macro precision", r.MacroPrecision, (1+2.0/3)/3)
	near(t, "macro recall", r.MacroRecall, (0.5+2.0/3)/3)
	near(t, "log loss", r.LogLoss, -(math.Log(.8)+math.Log(.3)+math.Log(.8)+math.Log(.7)+math.Log(.2))/5)
	if len(r.Mistakes) != 2 || r.Mistakes[0].Text != "5" || r.Mistakes[0].Predicted != "c" || r.Mistakes[1].Text != "2" {
		t.Errorf("mistakes %+v", r.Mistakes)
	}
	if r.Confusion[0][1] != 1 || r.Confusion[1][2] != 1 || r.PerClass[2].Support != 0 {
		t.Errorf("confusion %v", r.Confusion)
	}
}

func TestCalibrationError(t *testing.T) {
	// Ten predictions at 0.75, of which half are right.
	var targets []int
	var probs [][]float32
	for i := range 10 {
		targets = append(targets, i%2)
		probs = append(probs, []float32{.75, .25})
	}
	r := classify(t, []string{"a", "b"}, targets, probs, Options{})
	near(t, "calibration error", r.ECE, 0.25)
}

func TestMatchesScikitLearn(t *testing.T) {
	c := golden.Open(t, "metrics_classification")
	var want map[string]any
	if err := json.Unmarshal([]byte(c.Meta("expected")), &want); err != nil {
		t.Fatal(err)
	}
	flat, shape := c.Floats("in.probs")
	var probs [][]float32
	var targets []int
	for i, y := range c.Ints("in.target") {
		probs = append(probs, flat[i*shape[1]:(i+1)*shape[1]])
		targets = append(targets, int(y))
	}
	r := classify(t, []string{"0", "1", "2", "3", "4"}, targets, probs, Options{})
	for key, got := range map[string]float64{"accuracy": r.Accuracy, "macro_f1": r.MacroF1, "micro_f1": r.MicroF1, "weighted_f1": r.WeightedF1, "log_loss": r.LogLoss} {
		near(t, key, got, want[key].(float64))
	}
	for i, p := range want["precision"].([]any) {
		near(t, "precision", r.PerClass[i].Precision, p.(float64))
	}
	for i, p := range want["recall"].([]any) {
		near(t, "recall", r.PerClass[i].Recall, p.(float64))
	}
}

func TestAwkwardInputs(t *testing.T) {
	two := []string{"a", "b"}
	for name, c := range map[string]struct {
		labels  []string
		targets []int
		probs   [][]float32
	}{
		"nothing":                {two, nil, nil},
		"lengths that differ":    {two, []int{0}, nil},
		"a target out of range":  {two, []int{2}, [][]float32{{.5, .5}}},
		"a negative target":      {two, []int{-1}, [][]float32{{.5, .5}}},
		"too few probabilities":  {two, []int{0}, [][]float32{{1}}},
		"a NaN":                  {two, []int{0}, [][]float32{{float32(math.NaN()), 1}}},
		"a negative probability": {two, []int{0}, [][]float32{{-1, 2}}},
		"all zero":               {two, []int{0}, [][]float32{{0, 0}}},
	} {
		if _, err := Classify(c.labels, c.targets, c.probs, Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	r := classify(t, two, []int{1}, [][]float32{{1, 0}}, Options{Rounds: 10})
	if math.IsInf(r.LogLoss, 0) || r.LogLoss < 30 {
		t.Errorf("a certain mistake has log loss %v", r.LogLoss)
	}
	if ties := classify(t, two, []int{0}, [][]float32{{.5, .5}}, Options{}); ties.Accuracy != 1 {
		t.Error("of equal probabilities the first label counts")
	}
}

func sample(n, k int) ([]string, []int, [][]float32) {
	rng := rand.New(rand.NewPCG(1, 2))
	labels := make([]string, k)
	for i := range labels {
		labels[i] = "标签 " + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
	}
	var targets []int
	var probs [][]float32
	for range n {
		row := make([]float32, k)
		sum := float32(0)
		for j := range row {
			row[j] = float32(rng.ExpFloat64())
			sum += row[j]
		}
		for j := range row {
			row[j] /= sum
		}
		target := rng.IntN(k)
		if rng.IntN(2) == 0 {
			for j, v := range row {
				if v > row[target] {
					row[target], row[j] = v, row[target]
				}
			}
		}
		targets, probs = append(targets, target), append(probs, row)
	}
	return labels, targets, probs
}

// TestAnIntervalHoldsALabelThatIsOnlyGuessed has one text of two hundred taken for a label that none has.
func TestAnIntervalHoldsALabelThatIsOnlyGuessed(t *testing.T) {
	var targets []int
	var probs [][]float32
	for i := range 200 {
		row := []float32{0.1, 0.1, 0.1}
		row[i%2] = 0.8
		targets, probs = append(targets, i%2), append(probs, row)
	}
	probs[0] = []float32{0.1, 0.1, 0.8}
	r := classify(t, []string{"a", "b", "only guessed"}, targets, probs, Options{Rounds: 1000, Seed: 1})
	if i := r.Intervals["macro_f1"]; !(i.Low <= r.MacroF1 && r.MacroF1 <= i.High) || i.High > 0.7 {
		t.Errorf("macro F1 %v lies in %v", r.MacroF1, i)
	}
}

func TestIntervalsHoldTheFigureAndTheSeed(t *testing.T) {
	labels, targets, probs := sample(500, 3)
	r := classify(t, labels, targets, probs, Options{Rounds: 1000, Seed: 4})
	for name, v := range map[string]float64{"accuracy": r.Accuracy, "macro_f1": r.MacroF1} {
		i := r.Intervals[name]
		if !(i.Low < v && v < i.High) || i.High-i.Low > 0.12 || i.High-i.Low < 0.05 {
			t.Errorf("%s %v lies in %v", name, v, i)
		}
	}
	again := classify(t, labels, targets, probs, Options{Rounds: 1000, Seed: 4})
	if again.Intervals["accuracy"] != r.Intervals["accuracy"] {
		t.Error("the same seed gives other intervals")
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	labels, targets, probs := sample(300, 7)
	a := classify(t, labels, targets, probs, Options{})
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(targets), func(i, j int) {
		targets[i], targets[j] = targets[j], targets[i]
		probs[i], probs[j] = probs[j], probs[i]
	})
	b := classify(t, labels, targets, probs, Options{})
	near(t, "macro F1", b.MacroF1, a.MacroF1)
	near(t, "log loss", b.LogLoss, a.LogLoss)
	near(t, "calibration error", b.ECE, a.ECE)
	near(t, "micro F1", b.MicroF1, b.Accuracy)
}

func TestTheTableAlignsChinese(t *testing.T) {
	labels, targets, probs := sample(50, 3)
	labels[1] = "好"
	var b strings.Builder
	classify(t, labels, targets, probs, Options{Rounds: 50, Mistakes: 5, Texts: make([]string, 50)}).Text(&b)
	if pad("好", 4) != "好  " || pad("很长的标签", 7) != "很长的…" || truncate("a\n b", 9) != "a b" {
		t.Errorf("padding: %q %q", pad("好", 4), pad("很长的标签", 7))
	}
	for _, want := range []string{"accuracy", "95%", "好", "predicted", "most confident mistakes"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestThePageStandsAloneAndEscapes(t *testing.T) {
	for _, k := range []int{2, 77, 1000} {
		labels, targets, probs := sample(200, k)
		labels[0] = `<script>alert("x")</script>`
		texts := make([]string, 200)
		for i := range texts {
			texts[i] = `</td><img src=x onerror=alert(1)>`
		}
		r := classify(t, labels, targets, probs, Options{Texts: texts, Mistakes: 10, Rounds: 20})
		var b strings.Builder
		if err := r.HTML(&b, Page{Title: `"title" <b>`, Facts: []Fact{{"data", "数据", "<i>x</i>"}}}); err != nil {
			t.Fatal(err)
		}
		z := html.NewTokenizer(strings.NewReader(b.String()))
		for {
			kind := z.Next()
			if kind == html.ErrorToken {
				break
			}
			token := z.Token()
			if token.Data == "script" || token.Data == "img" || token.Data == "link" {
				t.Fatalf("%d labels: the page holds <%s>", k, token.Data)
			}
			for _, a := range token.Attr {
				if a.Key == "src" || a.Key == "href" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("the page has the attribute %s=%q", a.Key, a.Val)
				}
			}
		}
		for what, want := range map[string]bool{"混淆矩阵": true, `class="matrix"`: k == 77, "最常见的混淆": k > 2, `class="cell`: k == 2, "全部标签": k > manyLabels, "threshold for": k == 2} {
			if strings.Contains(b.String(), what) != want {
				t.Errorf("%d labels: %q is there: %v", k, what, !want)
			}
		}
	}
}

func TestJSONHoldsNoNaN(t *testing.T) {
	labels, targets, probs := sample(20, 4)
	data, err := json.Marshal(classify(t, labels, targets, probs, Options{Rounds: 5}))
	if err != nil || !strings.Contains(string(data), `"macro_f1"`) {
		t.Errorf("%s, %v", data, err)
	}
}

func BenchmarkBootstrap(b *testing.B) {
	labels, targets, probs := sample(10_000, 10)
	for b.Loop() {
		classify(b, labels, targets, probs, Options{Rounds: 1000})
	}
}
