package model

import (
	"cmp"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/graph"
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
	types      *nn.Param // [2, hidden], of the texts of a pair that is read as one sequence; nil elsewhere
	layers     *encoder.Layers
	params     *nn.Params
}

const positionsName = "positions.weight"

// normEpsilon is added to variances.
const normEpsilon = 1e-5

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
	m.positions = ps.AddTable(positionsName, nn.Normal(0.05), c.MaxTokens, c.Hidden)
	if c.joined() && c.Head != AnswerHead { // whose inputs have such
		m.types = ps.AddTable("types.weight", nn.Normal(0.05), 2, c.Hidden)
	}
	for _, p := range ps.All() {
		p.Layer = 1
	}
	m.layers = encoder.NewLayers(m.form(), ps)
	return shape{width: c.Hidden}
}

// form is what the layers are like.
func (m *transformer) form() *encoder.Config {
	c := m.config
	e := &encoder.Config{
		Hidden: c.Hidden, Layers: c.Layers, Heads: c.Heads, KeyHeads: c.Heads, HeadDim: cmp.Or(c.HeadDim, c.Hidden/c.Heads),
		FeedForward: c.FeedForward, Activation: m.activation, AttentionBias: true, OutBias: true, FFBias: true,
		PreNorm: true, Epsilon: normEpsilon, Dropout: float32(c.Dropout),
	}
	if e.FeedForward == 0 {
		e.FeedForward = 4 * c.Hidden
	}
	if e.Groups = c.LayerGroups; c.ShareLayers {
		e.Groups = 1
	}
	return e
}

func (m *transformer) Forward(t *nn.Tape, in *Input) Hidden {
	t.Still(m.params.Lowest() > 1)
	begin := t.Mark()
	x := m.forward(t, in) // [tokens, dim]
	if m.project != nil {
		x = t.Linear(x, m.project, nil, nn.Identity)
	}
	offsets := in.Tokens.Offsets
	x = t.Add(x, t.Embedding(m.positions, t.Positions(offsets))) // [tokens, hidden]
	if m.types != nil {
		x = t.Add(x, t.Embedding(m.types, in.Types))
	}
	x = m.layers.Run(t, x, begin, encoder.Input{Tokens: &in.Tokens}, in.Keep.states())
	if m.config.OfTokens() {
		return Hidden{Dense: x}
	}
	return Hidden{Dense: t.Pool(x, offsets, m.pooling)}
}

func (m *transformer) lower(t *graph.Text) (*graph.Value, error) {
	x := m.inputs.lower(t)
	if m.project != nil {
		x = t.Linear(x, m.project, nil, nn.Identity)
	}
	x = t.Add(x, t.Rows(m.positions, t.Positions(0)))
	if m.types != nil {
		x = t.Add(x, t.Rows(m.types, t.Types()))
	}
	x, err := m.layers.Lower(t, x)
	if err != nil || m.config.OfTokens() {
		return x, err
	}
	return t.Pool(x, m.pooling), nil
}
