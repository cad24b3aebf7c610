// Package parallel splits loops over workers that live as long as the process.
//
// An operation on a batch takes tens of microseconds, so starting goroutines for each would cost more than it
// brings; a [Pool] keeps its workers waiting. Work is cut into one part a worker, always at the same places for the
// same size, so results do not depend on timing.
package parallel

import (
	"runtime"
	"sync"
)

// Pool runs parts of a loop on up to Workers() goroutines, the caller among them. A nil Pool runs everything in the
// caller. A Pool may be used by one goroutine at a time; For must not be called from within For.
type Pool struct {
	work []chan part // one a helper
	done sync.WaitGroup
}

type part struct {
	lo, hi int
	f      func(lo, hi int)
}

// New starts a pool of n workers; n < 1 means GOMAXPROCS. Close ends it.
func New(n int) *Pool {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	p := &Pool{work: make([]chan part, n-1)}
	for i := range p.work {
		p.work[i] = make(chan part, 1)
		go func(in <-chan part) {
			for w := range in {
				w.f(w.lo, w.hi)
				p.done.Done()
			}
		}(p.work[i])
	}
	return p
}

// Workers returns the number of parts that run at once.
func (p *Pool) Workers() int {
	if p == nil {
		return 1
	}
	return len(p.work) + 1
}

// For calls f on disjoint ranges that cover [0, n), each at least grain long but the last, and waits for all.
func (p *Pool) For(n, grain int, f func(lo, hi int)) {
	parts := min(p.Workers(), (n+max(grain, 1)-1)/max(grain, 1))
	if parts <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	p.done.Add(parts - 1)
	for i := 1; i < parts; i++ {
		p.work[i-1] <- part{n * i / parts, n * (i + 1) / parts, f}
	}
	f(0, n/parts)
	p.done.Wait()
}

// Close ends the workers.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	for _, c := range p.work {
		close(c)
	}
}
