package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/eval"
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
	r := &Record{Benchmark: b.Name, Rows: b.Digest.String(), Examples: len(rows), Kind: b.Kind, Metric: b.Metric, Machine: thisMachine(), Xiaoyu: o.Version, At: begun.UTC().Truncate(time.Second)}
	if r.Kind == ofClass {
		r.Kind = ""
	}
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
	k, err := KindOf(b.Kind)
	if err != nil {
		return err
	}
	if err := k.fits(&s.About, rows[0].Pair != "", b.Labels); err != nil {
		return err
	}
	a := &asker{session: s, kind: k, labels: s.About.Labels}
	all, err := a.all(ctx, rows)
	if err != nil {
		return err
	}
	report, err := a.judge(rows, all, eval.Options{Rounds: resamplings, Seed: 1})
	if err != nil {
		return err
	}
	r.Figures = k.measured(report, b.Metric)
	if r.Robust, err = a.robust(ctx, rows, all); err != nil {
		return err
	}
	if err := r.time(ctx, a, rows); err != nil {
		return err
	}
	r.Memory = s.Peak()
	return nil
}

// measured are the figures that a record has, the metric first.
func (k *Kind) measured(report *eval.Report, metric string) (list []Figure) {
	for _, key := range k.figures {
		x := Figure{Key: key, Value: value(report, key)}
		if i, ok := report.Intervals[key]; ok {
			x.Low, x.High = i.Low, i.High
		}
		if key == catalogue.Accuracy { // a bootstrap of nothing but right answers would be sure
			i := eval.Wilson(x.Value, report.N)
			x.Low, x.High = i.Low, i.High
		}
		list = append(list, x)
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

// asker asks a model for all that a kind of benchmark wants to know.
type asker struct {
	session *try.Session
	kind    *Kind
	labels  []string // of the model
}

// ask has the texts of a batch read, and nothing of what is to be said of them; took is what the process says that it took, in
// milliseconds.
func (a *asker) ask(ctx context.Context, rows []Row) (list []said, took float64, err error) {
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
	if !(answer.Milli >= 0) {
		return nil, 0, nonsense("it took %v milliseconds", answer.Milli)
	}
	list, err = a.kind.take(answer, rows, a.labels)
	return list, answer.Milli, err
}

// all has rows read, batch by batch.
func (a *asker) all(ctx context.Context, rows []Row) (list []said, err error) {
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
		list, rows = append(list, part...), rows[n:]
	}
	return list, nil
}

// judge compares what was said with rows.
func (a *asker) judge(rows []Row, all []said, o eval.Options) (*eval.Report, error) {
	report, err := a.kind.judge(a.labels, rows, all, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNonsense, err)
	}
	return report, nil
}

// robust has the first rows read again as their texts are after each disturbance; of rows that it does not change nothing can
// be learnt, so that those do not count.
func (a *asker) robust(ctx context.Context, rows []Row, all []said) (list []Robust, err error) {
	for _, d := range disturbances {
		var before, changed []Row
		var said []said
		for i, row := range rows {
			if len(changed) == mostRobust {
				break
			}
			if other, ok := d.row(row); ok {
				before, changed, said = append(before, row), append(changed, other), append(said, all[i])
			}
		}
		if len(changed) == 0 {
			continue
		}
		again, err := a.all(ctx, changed)
		if err != nil {
			return nil, err
		}
		clean, err := a.judge(before, said, eval.Options{})
		if err != nil {
			return nil, err
		}
		disturbed, err := a.judge(changed, again, eval.Options{})
		if err != nil {
			return nil, err
		}
		metric := a.kind.Metrics[0]
		x := Robust{Kind: d.Kind, Examples: len(changed), Clean: value(clean, metric)}
		if after := value(disturbed, metric); metric == catalogue.Accuracy {
			x.Accuracy = after
		} else {
			x.Metric, x.Reached = metric, after
		}
		list = append(list, x)
	}
	return list, nil
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
