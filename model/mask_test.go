package model

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// filling returns a tiny masked language model with a mask in its vocabulary.
func filling(t *testing.T) *Model {
	t.Helper()
	base := smallEncoder(t, "bert_mlm")
	tok, err := base.Tokenizer.WithSpecial(text.Mask)
	if err != nil {
		t.Fatal(err)
	}
	base.Tokenizer = tok
	return base
}

// TestAPromptIsAnsweredAsTheMaskedModelFillsItsGap compares the scores of a fresh head with what the masked language model
// itself says of the words that stand for the labels, and predictions before and after the package.
func TestAPromptIsAnsweredAsTheMaskedModelFillsItsGap(t *testing.T) {
	base := filling(t)
	for _, pattern := range []string{"{mask} q {text}", "{text} q {mask}"} {
		c := Config{MaxTokens: 12, Pooling: MaskPooling, Prompt: pattern}
		m, err := Adapt(base, c, text.CleanConfig{}, []string{"good", "bad", "both"}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.SetVerbalizer([]string{"g", "b", "g b"}); err != nil {
			t.Fatal(err)
		}
		long := strings.TrimSpace(strings.Repeat("x y z ", 20))
		texts := []string{"a c e", long, "b [MASK] d", ""}
		predictions, err := m.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := m.Tokenizer.ID("g")
		b, _ := m.Tokenizer.ID("b")
		for i, s := range texts {
			if i == 1 || i == 2 {
				continue // one is cut, and the other has a gap of its own
			}
			filled := strings.NewReplacer("{text}", s, "{mask}", text.Mask).Replace(pattern)
			scores, err := base.MaskScores(filled, []int32{g, b})
			if err != nil || len(scores) != 1 {
				t.Fatalf("%q: %v, %v", filled, scores, err)
			}
			p := predictions[i].Probabilities
			want := float64(scores[0][0] - scores[0][1])
			if got := math.Log(float64(p[0] / p[1])); math.Abs(got-want) > 1e-4 {
				t.Errorf("%s, %q: log odds %v, the masked model says %v", pattern, s, got, want)
			}
		}
		var in Input
		var e Sample
		m.Encode(&in, &e, long, "")
		if mask, _ := m.Tokenizer.MaskID(); !slices.Contains(in.Tokens.IDs, mask) || len(in.Tokens.IDs) > 12 {
			t.Errorf("%s: a long text is read as %v", pattern, in.Tokens.IDs)
		}
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := m.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Package.Close()
		opened, err := again.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range texts {
			if !slices.Equal(opened[i].Probabilities, predictions[i].Probabilities) {
				t.Errorf("%s, %q: %v after opening, %v before", pattern, texts[i], opened[i].Probabilities, predictions[i].Probabilities)
			}
		}
	}
}

func TestPromptsThatHaveNoGapAreRefused(t *testing.T) {
	base := filling(t)
	for _, prompt := range []string{"{text}", "{mask}", "{mask} {text} {mask}", ""} {
		if _, err := Adapt(base, Config{MaxTokens: 12, Pooling: MaskPooling, Prompt: prompt}, text.CleanConfig{}, []string{"a", "b"}, 1, nil); err == nil || !strings.Contains(err.Error(), "model.prompt") {
			t.Errorf("%q: %v", prompt, err)
		}
	}
	plain := smallEncoder(t, "bert_relu_6x24")
	if _, err := Adapt(plain, Config{MaxTokens: 12, Pooling: MaskPooling, Prompt: "{mask} {text}"}, text.CleanConfig{}, []string{"a", "b"}, 1, nil); err == nil {
		t.Error("a base without a masked head was accepted")
	}
	m, err := Adapt(base, Config{MaxTokens: 12, Pooling: MaskPooling, Prompt: "{mask} {text}"}, text.CleanConfig{}, []string{"a", "b"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetVerbalizer([]string{"g", "!"}); err == nil || !strings.Contains(err.Error(), "does not know") {
		t.Errorf("an unknown word: %v", err)
	}
}
