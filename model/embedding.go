package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Embed returns a vector for each text: what the network makes of it before the head, of length 1 where the model says
// so. prompt is put before each text; Prompt knows those of the model. Any number of goroutines may call it at once; a
// call with many texts spreads over the processors by itself.
func (m *Model) Embed(ctx context.Context, texts []string, prompt string) ([][]float32, error) {
	if m.Config.Windows.on() && m.Dim() > 0 && m.program == nil {
		return m.embedLong(ctx, texts, prompt)
	}
	return m.embed(ctx, len(texts), func(in *Input, e *Sample, i int) { m.EncodeText(in, e, prompt+texts[i]) })
}

// EmbedTokens is Embed for texts that are tokens already, special ones included. Nothing is cut.
func (m *Model) EmbedTokens(ctx context.Context, sequences [][]int32) ([][]float32, error) {
	return m.embed(ctx, len(sequences), func(in *Input, _ *Sample, i int) { in.Tokens.Append(sequences[i]) })
}

// embed returns the vectors of n sequences, which encode appends to a batch.
func (m *Model) embed(ctx context.Context, n int, encode func(in *Input, e *Sample, i int)) ([][]float32, error) {
	if m.Dim() == 0 {
		return nil, hint.Errorf("take a model of another family", "a model of family %s has no vectors of texts", m.Config.Family)
	}
	out := make([][]float32, n)
	return out, inParts(n, func(lo, hi int, alone bool) error {
		w := m.worker()
		defer m.release(w)
		for at := lo; at < hi; {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.batch.Reset()
			first := at
			for at < hi && at-first < batchTexts && w.batch.Tokens.Tokens() < batchTokens {
				encode(&w.batch, &w.sample, at)
				at++
			}
			x, err := m.vectors(w, alone)
			if err != nil {
				return err
			}
			for i := range at - first {
				v := append([]float32(nil), x.Row(i)...)
				m.unitWhereSaid(v)
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

// vectors are what the network makes of the batch of w.
func (m *Model) vectors(w *worker, alone bool) (*nn.Var, error) {
	if m.program != nil {
		return m.logits(w, alone)
	}
	return m.run(w, alone, m.states), nil
}

func (m *Model) states(t *nn.Tape, in *Input) *nn.Var { return m.Network.Forward(t, in).Dense }

// Dim returns the width of the vectors that Embed returns, 0 if the model makes none: its features are sparse, it reads
// pairs as one sequence, labels tokens or is an ensemble.
func (m *Model) Dim() int {
	if m.Ensemble != nil || m.Config.OfTokens() || m.Config.joined() || m.program != nil && m.Config.Head != EmbeddingHead {
		return 0
	}
	return m.width
}

// embedding is the head of a model that says nothing of a text but its vector, and of a pair their cosine: a bi-encoder
// (Reimers & Gurevych 2019, "Sentence-BERT"). It has no weights of its own.
type embedding struct{ config *Config }

// Logits is [sequences, width].
func (e *embedding) Logits(_ *nn.Tape, h Hidden) *nn.Var { return h.Dense }

// Loss of pairs without scores is that of in-batch negatives. Scored ones are brought in order (cosent), to their score
// (cosine), or, where they are 0 and 1, together and apart (contrastive).
func (e *embedding) Loss(t *nn.Tape, rows *nn.Var, in *Input, y *Targets, o Loss) *nn.Var {
	const (
		scale  = 20 // of cosines, which are small beside usual logits
		margin = 0.5
	)
	rows = t.UnitRows(rows)
	if len(y.Scores) == 0 {
		return t.InBatchNegatives(rows, nn.InBatch{Each: in.each(2), Scale: scale, Symmetric: true, Groups: y.Groups.IDs})
	}
	cosines := t.PairDot(rows)
	switch o.Kind {
	case "cosine":
		return t.Regression(cosines, y.Scores, 0, given(y.Weights))
	case "contrastive":
		return t.ContrastivePairs(cosines, y.Scores, margin)
	}
	return t.CoSENT(cosines, y.Scores, scale)
}

func (e *embedding) Predict(rows *nn.Var, in *Input, i int) Prediction {
	if !e.config.Pair {
		v := slices.Clone(rows.Row(i))
		if e.config.Sentence != nil && e.config.Sentence.Normalize {
			similar.Unit(v)
		}
		return Prediction{Vector: v}
	}
	each := in.each(2)
	return Prediction{Score: cosine(rows.Row(each*i), rows.Row(each*i+1))}
}

// cosine is 0 where either has no direction.
func cosine(a, b []float32) float64 {
	product := kernel.SumSquares(a) * kernel.SumSquares(b)
	if product == 0 {
		return 0
	}
	return float64(kernel.Dot(a, b)) / math.Sqrt(product)
}
