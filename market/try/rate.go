package try

import (
	"sync"
	"time"
)

// Rate bounds how often each client may ask: Burst questions at once, then one every Every.
type Rate struct {
	Every time.Duration
	Burst int

	mu    sync.Mutex
	next  map[string]time.Time // when a client's allowance is full again
	swept time.Time
}

// Allow tells whether a client may ask now, and if not, how long it has to wait.
func (r *Rate) Allow(client string, now time.Time) (bool, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil || now.Sub(r.swept) > time.Minute {
		kept := make(map[string]time.Time)
		for c, t := range r.next {
			if t.After(now) {
				kept[c] = t
			}
		}
		r.next, r.swept = kept, now
	}
	full := r.next[client]
	if full.Before(now) {
		full = now
	}
	full = full.Add(r.Every)
	if over := full.Sub(now) - time.Duration(r.Burst)*r.Every; over > 0 {
		return false, over
	}
	r.next[client] = full
	return true, 0
}
