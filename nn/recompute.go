package nn

import "github.com/xiaoyu-slm/xiaoyu/tensor"

// Checkpoint is part(x), where part is a stretch of a network such as a layer. With Tape.Recompute a training pass keeps
// of it only x and the result; the backward runs the part once more and then back, in memory that all parts share (Chen
// et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). Both runs draw the same dropout masks: gradients are
// the same to the bit.
//
// The part must do the same each time, and may hand out nothing but its result. A network that allocates nothing in
// inference asks for Tape.Recompute before it makes the function.
func (t *Tape) Checkpoint(x *Var, part func(x *Var) *Var) *Var {
	if !t.Recompute || !t.training() {
		return part(x)
	}
	begin := t.place()
	made := *part(x)
	drawn := t.streams
	t.back(begin)
	t.streams = drawn
	y := t.value(made.Rows, made.Cols)
	copy(y.Data, made.Data) // which may overlap
	t.record(y, nil, func() {
		end := t.place()
		t.streams = begin.streams
		y.passGradient(part(x))
		t.backwardTo(end.nodes)
		t.back(end)
	})
	return y
}

// place is a state of a tape to come back to.
type place struct {
	memory      tensor.Mark
	nodes, vars int
	streams     uint64
	reused      [7]int
}

func (t *Tape) place() place {
	p := place{memory: t.arena.Mark(), nodes: len(t.nodes), vars: t.used, streams: t.streams}
	for i, n := range t.inUse() {
		p.reused[i] = *n
	}
	return p
}

// back forgets what was made since p, and takes its memory back.
func (t *Tape) back(p place) {
	t.arena.Rewind(p.memory)
	clear(t.nodes[p.nodes:])
	t.nodes = t.nodes[:p.nodes]
	t.dropVars(p.vars)
	t.streams = p.streams
	for i, n := range t.inUse() {
		*n = p.reused[i]
	}
}
