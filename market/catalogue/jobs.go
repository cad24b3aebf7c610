package catalogue

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// jobArgs name a verification that is to be made.
type jobArgs struct {
	Manifest  int64 `json:"manifest"`
	Benchmark int64 `json:"benchmark"`
}

// Kind is River's name for such jobs.
func (jobArgs) Kind() string { return "verify" }

// InsertOpts has River keep one job of its kind that has not ended, and try it for as long as can be hoped for.
func (jobArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 12, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}}}
}

// driver is River's for the database that the catalogue lies in: jobs are added, and ended, in transactions of its own.
func (c *Catalogue) driver() riverdriver.Driver[*sql.Tx] {
	if c.postgres {
		return riverdatabasesql.New(c.write)
	}
	return riversqlite.New(c.write)
}

// openJobs brings River's tables up to date.
func (c *Catalogue) openJobs(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler)
	m, err := rivermigrate.New(c.driver(), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	state, err := m.Validate(ctx, &rivermigrate.ValidateOpts{})
	if err == nil && !state.OK {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return err
	}
	c.jobs, err = river.NewClient(c.driver(), &river.Config{Logger: quiet})
	return err
}

// enqueue adds a job to a transaction; nothing where there is one already.
func (c *Catalogue) enqueue(q queries, manifest, benchmark int64) error {
	_, err := c.jobs.InsertTx(q.ctx, q.on.(*sql.Tx), jobArgs{manifest, benchmark}, nil)
	return err
}

// WorkOptions say how jobs are worked on.
type WorkOptions struct {
	Name     string        // of the worker, unlike any other's
	Parallel int           // jobs at once; 1 if 0
	Limit    time.Duration // that one may take
	Lease    time.Duration // after which a job whose worker has gone is given to another; 15 s if 0
	Rescue   time.Duration // after which one is whose worker is there and does not come to an end; Limit and a half if 0
	Log      *slog.Logger
}

// Work makes verifications, with others who do, until ctx ends. A job ends in the transaction that keeps its outcome: one
// whose worker was killed is done again, one that two workers have done by mistake has one outcome. Errors of do are tried
// again later.
func (c *Catalogue) Work(ctx context.Context, o WorkOptions, do func(context.Context, *Task) (*Outcome, error)) error {
	if err := c.enqueueLost(ctx); err != nil {
		return wrap(err, "working on verifications")
	}
	workers := river.NewWorkers()
	held := &leases{c: c, lasts: o.Lease, log: o.Log}
	if held.lasts == 0 {
		held.lasts = leaseLasts
	}
	river.AddWorker(workers, &verifier{c: c, do: do, log: o.Log, leases: held})
	if o.Rescue == 0 {
		o.Rescue = o.Limit + o.Limit/2
	}
	client, err := river.NewClient(c.driver(), &river.Config{
		ID: o.Name, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(o.Parallel, 1)}},
		JobTimeout: o.Limit, RescueStuckJobsAfter: o.Rescue, RetryPolicy: patience{}, PollOnly: true, FetchCooldown: 100 * time.Millisecond, FetchPollInterval: time.Second,
		CompletedJobRetentionPeriod: time.Hour, Logger: slog.New(warnings{o.Log.Handler()}),
	})
	if err == nil {
		err = client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return wrap(err, "working on verifications")
	}
	held.watch(ctx)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return wrap(client.StopAndCancel(stopping), "stopping work on verifications")
}

// enqueueLost adds jobs for what is wanted and has none: after a backup was restored, or a job was given up.
func (c *Catalogue) enqueueLost(ctx context.Context) error {
	return c.update(ctx, func(q queries) error {
		if _, err := q.exec("DELETE FROM leases WHERE job_id NOT IN (SELECT id FROM river_job WHERE state = 'running')"); err != nil {
			return err
		}
		var lost []jobArgs
		err := q.rows("SELECT manifest_id, benchmark_id FROM verifications WHERE wanted ORDER BY asked", nil, func(scan func(...any) error) error {
			var a jobArgs
			err := scan(&a.Manifest, &a.Benchmark)
			lost = append(lost, a)
			return err
		})
		for _, a := range lost {
			if err == nil {
				err = c.enqueue(q, a.Manifest, a.Benchmark)
			}
		}
		return err
	})
}

// patience says when a job that could not be done is tried again: soon at first, for a database that was away a moment.
type patience struct{}

// NextRetry is River's.
func (patience) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(min(time.Second<<min(len(job.Errors), 10), 10*time.Minute))
}

// warnings is a log that takes warnings and errors alone: River tells of each start and stop.
type warnings struct{ slog.Handler }

// Enabled is slog.Handler's.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// verifier does jobs.
type verifier struct {
	river.WorkerDefaults[jobArgs]
	c      *Catalogue
	do     func(context.Context, *Task) (*Outcome, error)
	log    *slog.Logger
	leases *leases
}

// Work is River's.
func (v *verifier) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	release, err := v.leases.hold(ctx, job)
	if err != nil {
		return err
	}
	defer release()
	t, err := v.c.task(ctx, job.Args)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	o, err := v.do(ctx, t)
	if err != nil {
		return err
	}
	err = v.c.update(ctx, func(q queries) error {
		if _, err := v.c.settle(q, t, o); err != nil {
			return err
		}
		if _, err := q.exec("DELETE FROM leases WHERE job_id = ? AND attempt = ?", job.ID, job.Attempt); err != nil {
			return err
		}
		return v.c.endJob(q, job)
	})
	if errors.Is(err, ErrNotFound) { // somebody else has ended the job, or it was removed with its package: so is what was found
		return nil
	}
	return wrap(err, "keeping the verification of %s", t.Repository.FullName())
}

// endJob ends a job in a transaction; ErrNotFound where it is no longer running.
func (c *Catalogue) endJob(q queries, job *river.Job[jobArgs]) error {
	var err error
	tx := q.on.(*sql.Tx)
	if c.postgres {
		_, err = river.JobCompleteTx[*riverdatabasesql.Driver](q.ctx, tx, job)
	} else {
		_, err = river.JobCompleteTx[*riversqlite.Driver](q.ctx, tx, job)
	}
	if errors.Is(err, rivertype.ErrNotFound) {
		return ErrNotFound
	}
	return lost(err)
}
