package weak

import (
	"math"
	"math/rand/v2"
	"testing"
)

// made is a function of known behaviour: it votes on a share of the texts, for the right label with a probability; one
// with an only label votes for it alone, on coverage of its texts, and wrongly on so many of the others that it is right
// with that probability where labels are equally frequent.
type made struct {
	accuracy, coverage float64
	only               int // -1 for any label
	copies             int // number of the function that it repeats, with probability same; -1 for none
	same               float64
}

func votesOf(rng *rand.Rand, truth []int, labels int, functions []made) [][]int16 {
	votes := make([][]int16, len(truth))
	for i, y := range truth {
		v := make([]int16, len(functions))
		for j, f := range functions {
			v[j] = Abstain
			switch {
			case f.copies >= 0 && rng.Float64() < f.same:
				v[j] = v[f.copies]
			case f.only >= 0:
				p := f.coverage
				if y != f.only {
					p *= (1 - f.accuracy) / f.accuracy / float64(labels-1)
				}
				if rng.Float64() < p {
					v[j] = int16(f.only)
				}
			case rng.Float64() < f.coverage:
				v[j] = int16(y)
				if rng.Float64() > f.accuracy {
					v[j] = int16((y + 1 + rng.IntN(labels-1)) % labels)
				}
			}
		}
		votes[i] = v
	}
	return votes
}

func independent(accuracy, coverage float64, only int) made {
	return made{accuracy, coverage, only, -1, 0}
}

// right is the share of the texts with votes whose label is found; a tie of the majority is drawn by lot.
func right(rng *rand.Rand, votes [][]int16, truth []int, labels int, m *Model) (model, majority float64) {
	n := 0.0
	for i, v := range votes {
		p, ok := m.Probabilities(v)
		if !ok {
			continue
		}
		n++
		counts, best := make([]float64, labels), 0
		for c := range counts {
			counts[c] = rng.Float64() * 0.5
			if p[c] > p[best] {
				best = c
			}
		}
		for _, x := range v {
			if x != Abstain {
				counts[x]++
			}
		}
		most := 0
		for c := range counts {
			if counts[c] > counts[most] {
				most = c
			}
		}
		if best == truth[i] {
			model++
		}
		if most == truth[i] {
			majority++
		}
	}
	return model / n, majority / n
}

func empirical(votes [][]int16, truth []int, j int) float64 {
	hit, n := 0.0, 0.0
	for i, v := range votes {
		if v[j] != Abstain {
			n++
			if int(v[j]) == truth[i] {
				hit++
			}
		}
	}
	return hit / n
}

func TestAccuraciesAreFoundWithoutTheTruth(t *testing.T) {
	for name, c := range map[string]struct {
		labels    int
		balance   []float64
		functions []made
		tolerance float64
		gain      float64 // over the majority vote, at least
	}{
		"two labels": {2, []float64{0.5, 0.5}, []made{independent(0.92, 0.6, -1), independent(0.85, 0.5, -1), independent(0.75, 0.7, -1), independent(0.6, 0.8, -1), independent(0.58, 0.7, -1), independent(0.8, 0.4, -1)}, 0.04, 0.02},
		"unbalanced": {2, []float64{0.8, 0.2}, []made{independent(0.9, 0.6, -1), independent(0.85, 0.5, -1), independent(0.7, 0.7, -1), independent(0.65, 0.8, -1), independent(0.8, 0.5, -1)}, 0.05, 0.02},
		"one label a function": {2, []float64{0.5, 0.5}, []made{independent(0.9, 0.5, 0), independent(0.8, 0.5, 0), independent(0.65, 0.6, 0), independent(0.9, 0.4, 1), independent(0.85, 0.5, 1), independent(0.7, 0.6, 1),
			independent(0.75, 0.5, -1)}, 0.05, 0.01},
		"five labels": {5, []float64{0.2, 0.2, 0.2, 0.2, 0.2}, []made{independent(0.9, 0.6, -1), independent(0.8, 0.6, -1), independent(0.6, 0.8, -1), independent(0.45, 0.9, -1), independent(0.7, 0.5, -1), independent(0.4, 0.9, -1)}, 0.05, 0.02},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		truth := make([]int, 6000)
		for i := range truth {
			for u := rng.Float64(); u > c.balance[truth[i]] && truth[i]+1 < c.labels; truth[i]++ {
				u -= c.balance[truth[i]]
			}
		}
		votes := votesOf(rng, truth, c.labels, c.functions)
		m := Fit(votes, c.labels, Options{})
		for j := range c.functions {
			if got, want := m.Accuracy(j), empirical(votes, truth, j); math.Abs(got-want) > c.tolerance {
				t.Errorf("%s: function %d is right with %.3f, estimated %.3f", name, j, want, got)
			}
		}
		if a, b := right(rng, votes, truth, c.labels, m); a < b+c.gain {
			t.Errorf("%s: %.4f of the texts are right, of the majority vote %.4f", name, a, b)
		} else {
			t.Logf("%s: %.4f, majority %.4f, %d rounds, weights %.2f", name, a, b, m.Rounds, m.Weights)
		}
	}
}

// Four copies of a poor function outvote three good ones, unless they count as one.
func TestCopiesCountOnce(t *testing.T) {
	for name, same := range map[string]float64{"exact": 1, "in most texts": 0.9} {
		rng := rand.New(rand.NewPCG(3, 4))
		truth := make([]int, 4000)
		for i := range truth {
			truth[i] = rng.IntN(2)
		}
		functions := []made{independent(0.85, 0.8, -1), independent(0.8, 0.8, -1), independent(0.82, 0.7, -1), independent(0.78, 0.8, -1), independent(0.6, 0.9, -1)}
		for range 3 {
			functions = append(functions, made{0.6, 0.9, -1, 4, same})
		}
		votes := votesOf(rng, truth, 2, functions)
		m := Fit(votes, 2, Options{})
		model, majority := right(rng, votes, truth, 2, m)
		for j := range functions {
			if got, want := m.Accuracy(j), empirical(votes, truth, j); math.Abs(got-want) > 0.06 {
				t.Errorf("%s: function %d is right with %.3f, estimated %.3f", name, j, want, got)
			}
		}
		if model < majority+0.05 || len(m.Repeats) < 6 {
			t.Errorf("%s: %.4f are right, of the majority vote %.4f; repeats %v, weights %.2f", name, model, majority, m.Repeats, m.Weights)
		}
	}
}

func TestNobodyVotes(t *testing.T) {
	m := Fit([][]int16{{-1, -1}, {-1, -1}}, 2, Options{Balance: []float64{3, 1}})
	p, ok := m.Probabilities([]int16{-1, -1})
	if ok || math.Abs(p[0]-0.75) > 1e-9 {
		t.Errorf("%v %v", p, ok)
	}
	if m = Fit(nil, 3, Options{}); len(m.Balance) != 3 {
		t.Errorf("%+v", m)
	}
	m = Fit([][]int16{{0, -1}, {0, -1}, {-1, 1}}, 2, Options{}) // each function alone
	for _, v := range [][]int16{{0, -1}, {-1, 1}} {
		p, ok := m.Probabilities(v)
		if want := max(v[0], v[1]); !ok || p[want] < 0.5 {
			t.Errorf("votes %v: %v", v, p)
		}
	}
}
