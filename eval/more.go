package eval

import (
	"fmt"
	"math"
)

// Gain is what more labels would bring: how much the expected figure grows, and the range in which that lies with 95 %.
type Gain struct {
	More int     `json:"more"` // labels beside those that there are
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// More looks ahead from a number of labels to more of them. It is nil where the points allow no forecast.
func (c *LearningCurve) More(now, more int) *Gain {
	if c.Fit == nil || len(c.laws) == 0 || now < 1 || more < 1 {
		return nil
	}
	gain := func(p PowerLaw) float64 { return p.At(float64(now+more)) - p.At(float64(now)) }
	var values []float64
	for _, p := range c.laws {
		values = append(values, gain(p))
	}
	g := &Gain{More: more, Mean: gain(*c.Fit)}
	between := middle(values)
	g.Low, g.High = min(between.Low, g.Mean), max(between.High, g.Mean)
	if b := c.Backtest; b != nil { // the law was off by so much over the last doubling or so
		miss := math.Abs(b.Forecast-b.Mean) * math.Log2(float64(now+more)/float64(now))
		g.Low, g.High = min(g.Low, g.Mean-miss), max(g.High, g.Mean+miss)
	}
	return g
}

// worthAPoint is the gain for which labels are worth their price, unless a user knows better.
const worthAPoint = 0.01

// Advice says how many labels more than now would be worth it: the first of half as many again, as many again and so on that
// bring a point.
func (c *LearningCurve) Advice(now int) string {
	var best *Gain
	for _, factor := range []float64{0.25, 0.5, 1, 2, 4} {
		g := c.More(now, round2(factor*float64(now)))
		if g == nil {
			return "how much more labels would bring cannot be told: too few labels, or figures that do not grow with them."
		}
		if best = g; g.Mean >= worthAPoint {
			break
		}
	}
	s := fmt.Sprintf("%d more labels would bring about %+.1f points of %s (95 %% between %+.1f and %+.1f)", best.More, 100*best.Mean, c.Name, 100*best.Low, 100*best.High)
	switch {
	case best.Mean < worthAPoint:
		return s + ": not worth many labels of this kind."
	case best.Low <= 0:
		return s + ": they may as well bring nothing."
	}
	return s + "."
}

// round2 rounds to two digits: more would pretend.
func round2(x float64) int {
	if x < 1 {
		return 1
	}
	unit := math.Pow(10, max(0, math.Floor(math.Log10(x))-1))
	return int(math.Round(x/unit) * unit)
}
