package catalogue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// measuredBy has one model measured, whose job stands as prepare leaves it, and returns how often.
func measuredBy(t *testing.T, c *Catalogue, workers int, takes time.Duration, prepare func(q queries) error) (n int, in time.Duration) {
	t.Helper()
	ada := person(t, c, "ada")
	if err := c.AddBenchmark(t.Context(), "", benchmark("moods", "text-classification", ""), []byte("rows")); err != nil {
		t.Fatal(err)
	}
	model(t, c, ada, repository(t, c, ada, "ada/one", false), "1.0.0", "one", "text-classification")
	if err := c.update(t.Context(), prepare); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	// Limit and Rescue are as on a market: nothing but the lease can be so quick.
	o := WorkOptions{Name: "first", Limit: 5 * time.Minute, Lease: 3 * time.Second}
	do := func(context.Context, *Task) (*Outcome, error) {
		calls.Add(1)
		time.Sleep(takes)
		return &Outcome{Verification: Verification{State: Measured, Score: .5}}, nil
	}
	begun := time.Now()
	if workers > 1 {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		other := o
		other.Name, other.Log = "second", quietly
		go func() { ended <- c.Work(ctx, other, do) }()
		defer func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
	}
	working(t, c, o, do)
	return int(calls.Load()), time.Since(begun)
}

func TestAJobWhoseWorkerIsGoneIsTakenUpWithinItsLease(t *testing.T) {
	t.Parallel() // it waits
	each(t, func(t *testing.T, c *Catalogue) {
		n, in := measuredBy(t, c, 1, 0, func(q queries) error {
			if _, err := q.exec("UPDATE river_job SET state = 'running', attempt = 1 WHERE kind = 'verify'"); err != nil {
				return err
			}
			_, err := q.exec("INSERT INTO leases (job_id, attempt, beat) SELECT id, 1, 7 FROM river_job WHERE kind = 'verify'")
			return err
		})
		if n != 1 || in > 60*time.Second { // it takes some 4 s
			t.Errorf("measured %d times within %v", n, in)
		}
		var left int
		if err := c.reading(t.Context()).row("SELECT COUNT(*) FROM leases", nil, &left); err != nil || left != 0 {
			t.Errorf("%d leases are left, %v", left, err)
		}
		t.Logf("after %v", in)
	})
}

func TestAJobWhoseWorkerIsThereIsNotTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes three leases")
	}
	t.Parallel() // it waits
	each(t, func(t *testing.T, c *Catalogue) {
		if n, _ := measuredBy(t, c, 2, 7*time.Second, func(queries) error { return nil }); n != 1 {
			t.Errorf("measured %d times", n)
		}
	})
}

// TestTheFirstToEndHasTheOutcome has a job taken from a worker that is slow and not dead.
func TestTheFirstToEndHasTheOutcome(t *testing.T) {
	t.Parallel() // it waits
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		if err := c.AddBenchmark(t.Context(), "", benchmark("moods", "text-classification", ""), []byte("rows")); err != nil {
			t.Fatal(err)
		}
		model(t, c, ada, repository(t, c, ada, "ada/one", false), "1.0.0", "one", "text-classification")
		var calls atomic.Int32
		working(t, c, WorkOptions{Name: "w", Parallel: 2, Limit: time.Minute}, func(ctx context.Context, _ *Task) (*Outcome, error) {
			n := calls.Add(1)
			if n == 1 { // as if nothing had been heard of it
				if err := c.update(ctx, func(q queries) error {
					_, err := q.exec("UPDATE river_job SET state = 'available' WHERE kind = 'verify' AND state = 'running'")
					return err
				}); err != nil {
					return nil, err
				}
				for calls.Load() < 2 {
					time.Sleep(20 * time.Millisecond)
				}
				time.Sleep(time.Second)
			}
			return &Outcome{Verification: Verification{State: Measured, Score: float64(n) / 10}}, nil
		})
		if n := calls.Load(); n != 2 {
			t.Errorf("%d workers were at it", n)
		}
		if got := verifications(t, c, ada, "ada/one", "1.0.0"); len(got) != 1 || got[0].Score != .2 {
			t.Errorf("found: %+v", got)
		}
	})
}
