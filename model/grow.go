package model

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Grow returns a model to train further: m's network and weights, in memory of its own. labels begin with m's, and the
// tokens of tok with those of m's tokenizer; what the head and the embeddings need for the others is fresh and follows
// from seed. The calibration of m's probabilities does not hold for other weights and is left behind.
func (m *Model) Grow(tok *text.Tokenizer, labels []string, seed uint64) (*Model, error) {
	if m.Ensemble != nil {
		return nil, hint.Errorf("train its members further, one by one", "training an ensemble further: it has no weights of its own")
	}
	if len(labels) < len(m.Labels) || !slices.Equal(labels[:len(m.Labels)], m.Labels) {
		return nil, fmt.Errorf("growing a model: its labels %q must come first, there are %q", m.Labels, labels)
	}
	c := m.Config
	c.Temperature, c.Thresholds = 0, nil
	if c.Family == EncoderFamily {
		if err := c.setEncoder(&m.Config, labels); err != nil {
			return nil, err
		}
	}
	if tok.VocabSize() < m.Tokenizer.VocabSize() || tok.VocabSize() > m.Tokenizer.VocabSize() && !m.LearnsTokens() {
		return nil, fmt.Errorf("growing a model of %d tokens to %d: the family %s cannot", m.Tokenizer.VocabSize(), tok.VocabSize(), c.Family)
	}
	g, err := assemble(c, m.Clean, tok, labels)
	if err != nil {
		return nil, err
	}
	if m.buffered() != nil {
		if err := g.buffered().setBuffers(m.copied); err != nil {
			return nil, err
		}
	}
	g.declare()
	g.Params.Allocate(seed)
	for _, p := range g.Params.All() {
		old := m.Params.Get(p.Name)
		nn.Graft(p.Data, p.Shape, old.Floats(), old.Shape)
	}
	return g, nil
}

// LearnsTokens tells whether Grow may be given further tokens: each has an embedding of its own, behind those that there
// are. The hashed features of the families ngram and fasttext are fixed in number, the tokens of checkpoints in meaning.
func (m *Model) LearnsTokens() bool {
	_, hashed := m.Network.(Featurizer)
	return !hashed && m.Config.Family != EncoderFamily
}

// copied returns a tensor as it is saved, in memory of its own.
func (m *Model) copied(name string) (safetensors.Tensor, bool) {
	t, ok := m.bufferNamed(name)
	t.Data = slices.Clone(t.Data)
	return t, ok
}
