package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestARateTestLeavesTheTrainingAsItWas(t *testing.T) {
	for _, family := range []string{"ngram", "cnn"} {
		m, trainSet, valid, _ := build(t, family)
		tested, err := New(m, trainSet, valid, config())
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(m.Params.Values())
		steps := 0
		test, err := tested.TestRates(t.Context(), RateRange{1e-5, 10, 120}, func(int, float64) { steps++ })
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, m.Params.Values()) || tested.Step() != 0 {
			t.Errorf("%s: weights or steps have changed", family)
		}
		if steps != len(test.Rates) || !slices.IsSorted(test.Rates) || test.Rates[0] != 1e-5 {
			t.Errorf("%s: %d steps, rates %v", family, steps, test.Rates)
		}
		if test.Suggested < 1e-4 || test.Suggested > 1 || test.Suggested > test.Lowest/9.99 || test.Suggested > test.Steepest {
			t.Errorf("%s: suggested %g, steepest %g, lowest %g", family, test.Suggested, test.Steepest, test.Lowest)
		}
		run(t, tested, nil)
		tested.Finish()
		other, trainSet, valid, _ := build(t, family)
		plain, err := New(other, trainSet, valid, config())
		if err != nil {
			t.Fatal(err)
		}
		run(t, plain, nil)
		plain.Finish()
		if !slices.Equal(other.Params.Values(), m.Params.Values()) {
			t.Errorf("%s: a training after the test gives other weights than one without", family)
		}
	}
}

func TestARateTestSaysWhatIsWrong(t *testing.T) {
	m, trainSet, valid, _ := build(t, "ngram")
	tr, err := New(m, trainSet, valid, config())
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Finish()
	for _, r := range []RateRange{{}, {1, 0.1, 100}, {0, 1, 100}, {-1, 1, 100}, {1, math.Inf(1), 100}, {math.NaN(), 1, 100}, {1e-5, 1, 9}} {
		if _, err := tr.TestRates(t.Context(), r, nil); err == nil || hint.Way(err) == "" {
			t.Errorf("%v: %v", r, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := tr.TestRates(ctx, RateRange{1e-5, 1, 100}, func(int, float64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	rising := &RateTest{}
	for i := range 50 {
		rising.Rates, rising.Smoothed = append(rising.Rates, float64(i+1)), append(rising.Smoothed, float64(i))
	}
	if err := rising.suggest(); err == nil || !strings.Contains(err.Error(), "does not fall") {
		t.Errorf("a loss that only rises: %v", err)
	}
	if err := (&RateTest{}).suggest(); err == nil || !strings.Contains(err.Error(), "broke down") {
		t.Errorf("a loss that breaks down at once: %v", err)
	}
}
