package train

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// learnt is a small model after a few epochs.
func learnt(t *testing.T, head string) (*model.Model, *Set, *Set) {
	t.Helper()
	m, train, valid, _ := buildHead(t, "mlp", head)
	c := config()
	c.Epochs, c.Loss, c.ClassWeights, c.LabelSmoothing, c.LearningRate = 2, "auto", "none", 0, 0.003
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, tr)
	return m, train, valid
}

// TestImportanceIsTheFisherInformation compares it, for the biases of the head, with what is known in closed form.
func TestImportanceIsTheFisherInformation(t *testing.T) {
	for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
		m, set, _ := learnt(t, head)
		_, predictions, err := Evaluate(context.Background(), m, set, nn.NewTape(nil))
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float64, len(m.Labels))
		for _, p := range predictions {
			for c := range want {
				switch head {
				case model.RegressionHead: // of (w − y)², on numbers of deviation 1
					want[c] += 2
				case model.MultiLabelHead: // of the mean over labels
					want[c] += float64(p.Probabilities[c]*(1-p.Probabilities[c])) / float64(len(want))
				default:
					want[c] += float64(p.Probabilities[c] * (1 - p.Probabilities[c]))
				}
			}
		}
		importance, err := Importance(context.Background(), m, set, config(), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		for c := range want {
			want[c] /= float64(len(predictions))
			if got := float64(importance["classifier.bias"][c]); math.Abs(got-want[c]) > 0.15*want[c]+1e-6 { // labels are drawn, 300 times
				t.Errorf("head %q, output %d: importance %.4f, want %.4f", head, c, got, want[c])
			}
		}
	}
}

func TestWeightsThatMatterHoldTheirPlace(t *testing.T) {
	moved := func(strength float64) (important float64) {
		m, set, valid := learnt(t, model.ClassHead)
		before, err := m.Grow(m.Tokenizer, m.Labels, 1)
		if err != nil {
			t.Fatal(err)
		}
		importance, err := Importance(context.Background(), before, set, config(), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Targets.Classes { // the new data says the opposite
			set.Targets.Classes[i] = 1 - set.Targets.Classes[i]
		}
		c := config()
		c.Epochs = 2
		tr, err := New(m, set, valid, c)
		if err != nil {
			t.Fatal(err)
		}
		tr.Hold(before, importance, strength)
		run(t, tr, nil)
		tr.pool.Close()
		for _, p := range m.Params.All() {
			old := before.Params.Get(p.Name)
			for i, w := range p.Data {
				d := float64(w - old.Data[i])
				important += float64(importance[p.Name][i]) * d * d
			}
		}
		return important
	}
	free, held := moved(0), moved(1e4)
	if held > free/20 {
		t.Errorf("what matters moved by %.4g when held, by %.4g when free", held, free)
	}
}

func TestAHeldTrainingContinuesToTheBit(t *testing.T) {
	start := func() *Trainer {
		m, set, valid := learnt(t, model.ClassHead)
		grown, err := m.Grow(m.Tokenizer, []string{"差", "好", "新"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		importance, err := Importance(context.Background(), m, set, config(), func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := New(grown, set, valid, config())
		if err != nil {
			t.Fatal(err)
		}
		tr.Hold(m, importance, 3)
		return tr
	}
	whole := start()
	finish(t, whole)
	path := filepath.Join(t.TempDir(), "checkpoint")
	half := start()
	run(t, half, func(e Event) bool { return e.Step != nil && e.Step.Step == 57 })
	if err := half.Save(path); err != nil {
		t.Fatal(err)
	}
	rest := start()
	if err := rest.Restore(path); err != nil {
		t.Fatal(err)
	}
	finish(t, rest)
	if !slices.Equal(whole.model.Params.Values(), rest.model.Params.Values()) {
		t.Error("the weights differ")
	}
	other := start()
	other.updater.anchor.digest[0]++
	if err := other.Restore(path); err == nil {
		t.Error("a checkpoint was accepted whose weights were held elsewhere")
	}
}
