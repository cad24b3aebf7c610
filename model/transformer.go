package model

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// transformer is an encoder (Vaswani et al. 2017) with the norm before each part, which trains from scratch without
// care (Xiong et al. 2020). embed_dim below hidden factorises the embedding, and share_layers uses one layer's weights
// for all (Lan et al. 2020, "ALBERT").
type transformer struct {
	inputs
	activation nn.Activation
	pooling    nn.Pooling
	project    *nn.Param // [hidden, width of the inputs], nil where they are equal
	positions  *nn.Param // [max_tokens, hidden]
	layers     []encoderLayer
	norm       norm
	params     *nn.Params
}

type encoderLayer struct {
	norm1, norm2           norm
	qkv, out, up, down     *nn.Param // [3·hidden, hidden], [hidden, hidden], [ff, hidden], [hidden, ff]
	bQKV, bOut, bUp, bDown *nn.Param
}

type norm struct{ gain, bias *nn.Param }

func newNorm(ps *nn.Params, name string, dim int) norm {
	return norm{ps.Add(name+".weight", nn.Constant(1), dim), ps.Add(name+".bias", nn.Zeros, dim)}
}

const normEpsilon = 1e-5

func (n norm) forward(t *nn.Tape, x *nn.Var) *nn.Var {
	return t.LayerNorm(x, n.gain, n.bias, normEpsilon)
}

func newTransformer(c *Config, in inputs) Network {
	a, _ := nn.ParseActivation(c.Activation)
	p, _ := nn.ParsePooling(c.Pooling)
	return &transformer{inputs: in, activation: a, pooling: p}
}

func (m *transformer) declare(ps *nn.Params) shape {
	c := m.config
	m.params = ps
	if width := m.inputs.declare(ps); width != c.Hidden {
		m.project = ps.Add("project.weight", nn.Xavier, c.Hidden, width)
	}
	m.positions = ps.AddTable("positions.weight", nn.Normal(0.05), c.MaxTokens, c.Hidden)
	h := c.Hidden
	ff := c.FeedForward
	if ff == 0 {
		ff = 4 * h
	}
	for i := range c.Layers {
		if c.ShareLayers && i > 0 {
			m.layers = append(m.layers, m.layers[0])
			continue
		}
		name := func(part string) string { return fmt.Sprintf("layers.%d.%s", i, part) }
		m.layers = append(m.layers, encoderLayer{
			norm1: newNorm(ps, name("norm1"), h), norm2: newNorm(ps, name("norm2"), h),
			qkv: ps.Add(name("qkv.weight"), nn.Xavier, 3*h, h), bQKV: ps.Add(name("qkv.bias"), nn.Zeros, 3*h),
			out: ps.Add(name("out.weight"), nn.Xavier, h, h), bOut: ps.Add(name("out.bias"), nn.Zeros, h),
			up: ps.Add(name("up.weight"), nn.Xavier, ff, h), bUp: ps.Add(name("up.bias"), nn.Zeros, ff),
			down: ps.Add(name("down.weight"), nn.Xavier, h, ff), bDown: ps.Add(name("down.bias"), nn.Zeros, h),
		})
	}
	m.norm = newNorm(ps, "norm", h)
	m.number(ps)
	return shape{width: h}
}

// number tells each weight its layer; the last norm goes with the highest.
func (m *transformer) number(ps *nn.Params) {
	for _, p := range ps.All() {
		var layer int
		switch _, err := fmt.Sscanf(p.Name, "layers.%d.", &layer); {
		case err == nil:
			p.Layer = m.layerNumber(layer)
		case strings.HasPrefix(p.Name, "norm."):
			p.Layer = m.layerNumber(len(m.layers) - 1)
		default:
			p.Layer = 1
		}
	}
}

// layerNumber is the nn.Param.Layer of layer i.
func (m *transformer) layerNumber(i int) int {
	if m.config.ShareLayers {
		return 2
	}
	return i + 2
}

func (m *transformer) Forward(t *nn.Tape, in *Input) Hidden {
	c, lowest := m.config, m.params.Lowest()
	t.Still(lowest > 1)
	x := m.forward(t, in) // [tokens, dim]
	if m.project != nil {
		x = t.Linear(x, m.project, nil, nn.Identity)
	}
	offsets := in.Tokens.Offsets
	x = t.Add(x, t.Embedding(m.positions, t.Positions(offsets))) // [tokens, hidden]
	for i := range m.layers {
		l := &m.layers[i]
		t.Still(m.layerNumber(i) < lowest)
		if begin := t.Mark(); t.Recompute {
			x = t.Checkpoint(x, func(x *nn.Var) *nn.Var { return m.layer(t, l, x, offsets) })
		} else {
			x = m.layer(t, l, x, offsets)
			t.Rewind(begin) // x has the memory it had
		}
	}
	t.Still(m.layerNumber(c.Layers-1) < lowest)
	x = m.norm.forward(t, x)
	t.Still(false)
	if c.OfTokens() {
		return Hidden{Dense: x}
	}
	return Hidden{Dense: t.Pool(x, offsets, m.pooling)}
}

// layer takes x, [tokens, hidden], to the next layer's.
func (m *transformer) layer(t *nn.Tape, l *encoderLayer, x *nn.Var, offsets []int32) *nn.Var {
	drop := float32(m.config.Dropout)
	qkv := t.Linear(l.norm1.forward(t, x), l.qkv, l.bQKV, nn.Identity)
	x = t.LinearAdd(x, t.Attention(qkv, offsets, m.config.Heads), l.out, l.bOut, drop)
	up := t.Linear(l.norm2.forward(t, x), l.up, l.bUp, m.activation)
	return t.LinearAdd(x, up, l.down, l.bDown, drop)
}
