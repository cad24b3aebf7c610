package train

import "math"

// lbfgs minimises a smooth function from x on, in place, by the limited-memory BFGS method with a line search that
// halves and doubles until the strong decrease and the curvature suffice (Nocedal & Wright 2006, "Numerical
// Optimization", algorithms 7.4, 7.5 and 3.5 without interpolation). f returns the value at x and fills the gradient. It
// ends after so many iterations, where the gradient's norm is below tolerance times its first one, or where rounding
// hides any further descent. Nothing in it is random.
type lbfgs struct {
	f         func(x, gradient []float64) float64
	memory    int // pairs of steps and changes of the gradient that are kept
	most      int // iterations
	tolerance float64

	steps, changes [][]float64 // the newest last
	inverse        []float64   // 1 / (step · change)
}

// minimise returns the value reached and the iterations that it took.
func (o *lbfgs) minimise(x []float64) (value float64, iterations int) {
	n := len(x)
	gradient, next, nextGradient, direction := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	value = o.f(x, gradient)
	first := norm(gradient)
	for iterations < o.most && norm(gradient) > o.tolerance*max(first, 1e-12) {
		o.descend(direction, gradient)
		slope := inner(direction, gradient)
		if slope >= 0 { // what is remembered misleads
			o.steps, o.changes, o.inverse = nil, nil, nil
			o.descend(direction, gradient)
			slope = inner(direction, gradient)
		}
		length := 1.0
		if len(o.steps) == 0 {
			length = min(1, 1/norm(gradient))
		}
		reached, ok := o.search(x, direction, value, slope, length, next, nextGradient)
		if !ok {
			return value, iterations
		}
		o.remember(x, next, gradient, nextGradient)
		copy(x, next)
		copy(gradient, nextGradient)
		value = reached
		iterations++
	}
	return value, iterations
}

// search looks along a direction for a point that is lower and flatter, and leaves it and its gradient in next.
func (o *lbfgs) search(x, direction []float64, value, slope, length float64, next, gradient []float64) (float64, bool) {
	const (
		decrease, curvature = 1e-4, 0.9
		tries               = 30
	)
	low, high := 0.0, math.Inf(1)
	best := math.NaN()
	for range tries {
		for i := range next {
			next[i] = x[i] + length*direction[i]
		}
		v := o.f(next, gradient)
		switch {
		case !(v <= value+decrease*length*slope):
			high = length
		case inner(direction, gradient) < curvature*slope:
			low, best = length, v
		default:
			return v, true
		}
		if math.IsInf(high, 1) {
			length *= 2
		} else {
			length = (low + high) / 2
		}
		if !math.IsNaN(best) && high-low < 1e-3*low {
			break
		}
	}
	if math.IsNaN(best) {
		return value, false
	}
	for i := range next {
		next[i] = x[i] + low*direction[i]
	}
	return o.f(next, gradient), true
}

// remember keeps a step, if the function curves upwards along it.
func (o *lbfgs) remember(x, next, gradient, nextGradient []float64) {
	step, change := make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		step[i], change[i] = next[i]-x[i], nextGradient[i]-gradient[i]
	}
	along := inner(step, change)
	if along <= 1e-10*norm(step)*norm(change) {
		return
	}
	o.steps, o.changes, o.inverse = append(o.steps, step), append(o.changes, change), append(o.inverse, 1/along)
	if len(o.steps) > o.memory {
		o.steps, o.changes, o.inverse = o.steps[1:], o.changes[1:], o.inverse[1:]
	}
}

// descend fills direction with minus the inverse Hessian, as far as it is known, times the gradient.
func (o *lbfgs) descend(direction, gradient []float64) {
	copy(direction, gradient)
	k := len(o.steps)
	alpha := make([]float64, k)
	for i := k - 1; i >= 0; i-- {
		alpha[i] = o.inverse[i] * inner(o.steps[i], direction)
		axpy(-alpha[i], o.changes[i], direction)
	}
	if k > 0 {
		scale := 1 / (o.inverse[k-1] * inner(o.changes[k-1], o.changes[k-1]))
		for i := range direction {
			direction[i] *= scale
		}
	}
	for i := range k {
		beta := o.inverse[i] * inner(o.changes[i], direction)
		axpy(alpha[i]-beta, o.steps[i], direction)
	}
	for i := range direction {
		direction[i] = -direction[i]
	}
}

func inner(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func norm(a []float64) float64 { return math.Sqrt(inner(a, a)) }

func axpy(factor float64, a, to []float64) {
	for i, v := range a {
		to[i] += factor * v
	}
}
