package export

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// recurrent is a WHILE over the tokens of the text: the format's own LSTM keeps its state from one call to the next. What
// the input adds to the gates is computed for all tokens before; each turn adds what the state adds. The reverse
// direction begins at the text's last token; neither walks over padding, whose states are zero.
func (g *liteGraph) recurrent(n *graph.Node) liteTensor {
	x, length, hidden := g.value(n.In[0]), n.In[0].Shape[1], n.In[3].Shape[1]
	width := n.In[3].Shape[0]
	gates := g.shaped(g.layer(x, n.In[2], n.In[4], []int{graph.Batch, length, width}), []int{length, width})
	states := g.float(tflite.ZerosLike, []int{length, hidden}, g.part(gates, 1, 0, hidden))
	tokens := g.tokens(n.In[1])
	zero := g.numbers(fmt.Sprintf("zeros [1, %d]", hidden), make([]float32, hidden), 1, hidden)

	l := &liteLoop{node: n, hidden: hidden, width: width, length: length}
	from := []liteTensor{g.wholes("whole number [0]", []int{0}, 1), tokens, gates, states, zero}
	if n.Reverse {
		from[0] = g.op(tflite.Sub, tflite.Int32, []int{1}, tokens, g.wholes("whole number [1]", []int{1}, 1))
	}
	if n.Cell == nn.LSTM {
		from = append(from, zero)
	}
	condition, body := l.condition(g.w), l.body(g.w)
	var to []liteTensor
	for _, v := range from {
		to = append(to, g.tensor(fmt.Sprintf("t%d", len(g.Tensors)), v.typ, v.shape))
	}
	g.Do(tflite.While(condition, body), places(from), places(to)...)
	return g.shaped(to[3], n.Out.Shape)
}

// tokens is how many a text has, [1].
func (g *liteGraph) tokens(present *graph.Value) liteTensor {
	key := "tokens of " + present.Name
	if x, ok := g.stored[key]; ok {
		return x
	}
	sum := g.float(tflite.Sum, []int{graph.Batch, 1}, g.value(present), g.ints(1))
	x := g.op(tflite.Cast(tflite.Float32, tflite.Int32), tflite.Int32, []int{1}, g.shaped(sum, []int{1}))
	g.stored[key] = x
	return x
}

// liteLoop are the graphs of a recurrent layer's WHILE. What goes round: the place of the token, how many tokens there
// are, the inputs' part of the gates, the states so far, the last state, and of an LSTM its cell.
type liteLoop struct {
	node                  *graph.Node
	hidden, width, length int
}

// liteTurn is one of the two, with what it is given.
type liteTurn struct {
	*liteGraph
	index                                  int
	at, tokens, gates, states, state, cell liteTensor
}

func (l *liteLoop) graph(w *liteWriter, name string) *liteTurn {
	t := &liteTurn{index: len(w.model.Graphs), liteGraph: w.graph(fmt.Sprintf("%s of %s", name, l.node.Out.Name))}
	input := func(name string, typ tflite.Type, shape ...int) liteTensor {
		x := t.tensor(name, typ, shape)
		t.Inputs = append(t.Inputs, x.index)
		return x
	}
	t.at, t.tokens = input("at", tflite.Int32, 1), input("tokens", tflite.Int32, 1)
	t.gates, t.states = input("gates", tflite.Float32, l.length, l.width), input("states", tflite.Float32, l.length, l.hidden)
	t.state = input("state", tflite.Float32, 1, l.hidden)
	if l.node.Cell == nn.LSTM {
		t.cell = input("cell", tflite.Float32, 1, l.hidden)
	}
	return t
}

// condition tells whether there are tokens left.
func (l *liteLoop) condition(w *liteWriter) int {
	g := l.graph(w, "condition")
	var more liteTensor
	if l.node.Reverse {
		more = g.op(tflite.GreaterEqual, tflite.Bool, []int{1}, g.at, g.wholes("whole number [0]", []int{0}, 1))
	} else {
		more = g.op(tflite.Less, tflite.Bool, []int{1}, g.at, g.tokens)
	}
	g.Outputs = []int{more.index}
	return g.index
}

// body makes the state of one token.
func (l *liteLoop) body(w *liteWriter) int {
	g := l.graph(w, "step")
	input := g.float(tflite.Gather(0, 0), []int{1, l.width}, g.gates, g.at)
	inner := g.layer(g.state, l.node.In[3], l.node.In[5], []int{1, l.width})
	next := []liteTensor{{}, g.tokens, g.gates, {}, {}}
	switch l.node.Cell {
	case nn.LSTM:
		var c liteTensor
		next[4], c = l.lstm(g, input, inner)
		next = append(next, c)
	case nn.GRU:
		next[4] = l.gru(g, input, inner)
	default:
		next[4] = g.float(tflite.Tanh, g.state.shape, g.float(tflite.Add, g.state.shape, input, inner))
	}
	step := 1
	if l.node.Reverse {
		step = -1
	}
	next[0] = g.op(tflite.Add, tflite.Int32, []int{1}, g.at, g.wholes(fmt.Sprintf("whole number [%d]", step), []int{step}, 1))
	begin := g.op(tflite.Concatenation(0), tflite.Int32, []int{2}, g.at, g.wholes("whole number [0]", []int{0}, 1))
	next[3] = g.float(tflite.DynamicUpdateSlice, g.states.shape, g.states, next[4], begin)
	g.Outputs = places(next)
	return g.index
}

// split makes parts of gates.
func (l *liteLoop) split(g *liteTurn, x liteTensor) []liteTensor {
	n := l.width / l.hidden
	parts := make([]liteTensor, n)
	for i := range parts {
		parts[i] = g.tensor(fmt.Sprintf("t%d", len(g.Tensors)), tflite.Float32, []int{1, l.hidden})
	}
	g.Do(tflite.Split(n), []int{g.wholes("whole number 1", []int{1}).index, x.index}, places(parts)...)
	return parts
}

// lstm is c' = f·c + i·g, h' = o·tanh(c').
func (l *liteLoop) lstm(g *liteTurn, input, inner liteTensor) (state, next liteTensor) {
	gate := l.split(g, g.float(tflite.Add, input.shape, input, inner)) // i f g o
	shape := g.cell.shape
	old := g.float(tflite.Mul, shape, g.float(tflite.Logistic, shape, gate[1]), g.cell)
	fresh := g.float(tflite.Mul, shape, g.float(tflite.Logistic, shape, gate[0]), g.float(tflite.Tanh, shape, gate[2]))
	next = g.float(tflite.Add, shape, old, fresh)
	return g.float(tflite.Mul, shape, g.float(tflite.Logistic, shape, gate[3]), g.float(tflite.Tanh, shape, next)), next
}

// gru is n = tanh(nx + r·nh), h' = n + z·(h - n).
func (l *liteLoop) gru(g *liteTurn, input, inner liteTensor) liteTensor {
	x, h, shape := l.split(g, input), l.split(g, inner), g.state.shape // r z n
	gate := func(i int) liteTensor { return g.float(tflite.Logistic, shape, g.float(tflite.Add, shape, x[i], h[i])) }
	r, z := gate(0), gate(1)
	fresh := g.float(tflite.Tanh, shape, g.float(tflite.Add, shape, x[2], g.float(tflite.Mul, shape, r, h[2])))
	return g.float(tflite.Add, shape, fresh, g.float(tflite.Mul, shape, z, g.float(tflite.Sub, shape, g.state, fresh)))
}
