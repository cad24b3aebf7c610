package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Conv is one bank of filters over windows of tokens. W is [filters, width, dim] (PyTorch's Conv1d keeps [filters,
// dim, width]: the last two swapped), B is [filters].
type Conv struct{ W, B *Param }

func (c Conv) filters() int { return c.W.Shape[0] }
func (c Conv) width() int   { return c.W.Shape[1] }

// ConvMax is TextCNN's core (Kim 2014, "Convolutional Neural Networks for Sentence Classification"): each bank of
// filters slides over each sequence without padding, then bias, activation, and the maximum over time. x is [tokens,
// dim] packed by offsets; the result is [sequences, sum of filters]. A sequence shorter than a window is followed by
// zeros to the window's width.
//
// Two things make it fast. Rows of x lie end to end, so a window is a contiguous stretch of memory and the
// convolution is a matrix product that reads x in place, with overlapping rows. And only the window that won the
// maximum gets a gradient, so the backward touches one window per sequence and filter instead of all.
func (t *Tape) ConvMax(x *Var, offsets []int32, convs []Conv, a Activation) *Var {
	n, filters, room := max(len(offsets)-1, 0), 0, 0
	for _, c := range convs {
		if len(c.W.Shape) != 3 || c.W.Shape[2] != x.Cols {
			panic(fmt.Sprintf("nn: convolution %s of %v on input of width %d", c.W.Name, c.W.Shape, x.Cols))
		}
		filters += c.filters()
		room = max(room, 2*convRows*c.filters()+c.width()*x.Cols)
	}
	f := t.convs.next()
	*f = convForward{x: x, offsets: offsets, convs: convs, packed: f.packed[:0], act: a, y: t.value(n, filters), win: t.arena.RawInts(n * filters)}
	f.pre = f.y.Data
	if a.FromInput() {
		f.pre = t.arena.Raw(n * filters)
	}
	for _, c := range convs {
		f.packed = append(f.packed, t.keptT(c.W))
	}
	parts := t.pool.Workers()
	scratch := t.arena.Raw(parts * room)
	if t.serial() {
		f.run(0, n, scratch)
	} else {
		t.pool.For(parts, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				f.run(n*i/parts, n*(i+1)/parts, scratch[i*room:(i+1)*room])
			}
		})
	}
	a.Apply(f.y.Data, f.pre)
	if t.training() {
		t.record(f.y, nil, func() { t.convMaxBackward(f) })
	}
	return f.y
}

// convRows is how many windows are multiplied at once: enough to keep the product efficient, few enough that its
// result stays in the first levels of cache for the maximum.
const convRows = 128

type convForward struct {
	x, y    *Var
	offsets []int32
	convs   []Conv
	packed  []*kernel.PackedB // the filters of each
	act     Activation
	pre     []float32 // [sequences, filters] before the activation, of the winning windows
	win     []int32   // [sequences, filters] token at which the winning window begins
}

// run computes the sequences [lo, hi).
func (f *convForward) run(lo, hi int, scratch []float32) {
	at := 0
	for i, c := range f.convs {
		f.bank(c, f.packed[i], at, lo, hi, scratch)
		at += c.filters()
	}
}

// bank computes the columns [at, at+filters) of the sequences [lo, hi).
func (f *convForward) bank(c Conv, packed *kernel.PackedB, at, lo, hi int, scratch []float32) {
	dim, width, nf := f.x.Cols, c.width(), c.filters()
	total := f.y.Cols
	for s := lo; s < hi; {
		first := int(f.offsets[s])
		if int(f.offsets[s+1])-first < width { // one window, partly beyond the end
			f.short(c, packed, at, s, scratch)
			s++
			continue
		}
		// As many whole sequences as fit into one product; a long one alone in several products.
		last := s + 1
		for last < hi && int(f.offsets[last+1])-first-width < convRows && int(f.offsets[last+1]-f.offsets[last]) >= width {
			last++
		}
		for q := s; q < last; q++ {
			row := f.pre[q*total+at : q*total+at+nf]
			for i := range row {
				row[i] = float32(math.Inf(-1))
			}
		}
		end := int(f.offsets[last]) - width + 1 // windows [first, end)
		q := s
		for from := first; from < end; from += convRows {
			rows := min(convRows, end-from)
			out := scratch[:rows*nf]
			kernel.GemmPacked(rows, f.x.Data[from*dim:], dim, packed, out, nf, kernel.Epilogue{Bias: c.B.Data})
			score := out
			if !monotone(f.act) {
				score = scratch[rows*nf : 2*rows*nf]
				f.act.Apply(score, out)
			}
			for tok := from; tok < from+rows; tok = int(f.offsets[q+1]) {
				for tok >= int(f.offsets[q+1]) {
					q++
				}
				// The windows of sequence q; those after reach into the next one.
				if n := min(from+rows, int(f.offsets[q+1])-width+1) - tok; n > 0 {
					i := tok - from
					f.keep(q*total+at, nf, score[i*nf:(i+n)*nf], out[i*nf:(i+n)*nf], tok)
				}
			}
		}
		s = last
	}
}

// keep lets the windows from tok on win where their score is the highest so far; score and pre hold a row of nf numbers
// each. For a monotone activation the score is the value before the activation; for others it is the activated value,
// kept in y while pre follows the winner.
func (f *convForward) keep(at, nf int, score, pre []float32, tok int) {
	if monotone(f.act) {
		kernel.MaxColumns(f.pre[at:at+nf], f.win[at:at+nf], pre, len(pre)/nf, nf, int32(tok))
		return
	}
	for i, v := range score {
		to := at + i%nf
		if p := &f.pre[to]; math.IsInf(float64(*p), -1) || v > f.y.Data[to] {
			f.y.Data[to], *p, f.win[to] = v, pre[i], int32(tok+i/nf)
		}
	}
}

// short computes the only window of a sequence that is shorter than the filters.
func (f *convForward) short(c Conv, packed *kernel.PackedB, at, s int, scratch []float32) {
	from, to := int(f.offsets[s]), int(f.offsets[s+1])
	dim, nf := f.x.Cols, c.filters()
	window := scratch[len(scratch)-c.width()*dim:]
	clear(window[copy(window, f.x.Data[from*dim:to*dim]):])
	row := f.pre[s*f.y.Cols+at : s*f.y.Cols+at+nf]
	kernel.GemmPacked(1, window, len(window), packed, row, nf, kernel.Epilogue{Bias: c.B.Data})
	for i := range nf {
		f.win[s*f.y.Cols+at+i] = int32(from)
	}
}

// convMaxBackward passes the gradient on. Workers share the sequences, whose tokens have one owner each, and then the
// filters of every bank.
func (t *Tape) convMaxBackward(f *convForward) {
	d := f.y.Grad
	f.act.Grad(d, d, f.pre, f.y.Data)
	dx, fresh := f.x.gradient()
	for _, c := range f.convs {
		c.W.Gradient()
	}
	parts := t.pool.Workers()
	t.pool.For(parts, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			from, to := f.y.Rows*i/parts, f.y.Rows*(i+1)/parts
			if fresh && from < to {
				clear(dx[int(f.offsets[from])*f.x.Cols : int(f.offsets[to])*f.x.Cols])
			}
			f.inputGradient(dx, from, to)
			at := 0
			for _, c := range f.convs {
				n := c.filters()
				f.filterGradient(c, at, n*i/parts, n*(i+1)/parts)
				at += n
			}
		}
	})
}

// inputGradient adds what flows into the tokens of the sequences [lo, hi).
func (f *convForward) inputGradient(dx []float32, lo, hi int) {
	for s := lo; s < hi; s++ {
		at := 0
		for _, c := range f.convs {
			for i := range c.filters() {
				if g := f.y.Grad[s*f.y.Cols+at+i]; g != 0 {
					from, to := f.stretch(s, at+i, c.width())
					w := c.W.Data[i*c.W.Width():]
					kernel.Axpy(g, w[:to-from], dx[from:to])
				}
			}
			at += c.filters()
		}
	}
}

// filterGradient adds what flows into the filters [lo, hi) of a bank, whose columns begin at at.
func (f *convForward) filterGradient(c Conv, at, lo, hi int) {
	for i := lo; i < hi; i++ {
		w := c.W.Grad[i*c.W.Width():]
		for s := range f.y.Rows {
			if g := f.y.Grad[s*f.y.Cols+at+i]; g != 0 {
				from, to := f.stretch(s, at+i, c.width())
				kernel.Axpy(g, f.x.Data[from:to], w[:to-from])
				c.B.Grad[i] += g
			}
		}
	}
}

// stretch returns the window that won column col of sequence s, as a range of x.
func (f *convForward) stretch(s, col, width int) (from, to int) {
	from = int(f.win[s*f.y.Cols+col])
	return from * f.x.Cols, min(from+width, int(f.offsets[s+1])) * f.x.Cols
}
