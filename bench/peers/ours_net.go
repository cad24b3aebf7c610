package main

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// precisions are those that a user of the product can choose. What is slower than f32 is not tried.
func (b *bench) precisions(prediction bool) []string {
	list := []string{"f32"}
	if b.alone != "" && !b.every {
		return list
	}
	if hasAMX() {
		list = append(list, "bf16")
	}
	if prediction {
		list = append(list, "int8")
	}
	return list
}

// freeze has a model predict in a precision.
func freeze(m *model.Model, precision string) error {
	p, err := nn.ParsePrecision(precision)
	if err == nil {
		m.SetPrecision(p)
	}
	return err
}

// newModel has fresh weights.
func (n network) newModel(tok *text.Tokenizer, labels []string, seed uint64) (*model.Model, error) {
	c := n.config
	c.MaxTokens = maxTokens
	return model.New(c, text.CleanConfig{}, tok, labels, seed, nil)
}

// set holds all texts of the batches; the trainer makes its own batches of them.
func (d *batches) set() *train.Set {
	var s train.Set
	for i, batch := range d.ids {
		for j, ids := range batch {
			s.Input.Tokens.Append(ids)
			s.Targets.Classes = append(s.Targets.Classes, d.classes[i][j])
			s.Add()
		}
	}
	return &s
}

// trainer trains m on d for ever; an iteration is a mean step of a pass over so many batches.
func (n network) trainer(m *model.Model, d *batches, precision string, threads, pass int) (*contender, error) {
	c := train.Config{Epochs: 100_000, BatchSize: len(d.ids[0]), Optimizer: "adamw", LearningRate: 1e-3, WeightDecay: 0.01,
		Schedule: "constant", Loss: "cross_entropy", Precision: precision, GroupByLength: d.ragged, Threads: threads, Seed: 1}
	return trainer(m, d, c, pass)
}

// trainer makes an iteration of so many steps of a training.
func trainer(m *model.Model, d *batches, c train.Config, pass int) (*contender, error) {
	tr, err := train.New(m, d.set(), &train.Set{}, c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	next, stop := iter.Pull2(tr.Run(ctx))
	step := func() error {
		for {
			event, err, ok := next()
			if err != nil || !ok {
				return fmt.Errorf("the training ended: %w", err)
			}
			if event.Step != nil {
				return nil
			}
		}
	}
	return &contender{precision: c.Precision, run: timed(pass, step), close: func() { cancel(); stop(); tr.Finish() }}, nil
}

// predictor predicts d; an iteration is the mean of pass batches. Ragged batches are predicted in one call, as a user
// who has them all would.
func predictor(m *model.Model, d *batches, precision string, pass int) (*contender, error) {
	if err := freeze(m, precision); err != nil {
		return nil, err
	}
	var calls [][]*model.Sample
	for _, batch := range d.ids {
		calls = append(calls, samples(batch))
	}
	batches := pass
	if d.ragged {
		calls, batches = [][]*model.Sample{slices.Concat(calls...)}, 1
	}
	at := 0
	run := timed(batches, func() error {
		_, err := m.PredictTokens(context.Background(), calls[at%len(calls)])
		at++
		return err
	})
	if !d.ragged {
		return &contender{precision: precision, run: run, close: func() {}}, nil
	}
	return &contender{precision: precision, run: scaled(run, 1/float64(pass)), close: func() {}}, nil
}

// samples are texts that are tokens already.
func samples(batch [][]int32) []*model.Sample {
	var all []*model.Sample
	for _, ids := range batch {
		s := new(model.Sample)
		s.Text.IDs, s.Text.Spans, s.Text.Pieces = ids, make([]text.Span, len(ids)), make([]text.Span, len(ids))
		all = append(all, s)
	}
	return all
}

// reader predicts texts, tokenizer included; an iteration is the mean of pass batches.
func reader(m *model.Model, d *batches, precision string, pass int) (*contender, error) {
	if err := freeze(m, precision); err != nil {
		return nil, err
	}
	texts := slices.Concat(d.texts...)
	run := timed(1, func() error {
		_, err := m.Predict(context.Background(), texts)
		return err
	})
	return &contender{precision: precision, run: scaled(run, 1/float64(pass)), close: func() {}}, nil
}

// timed makes a contender's run of a step: an iteration is the mean of so many.
func timed(pass int, step func() error) func(n int) ([]float64, error) {
	return func(n int) ([]float64, error) {
		runtime.GC() // what others have left is not ours
		times := make([]float64, n)
		for i := range times {
			start := time.Now()
			for range pass {
				if err := step(); err != nil {
					return nil, err
				}
			}
			times[i] = milliseconds(start) / float64(pass)
		}
		return times, nil
	}
}

func scaled(run func(n int) ([]float64, error), by float64) func(n int) ([]float64, error) {
	return func(n int) ([]float64, error) {
		times, err := run(n)
		for i := range times {
			times[i] *= by
		}
		return times, err
	}
}

func milliseconds(start time.Time) float64 { return float64(time.Since(start).Nanoseconds()) / 1e6 }
