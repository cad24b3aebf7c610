package train

import (
	"math/rand/v2"
	"testing"
)

// TestSelfTrainingFollowsClusters has two long clusters side by side, labelled at opposite ends: the labels alone mislead,
// the texts between show the way.
func TestSelfTrainingFollowsClusters(t *testing.T) {
	const each, dim, k = 120, 3, 2
	r := rand.New(rand.NewPCG(4, 4))
	var rows []float32
	var truth []int
	add := func(class int, along float64) {
		x := []float32{float32(2*along - 1 + 0.02*r.NormFloat64()), float32(0.4*float64(class) + 0.02*r.NormFloat64()), 1}
		rows, truth = append(rows, x...), append(truth, class)
	}
	for range 3 {
		add(0, 0.1)
		add(1, 0.9)
	}
	labelled := len(truth)
	for i := range each {
		add(0, float64(i)/each)
		add(1, float64(i)/each)
	}
	unitRows(rows, dim)
	targets := oneHot(truth, k)
	clear(targets[labelled*k:])
	weights := make([]float64, len(truth))
	for i := range labelled {
		weights[i] = 1
	}
	v := &solver{logistic: newLogistic(nil, softmaxLoss, rows, dim, targets, weights), graph: newGraph(nil, rows, dim)}
	v.theta = make([]float64, v.size())
	right := func() int {
		v.scores(v.rows, len(truth), v.theta)
		n := 0
		for i, c := range truth {
			if (v.z[i*k+1] > v.z[i*k]) == (c == 1) {
				n++
			}
		}
		return n
	}
	v.learn(firstRows(labelled), 0.01, exactly)
	before := right()
	v.selfTrain(&state{}, labelled, 0.7, 0.01)
	if after := right(); after < before+60 {
		t.Errorf("%d of %d right with labels alone, %d with the texts without", before, len(truth), after)
	}
}

// TestLabelsSpreadOnlyWhereEdgesLead checks the course of labels over two components, and that what nothing reaches stays
// unknown.
func TestLabelsSpreadOnlyWhereEdgesLead(t *testing.T) {
	// 0–2–3 and 1–4 are joined, 5 is alone; rows 0 and 1 are labelled.
	g := &graph{offsets: []int{0, 1, 2, 4, 5, 6, 6}, to: []int32{2, 4, 0, 3, 2, 1}, weight: []float32{0.7, 1, 0.7, 0.7, 0.7, 1}}
	got := g.spread([]float32{1, 0, 0, 1}, 2)
	want := []float32{1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0}
	for i, v := range got {
		if v < want[i]-1e-5 || v > want[i]+1e-5 {
			t.Fatalf("labels %v, want %v", got, want)
		}
	}
}

// TestOneAnswerMoreIsChance has guessers that differ on few and on many questions.
func TestOneAnswerMoreIsChance(t *testing.T) {
	for _, c := range []struct {
		won, lost int
		want      bool
	}{{0, 0, false}, {1, 0, false}, {2, 0, false}, {3, 0, true}, {5, 2, false}, {6, 2, true}, {2, 6, false}} {
		a, b := make([]float64, 16), make([]float64, 16)
		for i := range c.won {
			a[i] = 1
		}
		for i := range c.lost {
			b[c.won+i] = 1
		}
		if got := moreOften(a, b); got != c.want {
			t.Errorf("%d answers right of the one guesser alone, %d of the other: %v, want %v", c.won, c.lost, got, c.want)
		}
	}
}
