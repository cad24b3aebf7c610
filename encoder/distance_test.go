package encoder

import "testing"

// TestDistancesShareRows has the rows that follow from the formulas with exact logarithms: what lies on the edge of a
// bucket must not fall off it by rounding.
func TestDistancesShareRows(t *testing.T) {
	for distance, want := range map[int]int{
		0: 0, -1: 1, 1: 17, -7: 7, 7: 23, -8: 8, -11: 8, -12: 9, -15: 9, -16: 10, 16: 26, -22: 10, -23: 11, -32: 12,
		-45: 12, -46: 13, -63: 13, -64: 14, 64: 30, -90: 14, -91: 15, -127: 15, -128: 15, -5000: 15, 5000: 31,
	} {
		if got := relativeBucket(distance, 32); got != want {
			t.Errorf("a key %d away has bucket %d, want %d", distance, got, want)
		}
	}
	d := Disentangled{Span: 256, Buckets: 256, MaxDistance: 512}
	for distance, want := range map[int]int{
		0: 256, 1: 257, -1: 255, 127: 383, 128: 384, -128: 128, 129: 385, 130: 386, 200: 256 + 128 + 41, 300: 256 + 128 + 79, 511: 511, -511: 1, 600: 511, -4000: 0,
	} {
		if got := d.row(distance); got != want {
			t.Errorf("a key %d before has row %d, want %d", distance, got, want)
		}
	}
	own := Disentangled{Span: 40, MaxDistance: 40}
	for distance, want := range map[int]int{0: 40, 39: 79, 40: 79, -40: 0, -90: 0} {
		if got := own.row(distance); got != want {
			t.Errorf("a key %d before has row %d, want %d", distance, got, want)
		}
	}
}
