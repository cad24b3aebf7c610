// Package parallel splits loops over workers that live as long as the process.
//
// An operation on a batch takes tens of microseconds, and waking a sleeping thread can cost as much again, on virtual
// machines several times that: a [Pool] keeps its workers at hand, looking for the next operation for a moment before
// they sleep. Work is cut into one part a worker, always at the same places for the same size, so results do not depend
// on timing.
package parallel

import (
	"runtime"
	"sync/atomic"
)

// Pool runs parts of a loop on up to Workers() goroutines, the caller among them. A nil Pool runs everything in the
// caller. A Pool may be used by one goroutine at a time; For must not be called from within For.
type Pool struct {
	helpers []*helper
	pending atomic.Int32 // helpers at work
	caller  sleeper      // who waits for them
}

type part struct {
	lo, hi int
	f      func(lo, hi int)
}

// helper is a worker beside the caller.
type helper struct {
	round atomic.Uint32 // rises when there is work
	work  part
	sleeper
	_ [64]byte // the next helper's fields are in another line of the cache
}

// sleeper is somebody who waits for a condition that others make true and then call wake.
type sleeper struct {
	asleep atomic.Bool
	bell   chan struct{}
}

// A sleeper looks so many times before it sleeps, for some fifty microseconds, and lets others run in between.
const (
	patience = 200
	looks    = 200
)

// wait returns when ready does. Whoever makes it ready must call wake afterwards.
func (s *sleeper) wait(ready func() bool) {
	for {
		for range patience {
			for range looks {
				if ready() {
					return
				}
			}
			runtime.Gosched()
		}
		s.asleep.Store(true)
		if ready() {
			if !s.asleep.CompareAndSwap(true, false) {
				<-s.bell // it is being rung
			}
			return
		}
		<-s.bell
	}
}

func (s *sleeper) wake() {
	if s.asleep.CompareAndSwap(true, false) {
		s.bell <- struct{}{}
	}
}

// New starts a pool of n workers; n < 1 means GOMAXPROCS. Close ends it.
func New(n int) *Pool {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	p := &Pool{caller: sleeper{bell: make(chan struct{}, 1)}}
	for range n - 1 {
		h := &helper{sleeper: sleeper{bell: make(chan struct{}, 1)}}
		p.helpers = append(p.helpers, h)
		go h.run(p)
	}
	return p
}

func (h *helper) run(p *Pool) {
	for done := uint32(0); ; done++ {
		h.wait(func() bool { return h.round.Load() != done })
		if h.work.f == nil {
			return
		}
		h.work.f(h.work.lo, h.work.hi)
		if p.pending.Add(-1) == 0 {
			p.caller.wake()
		}
	}
}

// start gives a helper work, which is none before the first.
func (h *helper) start(w part) {
	h.work = w
	h.round.Add(1)
	h.wake()
}

// Workers returns the number of parts that run at once.
func (p *Pool) Workers() int {
	if p == nil {
		return 1
	}
	return len(p.helpers) + 1
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
	p.pending.Store(int32(parts - 1))
	for i := 1; i < parts; i++ {
		p.helpers[i-1].start(part{n * i / parts, n * (i + 1) / parts, f})
	}
	f(0, n/parts)
	p.caller.wait(func() bool { return p.pending.Load() == 0 })
}

// Close ends the workers.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	for _, h := range p.helpers {
		h.start(part{})
	}
}
