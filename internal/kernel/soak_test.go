package kernel

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSoak multiplies in many goroutines, more than there are threads, and on more threads than there are processors,
// while garbage is collected without pause (each collection stops goroutines by signals): whatever a kernel keeps in
// vectors and tiles has to survive that. Every result is compared, to the bit, with the one computed in peace. Each
// variant takes a second; XIAOYU_SOAK=1h asks for more.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	length := time.Second
	if s := os.Getenv("XIAOYU_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * runtime.NumCPU()))
	eachVariant(t, func(t *testing.T) {
		end := time.Now().Add(length)
		var calls atomic.Int64
		var wg sync.WaitGroup
		for seed := range uint64(32) {
			wg.Go(func() { calls.Add(soak(t, rand.New(rand.NewPCG(seed, 15)), end)) })
		}
		wg.Go(func() {
			for time.Now().Before(end) {
				runtime.GC()
			}
		})
		wg.Wait()
		t.Logf("%d products in %v", calls.Load(), length)
	})
}

// soak repeats one product of each precision and orientation until end, and counts them.
func soak(t *testing.T, rng *rand.Rand, end time.Time) (calls int64) {
	m, n, k := 1+rng.IntN(100), 1+rng.IntN(100), 1+rng.IntN(300)
	if rng.IntN(2) == 0 {
		n = (n + 15) &^ 15 // few rows read such a B where it lies
	}
	a, b := random(rng, m*k), random(rng, k*n)
	var products []func(c []float32)
	for _, prec := range []Precision{F32, BF16, INT8} {
		var p PackedB
		p.Pack(prec, k, n, b, n)
		products = append(products, func(c []float32) { GemmPacked(m, a, k, &p, c, n, Epilogue{Bias: b[:n], Activation: SiLU}) })
		if prec != INT8 {
			products = append(products, func(c []float32) { GemmNT(prec, m, n, k, a, k, b, k, c, n, false) },
				func(c []float32) { GemmTN(prec, m, n, k, a, m, b, n, c, n, false) },
				func(c []float32) { GemmNN(prec, m, n, k, a, k, b, n, c, n, false) })
		}
	}
	want, c := make([][]float32, len(products)), make([]float32, m*n)
	for i, f := range products {
		want[i] = make([]float32, m*n)
		f(want[i])
	}
	for {
		for i, f := range products {
			clear(c)
			f(c)
			calls++
			for j := range c {
				if c[j] != want[i][j] {
					t.Errorf("product %d of %d×%d×%d: C[%d] is %v, before it was %v", i, m, n, k, j, c[j], want[i][j])
					return calls
				}
			}
		}
		if time.Now().After(end) {
			return calls
		}
	}
}
