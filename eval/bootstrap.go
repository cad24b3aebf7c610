package eval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// measure is a figure that can be computed on any choice of examples.
type measure struct {
	Figure
	lower bool // the lower, the better
	of    func(examples []int32) float64
}

// measures lists the figures that are resampled; the first is the one that models are compared by.
func (r *Report) measures() []measure {
	named := func(key string, lower bool, of func([]int32) float64) measure {
		for _, f := range r.Figures() {
			if f.Key == key {
				return measure{f, lower, of}
			}
		}
		return measure{Figure{Key: key, Name: names[key][0], NameZH: names[key][1], Value: math.NaN()}, lower, of}
	}
	switch r.Task {
	case Numbers:
		truth, guess := make([]float64, r.N), make([]float64, r.N)
		gather := func(of func(errorFigures) float64) func([]int32) float64 {
			return func(examples []int32) float64 {
				for n, i := range examples {
					truth[n], guess[n] = r.outcomes[i].truth, r.outcomes[i].guess
				}
				return of(errorsOf(truth[:len(examples)], guess[:len(examples)]))
			}
		}
		return []measure{
			named("mae", true, gather(func(e errorFigures) float64 { return e.mae })),
			named("r2", false, gather(func(e errorFigures) float64 { return e.r2 })),
			named("spearman", false, r.correlation(Spearman)),
			named("pearson", false, r.correlation(Pearson)),
		}
	case Similarity:
		return r.similarityMeasures(named)
	case Answered:
		return r.answerMeasures(named)
	case Sets:
		return []measure{named("micro_f1", false, r.microF1), named("macro_f1", false, r.macroF1(r.countEach)), named("accuracy", false, r.share)}
	case Entities:
		return []measure{named("micro_f1", false, r.microF1), named("macro_f1", false, r.macroF1(r.countEach))}
	}
	return []measure{named("accuracy", false, r.share), named("macro_f1", false, r.macroF1(r.countClass))}
}

// share is that of the examples that are wholly right.
func (r *Report) share(examples []int32) float64 {
	right := 0
	for _, i := range examples {
		if r.outcomes[i].right {
			right++
		}
	}
	return ratio(float64(right), float64(len(examples)))
}

func (r *Report) microF1(examples []int32) float64 {
	var c counts
	for _, i := range examples {
		c.add(r.outcomes[i].counts)
	}
	return c.f1()
}

// countClass adds what one example says of its class, and of that which it was taken for.
func (r *Report) countClass(total []counts, example int32) {
	o := &r.outcomes[example]
	total[o.target].wanted++
	total[o.predicted].predicted++
	if o.target == o.predicted {
		total[o.target].right++
	}
}

// countEach adds what one example says of each of its labels or entities.
func (r *Report) countEach(total []counts, example int32) {
	for _, l := range r.outcomes[example].each {
		total[l.label].add(l.counts)
	}
}

// macroF1 is the mean F1 of the labels that occur. A label that examples were taken for and that none of all has counts
// nothing in every resample: in some it does not occur, and the interval would lie above the figure.
func (r *Report) macroF1(count func(total []counts, example int32)) func(examples []int32) float64 {
	whole, total := make([]counts, len(r.Labels)), make([]counts, len(r.Labels))
	for i := range r.outcomes {
		count(whole, int32(i))
	}
	return func(examples []int32) float64 {
		clear(total)
		for _, i := range examples {
			count(total, i)
		}
		sum, present := 0.0, 0.0
		for l, c := range total {
			if c.predicted+c.wanted > 0 || whole[l].predicted > 0 && whole[l].wanted == 0 {
				sum += c.f1()
				present++
			}
		}
		return ratio(sum, present)
	}
}

// correlation is one of truths and guesses, NaN where either is constant among the examples.
func (r *Report) correlation(of func(x, y []float64) float64) func(examples []int32) float64 {
	truth, guess := make([]float64, r.N), make([]float64, r.N)
	return func(examples []int32) float64 {
		for n, i := range examples {
			truth[n], guess[n] = r.outcomes[i].truth, r.outcomes[i].guess
		}
		return of(truth[:len(examples)], guess[:len(examples)])
	}
}

// bootstrap draws as many examples as there are, with replacement, and takes the middle 95 % of the figures of such
// resamples (Efron 1979).
func (r *Report) bootstrap(rounds int, seed uint64) {
	if rounds == 0 {
		return
	}
	measures := r.measures()
	values := make([][]float64, len(measures))
	resample(r.N, rounds, seed, func(examples []int32) {
		for m, f := range measures {
			if v := f.of(examples); !math.IsNaN(v) && !math.IsInf(v, 0) {
				values[m] = append(values[m], v)
			}
		}
	})
	r.Intervals = map[string]Interval{}
	for m, f := range measures {
		if len(values[m]) > 0 {
			r.Intervals[f.Key] = middle(values[m])
		}
	}
}

// resample calls use with the numbers of n examples drawn from n, so many times.
func resample(n, rounds int, seed uint64, use func(examples []int32)) {
	rng := rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))
	examples := make([]int32, n)
	for range rounds {
		for i := range examples {
			examples[i] = int32(rng.Uint64N(uint64(n)))
		}
		use(examples)
	}
}

// middle returns the range of the middle 95 % of x.
func middle(x []float64) Interval {
	slices.Sort(x)
	at := func(q float64) float64 { return x[int(math.Round(q*float64(len(x)-1)))] }
	return Interval{at(0.025), at(0.975)}
}
