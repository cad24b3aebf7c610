// Package limit says how often somebody may do something: so many times at once, and then once in so long. What is counted
// is in the memory of this process alone.
//
//	attempts := limit.New(10*time.Second, 20)
//	if wait := attempts.Take(address); wait > 0 { … try again after wait }
package limit

import (
	"sync"
	"time"
)

// Limiter counts by keys. Its methods may be called from several goroutines; a nil one limits nothing.
type Limiter struct {
	every time.Duration
	burst time.Duration // as time: so many times every

	mu   sync.Mutex
	full map[string]time.Time // when a key will have its whole burst again
	most int                  // entries, at which those that have it are removed
	now  func() time.Time
}

// New returns a limiter that lets each key do something burst times at once, and one time more after every.
func New(every time.Duration, burst int) *Limiter {
	return &Limiter{every: every, burst: every * time.Duration(max(burst, 1)), full: map[string]time.Time{}, most: 1024, now: time.Now}
}

// Take tells how long a key has to wait before it may do something; where it is 0 it may, and that is counted. This is the
// generic cell rate algorithm (ITU-T I.371).
func (l *Limiter) Take(key string) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	at := l.full[key]
	if at.Before(now) {
		at = now
	}
	at = at.Add(l.every)
	if wait := at.Sub(now) - l.burst; wait > 0 {
		return wait
	}
	if l.full[key] = at; len(l.full) > l.most {
		for k, at := range l.full {
			if !at.After(now) {
				delete(l.full, k)
			}
		}
		l.most = max(1024, 2*len(l.full))
	}
	return 0
}
