package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// mlp is a deep averaging network (Iyyer et al. 2015): the mean of the token embeddings, then fully connected layers.
type mlp struct {
	config     Config
	vocab      int
	activation nn.Activation
	embedding  *nn.Param // [vocabulary, dim]
	weights    []*nn.Param
	biases     []*nn.Param
}

func newMLP(c Config, vocab int) Network {
	a, _ := nn.ParseActivation(c.Activation)
	return &mlp{config: c, vocab: vocab, activation: a}
}

func (m *mlp) declare(ps *nn.Params) shape {
	m.embedding = newEmbedding(ps, m.vocab, m.config.EmbedDim)
	in := m.config.EmbedDim
	for i := range m.config.Layers {
		m.weights = append(m.weights, ps.Add(fmt.Sprintf("layers.%d.weight", i), nn.Kaiming(1.4), m.config.Hidden, in))
		m.biases = append(m.biases, ps.Add(fmt.Sprintf("layers.%d.bias", i), nn.Zeros, m.config.Hidden))
		in = m.config.Hidden
	}
	return shape{width: in}
}

func (m *mlp) Forward(t *nn.Tape, in *tensor.Packed) Hidden {
	x := t.Embedding(m.embedding, in.IDs)            // [tokens, dim]
	x = t.Dropout(x, float32(m.config.EmbedDropout)) //
	h := t.Pool(x, in.Offsets, nn.MeanPool)          // [sequences, dim]
	for i, w := range m.weights {
		if i > 0 {
			h = t.Dropout(h, float32(m.config.Dropout))
		}
		h = t.Linear(h, w, m.biases[i], m.activation) // [sequences, hidden]
	}
	return Hidden{Dense: h}
}

// newEmbedding declares the token embeddings that all neural families begin with.
func newEmbedding(ps *nn.Params, vocab, dim int) *nn.Param {
	return ps.AddTable("embeddings.weight", nn.Normal(0.1), vocab, dim)
}
