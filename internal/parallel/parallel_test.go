package parallel

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestForCoversEveryIndexOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		p := New(workers)
		for _, n := range []int{0, 1, 2, 7, 8, 9, 1000} {
			for _, grain := range []int{0, 1, 3, 500} {
				hits := make([]atomic.Int32, n)
				p.For(n, grain, func(lo, hi int) {
					for i := lo; i < hi; i++ {
						hits[i].Add(1)
					}
				})
				for i := range hits {
					if got := hits[i].Load(); got != 1 {
						t.Fatalf("workers %d, n %d, grain %d: index %d visited %d times", workers, n, grain, i, got)
					}
				}
			}
		}
		p.Close()
	}
}

func TestNilPoolRunsInTheCaller(t *testing.T) {
	var p *Pool
	sum := 0
	p.For(10, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sum += i
		}
	})
	if sum != 45 || p.Workers() != 1 {
		t.Errorf("sum %d, workers %d", sum, p.Workers())
	}
}

// TestManyRounds runs rounds so short that workers are looking, and with pauses, so that they sleep.
func TestManyRounds(t *testing.T) {
	p := New(4)
	defer p.Close()
	sums := make([]int, 4)
	for round := range 2_000 {
		p.For(4, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				sums[i]++
			}
		})
		if round%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for i, n := range sums {
		if n != 2_000 {
			t.Errorf("worker %d did %d rounds", i, n)
		}
	}
}

func BenchmarkFor(b *testing.B) {
	p := New(2)
	defer p.Close()
	for b.Loop() {
		p.For(2, 1, func(lo, hi int) {})
	}
}
