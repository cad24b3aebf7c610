package train

import "math"

// prototypes puts for each class the mean of its rows into theta (Snell, Swersky & Zemel 2017, "Prototypical Networks for
// Few-shot Learning"): the score of a class is minus half the squared distance to its prototype, which is linear in the
// row but for what all classes share. One factor makes probabilities of the scores: that of the least loss on the rows,
// each judged by prototypes that do not know it. It returns that loss.
func (l *logistic) prototypes(theta []float64) float64 {
	n, cut := len(l.rows)/l.dim, l.k*l.dim
	sums, counts, classes := make([]float64, cut), make([]float64, l.k), make([]int, n)
	for i := range n {
		c := l.class(i)
		classes[i] = c
		counts[c] += l.weights[i]
		for j, v := range l.row(i) {
			sums[c*l.dim+j] += l.weights[i] * float64(v)
		}
	}
	scores := make([]float64, n*l.k)
	for i, own := range classes {
		for c := range l.k {
			without := 0.0
			if c == own && counts[c] > l.weights[i] {
				without = l.weights[i]
			}
			distance := 0.0
			for j, v := range l.row(i) {
				d := float64(v) - (sums[c*l.dim+j]-without*float64(v))/max(counts[c]-without, 1e-12)
				distance += d * d
			}
			scores[i*l.k+c] = -distance / 2
		}
	}
	factor, loss := sharpest(scores, classes, l.k, l.weights)
	for c := range l.k {
		square := 0.0
		for j := range l.dim {
			mean := sums[c*l.dim+j] / max(counts[c], 1e-12)
			theta[c*l.dim+j] = factor * mean
			square += mean * mean
		}
		theta[cut+c] = -factor * square / 2
	}
	return loss
}

// class is the one of row i's greatest target.
func (l *logistic) class(i int) int {
	best := 0
	for c, v := range l.targets[i*l.k : (i+1)*l.k] {
		if v > l.targets[i*l.k+best] {
			best = c
		}
	}
	return best
}

// sharpest returns the factor of the scores, [n, k], by which the mean cross-entropy of the classes is least, and that.
func sharpest(scores []float64, classes []int, k int, weights []float64) (factor, least float64) {
	least = math.Inf(1)
	for power := -4.0; power <= 8; power += 0.25 {
		f, loss, mass := math.Exp2(power), 0.0, 0.0
		for i, own := range classes {
			row := scores[i*k : (i+1)*k]
			most, sum := math.Inf(-1), 0.0
			for _, v := range row {
				most = max(most, f*v)
			}
			for _, v := range row {
				sum += math.Exp(f*v - most)
			}
			loss += weights[i] * (most + math.Log(sum) - f*row[own])
			mass += weights[i]
		}
		if loss /= max(mass, 1e-12); loss < least {
			factor, least = f, loss
		}
	}
	return factor, least
}
