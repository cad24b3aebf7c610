package model

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// guessing returns an untrained model without labels.
func guessing(t testing.TB, family, head string) *Model {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: "char", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 100}, nil)
	if err == nil {
		tok, err = tok.WithSpecial(text.Mask)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Family: family, Head: head, MaxTokens: 20, EmbedDim: 8, Widths: []int{3}, Hidden: 6, Layers: 2, Heads: 2, Bidirectional: true, Activation: "gelu", Pooling: "mean"}
	m, err := New(c, text.CleanConfig{Space: true}, tok, nil, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func pretrainable() []string {
	return slices.DeleteFunc(Families(), func(f string) bool { return !Pretrains(f) })
}

func TestMaskedModelsNameTokensForEachMask(t *testing.T) {
	for _, family := range pretrainable() {
		t.Run(family, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "m")
			if _, err := guessing(t, family, MaskedHead).Save(dir, nil); err != nil {
				t.Fatal(err)
			}
			m, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Package.Close()
			predictions, err := m.Predict(context.Background(), []string{"房间很[MASK]净", "没有", "[MASK]脏[MASK] 了"})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []int{1, 0, 2} {
				if n := len(predictions[i].Masks); n != want {
					t.Errorf("text %d: %d masks, want %d", i, n, want)
				}
			}
			scores, err := m.MaskScores("[MASK]脏[MASK] 了", nil)
			if err != nil || len(scores) != 2 || len(scores[0]) != m.Vocabulary() {
				t.Fatalf("%d scores: %v", len(scores), err)
			}
			for i, guesses := range predictions[2].Masks {
				sum := 0.0
				for _, v := range scores[i] {
					sum += math.Exp(float64(v))
				}
				if math.Abs(sum-1) > 1e-4 {
					t.Errorf("probabilities sum to %v", sum)
				}
				id, ok := m.Tokenizer.ID(guesses[0].Label)
				if best := slices.Max(scores[i]); !ok || scores[i][id] != best || math.Abs(math.Exp(float64(best))-float64(guesses[0].Probability)) > 1e-5 {
					t.Errorf("mask %d: best guess %+v, best score %v", i, guesses[0], best)
				}
			}
			some, err := m.MaskScores("[MASK]脏[MASK] 了", []int32{5, 2})
			if err != nil || some[1][0] != scores[1][5] || some[1][1] != scores[1][2] {
				t.Errorf("scores of candidates %v: %v", some, err)
			}
			if _, err := m.MaskScores("[MASK]", []int32{int32(m.Vocabulary())}); err == nil {
				t.Error("a candidate outside the vocabulary was accepted")
			}
		})
	}
}

func TestMaskedLossIsThatOfTheLogits(t *testing.T) {
	m := guessing(t, "transformer", MaskedHead)
	var in Input
	var sample Sample
	m.Encode(&in, &sample, "房[MASK]很[MASK]净", "")
	m.Encode(&in, &sample, "[MASK]", "")
	tape, targets := nn.NewTape(nil), []int32{3, 9, 4}
	tape.Begin(nn.Inference, 0, 0)
	got := m.MaskedLoss(tape, &in, targets).Data[0]
	tape.Begin(nn.Inference, 0, 0)
	want := m.Head.Loss(tape, m.Forward(tape, &in), &in, &Targets{Classes: targets}, Loss{}).Data[0]
	if math.Abs(float64(got-want)) > 1e-5 {
		t.Errorf("loss %v, want %v", got, want)
	}
}

func TestReplacedTokensAreFoundByTheirLogits(t *testing.T) {
	m := guessing(t, "transformer", ReplacedHead)
	predictions, err := m.Predict(context.Background(), []string{"房间很净", ""})
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	var sample Sample
	m.Encode(&in, &sample, "房间很净", "")
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	logits := m.Forward(tape, &in)
	var want []string
	for i, v := range logits.Data {
		if v > 0 {
			want = append(want, strings.Split("房间很净", "")[i])
		}
	}
	var got []string
	for _, e := range predictions[0].Entities {
		got = append(got, e.Text)
	}
	if !slices.Equal(got, want) || len(predictions[1].Entities) != 0 {
		t.Errorf("%v, want %v; %v in an empty text", got, want, predictions[1].Entities)
	}
	truth := &Targets{Labels: tensor.Packed{IDs: []int32{0}, Offsets: []int32{0, 0, 1, 1, 1}}}
	if loss := m.Head.Loss(tape, logits, &in, truth, Loss{}).Data[0]; !(loss > 0) {
		t.Errorf("loss %v", loss)
	}
}

func TestATaskStartsFromAPretrainedModel(t *testing.T) {
	for _, family := range pretrainable() {
		base := guessing(t, family, MaskedHead)
		c := base.Config
		c.Head = ClassHead
		m, err := New(c, base.Clean, base.Tokenizer, []string{"a", "b"}, 77, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Inherit(base); err != nil {
			t.Fatalf("%s: %v", family, err)
		}
		for _, p := range m.Params.All() {
			if q := base.Params.Get(p.Name); q != nil && !slices.Equal(p.Data, q.Data) {
				t.Errorf("%s: weight %s was not taken over", family, p.Name)
			}
		}
		// What a stranger writes is text, and not a gap.
		if mask, _ := m.Tokenizer.MaskID(); slices.Contains(m.Tokenizer.Encode("a[MASK]").IDs, mask) {
			t.Errorf("%s: a classifier reads [MASK] as a token", family)
		}
		c.MaxTokens = 7
		shorter, err := Adapt(base, c, base.Clean, []string{"a", "b"}, 77, nil)
		if err != nil || shorter.Config.MaxTokens != 7 {
			t.Errorf("%s: texts cut shorter: %v", family, err)
		}
		c.Head = MaskedHead
		again, err := Adapt(base, c, base.Clean, nil, 77, nil)
		if err != nil || !slices.Equal(again.Params.Get("head.dense.weight").Data, base.Params.Get("head.dense.weight").Data) {
			t.Errorf("%s: a masked language model goes on without its head: %v", family, err)
		}
		c.Head = ClassHead
		c.Hidden *= 2
		other, err := New(c, base.Clean, base.Tokenizer, []string{"a", "b"}, 77, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Inherit(base); err == nil {
			t.Errorf("%s: a model of another size took the weights", family)
		}
	}
}

func TestFamiliesWithoutStatesOfTokensCannotBePretrained(t *testing.T) {
	for _, family := range Families() {
		c := Config{Family: family, Head: MaskedHead, MaxTokens: 9, EmbedDim: 4, Widths: []int{3}, Hidden: 4, Layers: 1, Heads: 1, Activation: "gelu", Pooling: "mean", Filters: 2, Buckets: 9,
			NGram: NGrams{Tokens: 1, CharsMin: 1, MaxFeatures: 9, Weighting: "tf"}}
		if err := c.Check(); (err == nil) != Pretrains(family) {
			t.Errorf("%s: %v", family, err)
		}
	}
}
