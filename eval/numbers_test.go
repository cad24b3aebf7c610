package eval

import (
	"encoding/json"
	"math"
	"testing"
)

func TestFiguresThatDoNotExistAreLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		targets, predictions []float64
		without              []string
	}{
		"equal targets":     {[]float64{.1, .1, .1}, []float64{1, 2, 3}, []string{"r2", "explained_variance", "pearson", "spearman"}},
		"equal predictions": {[]float64{1, 2, 3}, []float64{.1, .1, .1}, []string{"pearson", "spearman"}},
		"one example":       {[]float64{1}, []float64{1}, []string{"r2", "pearson"}},
		"huge":              {[]float64{1e300, -1e300}, []float64{-1e300, 1e300}, []string{"mse"}},
	} {
		r, err := JudgeNumbers(c.targets, c.predictions, Options{Rounds: 20, Mistakes: 2})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, key := range c.without {
			if v, ok := r.More[key]; ok {
				t.Errorf("%s: %s is %v", name, key, v)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string][2][]float64{
		"nothing": {nil, nil}, "lengths": {{1}, {1, 2}}, "NaN": {{math.NaN()}, {1}}, "infinity": {{1}, {math.Inf(1)}}, "overflow": {{1.7e308}, {-1.7e308}},
	} {
		if _, err := JudgeNumbers(c[0], c[1], Options{}); err == nil {
			t.Errorf("%s: judged", name)
		}
	}
}

func TestHugeNumbersHaveTheFiguresOfSmallOnes(t *testing.T) {
	a, b := []float64{1, 2, 4, 7}, []float64{1.5, 1, 5, 6}
	small, err := JudgeNumbers(a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		a[i], b[i] = a[i]*1e300, b[i]*1e300
	}
	huge, err := JudgeNumbers(a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"r2", "explained_variance", "pearson", "spearman"} {
		near(t, key, huge.More[key], small.More[key])
	}
}
