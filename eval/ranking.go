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
	positives := 0
	for _, h := range holds {
		if h {
			positives++
		}
	}
	if positives == 0 {
		return math.NaN()
	}
	order := byScore(scores)
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

// rankClasses adds the areas under both curves: of two labels that of the second, of more the mean of each against the
// rest. Labels without examples of both kinds are left out.
func (r *Report) rankClasses(targets []int, probabilities [][]float32, sums []float64) {
	first := 0
	if len(r.Labels) == 2 {
		first = 1
	}
	r.rank(first, func(c, i int) (bool, float64) { return targets[i] == c, float64(probabilities[i][c]) / sums[i] })
}

// rankSets does so for sets of labels.
func (r *Report) rankSets(examples [][]counts, probabilities [][]float32) {
	r.rank(0, func(c, i int) (bool, float64) { return examples[i][c].wanted > 0, float64(probabilities[i][c]) })
}

// keptCurves bounds the curves of a report: more could not be told apart in a figure.
const keptCurves = 4

// rank adds the areas of the labels from first on, and keeps the curves of those that are ranked worst.
func (r *Report) rank(first int, of func(label, example int) (holds bool, score float64)) {
	var roc, pr, n float64
	holds, scores := make([]bool, r.N), make([]float64, r.N)
	var curves []RankCurve
	for c := first; c < len(r.Labels); c++ {
		for i := range holds {
			holds[i], scores[i] = of(c, i)
		}
		area := ROCAUC(holds, scores)
		if math.IsNaN(area) {
			continue
		}
		precision := AveragePrecision(holds, scores)
		roc, pr, n = roc+area, pr+precision, n+1
		if len(curves) < keptCurves || precision < curves[keptCurves-1].PRAUC {
			curve := rankCurve(holds, scores)
			curve.Label, curve.ROCAUC, curve.PRAUC = r.Labels[c], area, precision
			curves = append(curves, curve)
			slices.SortStableFunc(curves, func(a, b RankCurve) int { return cmp.Compare(a.PRAUC, b.PRAUC) })
			curves = curves[:min(len(curves), keptCurves)]
		}
	}
	if n > 0 {
		r.More["roc_auc"], r.More["pr_auc"] = roc/n, pr/n
	}
	r.Curves = curves
}

// RankCurve tells what each threshold on the probability of a label would bring.
type RankCurve struct {
	Label         string
	ROCAUC, PRAUC float64
	Points        []RankPoint // from the highest threshold to the lowest, at most curvePoints
}

// RankPoint is what follows from calling all examples from a threshold on positive.
type RankPoint struct{ Threshold, Recall, Precision, FalseRate float64 }

const curvePoints = 1000

// thin drops points that lie on others. Of a rare label all that matters happens among the first few examples, so what
// counts is the distance in the figure, not the number of examples.
func thin(points []RankPoint) []RankPoint {
	const near = 0.004
	var kept []RankPoint
	for i, p := range points {
		if i == 0 || i == len(points)-1 {
			kept = append(kept, p)
			continue
		}
		q := kept[len(kept)-1]
		if math.Abs(p.Recall-q.Recall)+math.Abs(p.Precision-q.Precision)+math.Abs(p.FalseRate-q.FalseRate) > near {
			kept = append(kept, p)
		}
	}
	if len(kept) > curvePoints {
		few := make([]RankPoint, curvePoints)
		for i := range few {
			few[i] = kept[i*(len(kept)-1)/(curvePoints-1)]
		}
		return few
	}
	return kept
}

func rankCurve(holds []bool, scores []float64) RankCurve {
	order := byScore(scores)
	positives := 0
	for _, h := range holds {
		if h {
			positives++
		}
	}
	negatives := len(holds) - positives
	var points []RankPoint
	right := 0
	for n, i := range order {
		if holds[i] {
			right++
		}
		if n+1 < len(order) && scores[order[n+1]] == scores[i] {
			continue
		}
		points = append(points, RankPoint{scores[i], ratio(float64(right), float64(positives)), float64(right) / float64(n+1), ratio(float64(n+1-right), float64(negatives))})
	}
	points = thin(points)
	return RankCurve{Points: points}
}

// byScore returns the numbers of the examples, the highest score first.
func byScore(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
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
