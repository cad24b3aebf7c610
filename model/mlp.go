package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// mlp is a deep averaging network (Iyyer et al. 2015): the mean of the token embeddings, then fully connected layers.
type mlp struct {
	inputs
	activation nn.Activation
	weights    []*nn.Param
	biases     []*nn.Param
}

func newMLP(c *Config, in inputs) Network {
	a, _ := nn.ParseActivation(c.Activation)
	return &mlp{inputs: in, activation: a}
}

func (m *mlp) declare(ps *nn.Params) shape {
	in := m.inputs.declare(ps)
	for i := range m.config.Layers {
		m.weights = append(m.weights, ps.Add(fmt.Sprintf("layers.%d.weight", i), nn.Kaiming(1.4), m.config.Hidden, in))
		m.biases = append(m.biases, ps.Add(fmt.Sprintf("layers.%d.bias", i), nn.Zeros, m.config.Hidden))
		in = m.config.Hidden
	}
	return shape{width: in}
}

func (m *mlp) Forward(t *nn.Tape, in *Input) Hidden {
	h := t.Pool(m.forward(t, in), in.Tokens.Offsets, nn.MeanPool) // [sequences, dim]
	for i, w := range m.weights {
		if i > 0 {
			h = t.Dropout(h, float32(m.config.Dropout))
		}
		h = t.Linear(h, w, m.biases[i], m.activation) // [sequences, hidden]
	}
	return Hidden{Dense: h}
}

func (m *mlp) lower(t *graph.Text) (*graph.Value, error) {
	h := t.Pool(m.inputs.lower(t), nn.MeanPool)
	for i, w := range m.weights {
		h = t.Linear(h, w, m.biases[i], m.activation)
	}
	return h, nil
}
