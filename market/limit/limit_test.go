package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestABurstAndThenOneAtATime(t *testing.T) {
	now := time.Unix(1000, 0)
	l := New(10*time.Second, 3)
	l.now = func() time.Time { return now }
	for i := range 3 {
		if wait := l.Take("a"); wait != 0 {
			t.Fatalf("attempt %d waits %v", i, wait)
		}
	}
	if wait := l.Take("a"); wait != 10*time.Second {
		t.Errorf("the fourth waits %v, want 10s", wait)
	}
	if wait := l.Take("b"); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	now = now.Add(4 * time.Second)
	if wait := l.Take("a"); wait != 6*time.Second {
		t.Errorf("after 4 s it waits %v, want 6s: asking in vain must not count", wait)
	}
	now = now.Add(6 * time.Second)
	if wait := l.Take("a"); wait != 0 {
		t.Errorf("after 10 s it waits %v", wait)
	}
	if wait := l.Take("a"); wait == 0 {
		t.Error("after 10 s there were two")
	}
	if wait := (*Limiter)(nil).Take("a"); wait != 0 {
		t.Errorf("no limiter lets wait %v", wait)
	}
}

func TestWhatIsNotNeededIsForgotten(t *testing.T) {
	now := time.Unix(1000, 0)
	l := New(time.Second, 1)
	l.now = func() time.Time { return now }
	for i := range 10_000 {
		l.Take(fmt.Sprint(i))
		now = now.Add(10 * time.Millisecond)
	}
	if n := len(l.full); n > 2000 {
		t.Errorf("%d keys are kept, of which 100 matter", n)
	}
}
