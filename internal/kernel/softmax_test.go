package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// softmaxOf is the definition, in double precision.
func softmaxOf(x []float32, scale float32) (p []float64, sum float64) {
	top, total := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, float64(scale)*float64(v))
	}
	for _, v := range x {
		e := math.Exp(float64(scale)*float64(v) - top)
		p = append(p, e)
		total += e
	}
	for i := range p {
		p[i] /= total
	}
	return p, top + math.Log(total)
}

func TestSoftmaxRowsOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		lengths := []int{100, 384, 1000}
		for n := range 68 {
			lengths = append(lengths, n)
		}
		for _, cols := range lengths {
			rows, scale, off := 1+cols%4, []float32{1, 0.125, 9}[cols%3], cols%5
			x := random(rng, off+rows*cols+1)[off:]
			x[rows*cols] = guard
			p := append([]float32(nil), x...)
			sums := make([]float32, rows)
			SoftmaxRows(p[:rows*cols], rows, cols, scale, sums)
			again := append([]float32(nil), x...)
			SoftmaxAgain(again, rows, cols, scale, sums)
			d := random(rng, rows*cols+1)
			d[rows*cols] = guard
			dx := append([]float32(nil), d...)
			SoftmaxGrad(dx, p, rows, cols, scale)
			if p[rows*cols] != guard || again[rows*cols] != guard || dx[rows*cols] != guard {
				t.Fatalf("%d rows of %d: wrote behind them", rows, cols)
			}
			for r := range rows {
				want, sum := softmaxOf(x[r*cols:(r+1)*cols], scale)
				if cols > 0 && !near(sums[r], sum, 3e-7, 3e-7) {
					t.Errorf("%d rows of %d, scale %v: ln Σ is %v, want %v", rows, cols, scale, sums[r], sum)
				}
				along := 0.0
				for i := range want {
					along += float64(p[r*cols+i]) * float64(d[r*cols+i])
				}
				for i, w := range want {
					at := r*cols + i
					// Half a unit of each number in the exponent is a relative error of the result.
					rel := 4e-7 + 6e-8*(math.Abs(float64(scale*x[at]))+3*math.Abs(sum))
					if !near(p[at], w, rel, 1e-38) || !near(again[at], w, rel, 1e-38) {
						t.Fatalf("%d rows of %d, scale %v: [%d,%d] is %v and %v, want %v", rows, cols, scale, r, i, p[at], again[at], w)
					}
					g := float64(scale) * float64(p[at]) * (float64(d[at]) - along)
					if !near(dx[at], g, 1e-6, 1e-6*float64(scale)*float64(p[at])) {
						t.Fatalf("%d rows of %d: the gradient of [%d,%d] is %v, want %v", rows, cols, r, i, dx[at], g)
					}
				}
			}
		}
	})
}

func TestSoftmaxOfSpecialNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachVariant(t, func(t *testing.T) {
		for _, n := range []int{3, 8, 16, 21, 64, 67} {
			for at := range n {
				row := func(v float32) []float32 {
					x, sums := make([]float32, n), make([]float32, 1)
					x[at] = v
					SoftmaxRows(x, 1, n, 1, sums)
					return append(x, sums[0])
				}
				for i, v := range row(-inf)[:n] {
					want := 1 / float64(n-1)
					if i == at {
						want = 0
					}
					if !near(v, want, 3e-7, 0) {
						t.Fatalf("softmax of %d with -Inf at %d: [%d] is %v, want %v", n, at, i, v, want)
					}
				}
				for i, v := range row(nan) {
					if v == v {
						t.Fatalf("softmax of %d with NaN at %d: [%d] is %v", n, at, i, v)
					}
				}
				for i, v := range row(3e38)[:n] {
					if (v == 1) != (i == at) || (v == 0) == (i == at) {
						t.Fatalf("softmax of %d with 3e38 at %d: [%d] is %v", n, at, i, v)
					}
				}
			}
		}
	})
}
