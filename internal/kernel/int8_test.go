package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// int8Case compares a product of INT8 with its definition, to the bit: sums of whole numbers, times both scales.
func int8Case(t *testing.T, rng *rand.Rand, m, n, k, pad int, acc bool) {
	t.Helper()
	lda, ldc := k+pad, n+pad
	a, b := random(rng, m*lda), random(rng, k*(n+pad))
	start := random(rng, m*ldc+1)
	columns, columnScales := make([][]int8, n), make([]float32, n)
	for j := range n {
		column := make([]float32, k)
		for i := range column {
			column[i] = b[i*(n+pad)+j]
		}
		columns[j] = make([]int8, k)
		columnScales[j] = wholeNumbers(columns[j], column, true)
	}
	var p PackedB
	p.Pack(INT8, k, n, b, n+pad)
	c := append([]float32(nil), start...)
	GemmPacked(m, a, lda, &p, c, ldc, Epilogue{Accumulate: acc})
	row := make([]int8, k)
	for i := range m {
		scale := wholeNumbers(row, a[i*lda:i*lda+k], false)
		for j := range ldc {
			got, want := c[i*ldc+j], start[i*ldc+j]
			if j < n {
				sum := int32(0)
				for q, w := range row {
					sum += int32(w) * int32(columns[j][q])
				}
				product := float32(sum) * (scale * columnScales[j])
				if acc {
					if math.Abs(float64(got-(want+product))) > 1e-6*(1+math.Abs(float64(product))) {
						t.Fatalf("%d×%d×%d: C[%d,%d] is %v, want %v", m, n, k, i, j, got, want+product)
					}
					continue
				}
				want = product
			}
			if got != want {
				t.Fatalf("%d×%d×%d, distance %d: C[%d,%d] is %v, want %v", m, n, k, pad, i, j, got, want)
			}
		}
	}
	if c[m*ldc] != start[m*ldc] {
		t.Fatalf("%d×%d×%d: wrote behind C", m, n, k)
	}
}

// TestInt8WithinABound compares products whose rows of A share a scale with their definition.
func TestInt8WithinABound(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 2))
		for _, size := range [][3]int{{1, 16, 32}, {5, 33, 67}, {14, 64, 64}, {40, 70, 129}, {3, 5, 7}} {
			m, n, k := size[0], size[1], size[2]
			a, b, limit := random(rng, m*k), random(rng, k*n), float32(0.5)
			for i := range a {
				a[i] = min(max(a[i], -limit), limit)
			}
			var p PackedB
			p.Pack(INT8, k, n, b, n)
			p.Bound(limit)
			steps := p.steps()
			c, column, ints := make([]float32, m*n), make([]float32, k), make([]int8, k)
			GemmPacked(m, a, k, &p, c, n, Epilogue{})
			for j := range n {
				for i := range column {
					column[i] = b[i*n+j]
				}
				scale := wholeNumbers(ints, column, true)
				for r := range m {
					sum := int32(0)
					for i, w := range ints {
						sum += int32(w) * int32(math.RoundToEven(float64(a[r*k+i]*(steps/limit))))
					}
					if want := float32(sum) * (limit / steps * scale); c[r*n+j] != want {
						t.Fatalf("%v: C[%d,%d] is %v, want %v", size, r, j, c[r*n+j], want)
					}
				}
			}
		}
	})
}

func TestInt8OnEveryRemainder(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 2))
		for i := 1; i <= 67; i++ {
			for _, o := range [][2]int{{1, 1}, {5, 33}, {15, 7}} {
				int8Case(t, rng, i, o[0], o[1], i%3, i%2 == 0)
				int8Case(t, rng, o[0], i, o[1], i%3, i%2 == 0)
				int8Case(t, rng, o[0], o[1], i, i%3, i%2 == 0)
			}
		}
		int8Case(t, rng, 60, 150, 70, 2, false) // several blocks of rows and of panels
		int8Case(t, rng, 3, 5, 0, 1, false)
		int8Case(t, rng, 3, 5, 0, 1, true)
	})
}

func TestInt8RowsThatHaveNoScale(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachVariant(t, func(t *testing.T) {
		const m, n, k = 9, 11, 21
		b := make([]float32, k*n)
		for i := range b {
			b[i] = float32(i%5) - 2
		}
		var p PackedB
		p.Pack(INT8, k, n, b, n)
		for _, v := range []float32{0, inf, nan} {
			a, c := make([]float32, m*k), make([]float32, m*n)
			for i := range a {
				a[i] = 1
			}
			for i := range k {
				a[4*k+i] = 0
			}
			a[4*k+20] = v
			GemmPacked(m, a, k, &p, c, n, Epilogue{})
			for i, got := range c {
				if row := i / n; row != 4 && got-got != 0 || row == 4 && v == 0 && got != 0 || row == 4 && v != 0 && got == got {
					t.Fatalf("with %v in row 4, C[%d,%d] is %v", v, row, i%n, got)
				}
			}
		}
	})
}
