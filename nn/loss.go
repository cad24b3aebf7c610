package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Weights say how much classes or examples count in a loss; nil means that each counts 1.
type Weights []float32

func (w Weights) of(i int) float64 {
	if w == nil {
		return 1
	}
	return float64(w[i])
}

// CrossEntropy are the options of the cross-entropy loss.
type CrossEntropy struct {
	Weights   Weights // of the classes
	Rows      Weights // of the rows
	Smoothing float32 // share of the target's probability spread evenly over all classes (Szegedy et al. 2016)
	Focus     float32 // γ of the focal loss (Lin et al. 2017): examples that are right count less, by (1−p)^γ; without smoothing
}

// CrossEntropy returns the mean over rows of −log softmax(logits)[target], weighted and smoothed as PyTorch's
// CrossEntropyLoss does it. logits is [rows, classes], targets holds a class a row. A row of weight w adds w times what
// it would; what the sum is divided by does not know of the rows' weights.
func (t *Tape) CrossEntropy(logits *Var, targets []int32, o CrossEntropy) *Var {
	if o.Focus > 0 {
		return t.focal(logits, targets, o)
	}
	rows, k := logits.Rows, logits.Cols
	checkTargets(targets, rows, k)
	probs, sums := t.arena.Raw(rows*k), t.arena.Raw(rows)
	copy(probs, logits.Data)
	kernel.SoftmaxRows(probs, rows, k, 1, sums)
	weights := 0.0 // sum over classes, for the smoothed part
	for c := range k {
		weights += o.Weights.of(c)
	}
	total, norm := 0.0, 0.0
	for r := range rows {
		row, logSum, target := logits.Row(r), float64(sums[r]), int(targets[r])
		miss := -math.Log(float64(probs[r*k+target])) // keeps more digits than logSum − row[target]
		if math.IsInf(miss, 1) {
			miss = logSum - float64(row[target])
		}
		loss := o.Weights.of(target) * miss * float64(1-o.Smoothing)
		if o.Smoothing > 0 {
			spread := 0.0
			for c, v := range row {
				spread += o.Weights.of(c) * (logSum - float64(v))
			}
			loss += float64(o.Smoothing) / float64(k) * spread
		}
		total += o.Rows.of(r) * loss
		norm += o.Weights.of(target)
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / norm)
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			for r := range rows {
				p, d, target := probs[r*k:(r+1)*k], grad[r*k:(r+1)*k], int(targets[r])
				scale := o.Rows.of(r) * float64(loss.Grad[0]) / norm
				hard, soft := o.Weights.of(target)*float64(1-o.Smoothing), float64(o.Smoothing)/float64(k)
				for c := range d {
					d[c] += float32(scale * (hard + soft*weights) * float64(p[c]))
					if soft > 0 {
						d[c] -= float32(scale * soft * o.Weights.of(c))
					}
				}
				d[target] -= float32(scale * hard)
			}
		})
	}
	return loss
}

// SquaredHinge returns the mean over rows of Σ max(0, 1 − y·logit)² with y = +1 for the target and −1 for the other
// classes: one-versus-rest linear support vector machines when the network is linear (as LIBLINEAR's L2-loss).
// weights are those of the classes, by target; examples those of the rows, as in CrossEntropy.
func (t *Tape) SquaredHinge(logits *Var, targets []int32, weights, examples Weights) *Var {
	rows, k := logits.Rows, logits.Cols
	checkTargets(targets, rows, k)
	margin := func(r, c int) float32 { // how far the logit falls short, with the sign of the class
		v := logits.Data[r*k+c]
		if int(targets[r]) == c {
			return max(0, 1-v)
		}
		return -max(0, 1+v)
	}
	total, norm := 0.0, 0.0
	for r := range rows {
		for c := range k {
			m := float64(margin(r, c))
			total += examples.of(r) * weights.of(int(targets[r])) * m * m
		}
		norm += weights.of(int(targets[r]))
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / norm)
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			for r := range rows {
				scale := float32(2 * examples.of(r) * weights.of(int(targets[r])) / norm * float64(loss.Grad[0]))
				for c := range k {
					grad[r*k+c] -= scale * margin(r, c)
				}
			}
		})
	}
	return loss
}

func checkTargets(targets []int32, rows, classes int) {
	if len(targets) != rows {
		panic(fmt.Sprintf("nn: %d targets for %d rows", len(targets), rows))
	}
	for i, c := range targets {
		if c < 0 || int(c) >= classes {
			panic(fmt.Sprintf("nn: target %d of row %d is outside %d classes", c, i, classes))
		}
	}
}

// logSumExp returns log Σ exp(x), without overflow.
func logSumExp(x []float32) float64 {
	top := float64(kernel.Max(x))
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
