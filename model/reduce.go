package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// How parts are taken out of a network for good. What is left is a network of the same family, of a smaller configuration.

// KeepTokens returns a model that reads with another tokenizer, whose token i was old[i] before (text.Tokenizer.Trimmed).
func (m *Model) KeepTokens(tok *text.Tokenizer, old []int32) (*Model, error) {
	c := m.Config
	rows := m.Tokenizer.VocabSize()
	if c.Encoder != nil {
		rows = c.Encoder.Vocab
		e, err := c.Encoder.Reduced(encoder.Reduction{Vocab: len(old)})
		if err != nil {
			return nil, err
		}
		c.Encoder = e
	}
	if tok.VocabSize() != len(old) {
		return nil, fmt.Errorf("leaving out tokens: a tokenizer of %d tokens for %d", tok.VocabSize(), len(old))
	}
	return m.Remake(c, tok, func(p *nn.Param) ([]float32, error) {
		weights, err := m.Weights(p)
		if err != nil || len(weights) == p.Size() {
			return weights, err
		}
		width := p.Width()
		out := make([]float32, 0, p.Size())
		for _, id := range old {
			out = append(out, weights[int(id)*width:int(id+1)*width]...)
		}
		return append(out, weights[rows*width:]...), nil // fasttext: the runs of tokens
	})
}

// Parts are the parts of a network that can be taken out, layer by layer. Those of a layer count from 0.
type Parts struct {
	Heads  int // of attention, in each layer
	Inner  int // neurons of each feed-forward part
	Layers int // of a transformer
	Units  int // filters of each width (cnn), units of each direction (rnn, lstm, gru), neurons of each layer (mlp)
	Banks  int // for how many widths, layers and directions, or layers there are such
}

// Parts returns what of m can be taken out; all 0 where nothing can.
func (m *Model) Parts() Parts {
	c := &m.Config
	switch n := m.Network.(type) {
	case *pretrained:
		e := c.Encoder
		p := Parts{Heads: e.Heads, Inner: e.FeedForward, Layers: e.Layers}
		if e.KeyHeads != e.Heads || e.RelativeBuckets > 0 {
			p.Heads = 0
		}
		if e.Groups > 0 {
			p.Layers = 0
		}
		if e.Groups > 1 || e.Inner > 1 { // parts are told by their layer
			p.Heads, p.Inner = 0, 0
		}
		return p
	case *transformer:
		e := n.form()
		p := Parts{Heads: e.Heads, Inner: e.FeedForward, Layers: e.Layers}
		if c.ShareLayers || c.LayerGroups > 0 {
			p.Layers = 0
		}
		if c.LayerGroups > 1 {
			p.Heads, p.Inner = 0, 0
		}
		return p
	case *cnn:
		if c.Head != TokensHead && !m.compares() {
			return Parts{Units: c.Filters, Banks: len(c.Widths)}
		}
	case *mlp:
		if !m.compares() {
			return Parts{Units: c.Hidden, Banks: c.Layers}
		}
	case *recurrent:
		if !m.compares() {
			return Parts{Units: c.Hidden, Banks: len(n.layers) * len(n.layers[0])}
		}
	}
	return Parts{}
}

// Keep says what is kept, rising: of each layer or bank as many as of the others. nil keeps all.
type Keep struct {
	Layers []int
	Heads  [][]int // by layer, of those that there were
	Inner  [][]int
	Units  [][]int // by bank
}

// Keep returns a model of these parts alone.
func (m *Model) Keep(k Keep) (*Model, error) {
	switch m.Network.(type) {
	case *pretrained, *transformer:
		return m.keepOfTransformer(k)
	case *cnn, *mlp, *recurrent:
		if m.Parts().Units > 0 && len(k.Units) > 0 {
			return m.keepUnits(k.Units)
		}
	}
	return nil, hint.Errorf("take a model of family transformer, encoder, cnn, mlp, rnn, lstm or gru of single texts", "taking parts out of a model of family %s", m.Config.Family)
}

// keepOfTransformer removes layers first, then parts of those that are left.
func (m *Model) keepOfTransformer(k Keep) (*Model, error) {
	c, size := m.Config, 0
	heads, inner := m.Parts().Heads, m.Parts().Inner
	r := encoder.Reduction{Layers: k.Layers}
	if k.Heads != nil {
		if heads == 0 {
			return nil, hint.Errorf("leave the heads as they are", "taking out heads whose keys or distances are shared")
		}
		r.Heads = len(k.Heads[0])
	}
	if k.Inner != nil {
		r.FeedForward = len(k.Inner[0])
	}
	gated := false
	if c.Encoder != nil {
		size, gated = c.Encoder.HeadDim, c.Encoder.Gated
		e, err := c.Encoder.Reduced(r)
		if err != nil {
			return nil, err
		}
		c.Encoder = e
	} else {
		size = m.Network.(*transformer).form().HeadDim
		c.HeadDim = size
		if k.Layers != nil {
			c.Layers = len(k.Layers)
		}
		if r.Heads > 0 {
			c.Heads = r.Heads
		}
		if r.FeedForward > 0 {
			c.FeedForward = r.FeedForward
		}
	}
	return m.Remake(c, m.Tokenizer, func(p *nn.Param) ([]float32, error) {
		name, at, of := p.Name, -1, ""
		if rest, ok := strings.CutPrefix(name, "layers."); ok {
			var n int
			if _, err := fmt.Sscanf(rest, "%d.", &n); err == nil {
				_, of, _ = strings.Cut(rest, ".")
				if at = n; k.Layers != nil {
					at = k.Layers[n]
				}
				name = fmt.Sprintf("layers.%d.%s", at, of)
			}
		}
		old := m.Params.Get(name)
		if old == nil {
			return nil, fmt.Errorf("the model has no weight %q", name)
		}
		w := matrix{old.Floats(), old.Shape[0], old.Width()}
		part, _, _ := strings.Cut(of, ".")
		switch {
		case at < 0:
		case part == "qkv" && k.Heads != nil:
			var rows []int
			for s := range 3 {
				rows = append(rows, blocks(k.Heads[at], size, s*heads*size)...)
			}
			w = w.takeRows(rows)
		case of == "out.weight" && k.Heads != nil:
			w = w.takeColumns(blocks(k.Heads[at], size, 0))
		case part == "up" && k.Inner != nil && gated:
			w = w.takeRows(append(slices.Clone(k.Inner[at]), blocks(k.Inner[at], 1, inner)...))
		case part == "up" && k.Inner != nil:
			w = w.takeRows(k.Inner[at])
		case of == "down.weight" && k.Inner != nil:
			w = w.takeColumns(k.Inner[at])
		}
		return w.data, nil
	})
}

// keepUnits keeps units of a cnn, mlp or recurrent network, bank by bank.
func (m *Model) keepUnits(units [][]int) (*Model, error) {
	c := m.Config
	n, was := len(units[0]), m.Parts().Units
	var after []int // the numbers of the kept ones in what the head reads
	switch m.Network.(type) {
	case *cnn:
		c.Filters = n
		for i, kept := range units {
			after = append(after, blocks(kept, 1, i*was)...)
		}
	case *mlp:
		c.Hidden = n
		after = units[len(units)-1]
	case *recurrent:
		c.Hidden = n
		directions := len(m.Network.(*recurrent).layers[0])
		for d, kept := range units[len(units)-directions:] {
			after = append(after, blocks(kept, 1, d*was)...)
		}
	}
	return m.Remake(c, m.Tokenizer, func(p *nn.Param) ([]float32, error) {
		old := m.Params.Get(p.Name)
		if old == nil {
			return nil, fmt.Errorf("the model has no weight %q", p.Name)
		}
		w := matrix{old.Floats(), old.Shape[0], old.Width()}
		if p.Name == "classifier.weight" {
			return w.takeColumns(after).data, nil
		}
		switch m.Network.(type) {
		case *cnn:
			var bank int
			if _, err := fmt.Sscanf(p.Name, "convs.%d.", &bank); err == nil {
				w = w.takeRows(units[bank])
			}
		case *mlp:
			var layer int
			if _, err := fmt.Sscanf(p.Name, "layers.%d.", &layer); err == nil {
				if w = w.takeRows(units[layer]); layer > 0 && strings.HasSuffix(p.Name, ".weight") {
					w = w.takeColumns(units[layer-1])
				}
			}
		case *recurrent:
			w = m.takeRecurrent(p.Name, w, units, was)
		}
		return w.data, nil
	})
}

// takeRecurrent takes the kept units out of a weight of a recurrent layer: rows of each gate, and columns of what reads
// states.
func (m *Model) takeRecurrent(name string, w matrix, units [][]int, was int) matrix {
	rest, ok := strings.CutPrefix(name, "rnn.")
	if !ok {
		return w
	}
	directions := len(m.Network.(*recurrent).layers[0])
	kind, place, _ := strings.Cut(rest, "_l")
	place, reverse := strings.CutSuffix(place, "_reverse")
	layer := 0
	if _, err := fmt.Sscanf(place, "%d", &layer); err != nil {
		return w
	}
	bank := layer * directions
	if reverse {
		bank++
	}
	var rows []int
	for gate := range w.rows / was {
		rows = append(rows, blocks(units[bank], 1, gate*was)...)
	}
	w = w.takeRows(rows)
	switch {
	case kind == "weight_hh":
		w = w.takeColumns(units[bank])
	case kind == "weight_ih" && layer > 0:
		var columns []int
		for d := range directions {
			columns = append(columns, blocks(units[(layer-1)*directions+d], 1, d*was)...)
		}
		w = w.takeColumns(columns)
	}
	return w
}

// blocks are the numbers of parts of so many numbers each, which begin at from.
func blocks(parts []int, size, from int) []int {
	out := make([]int, 0, len(parts)*size)
	for _, p := range parts {
		for i := range size {
			out = append(out, from+p*size+i)
		}
	}
	return out
}

// matrix is weights as rows.
type matrix struct {
	data        []float32
	rows, width int
}

func (w matrix) takeRows(rows []int) matrix {
	out := make([]float32, 0, len(rows)*w.width)
	for _, r := range rows {
		out = append(out, w.data[r*w.width:(r+1)*w.width]...)
	}
	return matrix{out, len(rows), w.width}
}

func (w matrix) takeColumns(columns []int) matrix {
	out := make([]float32, 0, w.rows*len(columns))
	for r := range w.rows {
		for _, c := range columns {
			out = append(out, w.data[r*w.width+c])
		}
	}
	return matrix{out, w.rows, len(columns)}
}
