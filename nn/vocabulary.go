package nn

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Gather returns the given rows of x, [len(rows), cols]; a row may be asked for more than once.
func (t *Tape) Gather(x *Var, rows []int32) *Var {
	y := t.value(len(rows), x.Cols)
	for i, r := range rows {
		copy(y.Row(i), x.Row(int(r)))
	}
	if t.training() {
		t.record(y, nil, func() {
			dx := x.Gradient()
			for i, r := range rows {
				kernel.Add(dx[int(r)*x.Cols:(int(r)+1)*x.Cols], y.Grad[i*x.Cols:(i+1)*x.Cols])
			}
		})
	}
	return y
}

// vocabularyBlock is how many logits VocabularyLoss holds at once, 16 MB of them.
const vocabularyBlock = 1 << 22

// VocabularyLoss returns the mean over the rows of x, [rows, dim], of −log softmax(x·wᵀ + b)[target], 0 for no rows. w,
// [vocabulary, dim], may be the table of an Embedding; b is [vocabulary], or nil.
//
// It is Linear and CrossEntropy for so many classes that the logits of all rows would fill the memory: they are made
// for some rows at a time, and as the gradient is proportional to what flows into the loss, that of the same rows is
// made at once, and scaled later.
func (t *Tape) VocabularyLoss(x *Var, w, b *Param, targets []int32) *Var {
	return t.VocabularyDraws(x, w, b, targets, nil)
}

// VocabularyDraws is VocabularyLoss for those who look at the probabilities, [vocabulary], of each row on the way, such
// as to draw a token from them.
func (t *Tape) VocabularyDraws(x *Var, w, b *Param, targets []int32, look func(row int, probabilities []float32)) *Var {
	v := &vocabularyLoss{tape: t, x: x, w: w, b: b, classes: checkLinear(x, w)}
	checkTargets(targets, x.Rows, v.classes)
	block := max(vocabularyBlock/v.classes, 16)
	packed := t.packedT(w)
	if t.training() {
		v.begin()
	}
	total, mark := 0.0, t.arena.Mark()
	for lo := 0; lo < x.Rows; lo += block {
		hi := min(lo+block, x.Rows)
		p, sums := t.arena.Raw((hi-lo)*v.classes), t.arena.Raw(hi-lo)
		t.multiply(x.Data[lo*x.Cols:hi*x.Cols], hi-lo, packed, p, kernel.Epilogue{Bias: dataOf(b)})
		total += v.misses(p, sums, targets[lo:hi])
		for r := lo; r < hi && look != nil; r++ {
			look(r, p[(r-lo)*v.classes:(r-lo+1)*v.classes])
		}
		if t.training() {
			v.gradients(p, targets[lo:hi], lo, hi)
		}
		t.arena.Rewind(mark)
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / float64(max(x.Rows, 1)))
	if t.training() && x.Rows > 0 {
		t.record(loss, nil, func() { v.backward(loss.Grad[0]) })
	}
	return loss
}

// vocabularyLoss is one operation: its inputs, and the gradients of a loss that counts 1.
type vocabularyLoss struct {
	tape       *Tape
	x          *Var
	w, b       *Param
	classes    int
	dx, dw, db []float32       // of x, w and b; nil for what is frozen
	back       *kernel.PackedB // w, for the gradient of x
}

func (v *vocabularyLoss) begin() {
	t := v.tape
	v.dx, v.back = t.arena.Raw(len(v.x.Data)), t.packed(v.w)
	if !v.w.Frozen {
		v.dw = t.arena.Raw(v.w.Size())
	}
	if v.b != nil && !v.b.Frozen {
		v.db = t.arena.Floats(v.classes)
	}
}

// misses turns logits into probabilities and returns the sum of −log p over the targets.
func (v *vocabularyLoss) misses(p, sums []float32, targets []int32) float64 {
	k := v.classes
	logits := v.tape.arena.Raw(len(targets)) // of the targets
	for i, target := range targets {
		logits[i] = p[i*k+int(target)]
	}
	v.tape.pool.For(len(targets), grain(8*k), func(lo, hi int) { kernel.SoftmaxRows(p[lo*k:hi*k], hi-lo, k, 1, sums[lo:hi]) })
	total := 0.0
	for i, target := range targets {
		miss := -math.Log(float64(p[i*k+int(target)])) // keeps more digits than the difference
		if math.IsInf(miss, 1) {
			miss = float64(sums[i]) - float64(logits[i])
		}
		total += miss
	}
	return total
}

// gradients makes those of the rows [lo, hi), whose probabilities p become the gradients of their logits.
func (v *vocabularyLoss) gradients(p []float32, targets []int32, lo, hi int) {
	t, k, dim, rows := v.tape, v.classes, v.x.Cols, hi-lo
	scale := 1 / float32(v.x.Rows)
	t.pool.For(rows, grain(k), func(from, to int) {
		kernel.Scale(scale, p[from*k:to*k])
		for i := from; i < to; i++ {
			p[i*k+int(targets[i])] -= scale
		}
	})
	t.multiply(p, rows, v.back, v.dx[lo*dim:hi*dim], kernel.Epilogue{})
	if v.dw != nil {
		t.weightGradient(v.dw, dim, p, k, v.x.Data[lo*dim:], dim, dim, rows, lo > 0)
	}
	if v.db != nil {
		t.addColumns(v.db, p, rows)
	}
}

// backward adds the gradients, of a loss into which so much flows.
func (v *vocabularyLoss) backward(flow float32) {
	add := func(sum, g []float32) {
		v.tape.pool.For(len(g), 1<<15, func(lo, hi int) { kernel.Axpy(flow, g[lo:hi], sum[lo:hi]) })
	}
	add(v.x.Gradient(), v.dx)
	if v.dw != nil {
		add(v.w.Gradient(), v.dw)
		v.w.touch()
	}
	if v.db != nil {
		add(v.b.Gradient(), v.db)
	}
}
