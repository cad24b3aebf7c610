package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// clouds are n rows around the point -gap or +gap on the first axis, with dim-1 axes of noise, the second of which is far
// wider; the first rows are labelled in turn. class is the side of the first axis, or with other the side of the third.
func clouds(n, dim int, gap float64, other bool) (rows []float32, class []int) {
	r := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		side := i % 2
		if i%7 == 0 {
			side = 1 // sides are not of one size
		}
		x := make([]float32, dim)
		for j := range x {
			x[j] = float32(r.NormFloat64())
		}
		x[0] += float32(gap * float64(2*side-1))
		x[1] *= 4
		c := side
		if other {
			c = 0
			if x[2] > 0 {
				c = 1
			}
		}
		rows, class = append(rows, x...), append(class, c)
	}
	return rows, class
}

// newSelfTrainer is a solver of which the first rows have labels.
func newSelfTrainer(rows []float32, dim int, class []int, labelled int) *solver {
	targets := oneHot(class, 2)
	clear(targets[labelled*2:])
	weights := make([]float64, len(class))
	for i := range labelled {
		weights[i] = 1
	}
	unit := append([]float32(nil), rows...)
	unitRows(unit, dim)
	v := &solver{logistic: newLogistic(nil, softmaxLoss, rows, dim, targets, weights), graph: newGraph(nil, unit, dim)}
	v.mixtures = newMixtures(nil, v.rows, dim, 2)
	v.theta, v.folds = make([]float64, v.size()), foldsOf(targets[:labelled*2], 2, 1)
	return v
}

// hits is the share of rows that the head has right.
func (v *solver) hits(class []int) float64 {
	v.scores(v.rows, len(class), v.theta)
	n := 0.0
	for i, c := range class {
		if (v.z[i*2+1] > v.z[i*2]) == (c == 1) {
			n++
		}
	}
	return n / float64(len(class))
}

// TestAMixtureFindsTheGroupsThatTextsForm has two groups apart by six deviations of a noise that most directions share: a
// few labels cannot tell the direction, the rows without labels can.
func TestAMixtureFindsTheGroupsThatTextsForm(t *testing.T) {
	const dim, labelled = 20, 12
	rows, class := clouds(1500, dim, 2, false)
	v := newSelfTrainer(rows, dim, class, labelled)
	v.learn(firstRows(labelled), 0.03, exactly)
	alone := v.hits(class)
	s := &state{}
	if who := v.trusted(s, labelled, 0.03); who == headAndGraph {
		t.Errorf("trusts guesser %d, want a mixture", who)
	}
	if len(s.Believed) != labelled {
		t.Errorf("%d labels were held back in turn, want %d", len(s.Believed), labelled)
	}
	v.selfTrain(s, labelled, 0.7, 0.03)
	if got := v.hits(class); got < 0.96 || got < alone+0.03 {
		t.Errorf("%.3f right by the labels alone, %.3f with the rows without; the best there is: 0.977", alone, got)
	}
}

// TestLabelsOverruleTheGroups has groups that are not what is asked: enough labels show it.
func TestLabelsOverruleTheGroups(t *testing.T) {
	const dim, labelled = 6, 200
	rows, class := clouds(1500, dim, 3, true)
	v := newSelfTrainer(rows, dim, class, labelled)
	v.selfTrain(&state{}, labelled, 0.7, 0.003)
	if got := v.hits(class); got < 0.9 {
		t.Errorf("%.3f right where groups and labels have nothing in common, want 0.9", got)
	}
}

// TestMixturesEndWhereTheLikelihoodRisesNoMore checks that expectation and maximisation reach a point that further rounds leave
// as it is, with probabilities in every row.
func TestMixturesEndWhereTheLikelihoodRisesNoMore(t *testing.T) {
	const n, dim = 600, 8
	rows, class := clouds(n, dim, 3, false)
	v := newSelfTrainer(rows, dim, class, 8)
	m := v.mixtures[0]
	known := make([]int, n)
	for i := range known {
		if known[i] = -1; i < 8 {
			known[i] = class[i]
		}
	}
	p := make([]float32, n*2)
	for i := range n {
		p[2*i], p[2*i+1] = 0.5, 0.5
	}
	m.learn(p, known, 200)
	before := append([]float32(nil), p...)
	m.learn(p, known, 1)
	for i := range p {
		if math.Abs(float64(p[i]-before[i])) > 1e-3 {
			t.Fatalf("number %d moves from %g to %g in a further round", i, before[i], p[i])
		}
		if i%2 == 1 && math.Abs(float64(p[i]+p[i-1])-1) > 1e-5 {
			t.Fatalf("probabilities of row %d sum to %g", i/2, p[i]+p[i-1])
		}
	}
}
