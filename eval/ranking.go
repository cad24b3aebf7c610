package eval

import (
	"cmp"
	"math"
	"slices"
)

// Figures that rank examples by a score, after scikit-learn's roc_auc_score and average_precision_score.

// ROCAUC returns the area under the curve of true against false positives: the probability that an example with the
// label scores above one without, ties counting half. NaN where either kind is missing.
func ROCAUC(holds []bool, scores []float64) float64 {
	positives, sum := 0, 0.0
	for i, r := range ranks(scores) {
		if holds[i] {
			positives++
			sum += r
		}
	}
	negatives := len(holds) - positives
	if positives == 0 || negatives == 0 {
		return math.NaN()
	}
	p := float64(positives)
	return (sum - p*(p+1)/2) / (p * float64(negatives))
}

// AveragePrecision returns the area under the curve of precision against recall as a sum of steps. Examples of equal
// score are one step. NaN where no example has the label.
func AveragePrecision(holds []bool, scores []float64) float64 {
	order := make([]int, len(holds))
	positives := 0
	for i, h := range holds {
		order[i] = i
		if h {
			positives++
		}
	}
	if positives == 0 {
		return math.NaN()
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	area, right, before := 0.0, 0, 0
	for n, i := range order {
		if holds[i] {
			right++
		}
		if n+1 < len(order) && scores[order[n+1]] == scores[i] {
			continue
		}
		area += float64(right-before) / float64(positives) * float64(right) / float64(n+1)
		before = right
	}
	return area
}

// ranking adds the areas under both curves: of two labels that of the second, of more the mean of each against the rest.
// Labels without examples of both kinds are left out.
func (r *Report) ranking(targets []int, probabilities [][]float32) {
	var roc, pr, n float64
	for c := range r.Labels {
		if len(r.Labels) == 2 && c == 0 {
			continue
		}
		holds, scores := make([]bool, len(targets)), make([]float64, len(targets))
		for i, t := range targets {
			holds[i], scores[i] = t == c, float64(probabilities[i][c])
		}
		area := ROCAUC(holds, scores)
		if math.IsNaN(area) {
			continue
		}
		roc, pr, n = roc+area, pr+AveragePrecision(holds, scores), n+1
	}
	if n > 0 {
		r.More["roc_auc"], r.More["pr_auc"] = roc/n, pr/n
	}
}

// agreement adds Matthews' correlation coefficient of any number of classes (Gorodkin 2004) and Cohen's kappa (1960).
// Both are 0 where targets or predictions are all of one class, as scikit-learn has it for the first; kappa is left out
// where chance alone agrees wholly.
func (r *Report) agreement() {
	k := len(r.Confusion)
	rows, cols := make([]float64, k), make([]float64, k)
	n, right := 0.0, 0.0
	for t, row := range r.Confusion {
		for p, c := range row {
			rows[t] += float64(c)
			cols[p] += float64(c)
			n += float64(c)
		}
		right += float64(row[t])
	}
	var both, rr, cc float64
	for c := range k {
		both += rows[c] * cols[c]
		rr += rows[c] * rows[c]
		cc += cols[c] * cols[c]
	}
	r.More["mcc"] = 0
	if d := math.Sqrt(n*n-rr) * math.Sqrt(n*n-cc); d > 0 {
		r.More["mcc"] = (right*n - both) / d
	}
	if chance := both / (n * n); chance < 1 {
		r.More["kappa"] = (right/n - chance) / (1 - chance)
	}
}
