package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// cnn is TextCNN (Kim 2014, "Convolutional Neural Networks for Sentence Classification"): filters of several widths
// over the token embeddings, each reduced to its maximum over the text. For labels of tokens it is a stack of
// convolutions with residuals, as spaCy's taggers are, since a maximum over the text says nothing of a token.
type cnn struct {
	inputs
	activation nn.Activation
	convs      []nn.Conv // a bank of [filters, width, dim] for each width, or one for each layer
	project    *nn.Param // [hidden, dim], before the layers
}

func newCNN(c *Config, in inputs) Network {
	a, _ := nn.ParseActivation(c.Activation)
	return &cnn{inputs: in, activation: a}
}

func (m *cnn) declare(ps *nn.Params) shape {
	dim := m.inputs.declare(ps)
	conv := func(i, filters, width, dim int) {
		m.convs = append(m.convs, nn.Conv{
			W: ps.Add(fmt.Sprintf("convs.%d.weight", i), nn.Kaiming(1), filters, width, dim),
			B: ps.Add(fmt.Sprintf("convs.%d.bias", i), nn.Zeros, filters),
		})
	}
	if m.config.OfTokens() {
		m.project = ps.Add("project.weight", nn.Xavier, m.config.Hidden, dim)
		for i := range m.config.Layers {
			conv(i, m.config.Hidden, 3, m.config.Hidden)
		}
		return shape{width: m.config.Hidden}
	}
	for i, width := range m.config.Widths {
		conv(i, m.config.Filters, width, dim)
	}
	return shape{width: m.config.Filters * len(m.config.Widths)}
}

func (m *cnn) Forward(t *nn.Tape, in *Input) Hidden {
	x := m.forward(t, in) // [tokens, dim]
	if !m.config.OfTokens() {
		return Hidden{Dense: t.ConvMax(x, in.Tokens.Offsets, m.convs, m.activation)} // [sequences, widths·filters]
	}
	x = t.Linear(x, m.project, nil, nn.Identity) // [tokens, hidden]
	for _, c := range m.convs {
		x = t.Add(x, t.ConvSame(t.Dropout(x, float32(m.config.Dropout)), in.Tokens.Offsets, c, m.activation))
	}
	return Hidden{Dense: x}
}

func (m *cnn) lower(t *graph.Text) (*graph.Value, error) {
	x := m.inputs.lower(t)
	if !m.config.OfTokens() {
		return t.ConvMax(x, m.convs, m.activation), nil
	}
	x = t.Linear(x, m.project, nil, nn.Identity)
	for _, c := range m.convs {
		x = t.Add(x, t.ConvSame(x, c, m.activation))
	}
	return x, nil
}
