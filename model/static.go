package model

import (
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// static is a model of static embeddings (the kind that model2vec distils): a text is the mean of its tokens'
// embeddings, frozen or trained, and nothing lies between them and the head.
type static struct{ inputs }

func newStatic(c *Config, in inputs) Network {
	if c.Layout == Model2Vec {
		return &model2vec{static: static{in}}
	}
	return &static{in}
}

func (m *static) declare(ps *nn.Params) shape { return shape{width: m.inputs.declare(ps)} }

func (m *static) Forward(t *nn.Tape, in *Input) Hidden {
	x := t.Pool(m.forward(t, in), in.Tokens.Offsets, nn.MeanPool)
	if m.config.Normalize {
		x = t.UnitRows(x)
	}
	return Hidden{Dense: x}
}

func (m *static) lower(t *graph.Text) (*graph.Value, error) {
	x := t.Pool(m.inputs.lower(t), nn.MeanPool)
	if m.config.Normalize {
		x = lowerUnit(t.Graph(), x)
	}
	return x, nil
}
