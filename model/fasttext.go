package model

import (
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// fastText is the classifier of Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification": the mean of the
// embeddings of a text's tokens and of its runs of tokens, which share a hashed table, and a linear head.
type fastText struct {
	config *Config
	vocab  int
	table  *nn.Param // [vocabulary + buckets, dim]
}

func newFastText(c *Config, in inputs) Network { return &fastText{config: c, vocab: in.vocab} }

func (m *fastText) declare(ps *nn.Params) shape {
	m.table = ps.AddTable(embeddingName, nn.Uniform(1/float64(m.config.EmbedDim)), m.Vocabulary(), m.config.EmbedDim)
	if m.config.Frozen { // the words; runs of words are learnt all the same
		m.table.Still = m.vocab
	}
	return shape{width: m.config.EmbedDim}
}

// Vocabulary returns the number of rows: tokens first, then buckets.
func (m *fastText) Vocabulary() int { return m.vocab + m.config.Buckets }

// Features appends the tokens of a text and the buckets of its runs of 2 to ngram.tokens tokens.
func (m *fastText) Features(dst []int32, e, _ Encoded) []int32 {
	dst = append(dst, e.IDs...)
	for i := range e.Pieces {
		h := uint64(tokenSeed)
		for n := 0; n < m.config.NGram.Tokens && i+n < len(e.Pieces); n++ {
			p := e.Pieces[i+n]
			h = hashBytes(h, e.Text[p.Start:p.End])
			if n > 0 {
				dst = append(dst, int32(m.vocab)+int32(h%uint64(m.config.Buckets)))
			}
		}
	}
	return dst
}

func (m *fastText) Forward(t *nn.Tape, in *Input) Hidden {
	x := t.Dropout(t.Embedding(m.table, in.Tokens.IDs), float32(m.config.EmbedDropout))
	return Hidden{Dense: t.Pool(x, in.Tokens.Offsets, nn.MeanPool)}
}

// lower reads tokens and the buckets of their runs as if all were tokens.
func (m *fastText) lower(t *graph.Text) (*graph.Value, error) {
	return t.Pool(t.Embedding(m.table), nn.MeanPool), nil
}
