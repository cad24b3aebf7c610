package eval

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// answers makes reports of two classifiers that are right on the given examples.
func answers(t *testing.T, a, b []bool) (*Report, *Report) {
	t.Helper()
	one := func(right []bool) *Report {
		targets, probs := make([]int, len(right)), make([][]float32, len(right))
		for i, r := range right {
			targets[i], probs[i] = i%2, []float32{.3, .7}
			if (i%2 == 1) != r {
				probs[i] = []float32{.7, .3}
			}
		}
		return classify(t, []string{"neg", "pos"}, targets, probs, Options{Texts: make([]string, len(right))})
	}
	return one(a), one(b)
}

func TestAComparisonTellsABetterModelFromALuckyOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, c := range []struct {
		name    string
		n       int
		a, b    float64 // chance to be right
		verdict string
	}{{"far apart", 1000, .7, .8, "B"}, {"turned round", 1000, .8, .7, "A"}, {"as good", 1000, .75, .75, ""}, {"too few", 20, .7, .8, ""}} {
		a, b := make([]bool, c.n), make([]bool, c.n)
		for i := range a {
			a[i], b[i] = rng.Float64() < c.a, rng.Float64() < c.b
		}
		x, y := answers(t, a, b)
		got, err := Compare(x, y, "a", "b", Options{Rounds: 1000, Seed: 1, Mistakes: 3})
		if err != nil {
			t.Fatal(err)
		}
		f := got.Figures[0]
		if got.Verdict != c.verdict || (got.McNemar < 0.05) != (c.verdict != "") || (f.P < 0.05) != (c.verdict != "") {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got.OnlyA+got.OnlyB+got.Same != c.n || math.Abs(f.Difference-float64(got.OnlyB-got.OnlyA)/float64(c.n)) > 1e-9 {
			t.Errorf("%s: the examples do not add up: %+v", c.name, got)
		}
		if c.n == 1000 && len(got.Differ) != 6 {
			t.Errorf("%s: %d examples are shown", c.name, len(got.Differ))
		}
	}
}

func TestModelsThatNeverDifferAreNotToldApart(t *testing.T) {
	x, y := answers(t, []bool{true, false, true}, []bool{true, false, true})
	c, err := Compare(x, y, "a", "b", Options{})
	if err != nil || c.Verdict != "" || c.McNemar != 1 || c.Figures[0].P != 1 || len(c.Differ) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestOfNumbersTheSmallerErrorWins(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var truth, a, b []float64
	for range 400 {
		v := rng.NormFloat64()
		truth, a, b = append(truth, v), append(a, v+rng.NormFloat64()), append(b, v+rng.NormFloat64()/4)
	}
	x, err := JudgeNumbers(truth, a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	y, err := JudgeNumbers(truth, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compare(x, y, "a", "b", Options{Rounds: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if c.Verdict != "B" || c.Figures[0].Key != "mae" || c.Figures[0].Difference >= 0 || c.Figures[1].Difference <= 0 || c.OnlyB <= c.OnlyA || c.McNemar > 1e-6 {
		t.Errorf("%+v", c)
	}
	var text strings.Builder
	c.Text(&text)
	if !strings.Contains(text.String(), "closer") || !strings.Contains(text.String(), "B is better, beyond chance.") {
		t.Error(text.String())
	}
}

func TestEntitiesAreComparedByTextsAndCountedOneByOne(t *testing.T) {
	var targets, a, b [][]Span
	for i := range 200 {
		s := []Span{{Start: 0, End: 2, Label: "ORG"}, {Start: 5, End: 9, Label: "PER"}}
		targets = append(targets, s)
		a, b = append(a, s[:1+i%2]), append(b, s) // A misses the second in every other text
	}
	judge := func(found [][]Span) *Report {
		r, err := JudgeEntities([]string{"ORG", "PER"}, targets, found, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c, err := Compare(judge(a), judge(b), "a", "b", Options{Mistakes: 1})
	if err != nil || c.Verdict != "B" || c.OnlyB != 100 || c.OnlyA != 0 || c.Figures[0].Key != "micro_f1" {
		t.Errorf("%+v, %v", c, err)
	}
	if d := c.Differ[0]; d.A != "ORG 0–2" || d.Target != "ORG 0–2, PER 5–9" {
		t.Errorf("%+v", d)
	}
}

func TestReportsOfOtherExamplesAreNotCompared(t *testing.T) {
	x, y := answers(t, []bool{true, true}, []bool{true, false})
	short, _ := answers(t, []bool{true}, []bool{true})
	numbers, err := JudgeNumbers([]float64{1, 2}, []float64{1, 2}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	read := &Report{N: 2} // as from metrics.json
	for name, pair := range map[string][2]*Report{"lengths": {x, short}, "tasks": {x, numbers}, "a report from a file": {y, read}} {
		if _, err := Compare(pair[0], pair[1], "", "", Options{}); err == nil {
			t.Errorf("%s: compared", name)
		}
	}
}
