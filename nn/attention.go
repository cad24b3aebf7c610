package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Attention is scaled dot-product attention with so many heads within each sequence (Vaswani et al. 2017). qkv is
// [tokens, 3·dim] packed by offsets: queries, keys and values side by side, each split evenly among the heads. The
// result is [tokens, dim].
func (t *Tape) Attention(qkv *Var, offsets []int32, heads int) *Var {
	dim := qkv.Cols / 3
	if qkv.Cols%3 != 0 || dim%heads != 0 {
		panic(fmt.Sprintf("nn: attention of %d heads on rows of %d", heads, qkv.Cols))
	}
	n, size := max(len(offsets)-1, 0), dim/heads
	y := t.value(qkv.Rows, dim)
	scale := float32(1 / math.Sqrt(float64(size)))
	starts := make([]int, n+1) // of each sequence's probabilities, [heads, length, length]
	for s := range n {
		l := int(offsets[s+1] - offsets[s])
		starts[s+1] = starts[s] + heads*l*l
	}
	probs := t.arena.Raw(starts[n])
	each := func(f func(q, k, v, p []float32, l, from, head int)) func(lo, hi int) {
		return func(lo, hi int) {
			for i := lo; i < hi; i++ {
				s, h := i/heads, i%heads
				from, l := int(offsets[s]), int(offsets[s+1]-offsets[s])
				if l == 0 {
					continue
				}
				rows := qkv.Data[from*3*dim:]
				f(rows[h*size:], rows[dim+h*size:], rows[2*dim+h*size:], probs[starts[s]+h*l*l:starts[s]+(h+1)*l*l], l, from, h)
			}
		}
	}
	t.pool.For(n*heads, 1, each(func(q, k, v, p []float32, l, from, head int) {
		kernel.GemmNT(kernel.F32, l, l, size, q, 3*dim, k, 3*dim, p, l, false)
		for i := range l {
			row := p[i*l : (i+1)*l]
			kernel.Scale(scale, row)
			kernel.Softmax(row, row)
		}
		kernel.GemmNN(kernel.F32, l, size, l, p, l, v, 3*dim, y.Data[from*dim+head*size:], dim, false)
	}))
	if t.training() {
		t.record(func() {
			t.pool.For(n*heads, 1, each(func(q, k, v, p []float32, l, from, head int) {
				dy, d := y.Grad[from*dim+head*size:], qkv.Grad[from*3*dim+head*size:]
				kernel.GemmTN(kernel.F32, l, size, l, p, l, dy, dim, d[2*dim:], 3*dim, true)
				dp := make([]float32, l*l)
				kernel.GemmNT(kernel.F32, l, l, size, dy, dim, v, 3*dim, dp, l, false)
				for i := range l {
					row, pr := dp[i*l:(i+1)*l], p[i*l:(i+1)*l]
					along := kernel.Dot(row, pr)
					for j := range row {
						row[j] = scale * pr[j] * (row[j] - along)
					}
				}
				kernel.GemmNN(kernel.F32, l, size, l, dp, l, k, 3*dim, d, 3*dim, true)
				kernel.GemmTN(kernel.F32, l, size, l, dp, l, q, 3*dim, d[dim:], 3*dim, true)
			}))
		})
	}
	return y
}
