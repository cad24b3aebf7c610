package train

import (
	"context"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
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
	order := permutation(nil, set.Len(), tr.config.Seed, 0)
	var folds []holdout
	for f := range wideFolds {
		from, to := len(order)*f/wideFolds, len(order)*(f+1)/wideFolds
		folds = append(folds, holdout{slices.Concat(order[:from], order[to:]), order[from:to]})
	}
	held := tr.heldScores(ctx, set, folds, func(seen []int32) *model.Linear { return m.WideOf(&set.Input, set.Targets.Classes, seen) })
	best, scale, _ := chooseCost(&set.Targets, firstRows(set.Len()), held, len(m.Labels))
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

// holdout says which examples a model sees, and of which others it tells something.
type holdout struct{ seen, out []int32 }

// heldScores are, by cost, what linear models say of examples of a set that they have not seen, [examples, outputs].
func (tr *Trainer) heldScores(ctx context.Context, set *Set, folds []holdout, linear func(seen []int32) *model.Linear) [][]float32 {
	k := len(tr.model.Labels)
	held := make([][]float32, wideCosts)
	for c := range held {
		held[c] = make([]float32, set.Len()*k)
	}
	tr.pool.For(len(folds), 1, func(lo, hi int) {
		for _, f := range folds[lo:hi] {
			d := newDual(tr.model, linear(f.seen), set, tr.loss)
			for c := range held {
				d.descend(ctx, f.seen, tr.config.costOf(c, wideCosts), tr.config.Seed)
				for _, i := range f.out {
					d.score(d.rows.Index[d.rows.Offsets[i]:d.rows.Offsets[i+1]], d.rows.Value[d.rows.Offsets[i]:d.rows.Offsets[i+1]])
					copy(held[c][int(i)*k:], d.scores)
				}
			}
		}
	})
	return held
}

// chooseCost returns the number of the cost under which examples held back, whose truth y tells, are judged best, what its
// scores, [examples, k], are to be multiplied by to be logits, and the mean loss then.
func chooseCost(y *model.Targets, rows []int, held [][]float32, k int) (best int, scale, least float64) {
	for c, scores := range held {
		targets, probabilities := make([]int, len(rows)), make([][]float32, len(rows))
		for r, i := range rows {
			targets[r], probabilities[r] = int(y.Classes[i]), make([]float32, k)
			kernel.Softmax(probabilities[r], scores[i*k:(i+1)*k])
		}
		if loss := eval.CalibratedLoss(targets, probabilities); c == 0 || loss < least {
			best, scale, least = c, 1/eval.Temperature(targets, probabilities), loss
		}
	}
	return best, scale, least
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
