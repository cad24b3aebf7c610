package train

import (
	"math/rand/v2"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Where the words tell the class of some texts and the states that of the others, a head beside n-grams has to read both.
// Judged are texts that it has not seen, by the model's own forward pass, so that its weights have to lie where it looks.
func TestAHeadAndNGramsAreSolvedTogether(t *testing.T) {
	for _, of := range []struct {
		words, states, least float64 // share of the texts in which words tell, and states; share that must be right
	}{{1, 0, 0.9}, {0, 1, 0.97}, {0.5, 0.5, 0.9}} {
		m, train, valid, _ := build(t, "mlp+wide")
		rng := rand.New(rand.NewPCG(4, 2))
		for _, set := range []*Set{train, valid} {
			for i, class := range set.Targets.Classes {
				told := rng.Float64() < of.words
				if !told { // the words say nothing of the class now
					class = int32(rng.IntN(2))
					set.Targets.Classes[i] = class
				}
				for j := range m.Dim() {
					s := float32(rng.NormFloat64())
					if j < 3 && (!told && of.states > 0) {
						s += float32(8*class - 4)
					}
					set.Input.States = append(set.Input.States, 100+5*s)
				}
			}
		}
		c := config()
		c.Optimizer, c.Freeze, c.LabelSmoothing, c.Epochs = "lbfgs", "all", 0, 1
		tr, err := New(m, train, valid, c)
		if err != nil {
			t.Fatal(err)
		}
		run(t, tr, func(Event) bool { return false })
		held, n := tr.CrossValidated()
		tr.Finish()
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		logits := m.Forward(tape, &valid.Input)
		right := 0.0
		for i, class := range valid.Targets.Classes {
			if kernel.ArgMax(logits.Row(i)) == int(class) {
				right++
			}
		}
		right /= float64(valid.Len())
		if right < of.least || held < of.least || n != train.Len() {
			t.Errorf("words %g, states %g: %.3f of the unseen texts are right, %.3f of %d held back; want %.2f", of.words, of.states, right, held, n, of.least)
		}
	}
}

// What cannot be solved together is refused.
func TestAJointHeadLearnsFromLabelsAlone(t *testing.T) {
	m, train, valid, _ := build(t, "mlp+wide")
	c := config()
	c.Optimizer, c.Freeze = "prototype", "all"
	if _, err := New(m, train, valid, c); err == nil {
		t.Error("prototypes beside n-grams were taken")
	}
}
