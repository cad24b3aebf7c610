package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// recurrent is a stack of LSTM or GRU layers over the token embeddings, in one or both directions.
type recurrent struct {
	config    Config
	vocab     int
	cell      nn.Cell
	pooling   nn.Pooling
	embedding *nn.Param        // [vocabulary, dim]
	layers    [][]nn.Recurrent // by layer and direction
}

func newRecurrent(c Config, vocab int) Network {
	m := &recurrent{config: c, vocab: vocab}
	if c.Family == "gru" {
		m.cell = nn.GRU
	}
	m.pooling, _ = nn.ParsePooling(c.Pooling)
	return m
}

func (m *recurrent) declare(ps *nn.Params) shape {
	m.embedding = newEmbedding(ps, m.vocab, m.config.EmbedDim)
	directions := []string{""}
	if m.config.Bidirectional {
		directions = []string{"", "_reverse"}
	}
	in := m.config.EmbedDim
	for l := range m.config.Layers {
		var layer []nn.Recurrent
		for _, d := range directions {
			layer = append(layer, nn.NewRecurrent(ps, m.cell, fmt.Sprintf("rnn.%%s_l%d%s", l, d), in, m.config.Hidden))
		}
		m.layers = append(m.layers, layer)
		in = m.config.Hidden * len(directions)
	}
	return shape{width: in}
}

func (m *recurrent) Forward(t *nn.Tape, in *tensor.Packed) Hidden {
	x := t.Embedding(m.embedding, in.IDs) // [tokens, dim]
	x = t.Dropout(x, float32(m.config.EmbedDropout))
	var final *nn.Var // [sequences, directions·hidden]
	for i, layer := range m.layers {
		if i > 0 {
			x = t.Dropout(x, float32(m.config.Dropout))
		}
		x, final = t.Recurrent(m.cell, x, in.Offsets, layer) // [tokens, directions·hidden]
	}
	if m.pooling == nn.LastPool {
		return Hidden{Dense: final}
	}
	return Hidden{Dense: t.Pool(x, in.Offsets, m.pooling)}
}
