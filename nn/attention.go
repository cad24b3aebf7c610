package nn

import (
	"fmt"
	"math"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Attention is scaled dot-product attention with so many heads within each sequence (Vaswani et al. 2017). qkv is
// [tokens, 3·dim] packed by offsets: queries, keys and values side by side, each split evenly among the heads. The
// result is [tokens, dim].
//
// Scores live for one tile of queries at a time, and the backward computes them again from the logarithm of each row's
// sum (Dao et al. 2022, "FlashAttention"): memory grows with the tokens and not with their square.
func (t *Tape) Attention(qkv *Var, offsets []int32, heads int) *Var {
	dim := qkv.Cols / 3
	if qkv.Cols%3 != 0 || dim%heads != 0 {
		panic(fmt.Sprintf("nn: attention of %d heads on rows of %d", heads, qkv.Cols))
	}
	y := t.value(qkv.Rows, dim)
	a := t.attends.next()
	*a = attention{qkv: qkv.Data, offsets: offsets, y: y.Data, heads: heads, dim: dim, size: dim / heads}
	a.scale = float32(1 / math.Sqrt(float64(a.size)))
	if t.training() {
		a.sums = t.arena.Raw(qkv.Rows * heads)
	}
	n := max(len(offsets)-1, 0) * heads
	if t.serial() {
		a.forward(0, n)
	} else {
		t.pool.For(n, 1, a.forward)
	}
	if t.training() {
		t.record(y, nil, func() {
			dqkv, fresh := qkv.gradient()
			t.pool.For(n, 1, func(lo, hi int) { a.backward(lo, hi, y.Grad, dqkv, !fresh) })
		})
	}
	return y
}

// attention is one operation: what its workers share.
type attention struct {
	qkv, y           []float32 // [tokens, 3·dim] and [tokens, dim]
	sums             []float32 // while training: [heads, tokens] of each sequence, the logarithms of the rows' sums
	offsets          []int32
	heads, dim, size int
	scale            float32
}

// tileQueries is how many queries are done at once.
const tileQueries = 64

// attentionScratch is the memory of one worker.
type attentionScratch struct {
	keys, values, keysT kernel.PackedB
	scores, grad        []float32 // [tileQueries, length]
}

var attentionScratches = sync.Pool{New: func() any { return new(attentionScratch) }}

// reserve makes room for tiles of so many numbers.
func (s *attentionScratch) reserve(n int) {
	if len(s.scores) < n {
		s.scores, s.grad = make([]float32, n), make([]float32, n)
	}
}

// head returns a sequence's first token and length, and where its head begins in a row of dim numbers. Pairs are
// numbered sequence by sequence.
func (a *attention) head(i int) (from, length, at int) {
	s, h := i/a.heads, i%a.heads
	return int(a.offsets[s]), int(a.offsets[s+1] - a.offsets[s]), h * a.size
}

// sumsOf returns the sums of some queries of a head, from the first on; nil in inference.
func (a *attention) sumsOf(i, first, rows int) []float32 {
	if a.sums == nil {
		return nil
	}
	from, length, _ := a.head(i)
	return a.sums[from*a.heads+i%a.heads*length+first:][:rows]
}

// forward does the heads [lo, hi).
func (a *attention) forward(lo, hi int) {
	w := attentionScratches.Get().(*attentionScratch)
	defer attentionScratches.Put(w)
	for i := lo; i < hi; i++ {
		from, length, at := a.head(i)
		if length == 0 {
			continue
		}
		stride := 3 * a.dim
		q, k, v := a.qkv[from*stride+at:], a.qkv[from*stride+a.dim+at:], a.qkv[from*stride+2*a.dim+at:]
		w.reserve(tileQueries * length)
		w.keys.PackT(kernel.F32, a.size, length, k, stride)
		w.values.Pack(kernel.F32, length, a.size, v, stride)
		for first := 0; first < length; first += tileQueries {
			rows := min(tileQueries, length-first)
			scores := w.scores[:rows*length]
			kernel.GemmPacked(rows, q[first*stride:], stride, &w.keys, scores, length, kernel.Epilogue{})
			kernel.SoftmaxRows(scores, rows, length, a.scale, a.sumsOf(i, first, rows))
			kernel.GemmPacked(rows, scores, length, &w.values, a.y[(from+first)*a.dim+at:], a.dim, kernel.Epilogue{})
		}
	}
}

// backward adds the gradients of the heads [lo, hi) to dqkv, or sets them.
func (a *attention) backward(lo, hi int, dy, dqkv []float32, add bool) {
	w := attentionScratches.Get().(*attentionScratch)
	defer attentionScratches.Put(w)
	stride := 3 * a.dim
	for i := lo; i < hi; i++ {
		from, length, at := a.head(i)
		if length == 0 {
			continue
		}
		q, k, v := a.qkv[from*stride+at:], a.qkv[from*stride+a.dim+at:], a.qkv[from*stride+2*a.dim+at:]
		dq, dk, dv := dqkv[from*stride+at:], dqkv[from*stride+a.dim+at:], dqkv[from*stride+2*a.dim+at:]
		w.reserve(tileQueries * length)
		w.keysT.PackT(kernel.F32, a.size, length, k, stride)
		w.keys.Pack(kernel.F32, length, a.size, k, stride)
		w.values.PackT(kernel.F32, a.size, length, v, stride)
		for first := 0; first < length; first += tileQueries {
			rows := min(tileQueries, length-first)
			p, d := w.scores[:rows*length], w.grad[:rows*length]
			dout := dy[(from+first)*a.dim+at:]
			kernel.GemmPacked(rows, q[first*stride:], stride, &w.keysT, p, length, kernel.Epilogue{})
			kernel.SoftmaxAgain(p, rows, length, a.scale, a.sumsOf(i, first, rows))
			kernel.GemmPacked(rows, dout, a.dim, &w.values, d, length, kernel.Epilogue{})
			kernel.SoftmaxGrad(d, p, rows, length, a.scale)
			kernel.GemmPacked(rows, d, length, &w.keys, dq[first*stride:], stride, kernel.Epilogue{Accumulate: add})
			kernel.GemmTN(kernel.F32, length, a.size, rows, p, length, dout, a.dim, dv, stride, add || first > 0)
			kernel.GemmTN(kernel.F32, length, a.size, rows, d, length, q[first*stride:], stride, dk, stride, add || first > 0)
		}
	}
}
