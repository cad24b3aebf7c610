package train

import (
	"context"
	"slices"
	"testing"
)

// TestHeadsLearnMoreFromMoreLabels has a curve's points lie at the sizes that folds leave, with more right where more labels
// are learnt from; and the head that is kept stay as it was solved.
func TestHeadsLearnMoreFromMoreLabels(t *testing.T) {
	tr, m, err := deep(t, func(c *Config) { c.Freeze, c.Optimizer = "all", "lbfgs" })
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range tr.Run(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := weights(m)
	points, err := tr.Curve(context.Background())
	if err != nil || len(points) != curveDraws*len(curveShares) {
		t.Fatalf("%d points, %v", len(points), err)
	}
	n, mean := tr.train.Len(), map[int]float64{}
	for _, p := range points {
		if p.N > n-n/foldCount+1 || p.Value < 0 || p.Value > 1 {
			t.Errorf("%+v of %d labels", p, n)
		}
		mean[p.N] += p.Value / curveDraws
	}
	sizes := []int{}
	for size := range mean {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	if len(sizes) < 3 || mean[sizes[len(sizes)-1]] <= mean[sizes[0]] {
		t.Errorf("accuracy by labels: %v", mean)
	}
	if !slices.Equal(weights(m), before) {
		t.Error("the head has changed")
	}
}

func TestPartsHoldEveryClass(t *testing.T) {
	class := func(i int) int { return i / 10 }
	rows := interleave([]int{0, 1, 2, 3, 10, 11, 20, 21, 22}, class)
	if want := []int{0, 10, 20, 1, 11, 21, 2, 22, 3}; !slices.Equal(rows, want) {
		t.Errorf("%v, want %v", rows, want)
	}
}

// TestTheStrongestRegularisationWithinChanceIsTaken has losses that differ by chance, and ones that differ on every example.
func TestTheStrongestRegularisationWithinChanceIsTaken(t *testing.T) {
	s := &state{Held: [][]float64{{2, 2, 2, 2}, {0.9, 1.3, 0.7, 1.2}, {1, 1, 1, 1}, {1.1, 1.1, 1.1, 1.1}}}
	if got := s.choice(); got != 1 {
		t.Errorf("strength %d", got)
	}
	s.Held[1] = []float64{1.05, 1.06, 1.05, 1.06}
	if got := s.choice(); got != 2 {
		t.Errorf("strength %d, where a stronger one is worse on every example", got)
	}
	if got := new(state).choice(); got != -1 || new(state).strength() != usualStrength {
		t.Errorf("strength %d of nothing", got)
	}
}
