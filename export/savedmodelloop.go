package export

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
)

// tfLoop is a recurrent cell as functions of TensorFlow: whether the loop goes on, and one step of it.
type tfLoop struct {
	name  string
	gates int
	cell  bool // there is a memory beside the state
	step  func(f *tfFunction, x string) (state, memory string)
}

// loopArgs are what goes round: the place, the length, what enters the gates at each place, [length, batch, gates·hidden],
// where there are tokens, [length, batch, 1], the weights and the bias of the state, the list of states by place, and the
// state, [batch, hidden].
var loopArgs = []savedmodel.Arg{{Name: "place", Type: savedmodel.Int32}, {Name: "length", Type: savedmodel.Int32}, {Name: "gates", Type: savedmodel.Float},
	{Name: "present", Type: savedmodel.Bool}, {Name: "weights", Type: savedmodel.Float}, {Name: "bias", Type: savedmodel.Float},
	{Name: "list", Type: savedmodel.Variant}, {Name: "state", Type: savedmodel.Float}}

// loopList is where the list stands among them.
const loopList = 6

// tfLoops are the cells, their gates in the order of package nn.
var tfLoops = map[nn.Cell]*tfLoop{
	nn.RNN: {name: "rnn", gates: 1, step: func(f *tfFunction, x string) (string, string) {
		return f.each("Tanh", f.both("AddV2", x, f.product())), ""
	}},
	nn.LSTM: {name: "lstm", gates: 4, cell: true, step: func(f *tfFunction, x string) (string, string) {
		g := f.split(f.both("AddV2", x, f.product()), 4)
		in, forget, candidate, out := f.each("Sigmoid", g[0]), f.each("Sigmoid", g[1]), f.each("Tanh", g[2]), f.each("Sigmoid", g[3])
		memory := f.both("AddV2", f.both("Mul", forget, "memory"), f.both("Mul", in, candidate))
		return f.both("Mul", out, f.each("Tanh", memory)), memory
	}},
	nn.GRU: {name: "gru", gates: 3, step: func(f *tfFunction, x string) (string, string) {
		g, p := f.split(x, 3), f.split(f.product(), 3)
		reset, update := f.each("Sigmoid", f.both("AddV2", g[0], p[0])), f.each("Sigmoid", f.both("AddV2", g[1], p[1]))
		candidate := f.each("Tanh", f.both("AddV2", g[2], f.both("Mul", reset, p[2])))
		old := f.both("Mul", update, f.both("Sub", "state", candidate))
		return f.both("AddV2", candidate, old), ""
	}},
}

func (l *tfLoop) args() []savedmodel.Arg {
	if l.cell {
		return append(slices.Clone(loopArgs), savedmodel.Arg{Name: "memory", Type: savedmodel.Float})
	}
	return loopArgs
}

// functions writes the two functions of a direction, unless they are there.
func (l *tfLoop) functions(w *tfWriter, reverse bool) (cond, body string) {
	name := l.name
	if reverse {
		name += "_reverse"
	}
	cond, body = name+"_goes_on", name+"_step"
	w.once("function "+name, func() string {
		w.model.Functions = append(w.model.Functions, l.cond(cond, reverse), l.body(body, reverse))
		return name
	})
	return cond, body
}

func (l *tfLoop) cond(name string, reverse bool) *savedmodel.Function {
	f := &tfFunction{name: name}
	var on string
	if reverse {
		on = f.node("GreaterEqual", "z", tfAttrs{"T": savedmodel.Int32}, "place", f.whole(0))
	} else {
		on = f.node("Less", "z", tfAttrs{"T": savedmodel.Int32}, "place", "length")
	}
	return &savedmodel.Function{Name: name, In: l.args(), Out: []savedmodel.Arg{{Name: "on", Type: savedmodel.Bool}}, Nodes: f.nodes, Results: []string{on}}
}

// body makes a step. Where a text has no token at a place its state stays: the reverse direction begins with those
// places, and so with nothing at the text's end.
func (l *tfLoop) body(name string, reverse bool) *savedmodel.Function {
	f := &tfFunction{name: name}
	step := 1
	if reverse {
		step = -1
	}
	there := f.row("present", savedmodel.Bool)
	state, memory := l.step(f, f.row("gates", savedmodel.Float))
	keep := func(new, old string) string {
		return f.node("SelectV2", "output", tfAttrs{"T": savedmodel.Float}, there, new, old)
	}
	state = keep(state, "state")
	list := f.node("TensorListSetItem", "output_handle", tfAttrs{"element_dtype": savedmodel.Float, "resize_if_index_out_of_bounds": savedmodel.Truth(false)}, "list", "place", state)
	next := f.node("AddV2", "z", tfAttrs{"T": savedmodel.Int32}, "place", f.whole(step))
	results := []string{next, "length", "gates", "present", "weights", "bias", list, state}
	if l.cell {
		results = append(results, keep(memory, "memory"))
	}
	var out []savedmodel.Arg
	for _, a := range l.args() {
		out = append(out, savedmodel.Arg{Name: "next_" + a.Name, Type: a.Type})
	}
	return &savedmodel.Function{Name: name, In: l.args(), Out: out, Nodes: f.nodes, Results: results}
}

// tfFunction makes the nodes of a function.
type tfFunction struct {
	name  string
	nodes tfNodes
}

// node appends an operation and returns its result, whose name the operation's definition tells. Names begin with the
// function's: some readers want those of all functions to differ.
func (f *tfFunction) node(op, result string, a tfAttrs, in ...string) string {
	name := fmt.Sprintf("%s_%s_%d", f.name, op, len(f.nodes)+1)
	f.nodes.add(name, op, a, in...)
	return name + ":" + result + ":0"
}

func (f *tfFunction) whole(v int) string {
	return f.node("Const", "output", tfAttrs{"dtype": savedmodel.Int32, "value": &savedmodel.Tensor{Type: savedmodel.Int32, Data: int32Bytes(v)}})
}

func (f *tfFunction) both(op, a, b string) string {
	return f.node(op, "z", tfAttrs{"T": savedmodel.Float}, a, b)
}

func (f *tfFunction) each(op, x string) string {
	return f.node(op, "y", tfAttrs{"T": savedmodel.Float}, x)
}

// row is what an argument has at the place.
func (f *tfFunction) row(arg string, t savedmodel.DType) string {
	return f.node("GatherV2", "output", tfAttrs{"Tparams": t, "Tindices": savedmodel.Int32, "Taxis": savedmodel.Int32, "batch_dims": savedmodel.Int(0)}, arg, "place", f.whole(0))
}

// product is what the state adds to the gates.
func (f *tfFunction) product() string {
	y := f.node("MatMul", "product", tfAttrs{"T": savedmodel.Float, "transpose_a": savedmodel.Truth(false), "transpose_b": savedmodel.Truth(true)}, "state", "weights")
	return f.node("BiasAdd", "output", tfAttrs{"T": savedmodel.Float, "data_format": savedmodel.Text("NHWC")}, y, "bias")
}

// split cuts gates apart.
func (f *tfFunction) split(x string, parts int) []string {
	first := f.node("Split", "output", tfAttrs{"T": savedmodel.Float, "num_split": savedmodel.Int(parts)}, f.whole(1), x)
	list := make([]string, parts)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", first[:len(first)-1], i)
	}
	return list
}
