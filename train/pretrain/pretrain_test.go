package pretrain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// toy is a corpus of a small language: each sentence is a subject, its verb and its object, of two characters each.
func toy(t testing.TB, n int) (*corpus.Store, *text.Tokenizer) {
	t.Helper()
	subjects, verbs, objects := []string{"房间", "早餐", "服务"}, []string{"干净", "好吃", "热情"}, []string{"安静", "便宜", "周到"}
	random := rand.New(rand.NewPCG(1, 1))
	var lines []string
	for i := range n {
		k := random.IntN(3)
		lines = append(lines, fmt.Sprintf("%s %s %s %d", subjects[k], verbs[k], objects[k], i))
	}
	path := filepath.Join(t.TempDir(), "toy.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	tok, err := text.Train(context.Background(), slices.Values(lines), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 100}, nil)
	if err == nil {
		tok, err = tok.WithSpecial(text.Mask, text.Ending)
	}
	if err != nil {
		t.Fatal(err)
	}
	store, err := corpus.Build(context.Background(), t.TempDir(), &corpus.Source{Config: corpus.Config{Texts: []string{path}, HeldOut: 0.2}}, corpus.Options{
		MaxTokens: 12, Encode: func(dst []corpus.Token, s string) []corpus.Token {
			e := tok.Encode(s)
			for i, id := range e.IDs {
				begins := i == 0 || e.Spans[i].Start > e.Spans[i-1].End
				dst = append(dst, corpus.Token{ID: id, Word: begins})
			}
			return dst
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, tok
}

func settings() Config {
	var c Config
	conf.Defaults(&c)
	c.BatchTokens, c.Epochs, c.LearningRate, c.Buffer, c.Threads = 256, 3, 0.01, 1000, 2
	return c
}

// objective is a fresh network with what it learns.
func objective(t testing.TB, tok *text.Tokenizer, c Config, kind string) (Objective, *model.Model) {
	t.Helper()
	mc := model.Config{Family: "transformer", Head: kind, MaxTokens: 20, EmbedDim: 8, Hidden: 8, Layers: 1, Heads: 2, Activation: "gelu", Pooling: "mean", Dropout: c.Dropout, EmbedDropout: c.Dropout}
	if kind == model.CausalHead {
		mc.Family, mc.KeyHeads = model.DecoderFamily, 1
	}
	m, err := model.New(mc, text.CleanConfig{}, tok, nil, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	var o Objective
	switch kind {
	case model.MaskedHead:
		o, err = NewMasked(m, c)
	case model.ReplacedHead:
		o, err = NewReplaced(m, c)
	default:
		o, err = NewCausal(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o, m
}

var kinds = []string{model.MaskedHead, model.ReplacedHead, model.CausalHead}

func TestATrainingGuessesHeldOutTokensBetter(t *testing.T) {
	store, tok := toy(t, 600)
	for _, kind := range kinds {
		c := settings()
		c.Epochs, c.Generator = 40, 1
		o, m := objective(t, tok, c, kind)
		tr, err := New(o, store, c)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		steps, measured, last := 0, 0, 0.0
		for event, err := range tr.Run(context.Background()) {
			switch {
			case err != nil:
				t.Fatal(err)
			case event.Step != nil:
				if steps++; event.Step.Step != steps || event.Step.Tokens < c.BatchTokens && event.Step.Tokens == 0 {
					t.Fatalf("step %+v", event.Step)
				}
			default:
				measured++
				last = event.Valid.Perplexity
			}
		}
		before, after := tr.Perplexity()
		if steps != tr.Steps() || measured < 5 || after != last {
			t.Errorf("%s: %d steps of %d, %d measurements, the last %v, not %v", kind, steps, tr.Steps(), measured, after, last)
		}
		if !(after < before/3) || after < 1 {
			t.Errorf("%s: perplexity %v, before %v", kind, after, before)
		}
		if kind == model.CausalHead {
			predictions, err := m.Predict(context.Background(), []string{"早餐 好"})
			if err != nil || predictions[0].Masks[0][0].Label != "吃" {
				t.Errorf("the text goes on with %v, %v", predictions[0].Masks, err)
			}
		}
		if kind != model.MaskedHead {
			continue
		}
		predictions, err := m.Predict(context.Background(), []string{"房间 [MASK]净 安静"})
		if err != nil || predictions[0].Masks[0][0].Label != "干" {
			t.Errorf("the gap is filled by %v, %v", predictions[0].Masks[0][:3], err)
		}
	}
}

func TestAResumedTrainingEndsAtTheSameWeights(t *testing.T) {
	store, tok := toy(t, 400)
	for _, kind := range kinds {
		c := settings()
		run := func(stops []int) ([]float32, float64) {
			path := filepath.Join(t.TempDir(), "checkpoint")
			for i := 0; ; i++ {
				o, m := objective(t, tok, c, kind)
				tr, err := New(o, store, c)
				if err != nil {
					t.Fatal(err)
				}
				defer tr.Close()
				if i > 0 {
					if err := tr.Restore(path); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				var failed error
				for event, err := range tr.Run(ctx) {
					if i < len(stops) && event.Step != nil && event.Step.Step == stops[i] {
						stop()
					}
					failed = err
				}
				if failed == nil {
					_, after := tr.Perplexity()
					return m.Params.Values(), after
				}
				if !errors.Is(failed, context.Canceled) {
					t.Fatal(failed)
				}
				if err := tr.Save(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, perplexity := run(nil)
		got, again := run([]int{1, 7, 8, 33})
		if !slices.Equal(got, want) || again != perplexity {
			t.Errorf("%s: a resumed training differs: perplexity %v, want %v", kind, again, perplexity)
		}
	}
}

func TestACheckpointOfAnotherTrainingIsRefused(t *testing.T) {
	store, tok := toy(t, 100)
	path := filepath.Join(t.TempDir(), "checkpoint")
	c := settings()
	o, _ := objective(t, tok, c, model.MaskedHead)
	tr, err := New(o, store, c)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	c.Mask = 0.3
	o, _ = objective(t, tok, c, model.MaskedHead)
	other, err := New(o, store, c)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Restore(path); !errors.Is(err, train.ErrOtherTraining) {
		t.Errorf("%v", err)
	}
}

// shown are the tokens that a model read after a generator had drawn some of them.
func shown(o Objective) []int32 {
	if r, ok := o.(*Replaced); ok {
		return slices.Clone(r.shown.Tokens.IDs)
	}
	return nil
}

// TestGradientsOfObjectivesMatchFiniteDifferences goes through whole networks. Gradients do not see that a generator
// would draw other tokens: weights whose change makes it do that are passed over.
func TestGradientsOfObjectivesMatchFiniteDifferences(t *testing.T) {
	store, tok := toy(t, 60)
	for _, kind := range kinds {
		c := settings()
		c.Dropout, c.Mask, c.Generator = 0, 0.3, 1
		o, _ := objective(t, tok, c, kind)
		var b corpus.Batch
		if err := store.Train.Ordered().Next(&b, 60); err != nil {
			t.Fatal(err)
		}
		tape := nn.NewTape(nil)
		loss := func() *nn.Var {
			tape.Begin(nn.Training, 1, 1)
			return o.Loss(tape, &b, rand.New(rand.NewPCG(3, 4))).Value
		}
		for _, ps := range o.Params() {
			ps.AllocateGradients()
			ps.ZeroGradients()
		}
		tape.Backward(loss())
		checked := 0
		for _, ps := range o.Params() {
			for _, p := range ps.All() {
				for i := 0; i < p.Size(); i += 1 + p.Size()/19 {
					const eps = 4e-3
					old := p.Data[i]
					p.Data[i] = old + eps
					up, drawn := float64(loss().Data[0]), shown(o)
					p.Data[i] = old - eps
					down := float64(loss().Data[0])
					p.Data[i] = old
					if !slices.Equal(drawn, shown(o)) {
						continue
					}
					want, got := (up-down)/(2*eps), float64(p.Gradient()[i])
					if math.Abs(got-want) > 0.02*math.Max(1, math.Abs(want)) {
						t.Errorf("%s: %s[%d]: gradient %v, finite difference %v", kind, p.Name, i, got, want)
					}
					checked++
				}
			}
		}
		if checked < 100 {
			t.Errorf("%s: %d weights checked", kind, checked)
		}
	}
}

func TestMasksHideWholeWordsInBERTsShares(t *testing.T) {
	_, tok := toy(t, 50)
	mask, _ := tok.MaskID()
	m := newMasker(tok, mask, 0.15)
	m.keep, m.swap = bertShare, bertShare
	random := rand.New(rand.NewPCG(1, 2))
	var b corpus.Batch
	for s := range 2000 { // a special token, then words of one to three tokens
		b.Words = append(b.Words, true)
		ids := []int32{mask}
		for w := range 8 {
			for i := range 1 + (s+w)%3 {
				b.Words = append(b.Words, i == 0)
				ids = append(ids, m.ordinary[random.IntN(len(m.ordinary))])
			}
		}
		b.Append(ids)
	}
	hiddenBefore := ""
	for range 2 {
		ids := slices.Clone(b.IDs)
		places, targets := m.hide(ids, &b, random)
		if !slices.IsSorted(places) || len(places) != len(targets) {
			t.Fatalf("%d places, %d targets", len(places), len(targets))
		}
		ordinary := b.Tokens() - b.Len()
		if share := float64(len(places)) / float64(ordinary); math.Abs(share-0.15) > 1e-3 {
			t.Errorf("%.4f of the tokens are hidden", share)
		}
		hidden := make([]bool, b.Tokens())
		var masked, kept int
		for i, at := range places {
			hidden[at] = true
			if b.IDs[at] != targets[i] {
				t.Fatal("a target is not what stood there")
			}
			switch ids[at] {
			case mask:
				masked++
			case b.IDs[at]:
				kept++
			}
		}
		n := float64(len(places))
		if share := float64(masked) / n; math.Abs(share-0.8) > 0.02 {
			t.Errorf("%.3f of them are masks", share)
		}
		if share := float64(kept) / n; math.Abs(share-0.1) > 0.02 {
			t.Errorf("%.3f of them are kept", share)
		}
		for s := range b.Len() {
			for at := b.Offsets[s]; at < b.Offsets[s+1]; at++ {
				switch {
				case at == b.Offsets[s] && hidden[at]:
					t.Fatal("a special token is hidden")
				case at > b.Offsets[s]+1 && !b.Words[at] && hidden[at] != hidden[at-1]:
					t.Fatal("a part of a word is hidden")
				case !hidden[at] && ids[at] != b.IDs[at]:
					t.Fatal("a token changed that is not to be guessed")
				}
			}
		}
		now := fmt.Sprint(places)
		if now == hiddenBefore {
			t.Error("the same words are hidden each time")
		}
		hiddenBefore = now
	}
}

func TestABatchOfSpecialTokensTeachesNothing(t *testing.T) {
	_, tok := toy(t, 50)
	mask, _ := tok.MaskID()
	for _, kind := range kinds {
		o, m := objective(t, tok, settings(), kind)
		m.Params.AllocateGradients()
		b := corpus.Batch{Words: []bool{true}}
		b.Append([]int32{mask})
		tape := nn.NewTape(nil)
		tape.Begin(nn.Training, 1, 1)
		loss := o.Loss(tape, &b, rand.New(rand.NewPCG(1, 1)))
		if loss.Targets != 0 || math.IsNaN(float64(loss.Value.Data[0])) {
			t.Errorf("%s: loss %v of %d targets", kind, loss.Value.Data[0], loss.Targets)
		}
	}
}

func TestDrawsFollowTheProbabilities(t *testing.T) {
	var b bytes.Buffer
	for _, p := range []float32{0, 0.24, 0.26, 0.74, 0.76, 0.9999999} {
		fmt.Fprint(&b, draw([]float32{0.25, 0.5, 0.25}, p))
	}
	if b.String() != "001122" {
		t.Error(b.String())
	}
}
