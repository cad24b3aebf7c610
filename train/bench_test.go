package train

import (
	"context"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// BenchmarkStep times training steps of texts of 64 tokens over a vocabulary of 21,128, on one processor; bench/peers
// compares the same with PyTorch.
func BenchmarkStep(b *testing.B) {
	var chars strings.Builder
	for i := range 21126 {
		chars.WriteRune(rune(0x4e00 + i))
	}
	tok, err := text.Train(context.Background(), func(yield func(string) bool) { yield(chars.String()) }, text.Config{Kind: "char", MinFrequency: 1, VocabSize: 21128}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range []struct {
		name  string
		batch int
		model.Config
	}{
		{"mini", 32, model.Config{Family: "transformer", EmbedDim: 256, Hidden: 256, Layers: 4, Heads: 4, FeedForward: 1024, Activation: "gelu", Pooling: "mean"}},
		{"minilm", 16, model.Config{Family: "transformer", EmbedDim: 384, Hidden: 384, Layers: 6, Heads: 12, FeedForward: 1536, Activation: "gelu", Pooling: "mean"}},
		{"cnn", 64, model.Config{Family: "cnn", EmbedDim: 128, Hidden: 128, Layers: 1, Filters: 100, Widths: []int{3, 4, 5}, Activation: "relu"}},
		{"lstm", 64, model.Config{Family: "lstm", EmbedDim: 128, Hidden: 128, Layers: 1, Bidirectional: true, Pooling: "max"}},
		{"gru", 64, model.Config{Family: "gru", EmbedDim: 128, Hidden: 128, Layers: 1, Bidirectional: true, Pooling: "max"}},
	} {
		for _, precision := range []string{"f32", "bf16"} {
			b.Run(w.name+"/"+precision, func(b *testing.B) {
				c := w.Config
				c.MaxTokens = 64
				m, err := model.New(c, text.CleanConfig{}, tok, []string{"a", "b"}, 1, nil)
				if err != nil {
					b.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(1, 2))
				var set, none Set
				ids := make([]int32, 64)
				for range 16 * w.batch {
					for i := range ids {
						ids[i] = int32(2 + rng.IntN(21126))
					}
					set.Input.Tokens.Append(ids)
					set.Targets.Classes = append(set.Targets.Classes, int32(rng.IntN(2)))
					set.Add()
				}
				tr, err := New(m, &set, &none, Config{Epochs: 100_000, BatchSize: w.batch, Optimizer: "adamw", LearningRate: 1e-3, WeightDecay: 0.01, Schedule: "constant", Threads: 1, Precision: precision})
				if err != nil {
					b.Fatal(err)
				}
				next, stop := iter.Pull2(tr.Run(context.Background()))
				defer stop()
				for range 3 {
					next()
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err, ok := next(); err != nil || !ok {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
