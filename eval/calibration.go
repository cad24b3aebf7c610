package eval

import (
	"cmp"
	"math"
	"slices"
)

// Temperature returns the divisor of the logits that makes probabilities fit the targets best: it minimises the log loss
// (Guo et al. 2017, "On Calibration of Modern Neural Networks"). probabilities, [examples][labels], are those of
// temperature 1. The result lies in [0.05, 20].
func Temperature(targets []int, probabilities [][]float32) float64 {
	loss := func(logT float64) float64 {
		inverse := math.Exp(-logT)
		total := 0.0
		for i, row := range probabilities {
			top, sum := math.Inf(-1), 0.0
			for _, p := range row {
				top = max(top, math.Log(clip(float64(p)))*inverse)
			}
			for _, p := range row {
				sum += math.Exp(math.Log(clip(float64(p)))*inverse - top)
			}
			total += top + math.Log(sum) - math.Log(clip(float64(row[targets[i]])))*inverse
		}
		return total
	}
	// Golden-section search: the loss is convex in 1/T and so has one minimum in log T.
	const golden = 0.6180339887498949
	lo, hi := math.Log(0.05), math.Log(20)
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	fa, fb := loss(a), loss(b)
	for range 40 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - golden*(hi-lo)
			fa = loss(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + golden*(hi-lo)
			fb = loss(b)
		}
	}
	return math.Exp((lo + hi) / 2)
}

// Threshold returns the probability from which on a label should hold for the highest F1; 0.5 where no example has the
// label. Between two probabilities it takes the middle.
func Threshold(holds []bool, probabilities []float64) float64 {
	order := make([]int, len(holds))
	wanted := 0
	for i, h := range holds {
		order[i] = i
		if h {
			wanted++
		}
	}
	if wanted == 0 {
		return 0.5
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(probabilities[b], probabilities[a]) })
	best, threshold, right := 0.0, 0.5, 0
	for n, i := range order {
		if holds[i] {
			right++
		}
		next := 0.0
		if n+1 < len(order) {
			next = probabilities[order[n+1]]
		}
		if next == probabilities[i] {
			continue // equal probabilities fall on one side
		}
		if f1 := 2 * float64(right) / float64(n+1+wanted); f1 > best {
			best, threshold = f1, (probabilities[i]+next)/2
		}
	}
	return threshold
}
