package onnx

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

func init() {
	for name, cell := range map[string]cellKind{
		// Where the gates of package nn stand among ONNX's: i f g o of i o f c, and r z n of z r h.
		"LSTM": {gates: []int{0, 2, 3, 1}}, "GRU": {gates: []int{1, 0, 2}}, "RNN": {gates: []int{0}},
	} {
		operations[name] = operation{least: 3, most: 8, prepare: cell.prepare, takes: []int{1, 2, 3}, compute: func(c *call) ([]*value, error) { return cell.run(c) }}
	}
}

// cellKind is a kind of recurrent layer.
type cellKind struct{ gates []int }

// cell is one direction of a layer, its weights in the order of package nn.
type cell struct {
	in, hidden int
	wih, whh   kernel.PackedB // [in, gates·hidden], [hidden, gates·hidden]
	bih, bhh   []float32
	reverse    bool
}

func (k cellKind) prepare(n *Node, in []*value) (any, error) {
	if in[1] == nil || in[2] == nil || len(in) > 3 && in[3] == nil && n.In[3] != "" {
		return nil, malformed("weights that are no constants are not supported")
	}
	for _, name := range n.In[min(5, len(n.In)):] {
		if name != "" {
			return nil, malformed("states to begin with, and peepholes, are not supported")
		}
	}
	directions, hidden := 1, n.number("hidden_size", 0)
	direction := n.text("direction", "forward")
	if direction == "bidirectional" {
		directions = 2
	}
	if _, ok := n.Attrs["activations"]; ok && len(n.Attrs["activations"].Ints) > 0 || n.number("layout", 0) != 0 ||
		n.Op == "GRU" && n.number("linear_before_reset", 0) == 0 {
		return nil, malformed("this form of %s is not supported", n.Op)
	}
	w, r := in[1], in[2]
	if hidden < 1 || hidden > 1<<20 || len(w.shape) != 3 || len(r.shape) != 3 || w.typ != Float || r.typ != Float {
		return nil, malformed("weights of %v and %v", w.shape, r.shape)
	}
	h, rows := int(hidden), len(k.gates)*int(hidden)
	if !slices.Equal(r.shape, []int{directions, rows, h}) || !slices.Equal(w.shape[:2], []int{directions, rows}) || w.shape[2] < 1 {
		return nil, malformed("weights of %v and %v", w.shape, r.shape)
	}
	bias := make([]float32, directions*2*rows)
	if len(in) > 3 && in[3] != nil {
		if in[3].typ != Float || len(in[3].f) != len(bias) {
			return nil, malformed("biases of %v", in[3].shape)
		}
		bias = in[3].f
	}
	var cells []*cell
	for d := range directions {
		c := &cell{in: w.shape[2], hidden: h, reverse: d == 1 || direction == "reverse"}
		c.wih.PackT(kernel.F32, c.in, rows, k.order(w.f[d*rows*c.in:][:rows*c.in]), c.in)
		c.whh.PackT(kernel.F32, h, rows, k.order(r.f[d*rows*h:][:rows*h]), h)
		c.bih, c.bhh = k.order(bias[d*2*rows:][:rows]), k.order(bias[(d*2+1)*rows:][:rows])
		cells = append(cells, c)
	}
	return cells, nil
}

// order puts the gates' parts of weights in our order.
func (k cellKind) order(data []float32) []float32 {
	part := len(data) / len(k.gates)
	out := make([]float32, 0, len(data))
	for _, g := range k.gates {
		out = append(out, data[g*part:(g+1)*part]...)
	}
	return out
}

// run gives Y, [length, directions, texts, hidden], and the last states and cells, [directions, texts, hidden].
func (k cellKind) run(c *call) ([]*value, error) {
	x, cells := c.in[0], c.own.([]*cell)
	if len(x.shape) != 3 || x.typ != Float || x.shape[2] != cells[0].in {
		return nil, malformed("a sequence of %v", x.shape)
	}
	length, texts := x.shape[0], x.shape[1]
	lengths := slices.Repeat([]int64{int64(length)}, texts)
	if len(c.in) > 4 && c.in[4] != nil {
		var err error
		if lengths, err = c.in[4].ints(); err != nil || len(lengths) != texts {
			return nil, malformed("%d lengths of %d texts", len(lengths), texts)
		}
		for _, n := range lengths {
			if n < 0 || n > int64(length) {
				return nil, malformed("%d steps of %d", n, length)
			}
		}
	}
	h := cells[0].hidden
	y, err := c.run.make(Float, []int{length, len(cells), texts, h})
	if err != nil {
		return nil, err
	}
	last, err := c.run.make(Float, []int{len(cells), texts, h})
	if err != nil {
		return nil, err
	}
	cellsLast, err := c.run.make(Float, last.shape)
	if err != nil {
		return nil, err
	}
	if texts == 0 || length == 0 {
		return []*value{y, last, cellsLast}, nil
	}
	gates, err := c.run.make(Float, []int{length, texts, len(k.gates) * h})
	if err != nil {
		return nil, err
	}
	defer func() { c.run.held -= gates.size() }()
	for d, cell := range cells {
		kernel.GemmPacked(length*texts, x.f, cell.in, &cell.wih, gates.f, len(k.gates)*h, kernel.Epilogue{Bias: cell.bih})
		cell.steps(c.Op, gates.f, lengths, length, func(position, text int, state, memory []float32) {
			copy(y.f[((position*len(cells)+d)*texts+text)*h:], state)
			copy(last.f[(d*texts+text)*h:], state)
			copy(cellsLast.f[(d*texts+text)*h:], memory)
		})
	}
	return []*value{y, last, cellsLast}, nil
}

// steps runs a direction: emit gets the state and the cell of each text after each of its steps.
func (c *cell) steps(op string, projected []float32, lengths []int64, length int, emit func(position, text int, state, memory []float32)) {
	texts, h, w := len(lengths), c.hidden, len(c.bih)
	state, next := make([]float32, texts*h), make([]float32, texts*h)
	memory, newMemory, scratch := make([]float32, texts*h), make([]float32, texts*h), make([]float32, texts*h)
	gates, product := make([]float32, texts*w), make([]float32, texts*w)
	for s := range length {
		position := func(t int) int {
			if c.reverse {
				return max(int(lengths[t])-1-s, 0)
			}
			return s
		}
		for t := range texts {
			copy(gates[t*w:(t+1)*w], projected[(position(t)*texts+t)*w:])
		}
		kernel.GemmPacked(texts, state, h, &c.whh, product, w, kernel.Epilogue{Bias: c.bhh})
		switch op {
		case "LSTM":
			kernel.Add(gates, product)
			kernel.LSTMCell(texts, h, gates, memory, newMemory, scratch, next)
		case "GRU":
			kernel.GRUCell(texts, h, gates, product, state, h, scratch, next)
		default:
			kernel.Add(gates, product)
			kernel.Tanh(next, gates)
		}
		for t := range texts {
			if s >= int(lengths[t]) {
				continue
			}
			copy(state[t*h:(t+1)*h], next[t*h:])
			copy(memory[t*h:(t+1)*h], newMemory[t*h:(t+1)*h])
			emit(position(t), t, state[t*h:(t+1)*h], memory[t*h:(t+1)*h])
		}
	}
}
