package tune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// RunOptions say how far a search goes.
type RunOptions struct {
	Trials   int // in all, earlier ones counted; 0 for no limit
	Parallel int // trials at once; 0 for 1
	// More tells before each trial whether there should be another; nil means yes.
	More func() bool
	// Each is told of every trial that has ended, from one goroutine at a time; it may be nil.
	Each func(t Trial)
}

// Attempt is a trial that is being run.
type Attempt struct {
	Number int
	Params map[string]string
	Dir    string // its folder, which may not exist yet
	study  *Study
}

// Outcome is what a trial brought.
type Outcome struct {
	Values []float64 // one an objective
	Facts  map[string]float64
}

// Report writes down the figure of the first objective at a step, such as an epoch, and tells whether the trial should be
// given up; it does so by returning ErrPruned.
func (a *Attempt) Report(step int, value float64) (prune bool, err error) {
	s := a.study
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trial(a.Number)
	t.addStep(Step{step, value})
	if err := s.journal.write(event{Trial: a.Number, Step: step, Value: &value}); err != nil {
		return false, err
	}
	return s.Pruner == "asha" && ASHA{}.Prune(s.Objectives[0], t, s.trials), nil
}

func (s *Study) trial(number int) *Trial {
	for i := range s.trials {
		if s.trials[i].Number == number {
			return &s.trials[i]
		}
	}
	return nil
}

// tooManyFailures ends a search in which nothing but failure happens.
const tooManyFailures = 5

// Run searches: it has trials run by f until the options' limits, or until the space is exhausted. A trial whose f
// returns an error has failed, and the search goes on; but a search ends with the last error when trial after trial
// fails. When ctx ends, Run waits for the trials that are running and returns the context's error; they run again after
// Resume.
func (s *Study) Run(ctx context.Context, o RunOptions, f func(ctx context.Context, a *Attempt) (Outcome, error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	var tell sync.Mutex
	for range max(o.Parallel, 1) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for ctx.Err() == nil && (o.More == nil || o.More()) {
				a, err := s.begin(o.Trials)
				if errors.Is(err, ErrExhausted) || err == nil && a == nil {
					return // trials of other workers go on to their end
				}
				if err != nil {
					stop(err)
					return
				}
				outcome, err := f(ctx, a)
				if interrupted(err) && ctx.Err() != nil {
					return
				}
				t, err := s.end(a, outcome, err)
				if err != nil {
					stop(err)
					return
				}
				if o.Each != nil {
					tell.Lock()
					o.Each(t)
					tell.Unlock()
				}
			}
		}()
	}
	workers.Wait()
	return context.Cause(ctx)
}

// begin chooses the next trial, nil when there are enough.
func (s *Study) begin(limit int) (*Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := 0
	for i := range s.trials {
		t := &s.trials[i]
		if t.State == Waiting {
			return s.start(t, event{})
		}
		begun++
	}
	if limit > 0 && begun >= limit {
		return nil, nil
	}
	params, err := s.suggest()
	if err != nil {
		return nil, err
	}
	s.trials = append(s.trials, Trial{Number: s.next(), Params: params})
	return s.start(&s.trials[len(s.trials)-1], event{Params: params})
}

func (s *Study) start(t *Trial, e event) (*Attempt, error) {
	t.State, t.Start = Running, time.Now()
	e.Trial, e.State = t.Number, Running
	if err := s.journal.write(e); err != nil {
		return nil, err
	}
	return &Attempt{Number: t.Number, Params: maps.Clone(t.Params), Dir: s.TrialDir(t.Number), study: s}, nil
}

// suggest asks the sampler for settings that were not tried yet.
func (s *Study) suggest() (map[string]string, error) {
	var sampler Sampler = TPE{Startup: s.Startup}
	if s.Sampler == "random" {
		sampler = Random{}
	}
	const attempts = 20
	for attempt := range attempts {
		params := sampler.Suggest(s.Space, s.Objectives, s.trials, Draw{s.Seed, s.next(), attempt})
		if !tried(s.trials, params) {
			return params, nil
		}
	}
	// What is near the best has been tried: any of the rest, if there is a rest.
	rest := slices.DeleteFunc(s.Space.all(maxListed), func(params map[string]string) bool { return tried(s.trials, params) })
	if len(rest) == 0 {
		return nil, ErrExhausted
	}
	return rest[Draw{s.Seed, s.next(), attempts}.rng().IntN(len(rest))], nil
}

// maxListed bounds the settings that are listed to find the untried ones; of more, some are found without.
const maxListed = 10_000

func tried(trials []Trial, params map[string]string) bool {
	return slices.ContainsFunc(trials, func(t Trial) bool { return maps.Equal(t.Params, params) })
}

// end writes down how a trial ended.
func (s *Study) end(a *Attempt, outcome Outcome, cause error) (Trial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trial(a.Number)
	e := event{Trial: a.Number, Facts: outcome.Facts}
	switch {
	case errors.Is(cause, ErrPruned):
		e.State = Pruned
		if cause != ErrPruned { // it says more
			e.Note = cause.Error()
		}
	case cause != nil:
		e.State, e.Note = Failed, cause.Error()
	case len(outcome.Values) != len(s.Objectives):
		return *t, fmt.Errorf("trial %d has %d values for %d objectives", a.Number, len(outcome.Values), len(s.Objectives))
	case !finite(outcome.Values):
		e.State, e.Note = Failed, "a figure is no finite number"
	default:
		e.State, e.Values = Complete, outcome.Values
	}
	if err := s.journal.write(e); err != nil {
		return *t, err
	}
	began := map[int]time.Time{a.Number: t.Start}
	e.Time = time.Now()
	t.apply(&e, began)
	if e.State == Failed && s.onlyFailures() {
		return *t, hint.Wrap(cause, hint.Way(cause), "the first %d trials failed, the last one", tooManyFailures)
	}
	return *t, nil
}

func finite(values []float64) bool {
	for _, v := range values {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// onlyFailures tells whether no trial has come to anything, and there were enough of them.
func (s *Study) onlyFailures() bool {
	failed := 0
	for _, t := range s.trials {
		switch t.State {
		case Failed:
			failed++
		case Complete, Pruned:
			return false
		}
	}
	return failed >= tooManyFailures
}
