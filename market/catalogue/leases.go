package catalogue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
)

// leaseLasts is how long nothing may be heard of a job's worker before another takes it; it is heard of beats times as often.
const (
	leaseLasts = 15 * time.Second
	beats      = 5
)

// leases tell which workers are still at their jobs. A worker counts up a number beside its job; who sees a number stand
// still for the whole of a lease, by his own clock, gives the job to whoever asks next. Clocks of machines are not compared,
// and nothing is written while nobody works.
//
// A worker that was slow and not dead may find its job taken. Both go on, and the first to end has the outcome: see settle.
type leases struct {
	c     *Catalogue
	lasts time.Duration
	log   *slog.Logger
	seen  map[int64]sighting // by job
}

// sighting is what was seen of a job last, and when it was new.
type sighting struct {
	attempt, beat int64
	since         time.Time
}

// hold says that a job is worked on until release is called.
func (l *leases) hold(ctx context.Context, job *river.Job[jobArgs]) (release func(), err error) {
	if err := l.beat(ctx, job); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for t := time.NewTicker(l.lasts / beats); ; {
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
				if err := l.beat(ctx, job); err != nil && ctx.Err() == nil {
					l.log.Warn("a job's lease could not be renewed", "job", job.ID, "error", err)
				}
			}
		}
	}()
	return func() { stop(); <-ended }, nil
}

func (l *leases) beat(ctx context.Context, job *river.Job[jobArgs]) error {
	return wrap(l.c.update(ctx, func(q queries) error {
		_, err := q.exec("INSERT INTO leases (job_id, attempt, beat) VALUES (?, ?, 1) ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, beat = leases.beat + 1 WHERE leases.attempt <= excluded.attempt", job.ID, job.Attempt)
		return err
	}), "renewing the lease of a job")
}

// watch looks after the jobs of all workers until ctx ends.
func (l *leases) watch(ctx context.Context) {
	for t := time.NewTicker(l.lasts / beats); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			if err := l.look(ctx); err != nil && ctx.Err() == nil {
				l.log.Warn("workers could not be looked after", "error", err)
			}
		}
	}
}

// look gives away the jobs of workers that nothing was heard of for a lease.
func (l *leases) look(ctx context.Context) error {
	now, running := time.Now(), map[int64]sighting{}
	err := l.c.reading(ctx).rows("SELECT j.id, j.attempt, COALESCE(l.beat, 0) FROM river_job j LEFT JOIN leases l ON l.job_id = j.id AND l.attempt = j.attempt WHERE j.state = 'running' AND j.kind = ?",
		[]any{jobArgs{}.Kind()}, func(scan func(...any) error) error {
			var id int64
			s := sighting{since: now}
			err := scan(&id, &s.attempt, &s.beat)
			if before, known := l.seen[id]; known && before.attempt == s.attempt && before.beat == s.beat {
				s.since = before.since
			}
			running[id] = s
			return err
		})
	if err != nil {
		return err
	}
	l.seen = running
	var errs []error
	for id, s := range running {
		if now.Sub(s.since) >= l.lasts {
			errs = append(errs, l.giveAway(ctx, id, s))
		}
	}
	return errors.Join(errs...)
}

// giveAway makes a job available to the next worker, unless something was heard of its own in the meantime.
func (l *leases) giveAway(ctx context.Context, job int64, s sighting) error {
	n := int64(0)
	err := l.c.update(ctx, func(q queries) (err error) {
		n, err = q.exec(`UPDATE river_job SET state = 'available' WHERE id = ? AND attempt = ? AND state = 'running'
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.job_id = river_job.id AND l.attempt = river_job.attempt AND l.beat > ?)`, job, s.attempt, s.beat)
		return err
	})
	if err == nil && n > 0 {
		l.log.Warn("nothing is heard of the worker of a job, which is given to the next", "job", job, "seconds", l.lasts.Seconds())
	}
	return wrap(err, "giving away a job")
}
