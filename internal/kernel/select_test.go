package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDropoutIsTheSameOfEveryLengthAndPlace(t *testing.T) {
	const n = 200
	rng := rand.New(rand.NewPCG(13, 14))
	x, start := random(rng, n), random(rng, n)
	d := NewDropout(0x123456789abcdef0, 0.4)
	for _, first := range []int{0, 12345, 1<<32 - 100} { // the last goes around
		want := make([]float32, n)
		for i, v := range x {
			if d.bits(uint32(first+i)) >= d.Limit {
				want[i] = v * d.Scale
			}
		}
		eachVariant(t, func(t *testing.T) {
			for length := range 68 {
				for off := range 4 {
					at := off * 40
					y, check := guarded(t, start[at:at+length])
					d.Apply(y, x[at:at+length], first+at, false)
					check()
					for i, v := range y {
						if v != want[at+i] {
							t.Fatalf("position %d, of %d from %d: %v, want %v", first+at+i, length, at, v, want[at+i])
						}
					}
					copy(y, start[at:])
					d.Apply(y, x[at:at+length], first+at, true)
					check()
					for i, v := range y {
						if !near(v, float64(start[at+i])+float64(want[at+i]), 1e-6, 1e-6) {
							t.Fatalf("added at position %d: %v, want %v + %v", first+at+i, v, start[at+i], want[at+i])
						}
					}
				}
			}
		})
	}
}

// The masks of a key drop the share asked for, and neither positions near one another nor keys near one another agree
// more often than chance has it.
func TestDropoutLooksRandom(t *testing.T) {
	const n = 1 << 18
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	masks := make([][]float32, 0, 5)
	for _, key := range []uint64{1, 2, 3, 1 << 32, 0xfedcba9876543210} {
		const p = 0.3
		y := make([]float32, n)
		NewDropout(key, p).Apply(y, ones, 0, false)
		sum := 0.0
		for i, v := range y {
			if v != 0 {
				sum++
				y[i] = p // so that the mean is 0
			} else {
				y[i] = p - 1
			}
		}
		const deviation = 5 // standard deviations that chance is allowed
		if math.Abs(sum-n*(1-p)) > deviation*math.Sqrt(n*p*(1-p)) {
			t.Errorf("key %x keeps %v of %d", key, sum, n)
		}
		masks = append(masks, y)
		correlation := func(what string, i int, a, b []float32) {
			if r := float64(Dot(a, b)) / (p * (1 - p)); math.Abs(r) > deviation*math.Sqrt(n) {
				t.Errorf("key %x: %s %d: %.1f standard deviations from chance", key, what, i, r/math.Sqrt(n))
			}
		}
		for _, lag := range []int{1, 2, 3, 4, 7, 8, 16, 31, 64, 128, 256, 384, 512, 768, 1024, 1536, 4096, 65536} {
			correlation("distance", lag, y[:n-lag], y[lag:])
		}
		for i, other := range masks[:len(masks)-1] {
			correlation("the mask before, number", i, y, other)
			correlation("the mask before, one further, number", i, y[:n-1], other[1:])
		}
	}
}

func TestDropoutOfAllAndNothing(t *testing.T) {
	x := []float32{1, 2, 3}
	y := make([]float32, 3)
	NewDropout(7, 0).Apply(y, x, 0, false)
	for i := range x {
		if y[i] != x[i] {
			t.Errorf("dropping nothing turns %v into %v", x, y)
		}
	}
}

func TestMaxColumnsOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 16))
		for cols := range 150 {
			rows, stride := cols%6, cols+cols%3
			x := random(rng, rows*stride+1)
			for i := range x {
				x[i] = float32(math.Round(float64(x[i]) * 2)) // many are equal
				if rng.IntN(20) == 0 {
					x[i] = float32(math.NaN())
				}
			}
			want, wantFrom := make([]float32, cols), make([]int32, cols)
			for c := range cols {
				want[c], wantFrom[c] = float32(math.Inf(-1)), -7
			}
			best, check := guarded(t, want)
			from := append(append([]int32(nil), wantFrom...), 99)
			MaxColumns(best, from[:cols], x, rows, stride, 40)
			check()
			for c := range cols {
				for r := range rows {
					if v := x[r*stride+c]; v > want[c] {
						want[c], wantFrom[c] = v, int32(40+r)
					}
				}
				if best[c] != want[c] || from[c] != wantFrom[c] {
					t.Fatalf("%d rows of %d: column %d has %v from %d, want %v from %d", rows, cols, c, best[c], from[c], want[c], wantFrom[c])
				}
			}
			if from[cols] != 99 {
				t.Fatalf("%d columns: wrote behind from", cols)
			}
		}
	})
}

func BenchmarkSelect(b *testing.B) {
	const n = 64 * 384
	x, y := random(rand.New(rand.NewPCG(1, 1)), n), make([]float32, n)
	d := NewDropout(1, 0.1)
	b.Run("dropout", func(b *testing.B) { rate(b, n, func() { d.Apply(y, x, 0, false) }) })
	best, from := make([]float32, 100), make([]int32, 100)
	b.Run("maxColumns100", func(b *testing.B) { rate(b, 6200, func() { MaxColumns(best, from, x, 62, 100, 0) }) })
}
