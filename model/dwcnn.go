package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// dwcnn is a stack of depthwise separable convolutions (Chollet 2017, "Xception") with residuals: each layer slides one
// filter a column over the text and then mixes the columns, in a fraction of a full convolution's weights.
type dwcnn struct {
	inputs
	activation nn.Activation
	pooling    nn.Pooling
	project    *nn.Param // [hidden, dim]
	layers     []separable
}

// separable is one layer: depth [width, hidden] and its bias, point [hidden, hidden] and its bias.
type separable struct{ depth, depthBias, point, pointBias *nn.Param }

func newDWCNN(c *Config, in inputs) Network {
	a, _ := nn.ParseActivation(c.Activation)
	p, _ := nn.ParsePooling(c.Pooling)
	return &dwcnn{inputs: in, activation: a, pooling: p}
}

func (m *dwcnn) declare(ps *nn.Params) shape {
	c := m.config
	m.project = ps.Add("project.weight", nn.Xavier, c.Hidden, m.inputs.declare(ps))
	for i := range c.Layers {
		name := func(part string) string { return fmt.Sprintf("layers.%d.%s", i, part) }
		width := c.Widths[i%len(c.Widths)]
		l := separable{
			depth:     ps.Add(name("depth.weight"), nn.Uniform(1.7/float64(width)), width, c.Hidden),
			depthBias: ps.Add(name("depth.bias"), nn.Zeros, c.Hidden),
			point:     ps.Add(name("point.weight"), nn.Kaiming(1.4), c.Hidden, c.Hidden),
			pointBias: ps.Add(name("point.bias"), nn.Zeros, c.Hidden),
		}
		l.depth.Plain = true
		m.layers = append(m.layers, l)
	}
	return shape{width: c.Hidden}
}

func (m *dwcnn) Forward(t *nn.Tape, in *Input) Hidden {
	x := t.Linear(m.forward(t, in), m.project, nil, nn.Identity) // [tokens, hidden]
	for _, l := range m.layers {
		h := t.DepthwiseConv(t.Dropout(x, float32(m.config.Dropout)), in.Tokens.Offsets, l.depth, l.depthBias)
		x = t.Add(x, t.Linear(h, l.point, l.pointBias, m.activation))
	}
	if m.config.OfTokens() {
		return Hidden{Dense: x}
	}
	return Hidden{Dense: t.Pool(x, in.Tokens.Offsets, m.pooling)}
}

func (m *dwcnn) lower(t *graph.Text) (*graph.Value, error) {
	x := t.Linear(m.inputs.lower(t), m.project, nil, nn.Identity)
	for _, l := range m.layers {
		h := t.DepthwiseConv(x, l.depth, l.depthBias)
		x = t.Add(x, t.Linear(h, l.point, l.pointBias, m.activation))
	}
	if m.config.OfTokens() {
		return x, nil
	}
	return t.Pool(x, m.pooling), nil
}
