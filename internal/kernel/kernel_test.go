package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// each variant that works here runs a test.
func eachVariant(t *testing.T, f func(t *testing.T)) {
	defer func(l level) { current = l }(current)
	for l, v := range Variants() {
		t.Run(v.Name, func(t *testing.T) {
			if !v.Available {
				t.Skip(v.Why)
			}
			current = level(l)
			f(t)
		})
	}
}

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

const guard = float32(-12345.5)

// gemmCase multiplies in all orientations and compares with sums in double precision. Around C stand guards.
func gemmCase(t *testing.T, rng *rand.Rand, m, n, k, pad int, overlap, acc bool) {
	t.Helper()
	lda := k + pad
	if overlap {
		lda = max(k/3, 1)
	}
	off := rng.IntN(3) // starts that are not aligned
	a := random(rng, max((m-1)*lda+k, 0)+off)[off:]
	b := random(rng, k*(n+pad)+off)[off:]
	at, bt := make([]float32, k*(m+pad)), make([]float32, n*(k+pad))
	for i := range m {
		for p := range k {
			at[p*(m+pad)+i] = a[i*lda+p]
		}
	}
	for p := range k {
		for j := range n {
			bt[j*(k+pad)+p] = b[p*(n+pad)+j]
		}
	}
	ldc := n + pad
	start := random(rng, m*ldc+1)
	var packed, packedT PackedB
	packed.Pack(F32, k, n, b, n+pad)
	packedT.PackT(F32, k, n, bt, k+pad)
	kept := packedT
	kept.Keep()
	want, size := make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for j := range n {
			if size[i*n+j] = 1; acc {
				want[i*n+j] = float64(start[i*ldc+j])
			}
		}
		for p, v := range a[i*lda : i*lda+k] {
			for j, w := range b[p*(n+pad):][:n] {
				v := float64(v) * float64(w)
				want[i*n+j] += v
				size[i*n+j] += math.Abs(v)
			}
		}
	}
	for name, run := range map[string]func(c []float32){
		"NN":      func(c []float32) { GemmNN(F32, m, n, k, a, lda, b, n+pad, c, ldc, acc) },
		"NT":      func(c []float32) { GemmNT(F32, m, n, k, a, lda, bt, k+pad, c, ldc, acc) },
		"TN":      func(c []float32) { GemmTN(F32, m, n, k, at, m+pad, b, n+pad, c, ldc, acc) },
		"packed":  func(c []float32) { GemmPacked(m, a, lda, &packed, c, ldc, Epilogue{Accumulate: acc}) },
		"packedT": func(c []float32) { GemmPacked(m, a, lda, &packedT, c, ldc, Epilogue{Accumulate: acc}) },
		"kept":    func(c []float32) { GemmPacked(m, a, lda, &kept, c, ldc, Epilogue{Accumulate: acc}) },
	} {
		c := append([]float32(nil), start...)
		for i := range m {
			for j := n; j < ldc; j++ {
				c[i*ldc+j] = guard
			}
		}
		c[m*ldc] = guard
		run(c)
		if c[m*ldc] != guard {
			t.Fatalf("%s %d×%d×%d: wrote behind C", name, m, n, k)
		}
		for i := range m {
			for j := range ldc {
				got := c[i*ldc+j]
				if j >= n {
					if got != guard {
						t.Fatalf("%s %d×%d×%d: wrote between the rows of C", name, m, n, k)
					}
					continue
				}
				if math.Abs(float64(got)-want[i*n+j]) > 1e-6*size[i*n+j] {
					t.Fatalf("%s %d×%d×%d, distance %d, acc %v: C[%d,%d] is %v, want %v", name, m, n, k, pad, acc, i, j, got, want[i*n+j])
				}
			}
		}
	}
}

func TestGemmOnEveryRemainder(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		// Each dimension runs through 1 to 67 while the others take sizes on both sides of a tile.
		for i := 1; i <= 67; i++ {
			acc, pad := i%2 == 0, i%3
			if !testing.Short() || i%5 == 0 { // enough work for tiles in every orientation
				gemmCase(t, rng, 67+i, 130, 64+i%2, pad, false, acc)
				gemmCase(t, rng, 80, 67+i, 130, pad, false, acc)
				gemmCase(t, rng, 80, 130, 67+i, pad, i%4 == 0, acc)
			}
			for _, o := range [][2]int{{1, 1}, {5, 33}, {15, 7}} {
				gemmCase(t, rng, i, o[0], o[1], pad, false, acc)
				gemmCase(t, rng, o[0], i, o[1], pad, false, acc)
				gemmCase(t, rng, o[0], o[1], i, pad, i > 3, acc)
			}
		}
		for range 40 {
			gemmCase(t, rng, 1+rng.IntN(67), 1+rng.IntN(67), rng.IntN(68), rng.IntN(3), rng.IntN(2) == 0, rng.IntN(2) == 0)
		}
		if !testing.Short() {
			gemmCase(t, rng, 30, 600, 1100, 3, false, true) // several blocks of rows and panels
			gemmCase(t, rng, 250, 70, 600, 1, false, true)  // several copies of a transposed A
			gemmCase(t, rng, 70, 530, 1100, 4, true, false) // several groups of panels that are split
			gemmCase(t, rng, 29, 33, 1024, 0, false, false) // a distance that is a power of two
		}
	})
}

func TestGemmOfNothing(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		c := []float32{1, 2}
		GemmNN(F32, 1, 2, 0, nil, 0, nil, 2, c, 2, true)
		if c[0] != 1 || c[1] != 2 {
			t.Errorf("C += nothing gives %v", c)
		}
		GemmNN(F32, 1, 2, 0, nil, 0, nil, 2, c, 2, false)
		if c[0] != 0 || c[1] != 0 {
			t.Errorf("C = nothing gives %v", c)
		}
		GemmNN(F32, 0, 2, 3, nil, 3, make([]float32, 6), 2, nil, 2, false)
		GemmNN(F32, 2, 0, 3, make([]float32, 6), 3, nil, 0, nil, 0, false)
	})
}

func TestGemmPassesOnInfinityAndNaN(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachVariant(t, func(t *testing.T) {
		for _, s := range [][3]int{{17, 35, 9}, {100, 80, 75}} {
			m, n, k := s[0], s[1], s[2]
			for _, v := range []float32{inf, -inf, nan, math.MaxFloat32, 1e-42} {
				for _, inB := range []bool{false, true} {
					a, b := make([]float32, m*k), make([]float32, k*n)
					for i := range b {
						b[i] = 1
					}
					at := func(i, j int) bool { return i == 3 } // where v counts
					if inB {
						for i := range a {
							a[i] = 1
						}
						clear(b)
						b[5*n+33] = v
						at = func(i, j int) bool { return j == 33 }
					} else {
						a[3*k+5] = v
					}
					for name, run := range map[string]func(c []float32){
						"NN": func(c []float32) { GemmNN(F32, m, n, k, a, k, b, n, c, n, false) },
						"TN": func(c []float32) { GemmTN(F32, m, n, k, transposed(a, m, k, k, m), m, b, n, c, n, false) },
					} {
						c := make([]float32, m*n)
						run(c)
						for i := range m {
							for j := range n {
								want := float32(0)
								if at(i, j) {
									want = v
								}
								if got := c[i*n+j]; got != want && !(got != got && want != want) && !(want == 1e-42 && got == 0) {
									t.Fatalf("%s with %v, in B %v: C[%d,%d] is %v, want %v", name, v, inB, i, j, got, want)
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestF32IsAsExactInEveryVariant: products by parts of bfloat16 are no further from the truth than those of vectors are, with
// numbers of many magnitudes.
func TestF32IsAsExactInEveryVariant(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	const m, n, k = 96, 64, 400
	a, b := random(rng, m*k), random(rng, k*n)
	for i := range a {
		a[i] *= float32(math.Ldexp(1, rng.IntN(41)-20))
	}
	for i := range b {
		b[i] *= float32(math.Ldexp(1, rng.IntN(41)-20))
	}
	want, size := make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for q := range k {
			for j := range n {
				v := float64(a[i*k+q]) * float64(b[q*n+j])
				want[i*n+j] += v
				size[i*n+j] += math.Abs(v)
			}
		}
	}
	errors := func() (mean, worst float64) {
		c := make([]float32, m*n)
		GemmNN(F32, m, n, k, a, k, b, n, c, n, false)
		for i, got := range c {
			e := math.Abs(float64(got)-want[i]) / size[i]
			mean += e * e / float64(len(c))
			worst = max(worst, e)
		}
		return math.Sqrt(mean), worst
	}
	var plainMean, plainWorst float64
	eachVariant(t, func(t *testing.T) {
		mean, worst := errors()
		if current == levelGo {
			plainMean, plainWorst = mean, worst
		}
		if mean > 1.25*plainMean || worst > 1.5*plainWorst {
			t.Errorf("the error beside the sum of magnitudes is %.2g, at worst %.2g; in plain Go %.2g and %.2g", mean, worst, plainMean, plainWorst)
		}
	})
}

func TestShortSlicesPanicInGo(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("a slice that is too short must panic before assembly reads it")
			}
		}()
		GemmNN(F32, 2, 2, 2, make([]float32, 3), 2, make([]float32, 4), 2, make([]float32, 4), 2, false)
	})
}

func TestRowFunctionsOnEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		lengths := []int{100, 129, 1000}
		for n := range 68 {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			for off := range 3 {
				x, y, z := random(rng, n+off)[off:], random(rng, n+off)[off:], random(rng, n+off)[off:]
				compare := func(name string, run func(dst []float32), want func(i int) float64) {
					t.Helper()
					dst := append(append([]float32(nil), z...), guard)
					run(dst[:n])
					if dst[n] != guard {
						t.Fatalf("%s of %d: wrote behind the end", name, n)
					}
					for i := range n {
						if w := want(i); math.Abs(float64(dst[i])-w) > 1e-6*(1+math.Abs(w)) {
							t.Fatalf("%s of %d: [%d] is %v, want %v", name, n, i, dst[i], w)
						}
					}
				}
				f := func(v []float32, i int) float64 { return float64(v[i]) }
				compare("Axpy", func(d []float32) { Axpy(1.5, x, d) }, func(i int) float64 { return f(z, i) + 1.5*f(x, i) })
				compare("Add", func(d []float32) { Add(d, x) }, func(i int) float64 { return f(z, i) + f(x, i) })
				compare("Scale", func(d []float32) { Scale(-2, d) }, func(i int) float64 { return -2 * f(z, i) })
				compare("Mul", func(d []float32) { Mul(d, x, y) }, func(i int) float64 { return f(x, i) * f(y, i) })
				compare("MulAdd", func(d []float32) { MulAdd(d, x, y) }, func(i int) float64 { return f(z, i) + f(x, i)*f(y, i) })
				compare("Tanh in place", func(d []float32) { Tanh(d, d) }, func(i int) float64 { return math.Tanh(f(z, i)) })
				dot, squares := 0.0, 0.0
				for i := range n {
					dot += f(x, i) * f(y, i)
					squares += f(x, i) * f(x, i)
				}
				for name, pair := range map[string][2]float64{"Dot": {float64(Dot(x, y)), dot}, "SumSquares": {SumSquares(x), squares}} {
					if math.Abs(pair[0]-pair[1]) > 1e-5*(1+float64(n)) {
						t.Fatalf("%s of %d is %v, want %v", name, n, pair[0], pair[1])
					}
				}
			}
		}
	})
}

func TestActivationsAndTheirGradients(t *testing.T) {
	for name, f := range map[string]struct {
		forward func(dst, x []float32)
		grad    func(dx, dy, v []float32)
		fromY   bool
	}{"relu": {Relu, ReluGrad, true}, "tanh": {Tanh, TanhGrad, true}, "sigmoid": {Sigmoid, SigmoidGrad, true}, "gelu": {Gelu, GeluGrad, false}, "silu": {Silu, SiluGrad, false}} {
		for _, v := range []float32{-3.3, -0.7, 0.4, 2.2} {
			const h = 1e-2
			y := make([]float32, 3)
			f.forward(y, []float32{v - h, v, v + h})
			in := []float32{v}
			if f.fromY {
				in = y[1:2]
			}
			dx := make([]float32, 1)
			f.grad(dx, []float32{2}, in)
			if want := float64(y[2]-y[0]) / h; math.Abs(float64(dx[0])-want) > 1e-3 {
				t.Errorf("%s at %v: gradient %v, finite difference %v", name, v, dx[0], want)
			}
		}
	}
}

func TestSoftmaxSumsToOne(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{1, 2, 3, 7, 16, 17, 77, 1000} {
			x := random(rng, n)
			Scale(50, x)
			y := make([]float32, n)
			Softmax(y, x)
			sum := 0.0
			for _, v := range y {
				sum += float64(v)
			}
			if math.Abs(sum-1) > 1e-5 || ArgMax(x) != ArgMax(y) {
				t.Errorf("softmax of %d sums to %v", n, sum)
			}
		}
	})
}

func TestAdamWStepsAsDefined(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, n := range []int{1, 15, 16, 40, 131} {
			p, m, v := random(rng, n), make([]float32, n), make([]float32, n)
			dp, dm, dv := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range p {
				dp[i] = float64(p[i])
			}
			for step := 1; step <= 5; step++ {
				g := random(rng, n)
				c1, c2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.999, float64(step))
				h := AdamW{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1, Correction1: float32(c1), Correction2: float32(c2)}
				h.Step(p, g, m, v)
				for i := range p {
					d := float64(g[i])
					dm[i] = 0.9*dm[i] + 0.1*d
					dv[i] = 0.999*dv[i] + 0.001*d*d
					dp[i] -= 0.01 * 0.1 * dp[i]
					dp[i] -= 0.01 * dm[i] / c1 / (math.Sqrt(dv[i]/c2) + 1e-8)
					if math.Abs(float64(p[i])-dp[i]) > 1e-5 {
						t.Fatalf("step %d of %d numbers: [%d] is %v, want %v", step, n, i, p[i], dp[i])
					}
				}
			}
		}
	})
}

func TestManyGoroutinesAtOnce(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		const m, n, k = 30, 40, 50
		a, b := random(rng, k*m), random(rng, k*n)
		want := make([]float32, m*n)
		GemmTN(F32, m, n, k, a, m, b, n, want, n, false)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c := make([]float32, m*n)
				for range 50 {
					GemmTN(F32, m, n, k, a, m, b, n, c, n, false)
					for i := range c {
						if c[i] != want[i] {
							t.Errorf("C[%d] is %v, want %v", i, c[i], want[i])
							return
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestNothingIsAllocatedWhenWarm(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		a, b, c := make([]float32, 64*100), make([]float32, 100*50), make([]float32, 64*50)
		var p PackedB
		run := func() {
			p.Pack(F32, 100, 50, b, 50)
			GemmPacked(64, a, 100, &p, c, 50, Epilogue{})
			GemmPacked(64, a, 100, &p, c, 50, Epilogue{Accumulate: true})
			Softmax(c, c)
			Axpy(1, a, a)
			_ = Dot(a, a)
		}
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// At start a variant that computes wrongly is set aside, and the other tests skip it; here that is a failure.
func TestEveryVariantOfThisProcessorTestsItselfWithoutFault(t *testing.T) {
	for l := range level(len(levelNames)) {
		if missing(l) == "" {
			if err := ours.check(l); err != nil {
				t.Errorf("%v: %v", l, err)
			}
		}
	}
}

// TestPrecisionsAndEpilogue compares what a product in each precision gives with the definition, on inputs that are
// rounded beforehand.
func TestPrecisionsAndEpilogue(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, s := range [][3]int{{1, 1, 1}, {7, 33, 5}, {65, 40, 67}, {130, 64, 128}} {
			m, n, k := s[0], s[1], s[2]
			a, b := random(rng, m*k), random(rng, k*n)
			bias, residual := random(rng, n), random(rng, m*n)
			for _, prec := range []Precision{F32, BF16, INT8} {
				var p PackedB
				p.Pack(prec, k, n, b, n)
				ra, rb := rounded(prec, a, m, k, false), rounded(prec, b, k, n, true)
				pre, c := make([]float32, m*n), make([]float32, m*n)
				GemmPacked(m, a, k, &p, c, n, Epilogue{Bias: bias, Activation: SiLU, Pre: pre, Residual: residual})
				for i := range m {
					for j := range n {
						want, size := float64(bias[j]), 1.0
						for q := range k {
							v := float64(ra[i*k+q]) * float64(rb[q*n+j])
							want += v
							size += math.Abs(v)
						}
						if got := float64(pre[i*n+j]); math.Abs(got-want) > 1e-6*size {
							t.Fatalf("%v %v: before the activation [%d,%d] is %v, want %v", prec, s, i, j, got, want)
						}
						want = want*sigmoid(want) + float64(residual[i*n+j])
						if got := float64(c[i*n+j]); math.Abs(got-want) > 2e-6*size {
							t.Fatalf("%v %v: C[%d,%d] is %v, want %v", prec, s, i, j, got, want)
						}
					}
				}
				added := make([]float32, m*n)
				for i := range m {
					copy(added[i*n:], bias)
				}
				GemmPacked(m, a, k, &p, added, n, Epilogue{Accumulate: true, Activation: SiLU, Residual: residual})
				for i := range added {
					if d := math.Abs(float64(added[i] - c[i])); d > 1e-5*(1+math.Abs(float64(c[i]))) {
						t.Fatalf("%v %v: [%d] is %v where the bias was there before, %v where it was added", prec, s, i, added[i], c[i])
					}
				}
			}
		}
	})
}

// rounded returns what a product reads of x, [rows, cols], in a precision: A by rows, B by columns.
// wholeNumbers quantises a column of B, or a row of A, as the variant in use does.
func wholeNumbers(dst []int8, x []float32, column bool) (scale float32) {
	p := PackedB{level: levelGo, narrow: narrows(current)}
	if !column {
		return p.quantizeA(dst, x)
	}
	p.k, p.n, p.scales = len(x), 1, make([]float32, 1)
	p.quantizeColumns(x, 1, 1, func(_ int, ints []int8) { copy(dst, ints) })
	return p.scales[0]
}

func rounded(prec Precision, x []float32, rows, cols int, byColumn bool) []float32 {
	out := append([]float32(nil), x...)
	if prec == BF16 {
		for i, v := range out {
			out[i] = RoundBF16(v)
		}
	}
	if prec != INT8 {
		return out
	}
	lines, length, rs, cs := rows, cols, cols, 1
	if byColumn {
		lines, length, rs, cs = cols, rows, 1, cols
	}
	line, whole := make([]float32, length), make([]int8, length)
	for l := range lines {
		for i := range line {
			line[i] = x[l*rs+i*cs]
		}
		scale := wholeNumbers(whole, line, byColumn)
		for i, w := range whole {
			out[l*rs+i*cs] = float32(w) * scale
		}
	}
	return out
}

func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(5), uint8(7), true)
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint8, acc bool) {
		rng := rand.New(rand.NewPCG(seed, 1))
		gemmCase(t, rng, 1+int(m)%80, 1+int(n)%80, int(k)%80, int(seed%4), seed%2 == 0, acc)
	})
}

// BenchmarkGemm times products that are checked first: the shapes of large layers, of TextCNN's convolutions, and of
// an LSTM's input, step and gradients.
func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range []struct {
		name         string
		m, n, k, lda int
	}{
		{"512", 512, 512, 512, 512}, {"1024x384x1536", 1024, 1536, 384, 384}, {"conv3", 4096, 100, 384, 128}, {"conv5", 4096, 100, 640, 128},
		{"lstm-input", 4096, 512, 128, 128}, {"lstm-step", 64, 512, 128, 128}, {"lstm-back", 64, 128, 512, 512}, {"vector", 1, 1536, 384, 384},
	} {
		x, w, c := random(rng, (s.m-1)*s.lda+s.k), random(rng, s.n*s.k), make([]float32, s.m*s.n)
		var p PackedB
		p.PackT(F32, s.k, s.n, w, s.k)
		GemmPacked(s.m, x, s.lda, &p, c, s.n, Epilogue{})
		if want := plainDot(x[:s.k], w[:s.k]); math.Abs(float64(c[0]-want)) > 1e-3 {
			b.Fatalf("%s: C[0] is %v, want %v", s.name, c[0], want)
		}
		flops := float64(2 * s.m * s.n * s.k)
		rate := func(b *testing.B) { b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s") }
		b.Run("packed/"+s.name, func(b *testing.B) {
			for b.Loop() {
				GemmPacked(s.m, x, s.lda, &p, c, s.n, Epilogue{})
			}
			rate(b)
		})
	}
	for _, s := range [][3]int{{512, 128, 4096}, {512, 512, 512}} {
		m, n, k := s[0], s[1], s[2]
		x, y, c := random(rng, k*m), random(rng, k*n), make([]float32, m*n)
		b.Run(fmt.Sprintf("TN/%dx%dx%d", m, n, k), func(b *testing.B) {
			for b.Loop() {
				GemmTN(F32, m, n, k, x, m, y, n, c, n, true)
			}
			b.ReportMetric(float64(2*m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
