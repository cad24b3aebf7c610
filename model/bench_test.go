package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func BenchmarkPredict(b *testing.B) {
	for _, family := range Families() {
		m := small(b, family)
		m.Params.Freeze(nn.F32)
		b.Run(family, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Predict(context.Background(), texts[:1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkForward times passes over batches, in each precision, on one processor; bench/peers compares the same with
// ONNX Runtime.
func BenchmarkForward(b *testing.B) {
	var chars strings.Builder
	for i := range 21126 {
		chars.WriteRune(rune(0x4e00 + i))
	}
	tok, err := text.Train(context.Background(), func(yield func(string) bool) { yield(chars.String()) }, text.Config{Kind: "char", MinFrequency: 1, VocabSize: 21128}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range []struct {
		name string
		Config
	}{
		{"mini", Config{Family: "transformer", EmbedDim: 256, Hidden: 256, Layers: 4, Heads: 4, FeedForward: 1024, Activation: "gelu", Pooling: "mean"}},
		{"minilm", Config{Family: "transformer", EmbedDim: 384, Hidden: 384, Layers: 6, Heads: 12, FeedForward: 1536, Activation: "gelu", Pooling: "mean"}},
		{"cnn", Config{Family: "cnn", EmbedDim: 128, Hidden: 128, Layers: 1, Filters: 100, Widths: []int{3, 4, 5}, Activation: "relu"}},
		{"lstm", Config{Family: "lstm", EmbedDim: 128, Hidden: 128, Layers: 1, Bidirectional: true, Pooling: "max"}},
	} {
		w.MaxTokens = 64
		m, err := New(w.Config, text.CleanConfig{}, tok, []string{"a", "b"}, 1, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range []nn.Precision{nn.F32, nn.BF16, nn.INT8} {
			m.SetPrecision(p)
			for _, s := range [][2]int{{1, 16}, {1, 64}, {32, 64}} {
				b.Run(fmt.Sprintf("%s/%v/%dx%d", w.name, p, s[0], s[1]), func(b *testing.B) {
					worker := m.worker()
					rng := rand.New(rand.NewPCG(1, 2))
					worker.batch.Reset()
					for range s[0] {
						ids := make([]int32, s[1])
						for i := range ids {
							ids[i] = int32(2 + rng.IntN(21126))
						}
						worker.batch.Tokens.Append(ids)
					}
					for range 3 {
						m.run(worker, false, m.Forward)
					}
					b.ReportAllocs()
					for b.Loop() {
						m.run(worker, false, m.Forward)
					}
				})
			}
		}
	}
}
