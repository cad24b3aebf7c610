package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// focal is CrossEntropy with a Focus.
func (t *Tape) focal(logits *Var, targets []int32, o CrossEntropy) *Var {
	rows, k := logits.Rows, logits.Cols
	checkTargets(targets, rows, k)
	gamma := float64(o.Focus)
	probs := t.arena.Raw(rows * k)
	total, norm := 0.0, 0.0
	for r, target := range targets {
		row := logits.Row(r)
		kernel.Softmax(probs[r*k:(r+1)*k], row)
		logP := float64(row[target]) - logSumExp(row)
		total -= o.Rows.of(r) * o.Weights.of(int(target)) * math.Pow(-math.Expm1(logP), gamma) * logP
		norm += o.Weights.of(int(target))
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / norm)
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			for r, target := range targets {
				p, d := probs[r*k:(r+1)*k], grad[r*k:(r+1)*k]
				logP := float64(logits.Row(r)[target]) - logSumExp(logits.Row(r))
				miss := max(-math.Expm1(logP), 1e-12)
				pt := 1 - miss
				// d loss / d log p of the target, and from there to the logits.
				slope := gamma*math.Pow(miss, gamma-1)*pt*logP - math.Pow(miss, gamma)
				slope *= o.Rows.of(r) * o.Weights.of(int(target)) / norm * float64(loss.Grad[0])
				for c := range d {
					d[c] -= float32(slope) * p[c]
				}
				d[target] += float32(slope)
			}
		})
	}
	return loss
}

// BinaryCrossEntropy returns the mean over all logits, [rows, classes], of the cross-entropy of their sigmoids, where
// sequence r of targets holds the classes that are true of row r: PyTorch's BCEWithLogitsLoss with pos_weight = weights.
// examples are the weights of the rows, as in CrossEntropy.
func (t *Tape) BinaryCrossEntropy(logits *Var, targets *tensor.Packed, weights, examples Weights) *Var {
	rows, k := logits.Rows, logits.Cols
	if targets.Len() != rows {
		panic(fmt.Sprintf("nn: %d sets of targets for %d rows", targets.Len(), rows))
	}
	truth := t.arena.Floats(rows * k)
	for r := range rows {
		for _, c := range targets.Sequence(r) {
			truth[r*k+int(c)] = 1
		}
	}
	total := 0.0
	for i, v := range logits.Data {
		x := float64(v)
		miss := softplus(x)
		if truth[i] == 1 {
			miss = weights.of(i%k) * softplus(-x)
		}
		total += examples.of(i/k) * miss
	}
	n := float64(max(rows*k, 1))
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / n)
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			for i, v := range logits.Data {
				p := 1 / (1 + math.Exp(-float64(v)))
				scale := examples.of(i/k) * float64(loss.Grad[0]) / n
				if truth[i] == 1 {
					grad[i] -= float32(scale * weights.of(i%k) * (1 - p))
				} else {
					grad[i] += float32(scale * p)
				}
			}
		})
	}
	return loss
}

// softplus is log(1+eˣ), without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// Regression returns the mean over all outputs of the squared distance to targets, or with delta > 0 of Huber's loss
// (Huber 1964): ½d² within delta and delta·(|d| − ½delta) beyond, as PyTorch's HuberLoss. outputs may have any width,
// so that embeddings are compared with those of a teacher too; examples are the weights of the rows, as in CrossEntropy.
func (t *Tape) Regression(outputs *Var, targets []float32, delta float32, examples Weights) *Var {
	if len(targets) != len(outputs.Data) {
		panic(fmt.Sprintf("nn: %d targets for %d outputs", len(targets), len(outputs.Data)))
	}
	total, n := 0.0, float64(max(len(targets), 1))
	slope := t.arena.Raw(len(targets))
	for i, v := range outputs.Data {
		d := v - targets[i]
		var far float64
		switch {
		case delta <= 0:
			far, slope[i] = float64(d)*float64(d), 2*d
		case d > delta || d < -delta:
			far, slope[i] = float64(delta)*(math.Abs(float64(d))-0.5*float64(delta)), float32(math.Copysign(float64(delta), float64(d)))
		default:
			far, slope[i] = 0.5*float64(d)*float64(d), d
		}
		weight := examples.of(i / outputs.Cols)
		total += weight * far
		slope[i] *= float32(weight)
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / n)
	if t.training() {
		t.record(loss, nil, func() { kernel.Axpy(float32(float64(loss.Grad[0])/n), slope, outputs.Gradient()) })
	}
	return loss
}

// Divergence returns the mean of the symmetric Kullback–Leibler divergence between the distributions of row i and row
// i + rows/2 of logits, the two passes of a batch under different dropout (R-Drop: Liang et al. 2021). binary takes
// each logit as a distribution of its own, by its sigmoid, and averages over them.
func (t *Tape) Divergence(logits *Var, binary bool) *Var {
	if logits.Rows%2 != 0 {
		panic(fmt.Sprintf("nn: divergence of %d rows", logits.Rows))
	}
	k, half := logits.Cols, logits.Rows/2
	probs := t.arena.Raw(len(logits.Data))
	logs := make([]float64, len(logits.Data)) // log p, or the logit itself where binary
	for r := range logits.Rows {
		row, p := logits.Row(r), probs[r*k:(r+1)*k]
		shift := 0.0
		if binary {
			kernel.Sigmoid(p, row)
		} else {
			kernel.Softmax(p, row)
			shift = logSumExp(row)
		}
		for c, v := range row {
			logs[r*k+c] = float64(v) - shift
		}
	}
	n := float64(max(half, 1))
	if binary {
		n *= float64(k)
	}
	total := 0.0
	// KL(p‖q) + KL(q‖p) = Σ (p−q)(log p − log q), also for each sigmoid with the logits as log-odds.
	for i := range half * k {
		j := i + half*k
		total += float64(probs[i]-probs[j]) * (logs[i] - logs[j])
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total / (2 * n))
	if t.training() {
		t.record(loss, nil, func() {
			grad := logits.Gradient()
			scale := float64(loss.Grad[0]) / (2 * n)
			for r := range half {
				a, b := r*k, (r+half)*k
				gapA, gapB := 0.0, 0.0 // Σ p·(log p − log q), of both
				for c := range k {
					gap := logs[a+c] - logs[b+c]
					gapA += float64(probs[a+c]) * gap
					gapB -= float64(probs[b+c]) * gap
				}
				for c := range k {
					p, q := float64(probs[a+c]), float64(probs[b+c])
					gap := logs[a+c] - logs[b+c]
					if binary {
						grad[a+c] += float32(scale * (p*(1-p)*gap + p - q))
						grad[b+c] -= float32(scale * (q*(1-q)*gap + p - q))
						continue
					}
					grad[a+c] += float32(scale * (p*(gap-gapA) + p - q))
					grad[b+c] -= float32(scale * (q*(gap+gapB) + p - q))
				}
			}
		})
	}
	return loss
}

// Sum returns a + scale·b of two losses.
func (t *Tape) Sum(a, b *Var, scale float32) *Var {
	s := t.value(1, 1)
	s.Data[0] = a.Data[0] + scale*b.Data[0]
	if t.training() {
		t.record(s, nil, func() {
			a.Gradient()[0] += s.Grad[0]
			b.Gradient()[0] += scale * s.Grad[0]
		})
	}
	return s
}
