package train

import (
	"context"

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
	var folds []holdout
	var judged []int
	for _, out := range foldsOf(targets, k, tr.config.Seed) {
		f, judging := holdout{}, map[int]bool{}
		for _, i := range out {
			judging[i], f.out = true, append(f.out, int32(i))
		}
		for i := range set.Len() {
			if !judging[i] {
				f.seen = append(f.seen, int32(i))
			}
		}
		folds, judged = append(folds, f), append(judged, out...)
	}
	best, scale := wideCosts/2, 1.0
	if len(folds) > 0 {
		held := tr.heldScores(ctx, set, folds, func(seen []int32) *model.Linear {
			return besideStates(m.WideOf(&set.Input, set.Targets.Classes, seen), states)
		})
		best, scale, tr.state.LossSum = chooseCost(&set.Targets, judged, held, k)
		tr.state.Believed = nil
		for _, i := range judged {
			hit := 0.0
			if kernel.ArgMax(held[best][i*k:(i+1)*k]) == int(set.Targets.Classes[i]) {
				hit = 1
			}
			tr.state.Believed = append(tr.state.Believed, hit)
		}
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

// joint tells that a head and the n-grams beside it are solved together: from labels alone.
func (tr *Trainer) joint() bool { return tr.beside() && tr.unlabelled == nil }

// beside tells that there are n-grams beside a head that is solved.
func (tr *Trainer) beside() bool { return tr.model.Config.Wide && solves(tr.config.Optimizer) }
