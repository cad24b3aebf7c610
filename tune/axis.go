package tune

import (
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
)

// axis maps the values of a setting to [0, 1], where samplers and forests work. A number of a continuous range is a
// point; one of whole numbers or steps, and each choice, is a cell as wide as its share of the axis.
type axis struct {
	*Param
	from, to float64 // ends of the axis on the scale, logarithmic or not
	half     float64 // of a step; 0 for continuous ranges
	levels   int     // number of values; 0 for continuous ranges
}

func (s Space) axes() []axis {
	out := make([]axis, len(s))
	for i := range s {
		out[i] = newAxis(&s[i])
	}
	return out
}

func newAxis(p *Param) axis {
	a := axis{Param: p}
	switch {
	case p.Kind == Choice:
		a.levels = len(p.Choices)
		return a
	case p.Step > 0:
		a.half = p.Step / 2
	case p.Kind == Int:
		a.half = 0.5
	}
	if a.half > 0 {
		a.levels = 1 + int((p.High-p.Low)/(2*a.half)+1e-9)
	}
	a.from = a.scale(p.Low - a.half)
	a.to = a.scale(a.high() + a.half)
	return a
}

// high is the highest value: the last step may end before High.
func (a *axis) high() float64 {
	if a.levels > 0 {
		return a.Low + float64(a.levels-1)*2*a.half
	}
	return a.High
}

func (a *axis) scale(v float64) float64 {
	if a.Log {
		return math.Log(v)
	}
	return v
}

func (a *axis) unit(v float64) float64 {
	return min(max((a.scale(v)-a.from)/(a.to-a.from), 0), 1)
}

// text returns the value whose cell holds u, or that is at u.
func (a *axis) text(u float64) string {
	if a.Kind == Choice {
		return a.Choices[min(int(u*float64(a.levels)), a.levels-1)]
	}
	v := a.from + u*(a.to-a.from)
	if a.Log {
		v = math.Exp(v)
	}
	if a.levels > 0 {
		v = a.Low + math.Round((v-a.Low)/(2*a.half))*2*a.half
	}
	return number(min(max(v, a.Low), a.high()))
}

// place returns the ends of the cell of a value, which are equal for a point, and false for what is no value of this
// setting.
func (a *axis) place(text string) (lo, hi float64, ok bool) {
	if a.Kind == Choice {
		for i, c := range a.Choices {
			if c == text {
				return float64(i) / float64(a.levels), float64(i+1) / float64(a.levels), true
			}
		}
		return 0, 1, false
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, 1, false
	}
	return a.unit(v - a.half), a.unit(v + a.half), true
}

// point is a trial's settings on the axes: the ends of each cell.
type point []struct {
	lo, hi float64
	set    bool // the setting applies
}

func place(axes []axis, params map[string]string) point {
	p := make(point, len(axes))
	for i := range axes {
		if text, ok := params[axes[i].Name]; ok {
			p[i].lo, p[i].hi, p[i].set = axes[i].place(text)
		}
	}
	return p
}

// Random proposes settings evenly over the space.
type Random struct{}

// Suggest implements Sampler.
func (Random) Suggest(s Space, _ []Objective, _ []Trial, draw Draw) map[string]string {
	rng := draw.rng()
	return s.at(func(int) float64 { return rng.Float64() })
}

// at returns the settings at a point of the axes.
func (s Space) at(u func(axis int) float64) map[string]string {
	params := map[string]string{}
	axes := s.axes()
	for i := range axes {
		x := u(i)
		if axes[i].If.holds(params) {
			params[axes[i].Name] = axes[i].text(x)
		}
	}
	return params
}

// all lists the settings of a space; nil if they are more than limit.
func (s Space) all(limit int) []map[string]string {
	list := []map[string]string{{}}
	axes := s.axes()
	for i := range axes {
		a := &axes[i]
		var longer []map[string]string
		for _, params := range list {
			if !a.If.holds(params) {
				longer = append(longer, params)
				continue
			}
			if a.levels == 0 || len(longer)+a.levels > limit {
				return nil
			}
			for level := range a.levels {
				next := maps.Clone(params)
				next[a.Name] = a.level(level)
				longer = append(longer, next)
			}
		}
		list = longer
	}
	return list
}

// level returns one of the values of a choice, or of a range of whole numbers or steps.
func (a *axis) level(i int) string {
	if a.Kind == Choice {
		return a.Choices[i]
	}
	return number(a.Low + float64(i)*2*a.half)
}

// Draw tells a sampler which proposal is wanted. The same Draw and trials give the same settings.
type Draw struct {
	Seed    uint64
	Number  int // of the trial, from 1
	Attempt int // from 0: how often the proposals for this trial had been tried before
}

func (d Draw) rng() *rand.Rand {
	return rand.New(rand.NewPCG(d.Seed, uint64(d.Number)<<16+uint64(d.Attempt)))
}

// spread returns settings that cover the space more evenly than chance does: the points of Halton's sequence, all moved
// by one random step (Cranley & Patterson 1976). Axes beyond the primes are left to chance, as are further attempts.
func spread(s Space, draw Draw) map[string]string {
	rng := draw.rng()
	shift := rand.New(rand.NewPCG(draw.Seed, 0))
	return s.at(func(i int) float64 {
		move, u := shift.Float64(), rng.Float64()
		if i >= len(primes) || draw.Attempt > 0 {
			return u
		}
		return math.Mod(halton(draw.Number, primes[i])+move, 1)
	})
}

var primes = []int{2, 3, 5, 7, 11, 13, 17, 19}

// halton mirrors the digits of n at the decimal point, in some base.
func halton(n, base int) float64 {
	x, place := 0.0, 1.0
	for ; n > 0; n /= base {
		place /= float64(base)
		x += place * float64(n%base)
	}
	return x
}
