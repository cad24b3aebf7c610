package eval

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func curve(law PowerLaw, noise float64, seed uint64) *LearningCurve {
	rng := rand.New(rand.NewPCG(seed, 1))
	var points []CurvePoint
	for _, n := range []int{500, 1000, 2000, 4000, 8000} {
		for s := range 3 {
			points = append(points, CurvePoint{N: n, Seed: uint64(s), Value: law.At(float64(n)) + noise*rng.NormFloat64()})
		}
	}
	return NewLearningCurve(Figure{Key: "accuracy", Name: "accuracy"}, 1000, points)
}

func TestAPowerLawIsFound(t *testing.T) {
	for _, law := range []PowerLaw{{2, .3, 0}, {3, .4, .05}, {1, .1, 0}} {
		c := curve(law, 0, 1)
		if c.Fit == nil || math.Abs(c.Fit.At(16000)-law.At(16000)) > 0.002 {
			t.Errorf("%+v: fitted %+v: %v at twice the labels, not %v", law, c.Fit, c.Fit.At(16000), law.At(16000))
		}
	}
}

// The promise of the interval: a single training on twice the labels lands in it, 19 times of 20.
func TestForecastsHoldWhatTheyPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty curves, each with hundreds of resamples")
	}
	rng := rand.New(rand.NewPCG(9, 9))
	held, width, all := 0, 0.0, 0
	for i := range 50 {
		law := PowerLaw{1 + 2*rng.Float64(), 0.2 + 0.3*rng.Float64(), 0.1 * rng.Float64()}
		noise := 0.002 + 0.008*rng.Float64()
		c := curve(law, noise, uint64(i))
		if c.Twice == nil {
			t.Fatalf("no forecast for %+v", law)
		}
		truth := law.At(16000) + noise*rng.NormFloat64()
		all++
		width += c.Twice.High - c.Twice.Low
		if c.Twice.Low <= truth && truth <= c.Twice.High {
			held++
		}
	}
	if held < 45 {
		t.Errorf("%d of %d trainings land in the interval", held, all)
	}
	if w := width / float64(all); w > 0.08 {
		t.Errorf("intervals of %.3f say nothing", w)
	}
}

func TestCurvesThatAllowNoForecast(t *testing.T) {
	figure := Figure{Key: "accuracy", Name: "accuracy"}
	for name, points := range map[string][]CurvePoint{
		"no training":       nil,
		"two sizes":         {{N: 10, Value: .5}, {N: 20, Value: .6}},
		"worse with labels": {{N: 10, Value: .9}, {N: 20, Value: .8}, {N: 40, Value: .5}},
	} {
		c := NewLearningCurve(figure, 10, points)
		if c.Twice != nil && c.Twice.Mean > c.Sizes[len(c.Sizes)-1].Mean+0.2 {
			t.Errorf("%s: %+v", name, c.Twice)
		}
		if c.Sentence() == "" || c.Plot() == nil {
			t.Errorf("%s: nothing to show", name)
		}
	}
	perfect := NewLearningCurve(figure, 10, []CurvePoint{{N: 10, Value: 1}, {N: 20, Value: 1}, {N: 40, Value: 1}})
	if f := perfect.Twice; f != nil && (f.High > 1 || math.IsNaN(f.Low)) {
		t.Errorf("%+v", f)
	}
	var b strings.Builder
	curve(PowerLaw{2, .3, .02}, .004, 3).Text(&b)
	if !strings.Contains(b.String(), "twice the labels (16000) would bring accuracy") {
		t.Error(b.String())
	}
}

// TestMoreLabelsBringWhatTheLawSays compares forecasts of gains with laws that are known.
func TestMoreLabelsBringWhatTheLawSays(t *testing.T) {
	law := PowerLaw{2, .3, .02}
	c := curve(law, 0.002, 5)
	for _, more := range []int{2000, 8000, 24000} {
		g := c.More(8000, more)
		if g == nil {
			t.Fatal("no forecast")
		}
		want := law.At(float64(8000+more)) - law.At(8000)
		if math.Abs(g.Mean-want) > 0.01 || g.Low > want || g.High < want || g.Low > g.Mean || g.High < g.Mean {
			t.Errorf("%d more: %+v, the law says %v", more, g, want)
		}
	}
	if s := c.Advice(8000); !strings.Contains(s, "more labels would bring about +") {
		t.Error(s)
	}
	flat := curve(PowerLaw{0.001, .3, .1}, 0, 1)
	if s := flat.Advice(8000); !strings.Contains(s, "not worth many labels") {
		t.Error(s)
	}
	if s := NewLearningCurve(Figure{Key: "accuracy", Name: "accuracy"}, 10, nil).Advice(10); !strings.Contains(s, "cannot be told") {
		t.Error(s)
	}
	for x, want := range map[float64]int{0.3: 1, 7: 7, 123: 120, 4567: 4600} {
		if got := round2(x); got != want {
			t.Errorf("%v is rounded to %d, want %d", x, got, want)
		}
	}
}
