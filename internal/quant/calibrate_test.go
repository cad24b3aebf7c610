package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func within(t *testing.T, what string, got, want, off float32) {
	t.Helper()
	if d := got - want; d < -off || d > off {
		t.Errorf("%s is %v, want %v ± %v", what, got, want, off)
	}
}

// TestCalibrationsOfKnownNumbers counts the whole numbers from -500 to 999, in an order in which the range grows, and a few
// far ones.
func TestCalibrationsOfKnownNumbers(t *testing.T) {
	var h Histogram
	for i := range 1500 {
		if err := h.Add([]float32{float32(i - 500)}); err != nil {
			t.Fatal(err)
		}
	}
	lo, hi := h.Range(Calibration{Method: MinMax})
	if lo != -500 || hi != 999 || h.Limit(Calibration{Method: MinMax}) != 999 {
		t.Errorf("from %v to %v, magnitudes to %v", lo, hi, h.Limit(Calibration{Method: MinMax}))
	}
	lo, hi = h.Range(Calibration{Percentile, 98}) // 15 numbers off at each end
	within(t, "the lower end", lo, -485, 1)
	within(t, "the upper end", hi, 984, 1)
	within(t, "the magnitude", h.Limit(Calibration{Percentile, 98}), 969, 1)
	if lo, hi = h.Range(Calibration{Percentile, 100}); lo != -500 || hi != 999 {
		t.Errorf("all are from %v to %v", lo, hi)
	}
}

// TestEntropyLeavesOutWhatIsRare compares the limit of a bell with that of one that has outliers, and of an even spread,
// of which nothing can be left out.
func TestEntropyLeavesOutWhatIsRare(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var bell, outliers, even Histogram
	for range 200_000 {
		v := float32(r.NormFloat64())
		for _, err := range []error{bell.Add([]float32{v}), outliers.Add([]float32{v}), even.Add([]float32{2*r.Float32() - 1})} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := outliers.Add([]float32{80, -100}); err != nil {
		t.Fatal(err)
	}
	c := Calibration{Method: Entropy}
	if limit := bell.Limit(c); limit < 2.5 || limit > 5.5 {
		t.Errorf("of a bell %v", limit)
	}
	if limit := outliers.Limit(c); limit < 2.5 || limit > 12 {
		t.Errorf("of a bell with outliers at 100: %v", limit)
	}
	within(t, "of an even spread", even.Limit(c), 1, 0.02)
	if lo, hi := outliers.Range(c); lo < -12 || hi > 12 || lo > -2.5 || hi < 2.5 {
		t.Errorf("from %v to %v", lo, hi)
	}
}

func TestNumbersThatAreNoneAndNoNumbers(t *testing.T) {
	var h Histogram
	if h.Count() != 0 || h.Limit(Calibration{Method: Entropy}) != 0 {
		t.Error("an empty histogram has numbers")
	}
	for range 3 {
		if err := h.Add([]float32{0}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []Calibration{{Method: MinMax}, {Percentile, 99}, {Method: Entropy}} {
		if lo, hi := h.Range(c); lo != 0 || hi != 0 || h.Limit(c) != 0 {
			t.Errorf("%s: zeros are from %v to %v", c, lo, hi)
		}
	}
	if err := h.Add([]float32{float32(math.NaN())}); err == nil {
		t.Error("NaN was counted")
	}
	if err := h.Add([]float32{-7}); err != nil || h.bins[halfBins] != 3 {
		t.Errorf("%v, %d zeros", err, h.bins[halfBins])
	}
}

func TestParseCalibration(t *testing.T) {
	for s, want := range map[string]string{"": "minmax", "minmax": "minmax", "percentile": "percentile=99.9", "percentile=99.99": "percentile=99.99", "entropy": "entropy"} {
		if c, err := ParseCalibration(s); err != nil || c.String() != want {
			t.Errorf("%q is %s, %v", s, c, err)
		}
	}
	for _, s := range []string{"max", "minmax=1", "entropy=", "percentile=", "percentile=40", "percentile=101", "percentile=NaN"} {
		if _, err := ParseCalibration(s); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", s, err)
		}
	}
}
