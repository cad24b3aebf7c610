package train

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// coTrainer has states that tell the class of a text by a coordinate with as much noise as gap says, words that tell most of
// it, and labels of the first texts alone. The rest of the training set has none.
func coTrainer(t *testing.T, wide bool, gap float64, labelled int) (*Trainer, *model.Model, *Set) {
	t.Helper()
	family := "mlp"
	if wide {
		family += "+wide"
	}
	m, train, valid, _ := build(t, family)
	r := rand.New(rand.NewPCG(4, 2))
	for _, set := range []*Set{train, valid} {
		for _, class := range set.Targets.Classes {
			for j := range m.Dim() {
				s := r.NormFloat64()
				if j == 0 {
					s += gap * float64(2*class-1)
				}
				set.Input.States = append(set.Input.States, float32(s))
			}
		}
	}
	sets := [2]*Set{{}, {}} // with labels, and without
	for i, class := range train.Targets.Classes {
		part := sets[min(i/labelled, 1)]
		m.AppendExample(&part.Input, &train.Input, i)
		if part == sets[1] {
			class = 0 // which nobody looks at
		}
		part.Targets.Classes = append(part.Targets.Classes, class)
		part.Add()
	}
	c := config()
	c.Optimizer, c.Freeze, c.LabelSmoothing, c.Epochs, c.ClassWeights, c.Confidence = "lbfgs", "all", 0, 1, "none", 0.7
	tr, err := New(m, sets[0], valid, c)
	if err != nil {
		t.Fatal(err)
	}
	tr.Unlabelled(sets[1])
	return tr, m, valid
}

// rightOf is the share of the texts that the model's own forward pass has right, and the mean probability of what it says.
func rightOf(m *model.Model, set *Set) (right, sure float64) {
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	logits := m.Forward(tape, &set.Input)
	for i, class := range set.Targets.Classes {
		row := slices.Clone(logits.Row(i))
		kernel.Softmax(row, row)
		if kernel.ArgMax(row) == int(class) {
			right++
		}
		sure += float64(kernel.Max(row))
	}
	n := float64(set.Len())
	return right / n, sure / n
}

// Words that nobody has labelled enough of learn from states what they tell, and then know more than these.
func TestNGramsLearnWhatStatesBelieveAndAddTheirOwn(t *testing.T) {
	const labelled = 20
	var right [2]float64
	for i, wide := range []bool{false, true} {
		tr, m, valid := coTrainer(t, wide, 1.5, labelled)
		run(t, tr, nil)
		tr.Finish()
		share, sure := rightOf(m, valid)
		right[i] = share
		if n := len(tr.state.Believed); wide && (n != labelled || sure < meanOf(tr.state.Believed)-0.15 || sure > meanOf(tr.state.Believed)+0.15) {
			t.Errorf("%d labels were held back, %.3f of them right, and the model is sure by %.3f", n, meanOf(tr.state.Believed), sure)
		}
	}
	if right[1] < right[0]+0.04 || right[1] < 0.9 {
		t.Errorf("%.3f of the unseen texts are right by states alone, %.3f with n-grams", right[0], right[1])
	}
}

// A training that was interrupted, between its steps or within the last one, comes to the same weights.
func TestCoTrainingResumesToTheBit(t *testing.T) {
	final := func(stop int, cut bool) []float32 {
		tr, m, _ := coTrainer(t, true, 1.5, 20)
		steps := 0
		if stop > 0 {
			run(t, tr, func(Event) bool { steps++; return steps == stop })
			if cut {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				if _, err := tr.solveStep(ctx); !errors.Is(err, context.Canceled) {
					t.Fatalf("the last step says %v to an interruption", err)
				}
			}
			path := filepath.Join(t.TempDir(), "checkpoint.safetensors")
			if err := tr.Save(path); err != nil {
				t.Fatal(err)
			}
			tr, m, _ = coTrainer(t, true, 1.5, 20)
			if err := tr.Restore(path); err != nil {
				t.Fatal(err)
			}
		}
		run(t, tr, nil)
		tr.Finish()
		return slices.Clone(m.Params.Values())
	}
	want := final(0, false)
	for _, c := range []struct {
		stop int
		cut  bool
	}{{2, false}, {foldCount + 1, false}, {foldCount + 1, true}} {
		if !slices.Equal(final(c.stop, c.cut), want) {
			t.Errorf("interrupted after step %d (within the next: %v): other weights", c.stop, c.cut)
		}
	}
}
