package encoder

import (
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// batchOf returns so many texts of a length, of any tokens.
func batchOf(texts, length, vocab int) *tensor.Packed {
	p := &tensor.Packed{}
	ids := make([]int32, length)
	for i := range texts {
		for j := range ids {
			ids[j] = int32((i*7919 + j*104729) % vocab)
		}
		p.Append(ids)
	}
	return p
}

// BenchmarkE5 measures the Chinese and English sentence encoder of the test material: 12 layers, 384 wide.
func BenchmarkE5(b *testing.B) {
	for _, shape := range []struct {
		name          string
		texts, length int
		training      bool
	}{
		{"forward 1x16", 1, 16, false}, {"forward 16x128", 16, 128, false}, {"forward 4x512", 4, 512, false},
		{"training 16x128", 16, 128, true}, {"training 16x32", 16, 32, true},
	} {
		b.Run(shape.name, func(b *testing.B) {
			n, _ := openReal(b, "multilingual-e5-small-zh-en")
			pool := parallel.New(2)
			defer pool.Close()
			tape := nn.NewTape(pool)
			in := Input{Tokens: batchOf(shape.texts, shape.length, n.Config.Vocab)}
			mode := nn.Inference
			if shape.training {
				mode = nn.Training
				n.params.AllocateGradients()
			} else {
				n.params.Freeze(nn.F32)
			}
			step := 0
			for b.Loop() {
				step++
				tape.Begin(mode, 1, step)
				pooled := tape.Pool(n.Forward(tape, in), in.Tokens.Offsets, nn.MeanPool)
				if shape.training {
					loss := tape.Regression(pooled, make([]float32, len(pooled.Data)), 0, nil)
					n.params.ZeroGradients()
					tape.Backward(loss)
				}
			}
			tokens := float64(in.Tokens.Tokens()) * float64(b.N)
			b.ReportMetric(tokens/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(tape.Bytes())/1e6, "tape-MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}
