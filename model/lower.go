package model

import (
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// The outputs of graphs. The first is what Model.Forward makes, of padded texts.
const (
	OutputLogits        = "logits"        // [batch, labels], [batch, length, tags], [batch, length, vocabulary]; see Graph
	OutputProbabilities = "probabilities" // of labels, [batch, labels]
	OutputScore         = "score"         // head regression: the number, [batch, 1]
	OutputEmbedding     = "embedding"     // head embedding, [batch, width]
)

// Graph returns the network with its head in the form that other runtimes execute. Its outputs are logits, [batch,
// labels], and probabilities of heads class and multilabel; logits and score, [batch, 1], of head regression; logits of
// each token, [batch, length, tags], of head tokens (a conditional random field over them stays outside), [batch, length,
// 1] of head replaced, [batch, length, 2] of head qa, for the first and the last token of an answer, and [batch, length,
// vocabulary] of heads masked and causal; of head embedding the embedding,
// [batch, width], of length 1 where the model says so: of a pair, each text's by itself.
func (m *Model) Graph() (*graph.Graph, error) {
	if m.Ensemble != nil {
		return nil, hint.Errorf("export its members one by one, or teach one model what it says with `xiaoyu distill`", "exporting an ensemble: no graph holds several models with tokenizers of their own")
	}
	if m.program != nil {
		return nil, hint.Errorf("export the package that it was made from", "exporting an export")
	}
	g := graph.New()
	x, err := m.lower(g)
	if err != nil {
		return nil, err
	}
	m.lowerOutputs(g, x)
	g.Prune()
	return g, nil
}

// lower makes what Forward makes.
func (m *Model) lower(g *graph.Graph) (*graph.Value, error) {
	if n, ok := m.Network.(*ngram); ok {
		l := m.Linear()
		return n.scores(g, l.W, l.B), nil
	}
	if err := m.refuseKnown(); err != nil {
		return nil, err
	}
	text := g.Text("")
	x, err := m.Network.(lowerer).lower(text)
	if err != nil {
		return nil, err
	}
	if m.compares() {
		other, err := m.Network.(lowerer).lower(g.Text(graph.PairPrefix))
		if err != nil {
			return nil, err
		}
		x = g.Concat(1, x, other, g.Abs(g.Sub(x, other)), g.Mul(x, other))
	}
	logits := m.Head.lower(text, x)
	if m.direct != nil {
		logits = g.Add(logits, text.Bag(m.direct, graph.InputDirect, graph.Direct, false))
	}
	if m.wide != nil {
		logits = g.Add(logits, m.wide.scores(g, m.wide.w, m.wide.b))
	}
	return logits, nil
}

// lowerer is a network that becomes a graph: of texts, [batch, width] or for heads of tokens [batch, length, width].
type lowerer interface {
	lower(t *graph.Text) (*graph.Value, error)
}

// lowerUnit scales rows to length 1.
func lowerUnit(g *graph.Graph, x *graph.Value) *graph.Value {
	return g.Div(x, g.Sqrt(g.Max(g.Sum(g.Mul(x, x), 1), g.Number(1e-24))))
}

func (m *Model) lowerOutputs(g *graph.Graph, x *graph.Value) {
	scaled := func() *graph.Value {
		if t := m.Config.Temperature; t > 0 && t != 1 {
			return g.Mul(x, g.Number(float32(1/t)))
		}
		return x
	}
	if m.Config.Head == EmbeddingHead {
		if m.Config.Sentence != nil && m.Config.Sentence.Normalize {
			x = lowerUnit(g, x)
		}
		g.Output(OutputEmbedding, x)
		return
	}
	g.Output(OutputLogits, x)
	switch m.Config.Head {
	case ClassHead:
		g.Output(OutputProbabilities, g.Softmax(scaled()))
	case MultiLabelHead:
		g.Output(OutputProbabilities, g.Sigmoid(scaled()))
	case RegressionHead:
		r := m.Head.(*regressor)
		g.Output(OutputScore, g.Add(g.Mul(x, g.Param(r.deviation)), g.Param(r.mean)))
	}
}

func (l *linear) lower(t *graph.Text, x *graph.Value) *graph.Value {
	return t.Linear(x, l.w, l.b, nn.Identity)
}

func (e *embedding) lower(_ *graph.Text, x *graph.Value) *graph.Value { return x }

func (h *masked) lower(t *graph.Text, x *graph.Value) *graph.Value {
	if g := t.Graph(); h.dense != nil {
		x = g.LayerNorm(t.Linear(x, h.dense, h.denseBias, nn.GELU), g.Param(h.gain), g.Param(h.shift), normEpsilon)
	}
	return t.Linear(x, h.table, h.bias, nn.Identity)
}

func (h *replaced) lower(t *graph.Text, x *graph.Value) *graph.Value {
	return t.Linear(t.Linear(x, h.dense, h.denseBias, nn.GELU), h.out, h.bias, nn.Identity)
}
