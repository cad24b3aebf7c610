package main

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// product is a matrix product C = A·B of [m, k] and [k, n].
type product struct {
	m, k, n int
	order   string // of the factors as they lie in memory: nn, nt (B transposed), tn (A transposed); packed: B laid out before
}

// operations of one product.
func (p product) operations() float64 { return 2 * float64(p.m) * float64(p.k) * float64(p.n) }

// multiplier times the kernels; rows of C are spread over the threads as package nn does.
func (p product) multiplier(precision kernel.Precision, threads int) *contender {
	a, b, c := filled(p.m*p.k), filled(p.k*p.n), filled(p.m*p.n)
	pool := parallel.New(threads)
	var packed kernel.PackedB
	packed.Pack(precision, p.k, p.n, b, p.n)
	rows := map[string]func(lo, hi int){
		"packed": func(lo, hi int) {
			kernel.GemmPacked(hi-lo, a[lo*p.k:], p.k, &packed, c[lo*p.n:], p.n, kernel.Epilogue{})
		},
		"nn": func(lo, hi int) {
			kernel.GemmNN(precision, hi-lo, p.n, p.k, a[lo*p.k:], p.k, b, p.n, c[lo*p.n:], p.n, false)
		},
		"nt": func(lo, hi int) {
			kernel.GemmNT(precision, hi-lo, p.n, p.k, a[lo*p.k:], p.k, b, p.k, c[lo*p.n:], p.n, false)
		},
		"tn": func(lo, hi int) {
			kernel.GemmTN(precision, hi-lo, p.n, p.k, a[lo:], p.m, b, p.n, c[lo*p.n:], p.n, false)
		},
	}[p.order]
	run := timed(1, func() error {
		pool.For(p.m, 1, rows)
		return nil
	})
	return &contender{mode: p.order, precision: precision.String(), run: run, close: pool.Close}
}

// filled returns n numbers that are all written, so that the memory is really there.
func filled(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%17)/8 - 1
	}
	return x
}
