package train

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// stateLength is the root mean square length of the states of a joint head beside n-grams, whose rows have length 1.
const stateLength = 2

// solveJoint solves a head over states that stay and the n-grams beside it (model.Config.Wide) as one linear model, by
// coordinate descent: what either knows, the other need not learn. The cost of mistakes and the scale of the scores are
// chosen on examples held back.
func (tr *Trainer) solveJoint(ctx context.Context) error {
	m, set := tr.model, tr.train
	k := len(m.Labels)
	w, b := m.Classifier()
	targets, _ := tr.solverTargets()
	states := newLogistic(tr.pool, softmaxLoss, set.Input.States, w.Width(), targets, nil)
	folds := foldsOf(targets, k, tr.config.Seed)
	held := make([][]float32, wideCosts) // by cost: scores of each example that was held back
	for c := range held {
		held[c] = make([]float32, set.Len()*k)
	}
	tr.pool.For(len(folds), 1, func(lo, hi int) {
		for f := lo; f < hi; f++ {
			out := map[int]bool{}
			for _, i := range folds[f] {
				out[i] = true
			}
			var seen []int32
			for i := range set.Len() {
				if !out[i] {
					seen = append(seen, int32(i))
				}
			}
			d := newDual(m, besideStates(m.WideOf(&set.Input, set.Targets.Classes, seen), states), set, tr.loss)
			for c := range held {
				d.descend(ctx, seen, tr.config.costOf(c, wideCosts), tr.config.Seed)
				for _, i := range folds[f] {
					lo, hi := d.rows.Offsets[i], d.rows.Offsets[i+1]
					d.score(d.rows.Index[lo:hi], d.rows.Value[lo:hi])
					copy(held[c][i*k:], d.scores)
				}
			}
		}
	})
	best, scale := wideCosts/2, 1.0
	if len(folds) > 0 {
		best, scale = tr.chooseCost(folds, held)
	}
	own := m.Linear()
	all := newDual(m, besideStates(own, states), set, tr.loss)
	order := permutation(nil, set.Len(), tr.config.Seed, 0)
	for c := range best + 1 {
		all.descend(ctx, order, tr.config.costOf(c, wideCosts), tr.config.Seed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	features := own.W.Size() / k
	for i := range own.W.Data {
		own.W.Data[i] = float32(scale) * all.w[i]
	}
	clear(own.B.Data)
	theta := make([]float64, states.size())
	for c := range k {
		for j := range states.dim {
			theta[c*states.dim+j] = scale * stateLength * float64(all.w[(features+j)*k+c])
		}
		theta[k*states.dim+c] = scale * float64(all.b[c])
	}
	states.write(theta, w.Data, b.Data)
	return nil
}

// chooseCost returns the number of the cost under which the examples held back are judged best, and what its scores are
// to be multiplied by to be logits. It remembers which of them were right, and their mean loss.
func (tr *Trainer) chooseCost(folds [][]int, held [][]float32) (best int, scale float64) {
	k, least := len(tr.model.Labels), 0.0
	for c, scores := range held {
		var targets []int
		var probabilities [][]float32
		var right []float64
		for _, fold := range folds {
			for _, i := range fold {
				y, z := int(tr.train.Targets.Classes[i]), scores[i*k:(i+1)*k]
				p, hit := make([]float32, k), 0.0
				if kernel.Softmax(p, z); kernel.ArgMax(z) == y {
					hit = 1
				}
				targets, probabilities, right = append(targets, y), append(probabilities, p), append(right, hit)
			}
		}
		if loss := eval.CalibratedLoss(targets, probabilities); c == 0 || loss < least {
			best, least, scale = c, loss, 1/eval.Temperature(targets, probabilities)
			tr.state.Believed, tr.state.LossSum = right, loss
		}
	}
	return best, scale
}

// besideStates is a linear model over the features of l and, behind them, states, which every batch brings. Its weights
// are of its own, and zero.
func besideStates(l *model.Linear, states *logistic) *model.Linear {
	k := l.B.Size()
	features := l.W.Size() / k
	w := &nn.Param{Shape: []int{features + states.dim, k}, Data: make([]float32, (features+states.dim)*k)}
	b := &nn.Param{Shape: []int{k}, Data: make([]float32, k)}
	return &model.Linear{W: w, B: b, Rows: func(t *nn.Tape, in *model.Input) *nn.Sparse {
		x := l.Rows(t, in)
		y := t.NewSparse(features + states.dim)
		for i := range x.Rows() {
			y.Index = append(y.Index, x.Index[x.Offsets[i]:x.Offsets[i+1]]...)
			y.Value = append(y.Value, x.Value[x.Offsets[i]:x.Offsets[i+1]]...)
			for j, s := range in.States[i*states.dim : (i+1)*states.dim] {
				y.Index = append(y.Index, int32(features+j))
				y.Value = append(y.Value, stateLength*states.scale*(s-states.mean[j]))
			}
			y.Offsets = append(y.Offsets, int32(len(y.Index)))
		}
		return y
	}}
}

// jointStep is the one step of a trainer that has solved all before.
func (tr *Trainer) jointStep() *Step {
	s := &tr.state
	s.Position++
	s.Step = s.Position
	return &Step{Step: s.Step, Steps: 1, Epoch: 1, Loss: s.LossSum, Tokens: tr.train.Input.Tokens.Tokens()}
}

// joint tells that a head and the n-grams beside it are solved together.
func (tr *Trainer) joint() bool { return tr.model.Config.Wide && solves(tr.config.Optimizer) }
