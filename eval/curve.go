package eval

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
)

// LearningCurve tells how a figure grows with the labels that a model is trained on, and what more of them would bring.
type LearningCurve struct {
	Key      string       `json:"key"` // of the figure, of which 1 is perfect
	Name     string       `json:"name"`
	NameZH   string       `json:"-"`
	Examples int          `json:"examples"` // that every model was judged on
	Points   []CurvePoint `json:"points"`
	Sizes    []CurveSize  `json:"sizes"`
	Fit      *PowerLaw    `json:"fit,omitempty"`      // nil where the points allow none
	Twice    *Forecast    `json:"twice,omitempty"`    // with twice the labels that there are
	Backtest *Backtest    `json:"backtest,omitempty"` // how well the same forecast would have done
	Next     *Gain        `json:"next,omitempty"`     // by half as many labels again

	laws []PowerLaw // of resamples
}

// CurvePoint is one training.
type CurvePoint struct {
	N     int     `json:"n"` // labelled examples
	Seed  uint64  `json:"seed"`
	Value float64 `json:"value"`
}

// CurveSize sums up the trainings on as many examples.
type CurveSize struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"` // the least and the greatest
	High float64 `json:"high"`
}

// PowerLaw is the course of the error, 1 − figure: A·n^−B + C (Hestness et al. 2017, "Deep Learning Scaling is
// Predictable, Empirically").
type PowerLaw struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
	C float64 `json:"c"`
}

// At is the figure that the law expects of n examples.
func (p PowerLaw) At(n float64) float64 { return 1 - p.A*math.Pow(n, -p.B) - p.C }

// Forecast is what the law expects, and the range in which 95 % of single trainings should lie.
type Forecast struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Backtest is the forecast for the largest size from all the others, and what really came.
type Backtest struct {
	N        int     `json:"n"`
	Forecast float64 `json:"forecast"`
	Mean     float64 `json:"mean"`
}

// NewLearningCurve sums up trainings and looks ahead. A forecast needs three sizes.
func NewLearningCurve(figure Figure, examples int, points []CurvePoint) *LearningCurve {
	c := &LearningCurve{Key: figure.Key, Name: figure.Name, NameZH: figure.NameZH, Examples: examples, Points: slices.Clone(points)}
	slices.SortStableFunc(c.Points, func(a, b CurvePoint) int { return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.Seed, b.Seed)) })
	for i, p := range c.Points {
		if i == 0 || p.N != c.Points[i-1].N {
			c.Sizes = append(c.Sizes, CurveSize{N: p.N, Low: p.Value, High: p.Value})
		}
		s := &c.Sizes[len(c.Sizes)-1]
		s.Low, s.High = min(s.Low, p.Value), max(s.High, p.Value)
	}
	for i := range c.Sizes {
		c.Sizes[i].Mean = mean(c.at(c.Sizes[i].N))
	}
	if len(c.Sizes) >= 3 {
		c.forecast()
	}
	return c
}

// at returns the values of one size.
func (c *LearningCurve) at(n int) []float64 {
	var out []float64
	for _, p := range c.Points {
		if p.N == n {
			out = append(out, p.Value)
		}
	}
	return out
}

// forecast fits the law and resamples the trainings of each size. Three seeds tell little of their spread, and no curve
// follows a law wholly: so each resample adds the spread that the larger sizes have together, fits with or without the
// smallest size and with or without a floor, and the range is widened to the miss of the backtest if that was larger.
func (c *LearningCurve) forecast() {
	last := c.Sizes[len(c.Sizes)-1]
	next := 2 * last.N
	spread := c.spread(c.Sizes[len(c.Sizes)/2:])
	own := map[int]float64{} // spread by size
	for i, s := range c.Sizes {
		own[s.N] = max(c.spread(c.Sizes[i:i+1]), spread)
	}
	fit, ok := fitPowerLaw(c.Points, own, true)
	if !ok {
		return
	}
	c.Fit = &fit
	rng := rand.New(rand.NewPCG(uint64(len(c.Points)), 0x5851f42d4c957f2d))
	var values []float64
	for range 400 {
		var drawn []CurvePoint
		first := 0
		if len(c.Sizes) > 3 {
			first = rng.IntN(2)
		}
		for _, s := range c.Sizes[first:] {
			of := c.at(s.N)
			shift := own[s.N] * rng.NormFloat64() / math.Sqrt(float64(len(of)))
			for range of {
				drawn = append(drawn, CurvePoint{N: s.N, Value: of[rng.IntN(len(of))] + shift})
			}
		}
		if law, ok := fitPowerLaw(drawn, own, rng.IntN(2) == 0); ok {
			c.laws = append(c.laws, law)
			values = append(values, law.At(float64(next))+spread*rng.NormFloat64())
		}
	}
	if len(values) < 100 {
		c.laws = nil
		return
	}
	range95 := middle(values)
	c.Twice = &Forecast{N: next, Mean: fit.At(float64(next)), Low: range95.Low, High: range95.High}
	before := slices.DeleteFunc(slices.Clone(c.Points), func(p CurvePoint) bool { return p.N == last.N })
	if earlier, ok := fitPowerLaw(before, own, true); ok {
		c.Backtest = &Backtest{N: last.N, Forecast: earlier.At(float64(last.N)), Mean: last.Mean}
		miss := math.Abs(c.Backtest.Forecast - last.Mean)
		c.Twice.Low, c.Twice.High = min(c.Twice.Low, c.Twice.Mean-miss), max(c.Twice.High, c.Twice.Mean+miss)
	}
	c.Twice.High = min(c.Twice.High, 1)
	c.Next = c.More(last.N, round2(0.5*float64(last.N)))
}

// unknownSpread is taken where every size was trained once.
const unknownSpread = 0.005

// spread is the standard deviation of trainings about the mean of their size.
func (c *LearningCurve) spread(sizes []CurveSize) float64 {
	sum, n := 0.0, 0
	for _, s := range sizes {
		values := c.at(s.N)
		for _, v := range values {
			sum += (v - s.Mean) * (v - s.Mean)
		}
		n += len(values) - 1
	}
	if n == 0 {
		return unknownSpread
	}
	return math.Sqrt(sum / float64(n))
}

// misfit is how far, as a share of the error, a curve may be off the law: it keeps sizes of little spread from deciding all.
const misfit = 0.03

// fitPowerLaw finds the law of the least squares, each weighted by the spread of its size; floor allows a C above 0. It is
// not ok where the errors do not shrink.
func fitPowerLaw(points []CurvePoint, spread map[int]float64, floor bool) (best PowerLaw, ok bool) {
	weights, logs := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		s, m := spread[p.N], misfit*max(1-p.Value, 1e-4)
		weights[i], logs[i] = 1/(s*s+m*m), math.Log(float64(p.N))
	}
	least := math.Inf(1)
	for b := 0.02; b <= 1.5; b += 0.02 {
		var sxx, sx, s1, sxy, sy float64
		for i, p := range points {
			w, x, e := weights[i], math.Exp(-b*logs[i]), 1-p.Value
			sxx, sx, s1, sxy, sy = sxx+w*x*x, sx+w*x, s1+w, sxy+w*x*e, sy+w*e
		}
		law := PowerLaw{A: sxy / sxx, B: b}
		if d := sxx*s1 - sx*sx; floor && d > 1e-12*sxx*s1 {
			if level := (sxx*sy - sx*sxy) / d; level > 0 {
				law.A, law.C = (s1*sxy-sx*sy)/d, level
			}
		}
		if !(law.A > 0) {
			continue
		}
		loss := 0.0
		for i, p := range points {
			d := law.A*math.Exp(-b*logs[i]) + law.C - (1 - p.Value)
			loss += weights[i] * d * d
		}
		if loss < least {
			least, best, ok = loss, law, true
		}
	}
	return best, ok
}

// Text prints the curve for a terminal.
func (c *LearningCurve) Text(w io.Writer) {
	fmt.Fprintf(w, "%9s  %9s  %-19s  trainings\n", "labels", c.Name, "least – greatest")
	for _, s := range c.Sizes {
		fmt.Fprintf(w, "%9d  %9.4f  %-19s  %d\n", s.N, s.Mean, fmt.Sprintf("%.4f – %.4f", s.Low, s.High), len(c.at(s.N)))
	}
	fmt.Fprintf(w, "\n%s\n", c.Sentence())
}

// Sentence says what more labels would bring.
func (c *LearningCurve) Sentence() string {
	if c.Twice == nil {
		return "the points allow no forecast: it needs three sizes, and errors that shrink."
	}
	now := c.Sizes[len(c.Sizes)-1].Mean
	s := fmt.Sprintf("twice the labels (%d) would bring %s %.4f, 95 %% between %.4f and %.4f; now it is %.4f.", c.Twice.N, c.Name, c.Twice.Mean, c.Twice.Low, c.Twice.High, now)
	if c.Twice.Low <= now {
		s += " More labels of this kind might not be felt."
	}
	if g := c.Next; g != nil {
		s += fmt.Sprintf(" %d more would bring %+.1f points, between %+.1f and %+.1f.", g.More, 100*g.Mean, 100*g.Low, 100*g.High)
	}
	if b := c.Backtest; b != nil {
		s += fmt.Sprintf(" Without the trainings on %d labels the same forecast for them would have been %.4f; it came to %.4f.", b.N, b.Forecast, b.Mean)
	}
	return s
}

// Plot draws the trainings, the law and the forecast.
func (c *LearningCurve) Plot() *chart.Plot {
	p := &chart.Plot{X: chart.Axis{Name: chart.Label{EN: "labelled examples", ZH: "标注样本数"}, Log: true}, Y: chart.Axis{Name: chart.Label{EN: c.Name, ZH: c.NameZH}}}
	means := chart.Curve{Name: chart.Label{EN: "trainings", ZH: "训练结果"}, Style: chart.Dots}
	for _, q := range c.Points {
		means.X, means.Y = append(means.X, float64(q.N)), append(means.Y, q.Value)
	}
	p.Curves = append(p.Curves, means)
	if c.Fit == nil || len(c.Sizes) == 0 {
		return p
	}
	law := chart.Curve{Name: chart.Label{EN: "power law", ZH: "幂律拟合"}, Style: chart.Dashed}
	from, to := float64(c.Sizes[0].N), 2*float64(c.Sizes[len(c.Sizes)-1].N)
	for i := range 60 {
		n := from * math.Pow(to/from, float64(i)/59)
		law.X, law.Y = append(law.X, n), append(law.Y, c.Fit.At(n))
	}
	p.Curves = append(p.Curves, law)
	if t := c.Twice; t != nil {
		now := c.Sizes[len(c.Sizes)-1]
		p.Curves = append(p.Curves, chart.Curve{Name: chart.Label{EN: "forecast, 95 %", ZH: "预测（95 %）"},
			X: []float64{float64(now.N), float64(t.N)}, Y: []float64{c.Fit.At(float64(now.N)), t.Mean},
			Low: []float64{now.Low, t.Low}, High: []float64{now.High, t.High}})
	}
	return p
}

func (c *LearningCurve) smallPlot() *chart.Plot {
	p := c.Plot()
	p.Small = true
	return p
}
