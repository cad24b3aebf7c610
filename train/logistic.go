package train

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// logistic is a linear model over dense rows: multinomial logistic regression, one logistic regression a label where any
// number of labels holds, or ridge regression. It minimises
//
//	Σᵢ weightᵢ·loss(W·xᵢ + b, targetᵢ) / Σᵢ weightᵢ + ½·strength·|W|²
//
// whose minimum is unique but for what b's outputs have in common. Rows are centred and scaled by one factor so that their
// mean square length is 1: a strength then means the same whatever the rows are. Sums are float64, products float32.
type logistic struct {
	pool    *parallel.Pool
	loss    rowLoss
	rows    []float32 // [n, dim], centred and scaled
	mean    []float32 // [dim] of the rows as they came
	scale   float32   // what centred rows were multiplied by
	dim, k  int
	targets []float32 // [n, k]: probabilities, or numbers
	weights []float64 // [n]

	chosen           []int // of the rows, those that are learnt from
	x                []float32
	w, z, slope, sum []float32
}

// rowLoss is what a linear model minimises.
type rowLoss uint8

const (
	softmaxLoss rowLoss = iota
	sigmoidLoss
	squareLoss
)

// newLogistic takes rows, [n, dim], and targets, [n, k]. weights may be nil for equal ones.
func newLogistic(pool *parallel.Pool, loss rowLoss, rows []float32, dim int, targets []float32, weights []float64) *logistic {
	n := len(rows) / dim
	if len(targets)*dim < smallWork {
		pool = nil
	}
	l := &logistic{pool: pool, loss: loss, dim: dim, k: len(targets) / n, targets: targets, weights: weights, mean: make([]float32, dim)}
	if weights == nil {
		l.weights = make([]float64, n)
		for i := range l.weights {
			l.weights[i] = 1
		}
	}
	mean := make([]float64, dim)
	for i := range n {
		for j, v := range rows[i*dim : (i+1)*dim] {
			mean[j] += float64(v) / float64(n)
		}
	}
	l.rows = make([]float32, len(rows))
	square := 0.0
	for i, v := range rows {
		d := float64(v) - mean[i%dim]
		l.rows[i] = float32(d)
		square += d * d / float64(n)
	}
	l.scale = float32(1 / math.Sqrt(max(square, 1e-24)))
	kernel.Scale(l.scale, l.rows)
	for j, m := range mean {
		l.mean[j] = float32(m)
	}
	l.choose(firstRows(n))
	return l
}

// row is a row as it is learnt from.
func (l *logistic) row(i int) []float32 { return l.rows[i*l.dim : (i+1)*l.dim] }

// smallWork is how many multiplications of a product are not worth waking other processors for.
const smallWork = 1 << 25

// choose says which rows are learnt from.
func (l *logistic) choose(rows []int) {
	l.chosen = rows
	l.x = l.x[:0]
	for _, i := range rows {
		l.x = append(l.x, l.row(i)...)
	}
}

// size is the number of parameters: W, [k, dim], then b, [k].
func (l *logistic) size() int { return l.k*l.dim + l.k }

// objective returns a function to minimise, with its gradient, for a strength.
func (l *logistic) objective(strength float64) func(theta, gradient []float64) float64 {
	weight := 0.0
	for _, i := range l.chosen {
		weight += l.weights[i]
	}
	return func(theta, gradient []float64) float64 {
		n, cut := len(l.chosen), l.k*l.dim
		l.scores(l.x, n, theta)
		l.slope = grown(l.slope, n*l.k)
		value := 0.0
		for r, i := range l.chosen {
			share := l.weights[i] / max(weight, 1e-12)
			value += share * l.rowLoss(l.slope[r*l.k:(r+1)*l.k], l.z[r*l.k:(r+1)*l.k], l.targets[i*l.k:(i+1)*l.k], share)
		}
		l.sum = grown(l.sum, cut)
		l.pool.For(l.k, 1, func(lo, hi int) {
			kernel.GemmTN(kernel.F32, hi-lo, l.dim, n, l.slope[lo:], l.k, l.x, l.dim, l.sum[lo*l.dim:], l.dim, false)
		})
		for i, w := range theta[:cut] {
			gradient[i] = float64(l.sum[i]) + strength*w
			value += 0.5 * strength * w * w
		}
		clear(gradient[cut:])
		for i, s := range l.slope {
			gradient[cut+i%l.k] += float64(s)
		}
		return value
	}
}

// scores fills l.z with W·x + b of so many rows.
func (l *logistic) scores(x []float32, n int, theta []float64) {
	cut := l.k * l.dim
	l.w, l.z = grown(l.w, cut), grown(l.z, n*l.k)
	for i, v := range theta[:cut] {
		l.w[i] = float32(v)
	}
	l.pool.For(n, 64, func(lo, hi int) {
		kernel.GemmNT(kernel.F32, hi-lo, l.k, l.dim, x[lo*l.dim:], l.dim, l.w, l.dim, l.z[lo*l.k:], l.k, false)
	})
	for i := range l.z {
		l.z[i] += float32(theta[cut+i%l.k])
	}
}

// rowLoss returns the loss of a row's scores z and sets slope to its derivatives, times share.
func (l *logistic) rowLoss(slope, z, target []float32, share float64) (loss float64) {
	switch l.loss {
	case squareLoss:
		for c, s := range z {
			d := float64(s) - float64(target[c])
			loss += 0.5 * d * d
			slope[c] = float32(share * d)
		}
	case sigmoidLoss:
		for c, s := range z {
			v, t := float64(s), float64(target[c])
			loss += max(v, 0) - v*t + math.Log1p(math.Exp(-math.Abs(v)))
			slope[c] = float32(share * (1/(1+math.Exp(-v)) - t))
		}
	default:
		most, sum, mass := float64(kernel.Max(z)), 0.0, 0.0
		for _, s := range z {
			sum += math.Exp(float64(s) - most)
		}
		log := most + math.Log(sum)
		for _, t := range target {
			mass += float64(t)
		}
		for c, s := range z {
			t := float64(target[c])
			loss -= t * (float64(s) - log)
			slope[c] = float32(share * (mass*math.Exp(float64(s)-log) - t))
		}
	}
	return loss
}

// fit minimises from theta on, to a gradient of tolerance times its first length, and returns the value.
func (l *logistic) fit(theta []float64, strength, tolerance float64) float64 {
	o := lbfgs{f: l.objective(strength), memory: 10, most: 500, tolerance: tolerance}
	value, _ := o.minimise(theta)
	return value
}

// judge returns the losses of other rows than the chosen ones, as they count, and how many of them have their greatest score where
// their greatest target is.
func (l *logistic) judge(rows []int, theta []float64) (losses []float64, right int) {
	x := make([]float32, 0, len(rows)*l.dim)
	for _, i := range rows {
		x = append(x, l.row(i)...)
	}
	l.scores(x, len(rows), theta)
	scratch := make([]float32, l.k)
	for r, i := range rows {
		z, target := l.z[r*l.k:(r+1)*l.k], l.targets[i*l.k:(i+1)*l.k]
		losses = append(losses, l.weights[i]*l.rowLoss(scratch, z, target, 1))
		if kernel.ArgMax(z) == kernel.ArgMax(target) {
			right++
		}
	}
	return losses, right
}

// write puts the solution into weights for rows as they came: W, [k, dim], and b, [k].
func (l *logistic) write(theta []float64, w, b []float32) {
	cut := l.k * l.dim
	for c := range l.k {
		bias := theta[cut+c]
		for j := range l.dim {
			v := theta[c*l.dim+j] * float64(l.scale)
			w[c*l.dim+j] = float32(v)
			bias -= v * float64(l.mean[j])
		}
		b[c] = float32(bias)
	}
}

// grown returns a slice of n numbers, in the memory of the old one where it suffices.
func grown(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}
