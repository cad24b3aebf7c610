package distill

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

var reviews = []string{"the room was clean", "the bed was dirty, the room too", "酒店很干净", "早餐不好吃", "a", "!!! 123"}

func fresh(t *testing.T, family, head string, mask bool) *model.Model {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values(reviews), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 200}, nil)
	if err == nil && mask {
		tok, err = tok.WithSpecial(text.Mask)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: family, Head: head, MaxTokens: 24, EmbedDim: 4, Hidden: 8, Layers: 1, Heads: 2, Activation: "gelu", Pooling: "mean"}
	var labels []string
	if !model.Unlabelled(head) {
		labels = []string{"x", "y"}
	}
	m, err := model.New(c, text.CleanConfig{}, tok, labels, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func copies(t *testing.T, a *Augment, n int, r Replacer, seed uint64) []string {
	t.Helper()
	out, err := a.Copies(context.Background(), reviews, n, r, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A word is replaced by the words whose embeddings are nearest, and by none of another script.
func TestWordsAreReplacedBySimilarOnes(t *testing.T) {
	m := fresh(t, "mlp", model.ClassHead, false)
	table, width := m.TokenEmbeddings()
	set := func(token string, row ...float32) {
		id, ok := m.Tokenizer.ID(token)
		if !ok {
			t.Fatalf("no token %q", token)
		}
		copy(table[int(id)*width:], row)
	}
	set("净", 0, 0, 0, 9)
	set("吃", 0, 0, 0.1, 1)
	set("a", 0, 0, 0, 1) // nearest of all, but no Chinese
	a := &Augment{Rate: 1, Nearest: 1}
	r, err := a.NearTokens(m, reviews)
	if err != nil {
		t.Fatal(err)
	}
	all := r.pieces("酒店很净 !")
	words, err := r.propose("酒店很净 !", all, []int{3}, rand.New(rand.NewPCG(1, 1)))
	if err != nil || !slices.Equal(words, []string{"吃"}) {
		t.Errorf("%q, %v", words, err)
	}
}

func TestWordVectorsReplaceWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.txt")
	if err := os.WriteFile(path, []byte("room 1 0 0\nbed 0.9 0.1 0\nclean 0 1 0\ndirty 0 0.9 0.1\n很 0 0 1\n不 0 0.1 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := &Augment{Rate: 1, Nearest: 1, Vectors: path}
	r, err := a.NearWords(context.Background(), reviews, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := copies(t, a, 1, r, 1)
	want := []string{"the bed was dirty", "the room was clean, the bed too", "酒店不干净", "早餐很好吃"}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%q is missing: %q", s, got)
		}
	}
	a.Vectors = filepath.Join(t.TempDir(), "nothing.txt")
	if _, err := a.NearWords(context.Background(), reviews, nil); err == nil || hint.Way(err) == "" {
		t.Error(err)
	}
}

// Whatever replaces words: copies follow from seed and text, none is a text already, and what is no word stays.
func TestCopiesAreNewAndRepeatable(t *testing.T) {
	words, guesses := fresh(t, "mlp", model.ClassHead, false), fresh(t, "transformer", model.MaskedHead, true)
	guesses.Params.Freeze(0)
	a := &Augment{Rate: 0.3, Nearest: 3, Swap: 0.2, Drop: 0.1}
	near, err := a.NearTokens(words, reviews)
	if err != nil {
		t.Fatal(err)
	}
	expects, err := a.Expected(guesses, "m")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Replacer{"near": near, "expected": expects} {
		first := copies(t, a, 4, r, 1)
		if len(first) < 8 || !slices.Equal(first, copies(t, a, 4, r, 1)) || slices.Equal(first, copies(t, a, 4, r, 2)) {
			t.Errorf("%s: %q", name, first)
		}
		for i, s := range first {
			if slices.Contains(reviews, s) || slices.Contains(first[:i], s) || strings.Contains(s, text.Mask) {
				t.Errorf("%s: %q", name, s)
			}
		}
		if slices.ContainsFunc(first, func(s string) bool { return strings.Contains(s, "!!!") }) {
			t.Errorf("%s: a text without words was changed: %q", name, first)
		}
	}
	if _, err := a.Expected(words, "m"); err == nil || hint.Way(err) == "" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.Copies(ctx, reviews, 1, near, 1, nil); err == nil {
		t.Error("an interruption is not noticed")
	}
}

// Most of what a masked language model proposes is what it finds likely.
func TestLikelyWordsAreDrawnOften(t *testing.T) {
	draw, counts := rand.New(rand.NewPCG(1, 2)), map[int]int{}
	for range 1000 {
		counts[drawOf([]float32{-3, -1, -2, -9}, []int{1, 2, 0}, draw)]++
	}
	if counts[1] < 600 || counts[2] < 180 || counts[0] < 50 || counts[3] > 0 {
		t.Errorf("%v", counts)
	}
	if drawOf(nil, nil, draw) != -1 {
		t.Error("a place where there are none")
	}
}
