package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Cell is the kind of a recurrent layer.
type Cell uint8

const (
	LSTM Cell = iota // Hochreiter & Schmidhuber 1997, with forget gates; gates in the order i, f, g, o
	GRU              // Cho et al. 2014, in PyTorch's form (reset after the product); gates in the order r, z, n
	RNN              // Elman 1990, with tanh: one "gate", the new state
)

func (c Cell) gates() int { return [...]int{4, 3, 1}[c] }

// Recurrent is one direction of one recurrent layer, with PyTorch's names and layouts: WIH is [gates·hidden, in],
// WHH is [gates·hidden, hidden], BIH and BHH are [gates·hidden].
type Recurrent struct{ WIH, WHH, BIH, BHH *Param }

func (r Recurrent) hidden() int { return r.WHH.Shape[1] }

// Recurrent runs one layer over packed sequences: x is [tokens, in], the first result [tokens, directions·hidden]
// holds every token's state, the second [sequences, directions·hidden] the states after the last step of each
// direction (zeros for empty sequences). directions holds the forward layer, and the backward one in a bidirectional
// network.
//
// Sequences are sorted by length and laid out step by step, so that the states of one step are one block of memory,
// the sequences still running are a prefix of it, and no step computes on padding.
func (t *Tape) Recurrent(cell Cell, x *Var, offsets []int32, directions []Recurrent) (_, _ *Var) {
	hidden, n := directions[0].hidden(), max(len(offsets)-1, 0)
	width := hidden * len(directions)
	states, final := t.value(x.Rows, width), t.value(n, width)
	clear(final.Data) // empty sequences have no last step
	// Independent parts: each direction, and where there are more workers than directions, groups of sequences.
	groups := max(1, min(t.pool.Workers()/len(directions), n/8))
	first := t.runs.used
	for d, layer := range directions {
		if layer.WIH.Shape[1] != x.Cols {
			panic(fmt.Sprintf("nn: recurrent %s of %v on input of width %d", layer.WIH.Name, layer.WIH.Shape, x.Cols))
		}
		wih, whh := t.keptT(layer.WIH), t.keptT(layer.WHH)
		for g := range groups {
			r := t.runs.next()
			r.prepare(t, cell, layer, offsets, n*g/groups, n*(g+1)/groups, d == 1)
			r.wih, r.whh, r.column = wih, whh, d*hidden
		}
	}
	runs := t.runs.list[first:t.runs.used]
	if t.serial() {
		for _, r := range runs {
			r.forward(x, states, final)
		}
	} else {
		t.pool.For(len(runs), 1, func(lo, hi int) {
			for _, r := range runs[lo:hi] {
				r.forward(x, states, final)
			}
		})
	}
	if t.training() {
		t.record(states, final, func() { t.recurrentBackward(runs, x, states, final) })
	}
	return states, final
}

func (t *Tape) recurrentBackward(runs []*recurrence, x, states, final *Var) {
	for _, r := range runs {
		r.whhBack = t.packed(r.layer.WHH)
		r.whhBack.Keep()
		r.dh, r.dc = t.arena.Raw(len(r.order)*r.hidden), t.arena.Floats(len(r.order)*r.hidden)
		r.dproduct = r.gates
		if r.cell == GRU {
			r.dproduct = t.arena.Raw(len(r.token) * r.width)
		}
	}
	t.pool.For(len(runs), 1, func(lo, hi int) {
		for _, r := range runs[lo:hi] {
			r.backward(states, final)
		}
	})
	for _, r := range runs {
		r.collect(t, x)
	}
}

// recurrence is the work on some sequences in one direction. Rows are ordered by step; those of step s are
// [starts[s], starts[s+1]), one for each sequence that is longer than s, longest first.
type recurrence struct {
	cell              Cell
	layer             Recurrent
	in, hidden, width int     // width is that of the gates
	column            int     // first column of this direction in the outputs
	order             []int32 // sequences, longest first
	starts            []int   // [steps+1]
	token             []int32 // [rows] the token of each row
	wih, whh, whhBack *kernel.PackedB

	inputs  []float32 // [rows, in+hidden]: a token's row of x, and the state before it
	bias    []float32 // [width] of the input's product; but for a GRU, with that of the state's
	gates   []float32 // [rows, width] after their functions; the backward turns them into gradients before these
	product []float32 // [sequences, width] of the state of one step; GRU
	c       []float32 // [rows, hidden]: an LSTM's cell, a GRU's product with the state for gate n
	tanhC   []float32 // [rows, hidden]; LSTM
	h       []float32 // [sequences, hidden] of one step
	// backward
	dproduct []float32 // [rows, width] gradient of the state's product; that of the gates but for a GRU
	dh, dc   []float32 // [sequences, hidden] running gradients of the state and the cell
}

// prepare orders the rows of the sequences [lo, hi); the memory of an earlier use serves again.
func (r *recurrence) prepare(t *Tape, cell Cell, layer Recurrent, offsets []int32, lo, hi int, reverse bool) {
	h := layer.hidden()
	*r = recurrence{cell: cell, layer: layer, in: layer.WIH.Shape[1], hidden: h, width: cell.gates() * h, order: r.order[:0], starts: r.starts[:0]}
	length := func(s int32) int { return int(offsets[s+1] - offsets[s]) }
	for s := lo; s < hi; s++ {
		if length(int32(s)) > 0 {
			r.order = append(r.order, int32(s))
		}
	}
	slices.SortStableFunc(r.order, func(a, b int32) int { return length(b) - length(a) })
	rows := int(offsets[hi] - offsets[lo])
	r.token = t.arena.RawInts(rows)
	r.starts = append(r.starts, 0)
	active := len(r.order)
	for at, step := 0, 0; at < rows; step++ {
		for length(r.order[active-1]) <= step {
			active--
		}
		for i, s := range r.order[:active] {
			pos := int32(step)
			if reverse {
				pos = int32(length(s) - 1 - step)
			}
			r.token[at+i] = offsets[s] + pos
		}
		at += active
		r.starts = append(r.starts, at)
	}
	r.reserve(t, rows)
}

// reserve takes the memory of a forward pass.
func (r *recurrence) reserve(t *Tape, rows int) {
	n := len(r.order)
	r.inputs, r.gates = t.arena.Raw(rows*(r.in+r.hidden)), t.arena.Raw(rows*r.width)
	r.h = t.arena.Raw(n * r.hidden)
	r.bias = r.layer.BIH.Data
	if r.cell != GRU {
		r.bias = t.arena.Raw(r.width)
		copy(r.bias, r.layer.BIH.Data)
		kernel.Add(r.bias, r.layer.BHH.Data)
	}
	if r.cell != RNN {
		r.c = t.arena.Raw(rows * r.hidden)
	}
	switch r.cell {
	case LSTM:
		r.tanhC = t.arena.Raw(rows * r.hidden)
	case GRU:
		r.product = t.arena.Raw(n * r.width)
	}
}

func (r *recurrence) steps() int { return len(r.starts) - 1 }

// projectRows is about how many rows are multiplied with the input weights at once: enough for the product, few enough
// that the gates are still in cache when their step comes.
const projectRows = 512

func (r *recurrence) forward(x, states, final *Var) {
	h, ld := r.hidden, r.in+r.hidden
	ready := 0 // rows that are projected
	for s := range r.steps() {
		from, to := r.starts[s], r.starts[s+1]
		if to > ready {
			last := s + 1
			for last < r.steps() && r.starts[last] < from+projectRows {
				last++
			}
			r.project(x, from, r.starts[last])
			ready = r.starts[last]
		}
		r.step(s, from, to)
		next := 0 // rows of the next step
		if s+1 < r.steps() {
			next = r.starts[s+2] - to
		}
		for i := range to - from {
			state := r.h[i*h : (i+1)*h]
			copy(states.Row(int(r.token[from+i]))[r.column:], state)
			if i < next {
				copy(r.inputs[(to+i)*ld+r.in:], state)
			} else {
				copy(final.Row(int(r.order[i]))[r.column:], state)
			}
		}
	}
}

// project multiplies the inputs of the rows [lo, hi) with the input weights.
func (r *recurrence) project(x *Var, lo, hi int) {
	ld, w := r.in+r.hidden, r.width
	for i := lo; i < hi; i++ {
		copy(r.inputs[i*ld:i*ld+r.in], x.Row(int(r.token[i])))
	}
	if lo == 0 {
		for i := range r.starts[1] {
			clear(r.inputs[i*ld+r.in : (i+1)*ld]) // there is no state before the first step
		}
	}
	out := r.gates[lo*w : hi*w]
	kernel.GemmPacked(hi-lo, r.inputs[lo*ld:], ld, r.wih, out, w, kernel.Epilogue{Bias: r.bias})
}

// step computes the states of step s, whose rows are [from, to), into h.
func (r *recurrence) step(s, from, to int) {
	h, w, ld, n := r.hidden, r.width, r.in+r.hidden, to-from
	gates := r.gates[from*w : to*w]
	before := r.inputs[from*ld+r.in:]
	switch {
	case r.cell == GRU:
		kernel.GemmPacked(n, before, ld, r.whh, r.product, w, kernel.Epilogue{Bias: r.layer.BHH.Data})
	case s > 0:
		kernel.GemmPacked(n, before, ld, r.whh, gates, w, kernel.Epilogue{Accumulate: true})
	}
	switch r.cell {
	case LSTM:
		kernel.LSTMCell(n, h, gates, r.cellBefore(s), r.c[from*h:to*h], r.tanhC[from*h:to*h], r.h)
	case GRU:
		kernel.GRUCell(n, h, gates, r.product, before, ld, r.c[from*h:to*h], r.h)
	default:
		kernel.Tanh(gates, gates)
		copy(r.h, gates)
	}
}

// cellBefore returns the cells before step s, nil for the first.
func (r *recurrence) cellBefore(s int) []float32 {
	if s == 0 {
		return nil
	}
	return r.c[r.starts[s-1]*r.hidden:]
}

func (r *recurrence) backward(states, final *Var) {
	h, w, ld := r.hidden, r.width, r.in+r.hidden
	for i, s := range r.order {
		copy(r.dh[i*h:(i+1)*h], final.Grad[int(s)*final.Cols+r.column:][:h])
	}
	for s := r.steps() - 1; s >= 0; s-- {
		from, to := r.starts[s], r.starts[s+1]
		n, gates, product := to-from, r.gates[from*w:to*w], r.dproduct[from*w:to*w]
		for i := range n {
			kernel.Add(r.dh[i*h:(i+1)*h], states.Grad[int(r.token[from+i])*states.Cols+r.column:][:h])
		}
		switch r.cell {
		case LSTM:
			kernel.LSTMCellGrad(n, h, gates, r.cellBefore(s), r.tanhC[from*h:to*h], r.dh, r.dc)
		case GRU:
			kernel.GRUCellGrad(n, h, gates, product, r.inputs[from*ld+r.in:], ld, r.c[from*h:to*h], r.dh)
		default:
			kernel.TanhGrad(gates, r.dh[:n*h], gates)
		}
		if s > 0 { // gradient of the state before, of which only a GRU's has another part
			kernel.GemmPacked(n, product, w, r.whhBack, r.dh, h, kernel.Epilogue{Accumulate: r.cell == GRU})
		}
	}
}

// collect adds the gradients of the weights and the input, which are large products over all rows.
func (r *recurrence) collect(t *Tape, x *Var) {
	rows, h, w, in := len(r.token), r.hidden, r.width, r.in
	l, ld := r.layer, in+h
	if r.cell == GRU {
		t.addColumns(l.BIH.Grad, r.gates, rows)
		t.weightGradient(l.WIH.Gradient(), in, r.gates, w, r.inputs, ld, in, rows, true)
		t.weightGradient(l.WHH.Gradient(), h, r.dproduct, w, r.inputs[in:], ld, h, rows, true)
		t.addColumns(l.BHH.Grad, r.dproduct, rows)
	} else { // both weights have the gradient of the gates: one product does for them
		sum := t.arena.Raw(w * ld)
		t.weightGradient(sum, ld, r.gates, w, r.inputs, ld, ld, rows, false)
		wih, whh := l.WIH.Gradient(), l.WHH.Gradient()
		for i := range w {
			kernel.Add(wih[i*in:(i+1)*in], sum[i*ld:i*ld+in])
			kernel.Add(whh[i*h:(i+1)*h], sum[i*ld+in:(i+1)*ld])
		}
		bias := t.arena.Floats(w)
		t.addColumns(bias, r.gates, rows)
		kernel.Add(l.BIH.Grad, bias)
		kernel.Add(l.BHH.Grad, bias)
	}
	packed := t.packed(l.WIH)
	dx := r.inputs[:rows*in] // their content is used up
	t.multiply(r.gates, rows, packed, dx, kernel.Epilogue{})
	sum := x.Gradient()
	for i := range rows {
		kernel.Add(sum[int(r.token[i])*in:][:in], dx[i*in:(i+1)*in])
	}
}

// NewRecurrent declares the weights of one direction of one layer. name holds a %s for PyTorch's weight_ih,
// weight_hh, bias_ih and bias_hh. The forget gates of an LSTM start open (Gers et al. 2000).
func NewRecurrent(ps *Params, cell Cell, name string, in, hidden int) Recurrent {
	gates := cell.gates() * hidden
	bias := Zeros
	if cell == LSTM {
		bias = func(w []float32, _ []int, _ func() float64) {
			for i := hidden; i < 2*hidden; i++ {
				w[i] = 1
			}
		}
	}
	r := Recurrent{
		WIH: ps.Add(fmt.Sprintf(name, "weight_ih"), Xavier, gates, in),
		WHH: ps.Add(fmt.Sprintf(name, "weight_hh"), Uniform(1/math.Sqrt(float64(hidden))), gates, hidden),
		BIH: ps.Add(fmt.Sprintf(name, "bias_ih"), bias, gates),
		BHH: ps.Add(fmt.Sprintf(name, "bias_hh"), Zeros, gates),
	}
	r.WIH.Recurrent, r.WHH.Recurrent = true, true
	return r
}
