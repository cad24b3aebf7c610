package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// JudgeNumbers judges predicted numbers. Figures that do not exist are left out: R² of targets that are all equal, a
// correlation where either side is constant, and a mean of squares beyond what a double holds.
func JudgeNumbers(targets, predictions []float64, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predictions) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(predictions))
	}
	for i := range targets {
		if d := targets[i] - predictions[i]; math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, fmt.Errorf("evaluating: example %d: target %v, prediction %v", i, targets[i], predictions[i])
		}
	}
	r := &Report{Task: Numbers, N: len(targets), Labels: []string{"score"}, More: map[string]float64{}, texts: o.Texts}
	r.show = func(i int) (string, string) { return number(targets[i]), number(predictions[i]) }
	put := func(key string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			r.More[key] = v
		}
	}
	e := errorsOf(targets, predictions)
	put("mse", e.rmse*e.rmse)
	put("rmse", e.rmse)
	put("mae", e.mae)
	put("r2", e.r2)
	put("explained_variance", e.explained)
	put("pearson", Pearson(targets, predictions))
	put("spearman", Spearman(targets, predictions))
	var mistakes []Mistake
	for i := range targets {
		r.outcomes = append(r.outcomes, outcome{truth: targets[i], guess: predictions[i]})
		mistakes = append(mistakes, Mistake{Index: i, Target: number(targets[i]), Predicted: number(predictions[i]), Probability: math.Abs(targets[i] - predictions[i])})
	}
	r.keepMistakes(mistakes, o)
	r.bootstrap(o.Rounds, o.Seed)
	return r, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

type errorFigures struct{ rmse, mae, r2, explained float64 }

// errorsOf computes the figures of errors; r2 and explained are NaN where the targets do not vary. Squares are taken of
// numbers scaled to at most 1, so that none overflows.
func errorsOf(targets, predictions []float64) errorFigures {
	errs := make([]float64, len(targets))
	var e errorFigures
	for i, t := range targets {
		errs[i] = t - predictions[i]
		e.mae += math.Abs(errs[i]) / float64(len(targets))
	}
	rms, errorSpread, spread := norm(errs, 0), norm(errs, mean(errs)), norm(targets, mean(targets))
	n := math.Sqrt(float64(len(targets)))
	e.rmse, e.r2, e.explained = rms/n, math.NaN(), math.NaN()
	if !constant(targets) {
		e.r2, e.explained = 1-(rms/spread)*(rms/spread), 1-(errorSpread/spread)*(errorSpread/spread)
	}
	return e
}

// mean returns the mean of x, corrected once for what rounding lost.
func mean(x []float64) float64 {
	n := float64(len(x))
	m := 0.0
	for _, v := range x {
		m += v / n
	}
	rest := 0.0
	for _, v := range x {
		rest += (v - m) / n
	}
	return m + rest
}

// norm returns √Σ(x−m)² without overflow.
func norm(x []float64, m float64) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v-m))
	}
	if top == 0 || math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		d := (v - m) / top
		sum += d * d
	}
	return top * math.Sqrt(sum)
}

// constant is asked of the numbers themselves: rounding gives those of 0.1, 0.1, 0.1 a spread about their mean.
func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// Pearson is the correlation coefficient of x and y, NaN where either is constant.
func Pearson(x, y []float64) float64 {
	if constant(x) || constant(y) {
		return math.NaN()
	}
	mx, my := mean(x), mean(y)
	nx, ny := norm(x, mx), norm(y, my)
	r := 0.0
	for i := range x {
		r += (x[i] - mx) / nx * ((y[i] - my) / ny)
	}
	return min(max(r, -1), 1)
}

// Spearman is the correlation of ranks, those of equal numbers averaged.
func Spearman(x, y []float64) float64 { return Pearson(ranks(x), ranks(y)) }

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}
