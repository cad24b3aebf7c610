package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// overconfident makes the probabilities of a model whose logits are so many times too large; the truth follows the right
// ones.
func overconfident(n int, factor float64) (targets []int, raw, scaled [][]float32) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range n {
		logits := []float64{2 * rng.NormFloat64(), 2 * rng.NormFloat64(), 2 * rng.NormFloat64()}
		soft := func(by float64) []float32 {
			sum, row := 0.0, make([]float32, 3)
			for _, z := range logits {
				sum += math.Exp(by * z)
			}
			for c, z := range logits {
				row[c] = float32(math.Exp(by*z) / sum)
			}
			return row
		}
		u, target, p := rng.Float64(), 0, soft(1)
		for u -= float64(p[0]); u > 0 && target < 2; u -= float64(p[target]) {
			target++
		}
		targets, raw, scaled = append(targets, target), append(raw, soft(factor)), append(scaled, p)
	}
	return targets, raw, scaled
}

func TestTemperatureUndoesOverconfidence(t *testing.T) {
	for _, factor := range []float64{0.5, 1, 3} {
		targets, raw, _ := overconfident(20_000, factor)
		if got := Temperature(targets, raw); math.Abs(got/factor-1) > 0.05 {
			t.Errorf("logits %v times too large: temperature %v", factor, got)
		}
	}
	targets, raw, _ := overconfident(20, 1)
	for i := range targets { // always right: the colder the better
		targets[i] = 0
		raw[i] = []float32{.9, .05, .05}
	}
	if got := Temperature(targets, raw); got < 0.05 || got > 0.1 || math.IsNaN(got) {
		t.Errorf("of a model that is always right: %v", got)
	}
}

func TestTheReportTellsCalibrationWithoutTheTemperature(t *testing.T) {
	targets, raw, scaled := overconfident(5000, 3)
	before := classify(t, []string{"a", "b", "c"}, targets, raw, Options{})
	after := classify(t, []string{"a", "b", "c"}, targets, scaled, Options{Temperature: 3})
	if after.Before == nil || after.ECE > before.ECE/3 {
		t.Fatalf("calibration error %v before, %v after", before.ECE, after.ECE)
	}
	if math.Abs(after.Before.ECE-before.ECE) > 1e-3 || math.Abs(after.Before.LogLoss-before.LogLoss) > 1e-3 {
		t.Errorf("without the temperature: %v %v; really %v %v", after.Before.ECE, after.Before.LogLoss, before.ECE, before.LogLoss)
	}
	if plain := classify(t, []string{"a", "b", "c"}, targets, raw, Options{Temperature: 1}); plain.Before != nil {
		t.Error("temperature 1 changes nothing and needs no second diagram")
	}
	certain := classify(t, []string{"a", "b"}, []int{1}, [][]float32{{1, 0}}, Options{Temperature: 2})
	if v := certain.Before.LogLoss; math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("a certain mistake has log loss %v", v)
	}
}

func TestThresholdsFallBetweenProbabilities(t *testing.T) {
	for _, c := range []struct {
		holds []bool
		p     []float64
		want  float64
	}{
		{[]bool{true, true, false, false}, []float64{.9, .6, .2, .1}, .4},
		{[]bool{false, true, true}, []float64{.5, .5, .5}, .25}, // ties fall on one side
		{[]bool{false, false}, []float64{.9, .1}, .5},           // nothing to find
		{[]bool{true}, []float64{0.8}, .4},
		{nil, nil, .5},
	} {
		if got := Threshold(c.holds, c.p); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v %v: %v, want %v", c.holds, c.p, got, c.want)
		}
	}
}
