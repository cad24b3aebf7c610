package tune

import (
	"math/rand/v2"
	"slices"
)

// Trees of the forest, and the most trials that it is fitted to.
const (
	trees     = 32
	maxFitted = 400
)

// Importance tells by functional analysis of variance over a random forest (Hutter, Hoos & Leyton-Brown 2014, "An
// Efficient Approach for Assessing Hyperparameter Importance") what share of the variance of an objective over the whole
// space each setting explains by itself, by name; what is missing to 1 lies in how settings work together. It returns nil
// for fewer than ten complete trials, or where all have the same value.
func Importance(s Space, objectives []Objective, trials []Trial, objective int) map[string]float64 {
	axes := s.axes()
	var x [][]float64
	var y []float64
	for _, t := range trials {
		if losses := t.losses(objectives); losses != nil && finite(losses) {
			x, y = append(x, middles(axes, t.Params)), append(y, losses[objective])
		}
	}
	if len(x) < 10 || slices.Min(y) == slices.Max(y) {
		return nil
	}
	for len(x) > maxFitted {
		x, y = everySecond(x), everySecond(y)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	shares, grown := make([]float64, len(axes)), 0.0
	for range trees {
		leaves := growTree(x, y, rng)
		mean, variance := 0.0, 0.0
		for _, l := range leaves {
			mean += l.volume * l.value
		}
		for _, l := range leaves {
			variance += l.volume * (l.value - mean) * (l.value - mean)
		}
		if variance == 0 {
			continue
		}
		grown++
		for a := range axes {
			shares[a] += alone(leaves, a, mean) / variance
		}
	}
	out := map[string]float64{}
	for a := range axes {
		if out[axes[a].Name] = 0; grown > 0 {
			out[axes[a].Name] = shares[a] / grown
		}
	}
	return out
}

// middles returns the settings of a trial as a point; those that do not apply are in the middle.
func middles(axes []axis, params map[string]string) []float64 {
	x := make([]float64, len(axes))
	for i, c := range place(axes, params) {
		if x[i] = 0.5; c.set {
			x[i] = (c.lo + c.hi) / 2
		}
	}
	return x
}

func everySecond[T any](list []T) []T {
	var out []T
	for i := 0; i < len(list); i += 2 {
		out = append(out, list[i])
	}
	return out
}

// alone returns the variance of a tree's mean along one axis, all others averaged out.
func alone(leaves []leaf, axis int, mean float64) float64 {
	borders := []float64{0, 1}
	for _, l := range leaves {
		borders = append(borders, l.lo[axis])
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	variance := 0.0
	for i := range len(borders) - 1 {
		lo, hi := borders[i], borders[i+1]
		value := 0.0
		for _, l := range leaves {
			if l.lo[axis] <= lo && l.hi[axis] >= hi {
				value += l.value * l.volume / (l.hi[axis] - l.lo[axis])
			}
		}
		variance += (hi - lo) * (value - mean) * (value - mean)
	}
	return variance
}
