package tune

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampler proposes settings. A proposal follows from the arguments alone, so that a search that goes on after a kill
// proposes what it would have proposed.
type Sampler interface {
	Suggest(s Space, objectives []Objective, trials []Trial, draw Draw) map[string]string
}

// TPE is the tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"),
// with kernels over all settings at once (Falkner, Klein & Hutter 2018, BOHB). The trials so far are parted into a few
// good ones and the others; a density is estimated for each group; of candidates drawn from the density of the good, the
// one with the highest ratio of the two is proposed. With several objectives, trials are good by dominance.
//
// The widths of kernels, the weights of the good trials and the number of candidates were chosen on functions whose
// minimum is known, see bench/tune.
type TPE struct {
	Startup    int // trials before, spread over the space; 0 for 10
	Candidates int // 0 for 64
}

// Suggest implements Sampler.
func (t TPE) Suggest(s Space, objectives []Objective, trials []Trial, draw Draw) map[string]string {
	startup, candidates := t.Startup, t.Candidates
	if startup == 0 {
		startup = 10
	}
	if candidates == 0 {
		candidates = 64
	}
	ended := 0
	for _, trial := range trials {
		if trial.State == Complete || trial.State == Pruned {
			ended++
		}
	}
	if ended < startup {
		return spread(s, draw)
	}
	good := goodOf(ended, len(objectives))
	axes := s.axes()
	// What failed, or is still tried, is among the others: it is no place to look at again.
	var points []point
	for _, trial := range Ranked(trials, objectives) {
		points = append(points, place(axes, trial.Params))
	}
	l, g := newParzen(axes, points[:good]), newParzen(axes, points[good:])
	l.preferFirst()
	rng := draw.rng()
	var best map[string]string
	highest := math.Inf(-1)
	for range candidates {
		params := l.sample(rng)
		at := place(axes, params)
		ratio := l.density(at) - g.density(at)
		if tried(trials, params) {
			ratio -= 1e9 // only where there is no other: of few settings all candidates may have been tried
		}
		if best == nil || ratio > highest {
			best, highest = params, ratio
		}
	}
	return best
}

// goodOf returns how many of n trials are good: few, so that the search goes near the best; of several objectives more,
// for they make a front.
func goodOf(n, objectives int) int {
	if objectives > 1 {
		return max(1, n/5)
	}
	return min((n+9)/10, 25)
}

// parzen is a mixture of one kernel a trial, and one as wide as the space: the prior.
type parzen struct {
	axes    []axis
	kernels []point     // the prior, which is set nowhere, is the last
	weights []float64   // of the kernels, together 1
	sigmas  [][]float64 // by axis and kernel: of numbers, in shares of their axis
	slip    float64     // share of a choice's kernel that each other choice has, before it is normalised
}

func newParzen(axes []axis, points []point) *parzen {
	n := len(points)
	p := &parzen{axes: axes, kernels: append(points[:n:n], make(point, len(axes))), slip: 2 / float64(n+1)}
	for range p.kernels {
		p.weights = append(p.weights, 1/float64(n+1))
	}
	least := 0.5 / float64(min(100, 2+n))
	for i := range axes {
		p.sigmas = append(p.sigmas, bandwidths(points, i, least))
	}
	return p
}

// preferFirst lets kernels count by their rank, the first the most, so that among the good the best draw more. The prior
// counts as a kernel of little weight.
func (p *parzen) preferFirst() {
	n := len(p.kernels) - 1
	sum := 0.0
	for i := range p.weights {
		p.weights[i] = float64(n - i)
		if i == n {
			p.weights[i] = float64(n+1) / 4
		}
		sum += p.weights[i]
	}
	for i := range p.weights {
		p.weights[i] /= sum
	}
}

// draw chooses a kernel by the weights.
func (p *parzen) draw(rng *rand.Rand) int {
	u := rng.Float64()
	for i, w := range p.weights {
		if u -= w; u < 0 {
			return i
		}
	}
	return len(p.weights) - 1
}

// bandwidths returns for each point how wide its kernel is along an axis: as far as the farther of its two neighbours,
// so that kernels are narrow where there are many trials.
func bandwidths(points []point, axis int, least float64) []float64 {
	var at []int // of the points that have a value, by value
	for k, p := range points {
		if p[axis].set {
			at = append(at, k)
		}
	}
	middle := func(k int) float64 { return (points[k][axis].lo + points[k][axis].hi) / 2 }
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(middle(a), middle(b)) })
	sigmas := make([]float64, len(points))
	for i, k := range at {
		below, above := middle(k), 1-middle(k) // to the ends of the axis
		if i > 0 {
			below = middle(k) - middle(at[i-1])
		}
		if i < len(at)-1 {
			above = middle(at[i+1]) - middle(k)
		}
		switch {
		case len(at) == 1:
			sigmas[k] = max(below, above)
		case i == 0:
			sigmas[k] = above
		case i == len(at)-1:
			sigmas[k] = below
		default:
			sigmas[k] = max(below, above)
		}
		sigmas[k] = min(max(sigmas[k], least), 1)
	}
	return sigmas
}

// sample draws settings: a kernel, then a value near its own for each setting that applies.
func (p *parzen) sample(rng *rand.Rand) map[string]string {
	at := p.draw(rng)
	kernel := p.kernels[at]
	params := map[string]string{}
	for i := range p.axes {
		a := &p.axes[i]
		u := rng.Float64()
		if k := kernel[i]; k.set && a.Kind == Choice {
			if rng.Float64() < 1/(1+p.slip*float64(a.levels)) {
				u = (k.lo + k.hi) / 2
			}
		} else if k.set {
			u = truncated(rng, (k.lo+k.hi)/2, p.sigmas[i][at])
		}
		if a.If.holds(params) {
			params[a.Name] = a.text(u)
		}
	}
	return params
}

// density returns the logarithm of the mixture's density at a point, over the settings that apply there. A kernel of a
// trial for which one of them did not apply is even along it.
func (p *parzen) density(at point) float64 {
	terms := make([]float64, len(p.kernels))
	highest := math.Inf(-1)
	for k := range p.kernels {
		terms[k] = math.Log(p.weights[k])
		for i := range p.axes {
			if at[i].set {
				terms[k] += p.along(i, k, at)
			}
		}
		highest = max(highest, terms[k])
	}
	sum := 0.0
	for _, t := range terms {
		sum += math.Exp(t - highest)
	}
	return highest + math.Log(sum)
}

// along returns the logarithm of one kernel's density along one axis: of the mass in a cell, per its width.
func (p *parzen) along(i, kernel int, at point) float64 {
	k, x := p.kernels[kernel][i], at[i]
	if !k.set {
		return 0
	}
	if levels := float64(p.axes[i].levels); p.axes[i].Kind == Choice {
		mass := p.slip
		if k.lo == x.lo {
			mass++
		}
		return math.Log(mass / (1 + p.slip*levels) * levels)
	}
	mu, sigma := (k.lo+k.hi)/2, p.sigmas[i][kernel]
	all := normalMass((0-mu)/sigma, (1-mu)/sigma)
	if x.lo == x.hi {
		z := (x.lo - mu) / sigma
		return -z*z/2 - math.Log(sigma*math.Sqrt(2*math.Pi)*all)
	}
	mass := normalMass((x.lo-mu)/sigma, (x.hi-mu)/sigma)
	return math.Log(max(mass, 1e-300) / (all * (x.hi - x.lo)))
}

// normalMass is the probability that a normal variate lies in [a, b], without loss of digits far from 0.
func normalMass(a, b float64) float64 {
	if a > 0 {
		a, b = -b, -a
	}
	return (math.Erfc(-b/math.Sqrt2) - math.Erfc(-a/math.Sqrt2)) / 2
}

// truncated draws from a normal distribution within [0, 1]. The mean lies within, so that half the draws or nearly do.
func truncated(rng *rand.Rand, mean, sigma float64) float64 {
	for range 100 {
		if x := mean + sigma*rng.NormFloat64(); x >= 0 && x <= 1 {
			return x
		}
	}
	return mean
}
