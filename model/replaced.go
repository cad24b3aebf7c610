package model

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// replaced is the head that tells tokens of a text from those that somebody put there (Clark et al. 2020, "ELECTRA").
type replaced struct {
	dense, denseBias, out, bias *nn.Param // [hidden, hidden], [1, hidden]
}

func newReplaced(ps *nn.Params, in shape) *replaced {
	return &replaced{
		dense: ps.Add("head.dense.weight", nn.Xavier, in.width, in.width), denseBias: ps.Add("head.dense.bias", nn.Zeros, in.width),
		out: ps.Add("head.out.weight", nn.Xavier, 1, in.width), bias: ps.Add("head.out.bias", nn.Zeros, 1),
	}
}

// Logits is [tokens, 1]: above 0 for a token that does not belong there.
func (h *replaced) Logits(t *nn.Tape, hidden Hidden) *nn.Var {
	return t.Linear(t.Linear(hidden.Dense, h.dense, h.denseBias, nn.GELU), h.out, h.bias, nn.Identity)
}

func (h *replaced) Loss(t *nn.Tape, logits *nn.Var, _ *Input, y *Targets, _ Loss) *nn.Var {
	return t.BinaryCrossEntropy(logits, &y.Labels, nil, nil)
}

func (h *replaced) Predict(logits *nn.Var, in *Input, i int) Prediction {
	var p Prediction
	for at := in.Tokens.Offsets[i]; at < in.Tokens.Offsets[i+1]; at++ {
		p.tagProbabilities = append(p.tagProbabilities, float32(1/(1+math.Exp(-float64(logits.Data[at])))))
	}
	return p
}

// entities are the tokens that more likely than not do not belong there.
func (h *replaced) entities(p *Prediction, s string, places []text.Span) []Entity {
	out := []Entity{}
	for i, probability := range p.tagProbabilities {
		if at := places[i]; probability > 0.5 && at.Start < at.End {
			out = append(out, Entity{Start: at.Start, End: at.End, Label: ReplacedHead, Text: s[at.Start:at.End], Probability: probability})
		}
	}
	return out
}

// Generator returns a masked language model that puts tokens into the texts that m, of head replaced, learns from. It is
// like m, share times as wide, and has m's embeddings of tokens.
func (m *Model) Generator(share float64, seed uint64) (*Model, error) {
	c := m.Config
	c.Head = MaskedHead
	heads := max(c.Heads, 1)
	c.Hidden = max(int(math.Round(share*float64(c.Hidden)/float64(heads))), 1) * heads
	c.FeedForward = int(math.Round(share * float64(c.FeedForward)))
	g, err := assemble(c, m.Clean, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	from, ok := m.Network.(tabled)
	to, also := g.Network.(tabled)
	if !ok || !also {
		return nil, hint.Errorf("let it guess masked tokens", "a network that replaces tokens for one of family %s", c.Family)
	}
	to.shareTable(from.tokenTable())
	g.declare()
	g.Params.Allocate(seed)
	return g, nil
}
