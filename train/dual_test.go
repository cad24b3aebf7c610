package train

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func dualConfig() Config {
	return Config{Epochs: 4, BatchSize: 8, Optimizer: "dual", Cost: 2, Loss: "auto", Metric: "auto", Seed: 3, Threads: 1}
}

// At the minimum, each example's β is what its own loss says: 2·cost·(y − score) where that has the sign of y (for
// numbers: always), else 0; and the weights are the sum of β·x.
func TestDualFindsTheMinimum(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		m, train, _, _ := build(t, "ngram")
		d := newDual(m, m.Linear(), train, model.Loss{})
		d.numbers = numbers
		for i := range 100 {
			d.pass(permutation(nil, train.Len(), 1, i), 0.25)
		}
		worst := 0.0
		w := make([]float64, len(d.w))
		for i := range train.Len() {
			lo, hi := d.rows.Offsets[i], d.rows.Offsets[i+1]
			d.score(d.rows.Index[lo:hi], d.rows.Value[lo:hi])
			for c, s := range d.scores {
				y, beta := d.targets[i*2+c], d.beta[i*2+c]
				want := 0.5 * (y - s)
				if !numbers && want*y < 0 {
					want = 0
				}
				worst = max(worst, math.Abs(float64(want-beta)))
				for j := lo; j < hi; j++ {
					w[2*int(d.rows.Index[j])+c] += float64(beta * d.rows.Value[j])
				}
			}
		}
		for i := range w {
			worst = max(worst, math.Abs(w[i]-float64(d.w[i])))
		}
		if worst > 1e-4 {
			t.Errorf("numbers %v: off the minimum by %g", numbers, worst)
		}
	}
}

func TestDualCountsRareClassesMore(t *testing.T) {
	m, train, _, _ := build(t, "ngram")
	y := &train.Targets
	rare := 0
	for i := range y.Classes {
		if y.Classes[i] == 1 {
			if rare++; rare > 20 {
				y.Classes[i] = 0 // as if they had been labelled carelessly
			}
		}
	}
	said := func(weights []float32) (n int) {
		clear(m.Params.Values())
		d := newDual(m, m.Linear(), train, model.Loss{Weights: weights})
		for range 30 {
			d.pass(permutation(nil, train.Len(), 1, 0), 0.05)
		}
		for i := range train.Len() {
			lo, hi := d.rows.Offsets[i], d.rows.Offsets[i+1]
			d.score(d.rows.Index[lo:hi], d.rows.Value[lo:hi])
			if d.scores[1] > d.scores[0] {
				n++
			}
		}
		return n
	}
	plain, balanced := said(nil), said([]float32{0.5, 8})
	if plain >= balanced {
		t.Errorf("%d texts were given to the rare class, with balanced weights %d", plain, balanced)
	}
}

func TestDualLearnsSetsAndNumbers(t *testing.T) {
	for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
		m, train, valid, _ := buildHead(t, "ngram", head)
		tr, err := New(m, train, valid, dualConfig())
		if err != nil {
			t.Fatal(err)
		}
		var last *Epoch
		run(t, tr, func(e Event) bool {
			if e.Epoch != nil {
				last = e.Epoch
			}
			return false
		})
		tr.Finish()
		if last.Epoch != 4 || last.Valid.Main < 0.9 {
			t.Errorf("head %q: %+v", head, last)
		}
	}
}

func TestDualContinuesToTheSameWeights(t *testing.T) {
	final := func(interrupt int) []float32 {
		m, train, valid, _ := build(t, "ngram")
		tr, err := New(m, train, valid, dualConfig())
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		run(t, tr, func(e Event) bool { steps++; return steps == interrupt })
		if interrupt > 0 {
			m, train, valid, _ = build(t, "ngram")
			tr = goOn(t, tr, m, train, valid)
		}
		tr.Finish()
		return slices.Clone(m.Params.Values())
	}
	want := final(0)
	for _, at := range []int{1, 5, 9} {
		if !slices.Equal(final(at), want) {
			t.Errorf("interrupted after event %d it came to other weights", at)
		}
	}
}

func TestDualRefusesWhatIsNotLinear(t *testing.T) {
	m, train, valid, _ := build(t, "cnn")
	if _, err := New(m, train, valid, dualConfig()); hint.Way(err) == "" {
		t.Errorf("cnn: %v", err)
	}
	m, train, valid, _ = build(t, "ngram")
	c := dualConfig()
	c.Loss = "focal"
	if _, err := New(m, train, valid, c); hint.Way(err) == "" || errors.Is(err, ErrDiverged) {
		t.Errorf("focal: %v", err)
	}
}

// goOn keeps an interrupted training of optimizer dual in a file, and ends it from there with a fresh model.
func goOn(t *testing.T, interrupted *Trainer, m *model.Model, train, valid *Set) *Trainer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := interrupted.Save(path); err != nil {
		t.Fatal(err)
	}
	tr, err := New(m, train, valid, dualConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Restore(path); err != nil {
		t.Fatal(err)
	}
	run(t, tr, nil)
	return tr
}
