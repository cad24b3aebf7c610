package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// special are the numbers that go wrong most easily.
var special = []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(0x7fc00155), 1e-42, -1e-42, 1e-30, -1e-30, 3e38, -3e38, 1e19, -1e19, 87.4, -87.4, 88.8, -88.8}

// sweep returns a fine grid, numbers of all sizes, and the special ones.
func sweep() []float32 {
	var x []float32
	for v := float32(-104); v < 104; v += 0.0137 {
		x = append(x, v, v/20)
	}
	for e := -40; e < 3; e++ {
		x = append(x, float32(math.Ldexp(1.3, e)), -float32(math.Ldexp(1.3, e)))
	}
	return append(x, special...)
}

// near tells that got is want, rounded to float32, within an error relative to it and one beside it.
func near(got float32, want, relative, absolute float64) bool {
	w := float64(float32(want))
	if g := float64(got); g == w || math.IsNaN(g) && math.IsNaN(w) {
		return true
	} else {
		return math.Abs(g-w) <= relative*math.Abs(want)+absolute
	}
}

func TestFunctionsAreAccurate(t *testing.T) {
	x := sweep()
	y := make([]float32, len(x))
	const tiny = 1.2e-38
	eachVariant(t, func(t *testing.T) {
		for f, c := range [...]struct {
			name               string
			relative, absolute float64
		}{{"exp", 3e-7, tiny}, {"tanh", 4e-7, 0}, {"sigmoid", 3e-7, tiny}, {"relu", 0, 0}, {"gelu", 3e-7, 2e-7}, {"geluTanh", 3e-7, 3e-7}, {"silu", 3e-7, 2e-7}} {
			function(f).apply(y, x)
			for i, v := range x {
				if want := functions[f](float64(v)); !near(y[i], want, c.relative, c.absolute) {
					t.Errorf("%s(%v) is %v, want %v", c.name, v, y[i], want)
				}
			}
		}
	})
}

func TestSlopesAreAccurate(t *testing.T) {
	x := sweep()
	dy, dx := make([]float32, len(x)), make([]float32, len(x))
	for i := range dy {
		dy[i] = 1 - 2*float32(i%2)
	}
	for i, v := range special { // in the gradient too
		x[i], dy[i] = 0.7, v
	}
	eachVariant(t, func(t *testing.T) {
		for f, name := range [...]string{fnTanh: "tanh", fnSigmoid: "sigmoid", fnRelu: "relu", fnGelu: "gelu", fnGeluTanh: "geluTanh", fnSilu: "silu"} {
			if name == "" {
				continue
			}
			in := x
			if f := function(f); f <= fnRelu {
				in = make([]float32, len(x)) // results of the function, which the derivative is computed from
				f.apply(in, x)
			}
			function(f).slope(dx, dy, in)
			for i, v := range in {
				want := slopes[f](float64(dy[i]), float64(v))
				if !near(dx[i], want, 6e-7, 6e-7*math.Abs(float64(dy[i]))) {
					t.Errorf("the slope of %s at %v, times %v, is %v, want %v", name, v, dy[i], dx[i], want)
				}
			}
		}
	})
}

// A function gives the same bits wherever its numbers stand, in rows of any length, and in place.
func TestFunctionsOfEveryLengthAndPlace(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		x, d := random(rng, 256), random(rng, 256)
		for f := range functions {
			f := function(f)
			whole, slope := make([]float32, len(x)), make([]float32, len(x))
			f.apply(whole, x)
			if f != fnExp {
				f.slope(slope, d, x)
			}
			for n := range 68 {
				for off := range 4 {
					for name, run := range map[string]func(dst []float32){
						"function": func(dst []float32) { f.apply(dst, x[off:off+n]) },
						"in place": func(dst []float32) { copy(dst, x[off:off+n]); f.apply(dst, dst) },
						"slope":    func(dst []float32) { f.slope(dst, d[off:off+n], x[off:off+n]) },
						"slope in place": func(dst []float32) {
							copy(dst, d[off:off+n])
							f.slope(dst, dst, x[off:off+n])
						},
					} {
						want := whole
						if name[0] == 's' {
							want = slope
						}
						if f == fnExp && name[0] == 's' {
							continue
						}
						buffer := make([]float32, n+9)
						for i := range buffer {
							buffer[i] = guard
						}
						run(buffer[off : off+n])
						for i, got := range buffer {
							if at := i - off; at < 0 || at >= n {
								if got != guard {
									t.Fatalf("%s of function %d on %d numbers wrote beside them", name, f, n)
								}
							} else if got != want[off+at] {
								t.Fatalf("%s of function %d on %d numbers from %d: [%d] is %v, in a long row %v", name, f, n, off, at, got, want[off+at])
							}
						}
					}
				}
			}
		}
	})
}

func TestSumAndMaxOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for n := range 68 {
			for off := range 3 {
				x := random(rng, n+off)[off:]
				for i := range x {
					x[i] -= 3 // lanes beyond the end must not count as 0
				}
				sum := 0.0
				for _, v := range x {
					sum += float64(v)
				}
				if got := Sum(x); math.Abs(float64(got)-sum) > 1e-6*(1+math.Abs(sum)) {
					t.Errorf("the sum of %d is %v, want %v", n, got, sum)
				}
				if got, want := Max(x), plainMax(x); got != want {
					t.Errorf("the maximum of %d is %v, want %v", n, got, want)
				}
				if n > 0 {
					x[rng.IntN(n)] = float32(math.Inf(1))
					if got := Max(x); got != float32(math.Inf(1)) {
						t.Errorf("the maximum of %d with Inf is %v", n, got)
					}
					x[rng.IntN(n)] = float32(math.NaN())
					if got := Max(x); got == got {
						t.Errorf("the maximum of %d with NaN is %v", n, got)
					}
				}
			}
		}
	})
}

// rate reports millions of numbers a second.
func rate(b *testing.B, n int, f func()) {
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
}

// BenchmarkFunctions runs each function on 98 KB, and on rows of 64.
func BenchmarkFunctions(b *testing.B) {
	const n = 64 * 384
	x, d, y := random(rand.New(rand.NewPCG(1, 1)), n), random(rand.New(rand.NewPCG(1, 2)), n), make([]float32, n)
	copy(y, x)
	for f, name := range [...]string{"exp", "tanh", "sigmoid", "relu", "gelu", "geluTanh", "silu"} {
		b.Run(name, func(b *testing.B) { rate(b, n, func() { function(f).apply(y, x) }) })
		if f > 0 {
			b.Run(name+"Grad", func(b *testing.B) { rate(b, n, func() { function(f).slope(y, d, x) }) })
		}
	}
	b.Run("exp21", func(b *testing.B) { rate(b, 21, func() { Exp(y[:21], x[:21]) }) })
	b.Run("axpy", func(b *testing.B) { rate(b, n, func() { Axpy(1e-9, x, y) }) })
	b.Run("dot", func(b *testing.B) { rate(b, n, func() { Dot(x, d) }) })
	b.Run("sum", func(b *testing.B) { rate(b, n, func() { Sum(x) }) })
	b.Run("max", func(b *testing.B) { rate(b, n, func() { Max(x) }) })
	b.Run("softmax64", func(b *testing.B) {
		copy(y, x)
		rate(b, n, func() { softmaxRows(y, x, n/64, 64, 0.5, nil) })
	})
	sums := make([]float32, n/64)
	b.Run("softmax64sums", func(b *testing.B) { rate(b, n, func() { softmaxRows(y, x, n/64, 64, 0.5, sums) }) })
	b.Run("softmax21", func(b *testing.B) { rate(b, n/21*21, func() { softmaxRows(y, x, n/21, 21, 0.5, nil) }) })
	b.Run("softmaxAgain64", func(b *testing.B) { rate(b, n, func() { SoftmaxAgain(y, n/64, 64, 0.5, sums) }) })
	b.Run("softmaxGrad64", func(b *testing.B) {
		clear(y)
		rate(b, n, func() { SoftmaxGrad(y, x, n/64, 64, 0.5) })
	})
	b.Run("adamw", func(b *testing.B) {
		m, v := make([]float32, n), make([]float32, n)
		h := AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Correction1: 0.5, Correction2: 0.5}
		rate(b, n, func() { h.Step(y, d, m, v) })
	})
}
