package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// A network that reads the texts themselves learns what a head over poor states and n-grams believe, takes the place of that
// head, and is added to the n-grams with one spread.
func TestAPupilTakesThePlaceOfTheHeadThatTaughtIt(t *testing.T) {
	const labelled, most = 20, 200
	tr, m, valid := coTrainer(t, true, 1.5, labelled)
	run(t, tr, nil)
	pupil, _, _, _ := build(t, "mlp")
	set, err := tr.PseudoLabels(context.Background(), pupil, &Set{}, most, 0.7)
	if err != nil {
		t.Fatal(err)
	}
	y, k := &set.Targets, len(m.Labels)
	if n := labelled + most; set.Len() != n || len(y.Soft) != n*k || len(y.Weights) != n || len(y.SoftWeights) != n || len(set.Input.States) > 0 || set.Input.Wide.Len() > 0 {
		t.Fatalf("%d examples, %d soft targets, %d states", set.Len(), len(y.Soft), len(set.Input.States))
	}
	var given []int32
	for i := range set.Len() {
		truth, belief := y.Weights[i], y.SoftWeights[i]
		if known := i < labelled; known && math.Abs(float64(belief-0.7)) > 1e-6 || !known && belief != 1 || truth != 1-belief {
			t.Errorf("example %d: the truth counts %g, what is believed %g", i, truth, belief)
		}
		if i < labelled {
			given = append(given, y.Classes[i])
		} else if int(y.Classes[i]) != kernel.ArgMax(y.Soft[i*k:(i+1)*k]) {
			t.Errorf("example %d: class %d of scores %v", i, y.Classes[i], y.Soft[i*k:(i+1)*k])
		}
	}
	truth := slices.Sorted(slices.Values(tr.train.Targets.Classes))
	if slices.Sort(given); !slices.Equal(given, truth) {
		t.Errorf("given labels %v became %v", truth, given)
	}

	own := labelled + tr.unlabelled.Len()
	wider, err := tr.PseudoLabels(context.Background(), pupil, valid, tr.unlabelled.Len()+5, 0.7)
	if err != nil {
		t.Fatal(err)
	}
	if wider.Len() != own+5 {
		t.Fatalf("%d examples, want %d and 5 from elsewhere", wider.Len(), own)
	}
	for i := own; i < own+5; i++ {
		if wider.Targets.SoftWeights[i] != 1 || int(wider.Targets.Classes[i]) != kernel.ArgMax(wider.Targets.Soft[i*k:(i+1)*k]) {
			t.Errorf("of a text from elsewhere class %d is learnt, of scores %v", wider.Targets.Classes[i], wider.Targets.Soft[i*k:(i+1)*k])
		}
	}

	c := config()
	c.Loss, c.Epochs, c.LabelSmoothing, c.ClassWeights, c.Temperature = "auto", 8, 0, "none", 2
	second, err := New(pupil, set, &Set{}, c)
	if err != nil {
		t.Fatal(err)
	}
	run(t, second, nil)
	second.Finish()
	if err := tr.Adopt(context.Background(), pupil); err != nil {
		t.Fatal(err)
	}
	tr.Finish()

	valid.Input.States = nil // the network reads the texts from now on
	before, _ := rightOf(pupil, valid)
	after, sure := rightOf(m, valid)
	if after < 0.9 || after < before-0.02 || math.Abs(sure-meanOf(tr.state.Believed)) > 0.15 {
		t.Errorf("%.3f right by the pupil, %.3f with n-grams beside it; it is sure by %.3f, of labels held back %.3f were right", before, after, sure, meanOf(tr.state.Believed))
	}
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	var total, network []float32
	total = append(total, m.Forward(tape, &valid.Input).Data...)
	wide := m.Linear()
	clear(wide.W.Data)
	clear(wide.B.Data)
	tape.Begin(nn.Inference, 0, 0)
	network = append(network, m.Forward(tape, &valid.Input).Data...)
	for i := range total {
		total[i] -= network[i] // what the n-grams say
	}
	if ratio := spreadOf(network, k) / spreadOf(total, k); ratio < 0.8*ofNetwork || ratio > 1.25*ofNetwork {
		t.Errorf("the network's scores are spread %.2f times as far as those of the n-grams, not %d times", ratio, ofNetwork)
	}
}
