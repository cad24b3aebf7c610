package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Attention says how Attend works; the zero value of each field but Heads and Size is the usual way.
type Attention struct {
	Heads, KeyHeads int // of queries; of keys and values, a divisor of Heads (Ainslie et al. 2023), 0 for as many
	Size            int // of a head
	Causal          bool
	Window          int     // tokens on each side that a token sees (Beltagy et al. 2020); 0 for all
	Scale           float32 // of the scores; 0 for 1/√Size
	Dropout         float32 // share of the probabilities that is dropped while training
	Reduced         bool    // predictions may multiply in bfloat16, where that is faster

	// Bias adds to each score a number that follows from the distance from query to key (Raffel et al. 2020): row
	// Bucket(distance) of Bias, which is [buckets, heads].
	Bias   *Param
	Bucket func(distance int) int

	// Relative adds what content and relative position say of each other (He et al. 2021, "DeBERTa"): its columns are
	// the embeddings of relative positions as queries and keys, as in qkv. Row Position(distance) − FirstPosition is
	// that of a key so far before the query. ToKey lets content attend to position, ToQuery position to content.
	Relative       *Var
	Position       func(distance int) int
	FirstPosition  int
	ToKey, ToQuery bool
}

// Attention is scaled dot-product attention with so many heads within each sequence (Vaswani et al. 2017). qkv is
// [tokens, 3·dim] packed by offsets: queries, keys and values side by side, each split evenly among the heads. The
// result is [tokens, dim].
func (t *Tape) Attention(qkv *Var, offsets []int32, heads int) *Var {
	if qkv.Cols%(3*heads) != 0 {
		panic(fmt.Sprintf("nn: attention of %d heads on rows of %d", heads, qkv.Cols))
	}
	return t.Attend(qkv, offsets, Attention{Heads: heads, Size: qkv.Cols / (3 * heads)})
}

// Attend is attention of any form within each sequence. qkv is [tokens, (Heads + 2·KeyHeads)·Size] packed by offsets:
// queries, keys and values side by side. The result is [tokens, Heads·Size].
//
// Scores live for one tile of queries at a time, and the backward computes them again from the logarithm of each row's
// sum (Dao et al. 2022, "FlashAttention"): memory grows with the tokens and not with their square.
func (t *Tape) Attend(qkv *Var, offsets []int32, form Attention) *Var {
	a := t.attends.next()
	a.begin(t, qkv, offsets, form)
	y := t.value(qkv.Rows, a.dim)
	a.y = y.Data
	if t.training() {
		a.sums = t.arena.Raw(qkv.Rows * a.Heads)
	}
	if kernel.Tiles() && (t.training() && t.Precision == kernel.BF16 || !t.training() && form.Reduced) {
		a.precision = kernel.BF16 // without tiles it gains nothing
	}
	n := a.units()
	if t.serial() {
		a.forward(0, n)
	} else {
		t.pool.For(n, 1, a.forward)
	}
	if t.training() {
		t.record(y, nil, func() {
			g := attentionGradient{dy: y.Grad}
			var fresh bool
			g.qkv, fresh = qkv.gradient()
			g.add = !fresh
			if a.Bias != nil && !a.Bias.Frozen {
				g.bias = a.Bias.Gradient()
			}
			if a.Relative != nil {
				g.relative = a.Relative.Gradient()
			}
			t.pool.For(n, 1, func(lo, hi int) { a.backward(lo, hi, &g) })
		})
	}
	return y
}

// attention is one operation: what its workers share.
type attention struct {
	Attention
	qkv, y         []float32 // [tokens, stride] and [tokens, dim]
	sums           []float32 // while training: [heads, tokens] of each sequence, the logarithms of the rows' sums
	offsets        []int32
	stride, dim    int
	keyAt, valueAt int              // columns of qkv
	longest        int              // sequence
	rows           []int32          // of Bias or Relative, for the distances from -(longest-1) to longest-1; nil without either
	key            uint64           // of the dropout masks
	precision      kernel.Precision // of long sequences; see precisionOf
}

// attentionGradient is where a backward pass reads from and writes to.
type attentionGradient struct {
	dy, qkv        []float32
	add            bool // to qkv; else it is set
	bias, relative []float32
}

func (a *attention) begin(t *Tape, qkv *Var, offsets []int32, form Attention) {
	if form.KeyHeads == 0 {
		form.KeyHeads = form.Heads
	}
	if form.Heads%form.KeyHeads != 0 || qkv.Cols != (form.Heads+2*form.KeyHeads)*form.Size {
		panic(fmt.Sprintf("nn: attention of %d and %d heads of %d on rows of %d", form.Heads, form.KeyHeads, form.Size, qkv.Cols))
	}
	if form.Scale == 0 {
		form.Scale = float32(1 / math.Sqrt(float64(form.Size)))
	}
	*a = attention{Attention: form, qkv: qkv.Data, offsets: offsets, stride: qkv.Cols, dim: form.Heads * form.Size}
	a.keyAt, a.valueAt = a.dim, a.dim+form.KeyHeads*form.Size
	if !t.drops(a.Dropout) {
		a.Dropout = 0
	} else {
		t.streams++
		a.key = t.seed ^ mix(t.streams)
	}
	if row := a.Bucket; row != nil || a.Position != nil {
		if row == nil {
			row = a.Position
		}
		for s := range len(offsets) - 1 {
			a.longest = max(a.longest, int(offsets[s+1]-offsets[s]))
		}
		a.rows = t.arena.RawInts(max(2*a.longest-1, 0))
		for i := range a.rows {
			a.rows[i] = int32(row(i-a.longest+1) - a.FirstPosition)
		}
	}
}

// units returns how many parts of the work can be done at once. One is a head of keys within a sequence; where a table
// has a gradient, a head of keys within all of them, since heads share no number of it.
func (a *attention) units() int {
	if a.rows != nil {
		return a.KeyHeads
	}
	return max(len(a.offsets)-1, 0) * a.KeyHeads
}

// unit returns the sequences [from, to) and the heads [first, last) of a part.
func (a *attention) unit(i int) (from, to, first, last int) {
	group := a.Heads / a.KeyHeads
	from, to = i/a.KeyHeads, i/a.KeyHeads+1
	if a.rows != nil {
		from, to = 0, max(len(a.offsets)-1, 0)
	}
	first = i % a.KeyHeads * group
	return from, to, first, first + group
}

// head is one head of one sequence.
type head struct {
	number       int
	from, length int // tokens
	q, k, v      int // where its first row begins in qkv
}

func (a *attention) head(s, h int) head {
	from := int(a.offsets[s])
	row, column := from*a.stride, h*a.Size
	keys := h / (a.Heads / a.KeyHeads) * a.Size
	return head{h, from, int(a.offsets[s+1]) - from, row + column, row + a.keyAt + keys, row + a.valueAt + keys}
}

// sumsOf returns the sums of some queries of a head, from the first on; nil in inference.
func (a *attention) sumsOf(h head, first, rows int) []float32 {
	if a.sums == nil {
		return nil
	}
	return a.sums[h.from*a.Heads+h.number*h.length+first:][:rows]
}

// ranged tells that a tile of queries sees a part of the keys.
func (a *attention) ranged() bool { return a.Causal || a.Window > 0 }

// keys returns the keys [lo, hi) that some of the queries from first on see.
func (a *attention) keys(first, rows, length int) (lo, hi int) {
	lo, hi = 0, length
	if a.Causal {
		hi = first + rows
	}
	if a.Window > 0 {
		lo, hi = max(0, first-a.Window), min(hi, first+rows+a.Window)
	}
	return lo, hi
}

// mask drops the probabilities of a head's queries from first on.
func (a *attention) mask(dst, src []float32, h head, first int) {
	m := kernel.NewDropout(a.key^mix(uint64(h.from*a.Heads+h.number)), float64(a.Dropout))
	m.Apply(dst, src, first*h.length, false)
}

// forward does the parts [lo, hi).
func (a *attention) forward(lo, hi int) {
	w := attentionScratches.Get().(*attentionScratch)
	defer attentionScratches.Put(w)
	for i := lo; i < hi; i++ {
		from, to, firstHead, lastHead := a.unit(i)
		for s := from; s < to; s++ {
			for number := firstHead; number < lastHead; number++ {
				if h := a.head(s, number); h.length > 0 {
					a.forwardHead(w, h)
				}
			}
		}
	}
}

// shortestInTiles is the length from which on tiles gain something.
const shortestInTiles = 32

// precisionOf is how a head of a sequence is multiplied, forward and backward alike.
func (a *attention) precisionOf(h head) kernel.Precision {
	if h.length < shortestInTiles {
		return kernel.F32
	}
	return a.precision
}

func (a *attention) forwardHead(w *attentionScratch, h head) {
	precision := a.precisionOf(h)
	w.reserve(a, h.length)
	a.place(w, h)
	for first := 0; first < h.length; first += tileQueries {
		rows := min(tileQueries, h.length-first)
		lo, hi := a.keys(first, rows, h.length)
		n := hi - lo
		if first == 0 || a.ranged() {
			w.keys.PackT(precision, a.Size, n, a.qkv[h.k+lo*a.stride:], a.stride)
			w.values.Pack(precision, n, a.Size, a.qkv[h.v+lo*a.stride:], a.stride)
		}
		scores := w.scores[:rows*n]
		kernel.GemmPacked(rows, a.qkv[h.q+first*a.stride:], a.stride, &w.keys, scores, n, kernel.Epilogue{})
		a.adjust(w, scores, h, first, rows, lo, hi)
		kernel.SoftmaxRows(scores, rows, n, a.Scale, a.sumsOf(h, first, rows))
		if a.Dropout > 0 {
			a.mask(scores, scores, h, first)
		}
		kernel.GemmPacked(rows, scores, n, &w.values, a.y[(h.from+first)*a.dim+h.number*a.Size:], a.dim, kernel.Epilogue{})
	}
}

// backward adds the gradients of the parts [lo, hi), or sets those of qkv.
func (a *attention) backward(lo, hi int, g *attentionGradient) {
	w := attentionScratches.Get().(*attentionScratch)
	defer attentionScratches.Put(w)
	for i := lo; i < hi; i++ {
		from, to, firstHead, lastHead := a.unit(i)
		for s := from; s < to; s++ {
			for number := firstHead; number < lastHead; number++ {
				if h := a.head(s, number); h.length > 0 {
					a.backwardHead(w, h, g, g.add || number > firstHead)
				}
			}
		}
	}
}

// backwardHead adds the gradients of a head: to its keys and values if addKeys, else it sets them.
func (a *attention) backwardHead(w *attentionScratch, h head, g *attentionGradient, addKeys bool) {
	precision := a.precisionOf(h)
	w.reserve(a, h.length)
	a.place(w, h)
	stride, ranged := a.stride, a.ranged()
	dq, dk, dv := g.qkv[h.q:], g.qkv[h.k:], g.qkv[h.v:]
	if ranged && !addKeys { // no tile sees all keys
		for i := range h.length {
			clear(dk[i*stride : i*stride+a.Size])
			clear(dv[i*stride : i*stride+a.Size])
		}
		addKeys = true
	}
	for first := 0; first < h.length; first += tileQueries {
		rows := min(tileQueries, h.length-first)
		lo, hi := a.keys(first, rows, h.length)
		n := hi - lo
		if first == 0 || ranged {
			w.keysT.PackT(precision, a.Size, n, a.qkv[h.k+lo*stride:], stride)
			w.keys.Pack(precision, n, a.Size, a.qkv[h.k+lo*stride:], stride)
			w.values.PackT(precision, a.Size, n, a.qkv[h.v+lo*stride:], stride)
		}
		q := a.qkv[h.q+first*stride:]
		p, d := w.scores[:rows*n], w.grad[:rows*n]
		dout := g.dy[(h.from+first)*a.dim+h.number*a.Size:]
		kernel.GemmPacked(rows, q, stride, &w.keysT, p, n, kernel.Epilogue{})
		a.adjust(w, p, h, first, rows, lo, hi)
		kernel.SoftmaxAgain(p, rows, n, a.Scale, a.sumsOf(h, first, rows))
		kernel.GemmPacked(rows, dout, a.dim, &w.values, d, n, kernel.Epilogue{})
		kept := p
		if a.Dropout > 0 {
			kept = w.kept[:rows*n]
			a.mask(kept, p, h, first)
			a.mask(d, d, h, first)
		}
		add := addKeys || first > 0
		kernel.GemmTN(precision, n, a.Size, rows, kept, n, dout, a.dim, dv[lo*stride:], stride, add)
		kernel.SoftmaxGrad(d, p, rows, n, a.Scale)
		kernel.GemmPacked(rows, d, n, &w.keys, dq[first*stride:], stride, kernel.Epilogue{Accumulate: g.add})
		kernel.GemmTN(precision, n, a.Size, rows, d, n, q, stride, dk[lo*stride:], stride, add)
		a.adjustGradient(w, d, h, g, first, rows, lo, hi)
	}
	a.placeGradient(w, h, g)
}
