package model

import (
	"math"
	"testing"
)

func TestEighthsOfAnOctave(t *testing.T) {
	if eighths(0) != 0 {
		t.Errorf("0 has %d", eighths(0))
	}
	for n := 1; n < 100_000; n++ {
		if want := uint64(8 + math.Floor(8*math.Log2(float64(n)))); eighths(n) != want {
			t.Fatalf("%d has %d, not %d", n, eighths(n), want)
		}
	}
}
