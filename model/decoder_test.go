package model

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// writer is a small decoder with fresh weights.
func writer(t *testing.T, set func(c *Config)) (*Model, error) {
	t.Helper()
	texts := func(yield func(string) bool) { yield("the cat and the dog") }
	tok, err := text.Train(context.Background(), texts, text.Config{Kind: "bpe", MinFrequency: 1, VocabSize: 280}, nil)
	if err == nil {
		tok, err = tok.WithSpecial(text.Ending)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Family: DecoderFamily, Head: CausalHead, Hidden: 32, Layers: 2, Heads: 4, KeyHeads: 2, MaxTokens: 50, Pooling: "mean"}
	set(&c)
	return New(c, text.CleanConfig{}, tok, nil, 3, nil)
}

func TestADecoderIsALlamaToOthers(t *testing.T) {
	fresh, err := writer(t, func(*Config) {})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "llama")
	if _, err := fresh.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()
	c := m.Transformer().Config
	if c.Architecture != "llama" || c.KeyHeads != 2 || c.FeedForward != 96 || !c.Tied || c.MaxTokens != 50 || m.Config.Head != CausalHead {
		t.Errorf("%+v", c)
	}
	var names []string
	for _, tensor := range m.Transformer().Tensors() {
		names = append(names, tensor.Name)
	}
	for _, want := range []string{"model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight", "model.layers.0.mlp.gate_proj.weight", "model.norm.weight"} {
		if !slices.Contains(names, want) {
			t.Errorf("no tensor %s among %v", want, names)
		}
	}
	before, err := fresh.Predict(context.Background(), []string{"the cat", ""})
	if err != nil {
		t.Fatal(err)
	}
	after, err := m.Predict(context.Background(), []string{"the cat", ""})
	if err != nil || len(after[0].Masks) != 1 || len(after[1].Masks) != 0 || !slices.Equal(after[0].Masks[0], before[0].Masks[0]) {
		t.Errorf("the next token is %v, %v; it was %v", after, err, before)
	}
}

func TestDecodersThatCannotBeAreRefused(t *testing.T) {
	for want, set := range map[string]func(c *Config){
		"model.key_heads: 3": func(c *Config) { c.KeyHeads = 3 },
		"model.heads: 5":     func(c *Config) { c.Heads = 5 },
		"cannot rotate":      func(c *Config) { c.Hidden, c.Heads, c.KeyHeads = 12, 4, 0 },
		"in both directions": func(c *Config) { c.Family, c.Activation = "transformer", "gelu"; c.EmbedDim = 32 },
		`no head "masked"`:   func(c *Config) { c.Head = MaskedHead },
	} {
		if _, err := writer(t, set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
