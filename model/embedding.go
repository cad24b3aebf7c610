package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Embed returns a vector for each text: what the network makes of it before the head, of length 1 where the model says
// so. prompt is put before each text; Prompt knows those of the model. Any number of goroutines may call it at once; a
// call with many texts spreads over the processors by itself.
func (m *Model) Embed(ctx context.Context, texts []string, prompt string) ([][]float32, error) {
	if m.Dim() == 0 {
		return nil, hint.Errorf("take a model of another family", "a model of family %s has no vectors of texts", m.Config.Family)
	}
	out := make([][]float32, len(texts))
	return out, inParts(len(texts), func(lo, hi int, alone bool) error {
		w := m.worker()
		defer m.release(w)
		for at := lo; at < hi; {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.batch.Reset()
			first := at
			for at < hi && at-first < batchTexts && w.batch.Tokens.Tokens() < batchTokens {
				m.Encode(&w.batch, &w.sample, prompt+texts[at], "")
				at++
			}
			x := m.run(w, alone, m.states)
			for i := range at - first {
				v := append([]float32(nil), x.Row(i)...)
				if m.Config.Sentence != nil && m.Config.Sentence.Normalize {
					normalize(v)
				}
				out[first+i] = v
			}
		}
		return nil
	})
}

// SetMaxTokens reads n tokens of each text in place of what the model's folder says. Checkpoints of others often read more
// than their folder asks for; no model reads more than it has positions for. It may not be called during a prediction.
func (m *Model) SetMaxTokens(n int) error {
	most := m.Config.MaxTokens
	if m.Config.Encoder != nil {
		most = m.Config.Encoder.MaxTokens
	}
	if n < 1 || n > most {
		return hint.Errorf(fmt.Sprintf("choose a number from 1 to %d", most), "the model cannot read %d tokens of a text", n)
	}
	m.Config.MaxTokens = n
	return nil
}

func (m *Model) states(t *nn.Tape, in *Input) *nn.Var { return m.Network.Forward(t, in).Dense }

// Dim returns the width of the vectors that Embed returns, 0 if the model makes none: its features are sparse, it reads
// pairs, labels tokens or is an ensemble.
func (m *Model) Dim() int {
	if m.Ensemble != nil || m.Config.Pair || m.Config.OfTokens() {
		return 0
	}
	return m.width
}

// embedding is the head of a model that says nothing of a text but its vector.
type embedding struct{}

func (embedding) Logits(_ *nn.Tape, h Hidden) *nn.Var { return h.Dense }

// Loss panics: what vectors are to say of each other is for those who train them.
func (embedding) Loss(*nn.Tape, *nn.Var, *Input, *Targets, Loss) *nn.Var {
	panic("model: vectors of texts have no loss of their own")
}

func (embedding) Predict(logits *nn.Var, _ *Input, i int) Prediction {
	return Prediction{Vector: slices.Clone(logits.Row(i))}
}

// normalize scales v to length 1; zeros stay.
func normalize(v []float32) {
	if sum := kernel.SumSquares(v); sum > 0 {
		kernel.Scale(float32(1/math.Sqrt(sum)), v)
	}
}
