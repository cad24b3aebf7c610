package compress

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// static is int8 whose inputs of linear layers have a scale that was found beforehand, the same for all texts (static
// activations: Jacob et al. 2018), in the place of one that each row has of its own.
type static struct{ calibration quant.Calibration }

func (s static) String() string {
	if s.calibration.Method == quant.Percentile {
		return "percentile8=" + number(s.calibration.Share)
	}
	return s.calibration.Method + "8"
}

// calibrationTexts is how many examples are looked at for ranges.
const calibrationTexts = 256

func (s static) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	if w.Set == nil {
		return nil, needsData(s.String())
	}
	seen, err := s.observe(ctx, m, w)
	if err != nil {
		return nil, err
	}
	g, err := copyOf(m)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		if h := seen[p.Name]; h != nil {
			p.Limit = h.Limit(s.calibration)
		}
	}
	return g, g.Store(nn.INT8, func(p *nn.Param) quant.Kind { return weights(quant.Int8).of(p) })
}

// observe counts what enters each linear layer on examples, in float32.
func (s static) observe(ctx context.Context, m *model.Model, w *Work) (map[string]*quant.Histogram, error) {
	exact, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	exact.Params.Freeze(nn.F32)
	set := some(exact, w.Set(exact), calibrationTexts)
	seen := map[string]*quant.Histogram{}
	tape := nn.NewTape(nil)
	tape.Watch = func(p *nn.Param, x []float32) {
		if seen[p.Name] == nil {
			seen[p.Name] = new(quant.Histogram)
		}
		if failed := seen[p.Name].Add(x); failed != nil && err == nil {
			err = hint.Wrap(failed, "train the model again: its numbers have no end", "what enters %s", p.Name)
		}
	}
	var one model.Input
	for i := range set.Len() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one.Reset()
		exact.AppendExample(&one, &set.Input, i)
		tape.Begin(nn.Inference, 0, 0)
		exact.Forward(tape, &one)
	}
	if len(seen) == 0 && err == nil {
		err = hint.Errorf("name examples with --data, and a model that has linear layers", "the move %s: the calibration set is empty: nothing of %d examples enters a linear layer", s, set.Len())
	}
	return seen, err
}
