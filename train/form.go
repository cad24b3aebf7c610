package train

import (
	"context"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// formTrial is how far the trial of the form of texts is.
type formTrial int

const (
	untried formTrial = iota
	tried
	taken
)

// beyondChance is how many standard errors the loss must fall by for the form of texts to be taken (the rule of one standard
// error: Breiman, Friedman, Olshen & Stone 1984, "Classification and Regression Trees").
const beyondChance = 1

// triesForm tells whether the validation part is to say if the form of texts is read (model.NGrams.Form "auto"): once the
// best cost is known without it, the same cost is tried with it. What form tells of titles by topic or of questions by
// intent is worth a point; of opinions it tells nothing that words do not, and would only be in their way.
func (tr *Trainer) triesForm() bool {
	return tr.form != nil && tr.dual != nil && tr.model.Config.Head == model.ClassHead && tr.valid.Len() > 0 && tr.config.Until == 0
}

// hideForm hides the form of texts until it is tried.
func (tr *Trainer) hideForm() {
	if tr.model.Config.NGram.Form != "auto" {
		return
	}
	if tr.form = tr.model.Form(); tr.form != nil {
		tr.form.Hide()
	}
}

// showForm begins its trial.
func (tr *Trainer) showForm() {
	tr.state.Form = tried
	tr.form.Show()
	tr.dual.reset(tr.model, tr.train)
}

// judgeForm ends it.
func (tr *Trainer) judgeForm(ctx context.Context) (*Epoch, error) {
	s, weights := &tr.state, tr.model.Params.Values()
	scores, with, err := tr.validLosses(ctx)
	if err != nil {
		return nil, err
	}
	trial := slices.Clone(weights)
	copy(weights, tr.best)
	_, without, err := tr.validLosses(ctx)
	copy(weights, trial)
	if err != nil {
		return nil, err
	}
	e := &Epoch{Epoch: s.Epoch + 1, Epochs: s.Epoch + 1, Step: s.Step, TrainLoss: s.LossSum / passes, Valid: scores, Form: true, Stopped: true}
	if beyond(without, with) > beyondChance {
		e.Best, s.Form = true, taken
		tr.best = trial
	}
	s.Epoch, s.Position, s.LossSum, s.Done = e.Epoch, 0, 0, true
	return e, nil
}

// validLosses returns the loss of each example of the validation part at the best temperature.
func (tr *Trainer) validLosses(ctx context.Context) (Scores, []float64, error) {
	scores, predictions, err := Evaluate(ctx, tr.model, tr.valid, tr.tape)
	if err != nil {
		return scores, nil, err
	}
	targets, probabilities := classesOf(tr.valid.truth(), predictions)
	return scores, eval.CalibratedLosses(targets, probabilities), nil
}

// beyond returns by how many standard errors b is below a on average, pair by pair.
func beyond(a, b []float64) float64 {
	sum, squares, n := 0.0, 0.0, float64(len(a))
	for i := range a {
		d := a[i] - b[i]
		sum += d
		squares += d * d
	}
	mean := sum / n
	return mean / math.Sqrt(max(squares/n-mean*mean, 1e-300)/n)
}
