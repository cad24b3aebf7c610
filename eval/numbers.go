package eval

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// JudgeNumbers judges predicted numbers. Figures that do not exist are left out: R² of targets that are all equal, a
// correlation where either side is constant.
func JudgeNumbers(targets, predictions []float64, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predictions) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(predictions))
	}
	for i := range targets {
		if d := targets[i] - predictions[i]; math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, fmt.Errorf("evaluating: example %d: target %v, prediction %v", i, targets[i], predictions[i])
		}
	}
	r := &Report{Task: Numbers, N: len(targets), Labels: []string{"score"}, More: map[string]float64{}}
	put := func(key string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			r.More[key] = v
		}
	}
	e := errorsOf(targets, predictions)
	put("mse", e.mse)
	put("rmse", math.Sqrt(e.mse))
	put("mae", e.mae)
	put("r2", e.r2)
	put("explained_variance", e.explained)
	put("pearson", Pearson(targets, predictions))
	put("spearman", Spearman(targets, predictions))
	var mistakes []Mistake
	for i := range targets {
		mistakes = append(mistakes, Mistake{Index: i, Target: number(targets[i]), Predicted: number(predictions[i]), Probability: math.Abs(targets[i] - predictions[i])})
	}
	r.keepMistakes(mistakes, o)
	if o.Rounds > 0 {
		rng := rand.New(rand.NewPCG(o.Seed, 0x5851f42d4c957f2d))
		t, p := make([]float64, len(targets)), make([]float64, len(targets))
		var mae, r2 []float64
		for range o.Rounds {
			for i := range t {
				j := rng.IntN(len(targets))
				t[i], p[i] = targets[j], predictions[j]
			}
			e := errorsOf(t, p)
			mae = append(mae, e.mae)
			if !math.IsNaN(e.r2) {
				r2 = append(r2, e.r2)
			}
		}
		r.Intervals = map[string]Interval{"mae": middle(mae)}
		if len(r2) > 0 {
			r.Intervals["r2"] = middle(r2)
		}
	}
	return r, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

type errorFigures struct{ mse, mae, r2, explained float64 }

// errorsOf computes the figures of errors; r2 and explained are NaN where the targets do not vary.
func errorsOf(targets, predictions []float64) errorFigures {
	n := float64(len(targets))
	var e errorFigures
	mean, meanError := 0.0, 0.0
	for i, t := range targets {
		mean += t / n
		meanError += (t - predictions[i]) / n
	}
	variance, errorVariance := 0.0, 0.0
	for i, t := range targets {
		d := t - predictions[i]
		e.mse += d * d / n
		e.mae += math.Abs(d) / n
		variance += (t - mean) * (t - mean) / n
		errorVariance += (d - meanError) * (d - meanError) / n
	}
	e.r2, e.explained = math.NaN(), math.NaN()
	if variance > 0 {
		e.r2, e.explained = 1-e.mse/variance, 1-errorVariance/variance
	}
	return e
}

// Pearson is the correlation coefficient of x and y, NaN where either is constant.
func Pearson(x, y []float64) float64 {
	n := float64(len(x))
	mx, my := 0.0, 0.0
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	xx, yy, xy := 0.0, 0.0, 0.0
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx += dx * dx
		yy += dy * dy
		xy += dx * dy
	}
	if xx == 0 || yy == 0 {
		return math.NaN()
	}
	return min(max(xy/math.Sqrt(xx)/math.Sqrt(yy), -1), 1)
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
