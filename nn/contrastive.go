package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// What sentence encoders learn from: rows of unit length whose inner products, their cosines, are to be high for texts
// that belong together.

// shortest is the length below which a row counts as one of this length: a row of zeros has no direction.
const shortest = 1e-12

// UnitRows scales each row of x to length 1. A row of zeros stays.
func (t *Tape) UnitRows(x *Var) *Var {
	y, dim := t.value(x.Rows, x.Cols), x.Cols
	inverse := t.arena.Raw(x.Rows)
	for r := range x.Rows {
		inverse[r] = float32(1 / max(math.Sqrt(kernel.SumSquares(x.Row(r))), shortest))
		copy(y.Row(r), x.Row(r))
		kernel.Scale(inverse[r], y.Row(r))
	}
	if t.training() {
		t.record(y, nil, func() {
			dx := x.Gradient()
			for r := range x.Rows {
				d, unit := y.Grad[r*dim:(r+1)*dim], y.Row(r)
				// What lies along the row does not change its direction.
				kernel.Axpy(-kernel.Dot(d, unit), unit, d)
				kernel.Axpy(inverse[r], d, dx[r*dim:(r+1)*dim])
			}
		})
	}
	return y
}

// PairDot returns the inner products of rows 2i and 2i+1 of x, [2·pairs, dim], as [pairs, 1].
func (t *Tape) PairDot(x *Var) *Var {
	if x.Rows%2 != 0 {
		panic(fmt.Sprintf("nn: inner products of pairs among %d rows", x.Rows))
	}
	y, dim := t.value(x.Rows/2, 1), x.Cols
	for i := range y.Data {
		y.Data[i] = kernel.Dot(x.Row(2*i), x.Row(2*i+1))
	}
	if t.training() {
		t.record(y, nil, func() {
			dx := x.Gradient()
			for i, g := range y.Grad {
				kernel.Axpy(g, x.Row(2*i+1), dx[2*i*dim:(2*i+1)*dim])
				kernel.Axpy(g, x.Row(2*i), dx[(2*i+1)*dim:(2*i+2)*dim])
			}
		})
	}
	return y
}

// InBatch are the options of InBatchNegatives.
type InBatch struct {
	Each      int     // rows of x that an example has: anchor, positive, and any number of hard negatives
	Scale     float32 // of the cosines, before the softmax; 20 is usual
	Symmetric bool    // each positive has to find its anchor as well
	Groups    []int32 // of each row of x: rows of one group mean the same and are never each other's negatives; nil for none
}

// InBatchNegatives returns the mean cross-entropy with which each anchor finds its positive among the positives and
// hard negatives of the whole batch, by the inner products of rows (Henderson et al. 2017, "Efficient Natural Language
// Response Suggestion for Smart Reply"; van den Oord et al. 2018). Rows of x, [examples·Each, dim], are of unit length:
// of example i, row i·Each is the anchor and the next one its positive. With Symmetric it is the mean of both directions.
func (t *Tape) InBatchNegatives(x *Var, o InBatch) *Var {
	if o.Each < 2 || x.Rows == 0 || x.Rows%o.Each != 0 {
		panic(fmt.Sprintf("nn: in-batch negatives of %d rows, %d an example", x.Rows, o.Each))
	}
	b := &inBatch{InBatch: o, tape: t, x: x, examples: x.Rows / o.Each}
	if o.Groups != nil && len(o.Groups) != x.Rows {
		panic(fmt.Sprintf("nn: groups of %d rows for %d", len(o.Groups), x.Rows))
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(b.forward())
	if t.training() {
		t.record(loss, nil, func() { b.backward(loss.Grad[0]) })
	}
	return loss
}

// inBatch is one operation. Scores are of anchors, [examples], against all rows, [rows]: those of a row that is no
// candidate, such as an anchor, are −∞.
type inBatch struct {
	InBatch
	tape     *Tape
	x        *Var
	examples int
	slope    []float32 // gradient of the loss with respect to the inner products, [examples, rows]
}

func (b *inBatch) forward() float64 {
	t, n, rows, dim := b.tape, b.examples, b.x.Rows, b.x.Cols
	scores := t.arena.Raw(n * rows)
	kernel.GemmNT(kernel.F32, n, rows, dim, b.x.Data, b.Each*dim, b.x.Data, dim, scores, rows, false)
	b.slope = t.arena.Raw(n * rows)
	share := 1 / float64(n)
	if b.Symmetric {
		share /= 2
	}
	total := 0.0
	row := t.arena.Raw(rows)
	for i := range n {
		for r := range rows {
			row[r] = b.score(scores, i, r)
		}
		total += share * b.softmax(b.slope[i*rows:(i+1)*rows], row, i*b.Each+1, share)
	}
	if b.Symmetric {
		column, slope := t.arena.Raw(n), t.arena.Raw(n)
		for j := range n {
			positive := j*b.Each + 1
			for i := range n {
				column[i] = b.score(scores, i, positive)
			}
			total += share * b.softmax(slope, column, j, share)
			for i, s := range slope {
				b.slope[i*rows+positive] += s
			}
		}
	}
	return total
}

// score is the logit of row r as the positive of anchor i.
func (b *inBatch) score(products []float32, i, r int) float32 {
	own := r == i*b.Each+1
	if r%b.Each == 0 || b.Groups != nil && !own && b.same(i*b.Each, r) {
		return float32(math.Inf(-1))
	}
	return b.Scale * products[i*b.x.Rows+r]
}

// same tells whether row r means what the anchor in row a and its positive mean.
func (b *inBatch) same(a, r int) bool {
	return b.Groups[r] == b.Groups[a] || b.Groups[r] == b.Groups[a+1]
}

// softmax returns −log softmax(logits)[target] and sets slope to its gradient, times share and the scale of the logits.
func (b *inBatch) softmax(slope, logits []float32, target int, share float64) float64 {
	most, sum := float64(kernel.Max(logits)), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	logSum := most + math.Log(sum)
	for i, v := range logits {
		slope[i] = float32(share * float64(b.Scale) * math.Exp(float64(v)-logSum))
	}
	slope[target] -= float32(share * float64(b.Scale))
	return logSum - float64(logits[target])
}

func (b *inBatch) backward(flow float32) {
	t, n, rows, dim := b.tape, b.examples, b.x.Rows, b.x.Cols
	kernel.Scale(flow, b.slope)
	dx := b.x.Gradient()
	kernel.GemmNN(kernel.F32, n, dim, rows, b.slope, rows, b.x.Data, dim, dx, b.Each*dim, true)
	candidates := t.arena.Raw(rows * dim)
	kernel.GemmTN(kernel.F32, rows, dim, n, b.slope, rows, b.x.Data, b.Each*dim, candidates, dim, false)
	kernel.Add(dx, candidates)
}

// CoSENT returns log(1 + Σ exp(scale·(cᵢ − cⱼ))) over all pairs of examples whose truth is the other way round,
// truthᵢ < truthⱼ: only the order of the cosines counts, [examples, 1], which is what Spearman's correlation judges
// (Su Jianlin 2022, "CoSENT", https://kexue.fm/archives/8847). Usual is a scale of 20.
func (t *Tape) CoSENT(cosines *Var, truth []float32, scale float32) *Var {
	n := cosines.Rows
	if len(truth) != n || cosines.Cols != 1 {
		panic(fmt.Sprintf("nn: %d truths for [%d, %d] cosines", len(truth), n, cosines.Cols))
	}
	gap := func(i, j int) float64 { return float64(scale) * float64(cosines.Data[i]-cosines.Data[j]) }
	each := func(visit func(i, j int)) {
		for i := range n {
			for j := range n {
				if truth[i] < truth[j] {
					visit(i, j)
				}
			}
		}
	}
	most := 0.0 // the 1 within the logarithm is exp(0)
	each(func(i, j int) { most = max(most, gap(i, j)) })
	sum := math.Exp(-most)
	each(func(i, j int) { sum += math.Exp(gap(i, j) - most) })
	loss := t.value(1, 1)
	loss.Data[0] = float32(most + math.Log(sum))
	if t.training() {
		t.record(loss, nil, func() {
			dx, flow := cosines.Gradient(), float64(loss.Grad[0])*float64(scale)
			each(func(i, j int) {
				d := float32(flow * math.Exp(gap(i, j)-most) / sum)
				dx[i] += d
				dx[j] -= d
			})
		})
	}
	return loss
}

// ContrastivePairs returns the mean of ½d² over the pairs that are the same and of ½·max(0, margin−d)² over the others,
// d = 1 − cosine being their distance (Hadsell, Chopra & LeCun 2006, "Dimensionality Reduction by Learning an Invariant
// Mapping"). cosines is [pairs, 1]; same holds 1 or 0 a pair.
func (t *Tape) ContrastivePairs(cosines *Var, same []float32, margin float32) *Var {
	if len(same) != cosines.Rows || cosines.Cols != 1 {
		panic(fmt.Sprintf("nn: %d pairs that are the same or not, for [%d, %d] cosines", len(same), cosines.Rows, cosines.Cols))
	}
	slope := t.arena.Raw(len(same))
	total, n := 0.0, float64(max(len(same), 1))
	for i, c := range cosines.Data {
		off := 1 - c // distance that should not be there
		slope[i] = -off
		if same[i] == 0 {
			off = max(0, margin-off)
			slope[i] = off
		}
		total += 0.5 * float64(off) * float64(off)
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / n)
	if t.training() {
		t.record(loss, nil, func() { kernel.Axpy(float32(float64(loss.Grad[0])/n), slope, cosines.Gradient()) })
	}
	return loss
}
