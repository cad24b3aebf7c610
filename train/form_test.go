package train

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// titles are texts of two kinds. Where long is set the kind shows in how long they are alone, else in a word alone.
func titles(t *testing.T, long bool) (m *model.Model, train, valid *Set) {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 9))
	var texts []string
	var targets []int32
	for range 600 {
		class := rng.IntN(2)
		words := 6 + rng.IntN(8)
		if long && class == 1 {
			words += 10
		}
		var b strings.Builder
		for range words {
			b.WriteString(neutral[rng.IntN(len(neutral))])
		}
		if !long {
			b.WriteString([][]string{bad, good}[class][rng.IntN(4)])
		}
		texts, targets = append(texts, b.String()), append(targets, int32(class))
	}
	c := model.Config{Family: "ngram", MaxTokens: 64, NGram: model.NGrams{Form: "auto", Tokens: 2, MinTexts: 2, CharsMin: 1, MaxFeatures: 5000, Weighting: "nb"}}
	m = characterModel(t, c, []string{"a", "b"}, texts, targets)
	train, valid = &Set{}, &Set{}
	var e model.Sample
	for i, s := range texts {
		set := train
		if i%3 == 0 {
			set = valid
		}
		m.Encode(&set.Input, &e, s, "")
		set.Targets.Classes = append(set.Targets.Classes, targets[i])
		set.Add()
	}
	return m, train, valid
}

func TestTheFormOfTextsIsReadWhereItTells(t *testing.T) {
	for _, long := range []bool{true, false} {
		m, train, valid := titles(t, long)
		tr, err := New(m, train, valid, dualConfig())
		if err != nil {
			t.Fatal(err)
		}
		var last, before *Epoch
		run(t, tr, func(e Event) bool {
			if e.Epoch != nil {
				before, last = last, e.Epoch
			}
			return false
		})
		tr.Finish()
		want := map[bool]string{true: "yes", false: "no"}[long]
		if m.Config.NGram.Form != want || !last.Form || last.Best != long || !last.Stopped || before.Stopped {
			t.Errorf("length tells %v: form %q, last epoch %+v", long, m.Config.NGram.Form, last)
		}
		if long && last.Valid.Main < before.Valid.Main+0.05 {
			t.Errorf("with the form of texts %.3f are right, without %.3f", last.Valid.Main, before.Valid.Main)
		}
		dir := filepath.Join(t.TempDir(), "m")
		texts := []string{strings.Repeat("酒店", 20), "早餐"}
		asked, err := m.Predict(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		m.Params.Freeze(nn.F32)
		if _, err := m.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		again, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Predict(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !slices.Equal(got[i].Probabilities, asked[i].Probabilities) {
				t.Errorf("saved it says %v of %q, before %v", got[i].Probabilities, texts[i], asked[i].Probabilities)
			}
		}
	}
}

func TestATrialOfFormContinuesToTheSameWeights(t *testing.T) {
	final := func(interrupt int) ([]float32, string) {
		m, train, valid := titles(t, true)
		tr, err := New(m, train, valid, dualConfig())
		if err != nil {
			t.Fatal(err)
		}
		steps, epochs := 0, 0 // of the trial
		run(t, tr, func(e Event) bool {
			if e.Epoch != nil {
				epochs++
			} else if epochs == 4 {
				steps++
			}
			return interrupt > 0 && steps == interrupt
		})
		if interrupt > 0 {
			m, train, valid = titles(t, true)
			tr = goOn(t, tr, m, train, valid)
		}
		tr.Finish()
		return slices.Clone(m.Params.Values()), m.Config.NGram.Form
	}
	want, form := final(0)
	if form != "yes" {
		t.Fatalf("form %q", form)
	}
	for _, at := range []int{1, 3} {
		if got, form := final(at); !slices.Equal(got, want) || form != "yes" {
			t.Errorf("interrupted after step %d of the trial it came to other weights, form %q", at, form)
		}
	}
}
