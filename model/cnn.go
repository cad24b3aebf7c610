package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// cnn is TextCNN (Kim 2014, "Convolutional Neural Networks for Sentence Classification"): filters of several widths
// over the token embeddings, each reduced to its maximum over the text.
type cnn struct {
	config     Config
	vocab      int
	activation nn.Activation
	embedding  *nn.Param // [vocabulary, dim]
	convs      []nn.Conv // a bank of [filters, width, dim] for each width
}

func newCNN(c Config, vocab int) Network {
	a, _ := nn.ParseActivation(c.Activation)
	return &cnn{config: c, vocab: vocab, activation: a}
}

func (m *cnn) declare(ps *nn.Params) shape {
	m.embedding = newEmbedding(ps, m.vocab, m.config.EmbedDim)
	for i, width := range m.config.Widths {
		m.convs = append(m.convs, nn.Conv{
			W: ps.Add(fmt.Sprintf("convs.%d.weight", i), nn.Kaiming(1), m.config.Filters, width, m.config.EmbedDim),
			B: ps.Add(fmt.Sprintf("convs.%d.bias", i), nn.Zeros, m.config.Filters),
		})
	}
	return shape{width: m.config.Filters * len(m.config.Widths)}
}

func (m *cnn) Forward(t *nn.Tape, in *tensor.Packed) Hidden {
	x := t.Embedding(m.embedding, in.IDs)                                 // [tokens, dim]
	x = t.Dropout(x, float32(m.config.EmbedDropout))                      //
	return Hidden{Dense: t.ConvMax(x, in.Offsets, m.convs, m.activation)} // [sequences, widths·filters]
}
