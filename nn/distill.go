package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Distill are the options of the distillation losses.
type Distill struct {
	Temperature float32 // by which both sides' logits are divided before they are compared; 0 is 1
	Rows        Weights // of the rows, as in CrossEntropy
	Binary      bool    // each logit is a distribution of its own, by its sigmoid
}

// DistillLoss returns T² · the mean over rows of the Kullback–Leibler divergence of softmax(logits/T) from
// softmax(teacher/T) (Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network"), or with Binary the
// mean over all logits of that of their sigmoids. teacher holds logits, [rows, outputs]; logarithms of probabilities
// are logits too. The factor T² keeps the gradients' size whatever the temperature.
func (t *Tape) DistillLoss(logits *Var, teacher []float32, o Distill) *Var {
	if len(teacher) != len(logits.Data) {
		panic(fmt.Sprintf("nn: %d logits of the teacher for %d", len(teacher), len(logits.Data)))
	}
	temperature := max(float64(o.Temperature), 0)
	if temperature == 0 {
		temperature = 1
	}
	k := logits.Cols
	slope := t.arena.Raw(len(teacher)) // student's probabilities less the teacher's
	total, n := 0.0, float64(max(logits.Rows, 1))
	var q []float32
	if o.Binary {
		n *= float64(k)
	} else {
		q = t.arena.Raw(2 * k)
	}
	for r := range logits.Rows {
		gap, d := 0.0, slope[r*k:(r+1)*k]
		if o.Binary {
			gap = binaryGap(d, logits.Row(r), teacher[r*k:(r+1)*k], temperature)
		} else {
			gap = softmaxGap(d, logits.Row(r), teacher[r*k:(r+1)*k], temperature, q)
		}
		total += o.Rows.of(r) * gap
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(temperature * temperature * total / n)
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			for r := range logits.Rows {
				scale := o.Rows.of(r) * temperature / n * float64(loss.Grad[0]) // one T is lost to the division of logits
				kernel.Axpy(float32(scale), slope[r*k:(r+1)*k], grad[r*k:(r+1)*k])
			}
		})
	}
	return loss
}

// softmaxGap returns the divergence of one row, and in d by how much the student's probabilities exceed the teacher's.
// scratch has room for both sides' logits.
func softmaxGap(d, student, teacher []float32, temperature float64, scratch []float32) float64 {
	k, inverse := len(d), float32(1/temperature)
	x, z := scratch[:k], scratch[k:2*k]
	copy(x, student)
	copy(z, teacher)
	kernel.Scale(inverse, x)
	kernel.Scale(inverse, z)
	logX, logZ, gap := logSumExp(x), logSumExp(z), 0.0
	for c := range k {
		p, q := math.Exp(float64(x[c])-logX), math.Exp(float64(z[c])-logZ)
		if q > 0 {
			gap += q * ((float64(z[c]) - logZ) - (float64(x[c]) - logX))
		}
		d[c] = float32(p - q)
	}
	return gap
}

// binaryGap is softmaxGap where each logit is a distribution of its own.
func binaryGap(d, student, teacher []float32, temperature float64) float64 {
	gap := 0.0
	for c := range d {
		x, z := float64(student[c])/temperature, float64(teacher[c])/temperature
		p, q := 1/(1+math.Exp(-x)), 1/(1+math.Exp(-z))
		// log σ(z) − log σ(x) = softplus(−x) − softplus(−z), and likewise for the other side
		gap += q*(softplus(-x)-softplus(-z)) + (1-q)*(softplus(x)-softplus(z))
		d[c] = float32(p - q)
	}
	return gap
}

// CosineDistance returns the mean over rows of 1 − the cosine of x, [rows, width], with targets of the same shape: how
// embeddings differ from a teacher's in their direction. A row of zeros is at a distance of 1 from everything.
func (t *Tape) CosineDistance(x *Var, targets []float32) *Var {
	if len(targets) != len(x.Data) {
		panic(fmt.Sprintf("nn: %d numbers for embeddings of %d", len(targets), len(x.Data)))
	}
	k, n, total := x.Cols, float64(max(x.Rows, 1)), 0.0
	for r := range x.Rows {
		cosine, _, _ := cosineOf(x.Row(r), targets[r*k:(r+1)*k])
		total += 1 - cosine
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / n)
	if t.training() {
		t.record(loss, nil, func() {
			grad := x.Gradient()
			for r := range x.Rows {
				row, y, d := x.Row(r), targets[r*k:(r+1)*k], grad[r*k:(r+1)*k]
				cosine, nx, ny := cosineOf(row, y)
				if nx == 0 || ny == 0 {
					continue
				}
				scale := float64(loss.Grad[0]) / n
				kernel.Axpy(float32(-scale/(nx*ny)), y, d)
				kernel.Axpy(float32(scale*cosine/(nx*nx)), row, d)
			}
		})
	}
	return loss
}

// cosineOf returns the cosine of two vectors, 0 where one has no direction, and their lengths.
func cosineOf(x, y []float32) (cosine, nx, ny float64) {
	nx, ny = math.Sqrt(kernel.SumSquares(x)), math.Sqrt(kernel.SumSquares(y))
	if nx == 0 || ny == 0 {
		return 0, nx, ny
	}
	return float64(kernel.Dot(x, y)) / (nx * ny), nx, ny
}
