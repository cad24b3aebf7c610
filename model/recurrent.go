package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// recurrent is a stack of LSTM, GRU or plain recurrent layers over the token embeddings, in one or both directions.
type recurrent struct {
	inputs
	cell    nn.Cell
	pooling nn.Pooling
	layers  [][]nn.Recurrent // by layer and direction
}

func newRecurrent(c *Config, in inputs) Network {
	m := &recurrent{inputs: in, cell: map[string]nn.Cell{"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[c.Family]}
	m.pooling, _ = nn.ParsePooling(c.Pooling)
	return m
}

func (m *recurrent) declare(ps *nn.Params) shape {
	in := m.inputs.declare(ps)
	directions := []string{""}
	if m.config.Bidirectional {
		directions = []string{"", "_reverse"}
	}
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

func (m *recurrent) Forward(t *nn.Tape, in *Input) Hidden {
	x := m.forward(t, in) // [tokens, dim]
	offsets := in.Tokens.Offsets
	var final *nn.Var // [sequences, directions·hidden]
	for i, layer := range m.layers {
		if i > 0 {
			x = t.Dropout(x, float32(m.config.Dropout))
		}
		x, final = t.Recurrent(m.cell, x, offsets, layer) // [tokens, directions·hidden]
	}
	switch {
	case m.config.OfTokens():
		return Hidden{Dense: x}
	case m.pooling == nn.LastPool:
		return Hidden{Dense: final}
	}
	return Hidden{Dense: t.Pool(x, offsets, m.pooling)}
}

func (m *recurrent) lower(t *graph.Text) (*graph.Value, error) {
	x := m.inputs.lower(t)
	var final *graph.Value
	for _, layer := range m.layers {
		x, final = t.Recurrent(m.cell, x, layer)
	}
	switch {
	case m.config.OfTokens():
		return x, nil
	case m.pooling == nn.LastPool:
		return final, nil
	}
	return t.Pool(x, m.pooling), nil
}
