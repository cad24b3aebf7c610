package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// Options say how models are measured. The zero values are good ones.
type Options struct {
	Try     try.Options   // the process of a model and its limits; an answer is that to 32 texts, within 30 s if 0
	Limit   time.Duration // that measuring a model may take in all; 5 min if 0
	Version string        // of Xiaoyu
}

func (o Options) complete() Options {
	if o.Limit == 0 {
		o.Limit = 5 * time.Minute
	}
	if o.Try.Open == 0 {
		o.Try.Open = time.Minute
	}
	if o.Try.Answer == 0 {
		o.Try.Answer = 30 * time.Second
	}
	return o
}

const (
	together    = 32       // texts of a batch
	mostBytes   = 64 << 10 // of the texts of a batch
	timed       = 100      // texts that are timed by themselves
	timedBatch  = 20       // batches that are timed
	mostRobust  = 500      // texts that are disturbed
	resamplings = 1000     // of the bootstrap
)

// Measure measures a model by rows, in a process that is shut in and is given texts alone. A model that misbehaves, or that
// the rows are not for, is a record that says so; errors are of what is not the model's fault.
func Measure(ctx context.Context, o Options, m try.Model, b *catalogue.Benchmark, rows []Row) (*Record, error) {
	o = o.complete()
	begun := time.Now()
	r := &Record{Benchmark: b.Name, Rows: b.Digest.String(), Examples: len(rows), Metric: b.Metric, Machine: thisMachine(), Xiaoyu: o.Version, At: begun.UTC().Truncate(time.Second)}
	for _, f := range m.Files {
		r.Size += f.Size
	}
	limited, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	err := r.measure(limited, o, m, b, rows)
	if limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("after %v in all: %w", o.Limit, try.ErrTime)
	}
	fault := slices.ContainsFunc([]error{try.ErrTime, try.ErrMemory, try.ErrCrash, try.ErrForbidden, try.ErrQuestion, errNonsense}, func(cause error) bool { return errors.Is(err, cause) })
	switch {
	case err == nil:
		r.State = catalogue.Measured
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case fault:
		r.State = catalogue.Failed
	case errors.Is(err, try.ErrModel), errors.Is(err, errUnfit):
		r.State = catalogue.Unfit
	default:
		return nil, err
	}
	if err != nil {
		r.Problem, r.Figures, r.Robust = err.Error(), nil, nil
	}
	r.Seconds = time.Since(begun).Round(time.Millisecond).Seconds()
	return r, nil
}

var (
	errUnfit    = errors.New("the benchmark is not for this model")
	errNonsense = errors.New("what the model says makes no sense")
)

// measure fills in what there is to measure.
func (r *Record) measure(ctx context.Context, o Options, m try.Model, b *catalogue.Benchmark, rows []Row) error {
	s, err := try.Open(ctx, o.Try, m)
	if err != nil {
		return err
	}
	defer s.Close()
	r.Lacks = s.Lacks
	// The head that chooses one label has no name in configurations.
	if s.About.Head != "" {
		return fmt.Errorf("it does not choose one label of a text: %w", errUnfit)
	}
	if pairs := rows[0].Pair != ""; s.About.Pair != pairs {
		return fmt.Errorf("one of model and benchmark has pairs of texts, the other has not: %w", errUnfit)
	}
	number := map[string]int{}
	for i, l := range s.About.Labels {
		number[l] = i
	}
	for _, l := range b.Labels {
		if _, ok := number[l]; !ok {
			return fmt.Errorf("it does not know the label %q: %w", l, errUnfit)
		}
	}
	a := &asker{session: s, labels: len(s.About.Labels)}
	targets := make([]int, len(rows))
	for i, row := range rows {
		targets[i] = number[row.Label]
	}
	said, err := a.all(ctx, rows)
	if err != nil {
		return err
	}
	report, err := eval.Classify(s.About.Labels, targets, said, eval.Options{Rounds: resamplings, Seed: 1})
	if err != nil {
		return fmt.Errorf("%w: %v", errNonsense, err)
	}
	r.Figures = figures(report, b.Metric)
	if r.Robust, err = a.robust(ctx, rows, targets, said); err != nil {
		return err
	}
	if err := r.time(ctx, a, rows); err != nil {
		return err
	}
	r.Memory = s.Peak()
	return nil
}

// figures are those that a record has, the metric first.
func figures(report *eval.Report, metric string) (list []Figure) {
	for _, key := range []string{catalogue.Accuracy, catalogue.MacroF1, "log_loss", "ece"} {
		for _, f := range report.Figures() {
			if f.Key != key {
				continue
			}
			x := Figure{Key: key, Value: f.Value}
			if i, ok := report.Intervals[key]; ok {
				x.Low, x.High = i.Low, i.High
			}
			if key == catalogue.Accuracy { // a bootstrap of nothing but right answers would be sure
				i := eval.Wilson(f.Value, report.N)
				x.Low, x.High = i.Low, i.High
			}
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b Figure) int {
		switch {
		case a.Key == metric:
			return -1
		case b.Key == metric:
			return 1
		}
		return 0
	})
	return list
}

// asker asks a model for all its probabilities.
type asker struct {
	session *try.Session
	labels  int
}

// ask has the texts of a batch read, and nothing of their labels; took is what the process says that it took, in milliseconds.
func (a *asker) ask(ctx context.Context, rows []Row) (said [][]float32, took float64, err error) {
	var q try.Question
	for _, r := range rows {
		if q.Batch = append(q.Batch, r.Text); r.Pair != "" {
			q.Pairs = append(q.Pairs, r.Pair)
		}
	}
	answer, err := a.session.Ask(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	if len(answer.Batch) != len(rows) || !(answer.Milli >= 0) {
		return nil, 0, hint.Errorf("tell the publisher", "%w: %d answers to %d texts", errNonsense, len(answer.Batch), len(rows))
	}
	for _, p := range answer.Batch {
		if len(p) != a.labels {
			return nil, 0, hint.Errorf("tell the publisher", "%w: %d probabilities for %d labels", errNonsense, len(p), a.labels)
		}
	}
	return answer.Batch, answer.Milli, nil
}

// all has rows read, batch by batch.
func (a *asker) all(ctx context.Context, rows []Row) (said [][]float32, err error) {
	for len(rows) > 0 {
		n, bytes := 0, 0
		for n < len(rows) && n < together && (n == 0 || bytes+rows[n].size() <= mostBytes) {
			bytes += rows[n].size()
			n++
		}
		part, _, err := a.ask(ctx, rows[:n])
		if err != nil {
			return nil, err
		}
		said, rows = append(said, part...), rows[n:]
	}
	return said, nil
}

// robust has the first rows read again as their texts are after each disturbance, both of a pair; of rows that it does not change nothing can be
// learnt, so that those do not count.
func (a *asker) robust(ctx context.Context, rows []Row, targets []int, said [][]float32) (list []Robust, err error) {
	for _, d := range disturbances {
		var changed []Row
		var at []int
		for i, row := range rows {
			if len(changed) == mostRobust {
				break
			}
			if other := (Row{Text: d.of(row.Text), Pair: d.of(row.Pair), Label: row.Label}); other != row {
				changed, at = append(changed, other), append(at, i)
			}
		}
		if len(changed) == 0 {
			continue
		}
		again, err := a.all(ctx, changed)
		if err != nil {
			return nil, err
		}
		before, after := 0, 0
		for k, i := range at {
			if best(said[i]) == targets[i] {
				before++
			}
			if best(again[k]) == targets[i] {
				after++
			}
		}
		n := float64(len(at))
		list = append(list, Robust{d.Kind, len(at), float64(before) / n, float64(after) / n})
	}
	return list, nil
}

// best is the number of the largest, the first of equals.
func best(p []float32) (i int) {
	for j, x := range p {
		if x > p[i] {
			i = j
		}
	}
	return i
}

// time finds out how long texts take, one by one and together.
func (r *Record) time(ctx context.Context, a *asker, rows []Row) error {
	var single, batch []float64
	for i := range timed {
		_, took, err := a.ask(ctx, rows[i%len(rows):i%len(rows)+1])
		if err != nil {
			return err
		}
		single = append(single, took)
	}
	for i := range timedBatch {
		var part []Row
		bytes := 0
		for k := range together {
			row := rows[(i*together+k)%len(rows)]
			if bytes += row.size(); k > 0 && bytes > mostBytes {
				break
			}
			part = append(part, row)
		}
		_, took, err := a.ask(ctx, part)
		if err != nil {
			return err
		}
		batch = append(batch, took/float64(len(part)))
	}
	r.Latency, r.Batch = median(single), median(batch)
	return nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
