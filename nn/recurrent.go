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
		wih, whh := t.packedT(layer.WIH), t.packedT(layer.WHH)
		for g := range groups {
			r := t.runs.next()
			r.prepare(t, cell, layer, offsets, n*g/groups, n*(g+1)/groups, d == 1)
			r.wih, r.whh, r.column = wih, whh, d*hidden
			r.project(t, x)
		}
	}
	runs := t.runs.list[first:t.runs.used]
	if t.serial() {
		for _, r := range runs {
			r.forward(states, final)
		}
	} else {
		t.pool.For(len(runs), 1, func(lo, hi int) {
			for _, r := range runs[lo:hi] {
				r.forward(states, final)
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
		r.whhBack = t.pack()
		r.whhBack.Pack(t.Precision, r.gateWidth, r.hidden, r.layer.WHH.Data, r.hidden)
		r.prepareBackward(t)
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
	hidden, gateWidth int
	column            int     // first column of this direction in the outputs
	order             []int32 // sequences, longest first
	starts            []int   // [steps+1]
	token             []int32 // [rows] the token of each row
	wih, whh, whhBack *kernel.PackedB

	input []float32 // [rows, in] gathered
	gates []float32 // [rows, gates·hidden] activated; the backward turns them into gradients before activation
	h, c  []float32 // [rows, hidden]; c holds an LSTM's cell, a GRU's product with the state for gate n
	tanhC []float32 // [rows, hidden], LSTM
	// backward
	dgatesH []float32 // [rows, gates·hidden] gradient of the state's product; an LSTM's is that of the gates
	hPrev   []float32 // [rows, hidden]
	dh, dc  []float32 // [sequences, hidden] running gradients of the state and the cell
}

// prepare orders the rows of the sequences [lo, hi); the memory of an earlier use serves again.
func (r *recurrence) prepare(t *Tape, cell Cell, layer Recurrent, offsets []int32, lo, hi int, reverse bool) {
	*r = recurrence{cell: cell, layer: layer, hidden: layer.hidden(), gateWidth: cell.gates() * layer.hidden(), order: r.order[:0], starts: r.starts[:0]}
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
	r.h, r.c = t.arena.Raw(rows*r.hidden), t.arena.Raw(rows*r.hidden)
	if cell == LSTM {
		r.tanhC = t.arena.Raw(rows * r.hidden)
	}
}

func (r *recurrence) steps() int { return len(r.starts) - 1 }

// project multiplies all inputs with the input weights at once.
func (r *recurrence) project(t *Tape, x *Var) {
	rows, in := len(r.token), x.Cols
	r.input = t.arena.Raw(rows * in)
	r.gates = t.arena.Raw(rows * r.gateWidth)
	if t.serial() {
		r.projectRows(x, 0, rows)
	} else {
		t.pool.For(rows, grain(in*r.gateWidth), func(lo, hi int) { r.projectRows(x, lo, hi) })
	}
	if r.cell == GRU {
		r.dgatesH = t.arena.Raw(rows * r.gateWidth) // in forward: the state's product
	}
}

func (r *recurrence) projectRows(x *Var, lo, hi int) {
	in := x.Cols
	for i := lo; i < hi; i++ {
		copy(r.input[i*in:(i+1)*in], x.Row(int(r.token[i])))
	}
	out := r.gates[lo*r.gateWidth : hi*r.gateWidth]
	kernel.GemmPacked(hi-lo, r.input[lo*in:], in, r.wih, out, r.gateWidth, kernel.Epilogue{Bias: r.layer.BIH.Data})
	if r.cell != GRU {
		kernel.AddBias(out, hi-lo, r.gateWidth, r.layer.BHH.Data)
	}
}

func (r *recurrence) forward(states, final *Var) {
	h := r.hidden
	for s := range r.steps() {
		from, to := r.starts[s], r.starts[s+1]
		switch r.cell {
		case LSTM:
			r.lstmStep(s, from, to)
		case GRU:
			r.gruStep(s, from, to)
		default:
			r.rnnStep(s, from, to)
		}
		for i := from; i < to; i++ {
			copy(states.Row(int(r.token[i]))[r.column:], r.h[i*h:(i+1)*h])
		}
	}
	for i := range r.order {
		last := r.lastRow(i)
		copy(final.Row(int(r.order[i]))[r.column:], r.h[last*h:(last+1)*h])
	}
}

// lastRow returns the row of the last step of the i-th longest sequence.
func (r *recurrence) lastRow(i int) int {
	// Steps in which i is active are a prefix; find its length by bisection over the falling block sizes.
	lo, hi := 0, r.steps()
	for lo < hi {
		mid := (lo + hi) / 2
		if r.starts[mid+1]-r.starts[mid] > i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return r.starts[lo-1] + i
}

func (r *recurrence) lstmStep(s, from, to int) {
	h, w := r.hidden, r.gateWidth
	if s > 0 {
		kernel.GemmPacked(to-from, r.h[r.starts[s-1]*h:], h, r.whh, r.gates[from*w:], w, kernel.Epilogue{Accumulate: true})
	}
	for i := from; i < to; i++ {
		g, c := r.gates[i*w:(i+1)*w], r.c[i*h:(i+1)*h]
		kernel.Sigmoid(g[:2*h], g[:2*h])
		kernel.Tanh(g[2*h:3*h], g[2*h:3*h])
		kernel.Sigmoid(g[3*h:], g[3*h:])
		kernel.Mul(c, g[:h], g[2*h:3*h])
		if s > 0 {
			prev := r.starts[s-1] + i - from
			kernel.MulAdd(c, g[h:2*h], r.c[prev*h:(prev+1)*h])
		}
		tc := r.tanhC[i*h : (i+1)*h]
		kernel.Tanh(tc, c)
		kernel.Mul(r.h[i*h:(i+1)*h], g[3*h:], tc)
	}
}

func (r *recurrence) gruStep(s, from, to int) {
	h, w := r.hidden, r.gateWidth
	product := r.dgatesH[from*w : to*w]
	if s > 0 {
		kernel.GemmPacked(to-from, r.h[r.starts[s-1]*h:], h, r.whh, product, w, kernel.Epilogue{})
	} else {
		clear(product)
	}
	kernel.AddBias(product, to-from, w, r.layer.BHH.Data)
	for i := from; i < to; i++ {
		g, p, n := r.gates[i*w:(i+1)*w], product[(i-from)*w:(i-from+1)*w], r.c[i*h:(i+1)*h]
		kernel.Add(g[:2*h], p[:2*h])
		kernel.Sigmoid(g[:2*h], g[:2*h])
		copy(n, p[2*h:])
		kernel.MulAdd(g[2*h:], g[:h], n)
		kernel.Tanh(g[2*h:], g[2*h:])
		out, z, cand := r.h[i*h:(i+1)*h], g[h:2*h], g[2*h:]
		for j := range out {
			out[j] = (1 - z[j]) * cand[j]
		}
		if s > 0 {
			prev := r.starts[s-1] + i - from
			kernel.MulAdd(out, z, r.h[prev*h:(prev+1)*h])
		}
	}
}

func (r *recurrence) rnnStep(s, from, to int) {
	h := r.hidden
	gates := r.gates[from*h : to*h]
	if s > 0 {
		kernel.GemmPacked(to-from, r.h[r.starts[s-1]*h:], h, r.whh, gates, h, kernel.Epilogue{Accumulate: true})
	}
	kernel.Tanh(gates, gates)
	copy(r.h[from*h:to*h], gates)
}

func (r *recurrence) prepareBackward(t *Tape) {
	rows, h := len(r.token), r.hidden
	r.dh, r.dc = t.arena.Floats(len(r.order)*h), t.arena.Floats(len(r.order)*h)
	r.hPrev = t.arena.Floats(rows * h)
	for s := 1; s < r.steps(); s++ {
		n := r.starts[s+1] - r.starts[s]
		copy(r.hPrev[r.starts[s]*h:r.starts[s+1]*h], r.h[r.starts[s-1]*h:(r.starts[s-1]+n)*h])
	}
	if r.cell != GRU {
		r.dgatesH = r.gates
	}
}

func (r *recurrence) backward(states, final *Var) {
	h, w := r.hidden, r.gateWidth
	for i, s := range r.order {
		copy(r.dh[i*h:(i+1)*h], final.Grad[int(s)*final.Cols+r.column:][:h])
	}
	scratch := make([]float32, 2*h)
	for s := r.steps() - 1; s >= 0; s-- {
		from, to := r.starts[s], r.starts[s+1]
		for i := from; i < to; i++ {
			dh := r.dh[(i-from)*h : (i-from+1)*h]
			kernel.Add(dh, states.Grad[int(r.token[i])*states.Cols+r.column:][:h])
			switch r.cell {
			case LSTM:
				r.lstmBackward(s, i, from, dh)
			case GRU:
				r.gruBackward(i, dh, scratch)
			default:
				g := r.gates[i*h : (i+1)*h]
				kernel.TanhGrad(g, dh, g)
			}
		}
		if s > 0 { // gradient of the state before; an LSTM's has no other part
			kernel.GemmPacked(to-from, r.dgatesH[from*w:], w, r.whhBack, r.dh, h, kernel.Epilogue{Accumulate: r.cell == GRU})
		}
	}
}

// lstmBackward turns the gates of row i into gradients before activation; dc runs on to the step before.
func (r *recurrence) lstmBackward(s, i, from int, dh []float32) {
	h, w := r.hidden, r.gateWidth
	g, tc := r.gates[i*w:(i+1)*w], r.tanhC[i*h:(i+1)*h]
	in, forget, cand, out := g[:h], g[h:2*h], g[2*h:3*h], g[3*h:4*h]
	dc := r.dc[(i-from)*h : (i-from+1)*h]
	var cPrev []float32
	if s > 0 {
		prev := r.starts[s-1] + i - from
		cPrev = r.c[prev*h : (prev+1)*h]
	}
	dh, tc, dc = dh[:h], tc[:h], dc[:h]
	for j := range dh {
		iv, fv, gv, ov, tv := in[j], forget[j], cand[j], out[j], tc[j]
		d := dc[j] + dh[j]*ov*(1-tv*tv)
		out[j] = dh[j] * tv * ov * (1 - ov)
		in[j] = d * gv * iv * (1 - iv)
		cand[j] = d * iv * (1 - gv*gv)
		if cPrev != nil {
			forget[j] = d * cPrev[j] * fv * (1 - fv)
		} else {
			forget[j] = 0
		}
		dc[j] = d * fv
	}
}

// gruBackward turns the gates of row i into gradients before activation, and dh into the part of the gradient that
// reaches the state before without passing the product.
func (r *recurrence) gruBackward(i int, dh, scratch []float32) {
	h, w := r.hidden, r.gateWidth
	g, d := r.gates[i*w:(i+1)*w], r.dgatesH[i*w:(i+1)*w]
	reset, update, cand := g[:h], g[h:2*h], g[2*h:3*h]
	nProduct, hPrev := r.c[i*h:(i+1)*h], r.hPrev[i*h:(i+1)*h]
	for j := range h {
		rv, zv, nv := reset[j], update[j], cand[j]
		dn := dh[j] * (1 - zv) * (1 - nv*nv)
		dz := dh[j] * (hPrev[j] - nv) * zv * (1 - zv)
		dr := dn * nProduct[j] * rv * (1 - rv)
		reset[j], update[j], cand[j] = dr, dz, dn
		d[j], d[h+j], d[2*h+j] = dr, dz, dn*rv
		dh[j] *= zv
	}
}

// collect adds the gradients of the weights and the input, which are large products over all rows.
func (r *recurrence) collect(t *Tape, x *Var) {
	rows, h, w, in := len(r.token), r.hidden, r.gateWidth, x.Cols
	l := r.layer
	t.addWeightGradient(l.WIH.Grad, r.gates, w, r.input, in, rows)
	t.addWeightGradient(l.WHH.Grad, r.dgatesH, w, r.hPrev, h, rows)
	t.addColumns(l.BIH.Grad, r.gates, rows)
	t.addColumns(l.BHH.Grad, r.dgatesH, rows)
	sum := x.Gradient()
	dx := r.input // its content is used up
	packed := t.pack()
	packed.Pack(t.Precision, w, in, l.WIH.Data, in)
	t.multiply(r.gates, rows, packed, dx, kernel.Epilogue{})
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
	return Recurrent{
		WIH: ps.Add(fmt.Sprintf(name, "weight_ih"), Xavier, gates, in),
		WHH: ps.Add(fmt.Sprintf(name, "weight_hh"), Uniform(1/math.Sqrt(float64(hidden))), gates, hidden),
		BIH: ps.Add(fmt.Sprintf(name, "bias_ih"), bias, gates),
		BHH: ps.Add(fmt.Sprintf(name, "bias_hh"), Zeros, gates),
	}
}
