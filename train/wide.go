package train

import (
	"context"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

const (
	// wideFolds is how many models tell the network what n-grams say of texts that they were not fitted to.
	wideFolds = 5
	// wideCosts are tried, each twice the one before, from a 16th of Config.Cost on.
	wideCosts = 8
)

// fitWide fits the linear model beside a network (model.Config.Wide) by coordinate descent, before the network is
// trained. On texts that it was fitted to it is nearly always right, and would leave the network nothing to learn: so
// the network learns beside the scores of models that did not see the text (as stacking does: Wolpert 1992, "Stacked
// Generalization"). These also choose the cost of mistakes and the scale of the scores.
func (tr *Trainer) fitWide(ctx context.Context) error {
	m, set := tr.model, tr.train
	if !m.Config.Wide || len(set.Input.Given) > 0 {
		return nil
	}
	k := len(m.Labels)
	order := permutation(nil, set.Len(), tr.config.Seed, 0)
	held := make([][]float32, wideCosts) // by cost: scores of each example by a model without it
	for c := range held {
		held[c] = make([]float32, set.Len()*k)
	}
	tr.pool.For(wideFolds, 1, func(lo, hi int) {
		for f := lo; f < hi; f++ {
			from, to := len(order)*f/wideFolds, len(order)*(f+1)/wideFolds
			seen := slices.Concat(order[:from], order[to:])
			d := newDual(m, m.WideOf(&set.Input, set.Targets.Classes, seen), set, tr.loss)
			for c := range held {
				d.descend(ctx, seen, tr.config.costOf(c, wideCosts), tr.config.Seed)
				for _, i := range order[from:to] {
					d.score(d.rows.Index[d.rows.Offsets[i]:d.rows.Offsets[i+1]], d.rows.Value[d.rows.Offsets[i]:d.rows.Offsets[i+1]])
					copy(held[c][int(i)*k:], d.scores)
				}
			}
		}
	})
	best, scale, least := 0, 1.0, 0.0
	for c, scores := range held {
		targets, probabilities := make([]int, set.Len()), make([][]float32, set.Len())
		for i, y := range set.Targets.Classes {
			targets[i], probabilities[i] = int(y), make([]float32, k)
			kernel.Softmax(probabilities[i], scores[i*k:(i+1)*k])
		}
		if loss := eval.CalibratedLoss(targets, probabilities); c == 0 || loss < least {
			best, scale, least = c, 1/eval.Temperature(targets, probabilities), loss
		}
	}
	all := newDual(m, m.Linear(), set, tr.loss)
	clear(all.w) // of a training that goes on, which finds the same again
	clear(all.b)
	for c := range best + 1 {
		all.descend(ctx, order, tr.config.costOf(c, wideCosts), tr.config.Seed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, values := range [][]float32{all.w, all.b, held[best]} {
		kernel.Scale(float32(scale), values)
	}
	set.Input.Given = held[best]
	if tr.average != nil && tr.state.Step == 0 {
		copy(tr.average, m.Params.Values())
	}
	return nil
}

// descend makes passes over the examples of order, each in another order, until little changes.
func (d *dual) descend(ctx context.Context, order []int32, cost float64, seed uint64) {
	shuffled := make([]int32, len(order))
	for p := range passes {
		for to, from := range permutation(nil, len(order), seed, p) {
			shuffled[to] = order[from]
		}
		if _, largest := d.pass(shuffled, cost); largest < enough || ctx.Err() != nil {
			return
		}
	}
}
