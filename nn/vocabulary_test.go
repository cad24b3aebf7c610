package nn

import (
	"math"
	"testing"
)

// TestVocabularyLossIsCrossEntropyOfLinear compares with the two operations that it stands for, over so many classes
// that it works in several blocks, the last of them smaller.
func TestVocabularyLossIsCrossEntropyOfLinear(t *testing.T) {
	const rows, classes, dim = 40, vocabularyBlock / 16, 3
	run := func(loss func(t *Tape, x *Var, w, b *Param, targets []int32) *Var) (value float32, w, b *Param, dx []float32) {
		var ps Params
		w, b = ps.AddTable("w", Uniform(1), classes, dim), ps.Add("b", Uniform(0.5), classes)
		x := ps.Add("x", Uniform(1), rows, dim)
		ps.Allocate(3)
		ps.AllocateGradients()
		targets := make([]int32, rows)
		for i := range targets {
			targets[i] = int32(i * 7919 % classes)
		}
		tape := NewTape(nil)
		tape.Begin(Training, 1, 1)
		in := tape.Input(x.Data, rows, dim)
		l := loss(tape, in, w, b, targets)
		l.Gradient()[0] = 1.5
		tape.BackwardFrom()
		return l.Data[0], w, b, in.Grad
	}
	value, w, b, dx := run(func(t *Tape, x *Var, w, b *Param, targets []int32) *Var { return t.VocabularyLoss(x, w, b, targets) })
	wantValue, wantW, wantB, wantDX := run(func(t *Tape, x *Var, w, b *Param, targets []int32) *Var {
		return t.CrossEntropy(t.Linear(x, w, b, Identity), targets, CrossEntropy{})
	})
	if math.Abs(float64(value-wantValue)) > 1e-5 {
		t.Errorf("loss %v, want %v", value, wantValue)
	}
	if n := len(wantW.Rows.List()); n != classes {
		t.Errorf("%d rows of a table that a layer used have a gradient, want all %d", n, classes)
	}
	for name, pair := range map[string][2][]float32{"x": {dx, wantDX}, "w": {w.Grad, wantW.Grad}, "b": {b.Grad, wantB.Grad}} {
		for i := range pair[0] {
			if math.Abs(float64(pair[0][i]-pair[1][i])) > 1e-6 {
				t.Fatalf("gradient of %s[%d] is %v, want %v", name, i, pair[0][i], pair[1][i])
			}
		}
	}
	if n := len(w.Rows.List()); n != classes {
		t.Errorf("%d rows of the table have a gradient, want all %d", n, classes)
	}
}

func TestVocabularyLossOfNoRowsIsNothing(t *testing.T) {
	var ps Params
	w := ps.Add("w", Uniform(1), 4, 3)
	ps.Allocate(1)
	ps.AllocateGradients()
	tape := NewTape(nil)
	tape.Begin(Training, 1, 1)
	l := tape.VocabularyLoss(tape.Input(nil, 0, 3), w, nil, nil)
	tape.Backward(l)
	if l.Data[0] != 0 {
		t.Errorf("loss %v", l.Data[0])
	}
	for i, g := range w.Gradient() {
		if g != 0 {
			t.Errorf("gradient %d is %v", i, g)
		}
	}
}
