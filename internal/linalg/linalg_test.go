package linalg

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func symmetric(n, rank int, random *rand.Rand) []float64 {
	a := make([]float64, n*n)
	for range rank {
		v := make([]float64, n)
		for i := range v {
			v[i] = random.NormFloat64()
		}
		sign := 1.0
		if random.IntN(3) == 0 {
			sign = -1
		}
		for i := range n {
			for j := range n {
				a[i*n+j] += sign * v[i] * v[j]
			}
		}
	}
	return a
}

func TestEigenvectorsAreWhatTheMatrixOnlyStretches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ n, rank int }{{1, 1}, {2, 2}, {3, 1}, {5, 0}, {17, 17}, {40, 9}, {96, 200}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			a := symmetric(c.n, c.rank, random)
			values, vectors := Eigen(slices.Clone(a), c.n)
			size := math.Sqrt(dot(a, a)) + 1
			for i := range c.n {
				v := vectors[i*c.n : (i+1)*c.n]
				for j := range c.n {
					if got := dot(a[j*c.n:(j+1)*c.n], v); math.Abs(got-values[i]*v[j]) > 1e-12*size*float64(c.n) {
						t.Fatalf("vector %d, row %d: %g, want %g", i, j, got, values[i]*v[j])
					}
					want := 0.0
					if i == j {
						want = 1
					}
					if got := dot(v, vectors[j*c.n:(j+1)*c.n]); math.Abs(got-want) > 1e-12*float64(c.n) {
						t.Fatalf("vectors %d and %d: product %g, want %g", i, j, got, want)
					}
				}
				if i > 0 && values[i] > values[i-1] {
					t.Fatalf("values are not in order: %v", values)
				}
			}
		})
	}
}

func TestSolvedSystemsGiveTheRightSideBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 7, 50} {
		a := make([]float64, n*n)
		for range 2 * n {
			v := make([]float64, n)
			for i := range v {
				v[i] = random.NormFloat64()
			}
			for i := range n {
				add(v[i], v, a[i*n:(i+1)*n])
			}
		}
		const columns = 3
		b := make([]float64, n*columns)
		for i := range b {
			b[i] = random.NormFloat64()
		}
		x, err := Solve(slices.Clone(a), n, slices.Clone(b), columns)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			for c := range columns {
				got := 0.0
				for j := range n {
					got += a[i*n+j] * x[j*columns+c]
				}
				if math.Abs(got-b[i*columns+c]) > 1e-8 {
					t.Errorf("n = %d: row %d gives %g, want %g", n, i, got, b[i*columns+c])
				}
			}
		}
	}
	if _, err := Solve([]float64{1, 2, 2, 1}, 2, []float64{1, 1}, 1); !errors.Is(err, ErrNotPositive) {
		t.Errorf("an indefinite matrix: %v", err)
	}
}
