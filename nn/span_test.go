package nn

import (
	"math"
	"testing"
)

// spanCase is three sequences: one whose context begins at token 2, one without an answer, one that is empty.
var (
	spanOffsets  = []int32{0, 6, 9, 9}
	spanContexts = []int32{2, 5, 1, 3, 0, 0}
	spanTargets  = []int32{3, 4, 0, 0, 0, 0}
)

func spanLogits() []float32 {
	x := make([]float32, 18)
	for i := range x {
		x[i] = float32(weightOf(i)) * 2
	}
	return x
}

// TestSpanLossIsCrossEntropyOverTheChoices compares with the cross-entropy of each end by itself.
func TestSpanLossIsCrossEntropyOverTheChoices(t *testing.T) {
	tape := NewTape(nil)
	tape.Begin(Inference, 0, 0)
	x := spanLogits()
	got := float64(tape.SpanLoss(tape.Input(x, 9, 2), spanOffsets, spanContexts, spanTargets, nil).Data[0])
	want := 0.0
	for end := range 2 {
		for _, s := range []struct {
			tokens []int
			target int32
		}{{[]int{0, 2, 3, 4}, int32(2 + end)}, {[]int{6, 7, 8}, 0}} {
			var row []float32
			for _, token := range s.tokens {
				row = append(row, x[2*token+end])
			}
			want += float64(tape.CrossEntropy(tape.Input(row, 1, len(row)), []int32{s.target}, CrossEntropy{}).Data[0]) / 6
		}
	}
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSpanLossGradientsMatchFiniteDifferences(t *testing.T) {
	tape := NewTape(nil)
	x := spanLogits()
	examples := Weights{0.3, 2, 1}
	tape.Begin(Training, 0, 0)
	in := tape.Input(x, 9, 2)
	tape.Backward(tape.SpanLoss(in, spanOffsets, spanContexts, spanTargets, examples))
	got := append([]float32(nil), in.Grad...)
	loss := func() float64 {
		tape.Begin(Inference, 0, 0)
		return float64(tape.SpanLoss(tape.Input(x, 9, 2), spanOffsets, spanContexts, spanTargets, examples).Data[0])
	}
	const eps = 4e-3
	for i, old := range x {
		x[i] = old + eps
		up := loss()
		x[i] = old - eps
		down := loss()
		x[i] = old
		if want := (up - down) / (2 * eps); math.Abs(float64(got[i])-want) > 2e-4 {
			t.Errorf("[%d]: gradient %v, finite difference %v", i, got[i], want)
		}
	}
	for _, token := range []int{1, 5} { // of the question, and behind the context
		if got[2*token] != 0 || got[2*token+1] != 0 {
			t.Errorf("token %d, which is no choice, has the gradient %v", token, got[2*token:2*token+2])
		}
	}
}
