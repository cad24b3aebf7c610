package train

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// RateTest is what a learning-rate range test found (Smith 2017, "Cyclical Learning Rates for Training Neural Networks"):
// the loss while the rate rises from step to step.
type RateTest struct {
	Rates     []float64 `json:"rates"`
	Losses    []float64 `json:"losses"`
	Smoothed  []float64 `json:"smoothed"`           // moving average, by which is judged
	Suggested float64   `json:"suggested"`          // Steepest, but at most a tenth of Lowest
	Steepest  float64   `json:"steepest"`           // rate at which it falls most steeply
	Lowest    float64   `json:"lowest"`             // rate at which it is lowest
	Diverged  float64   `json:"diverged,omitempty"` // rate at which the test ended, because the loss had risen far; 0 if it did not
}

// RateRange says what rates a test tries.
type RateRange struct {
	From, To float64 // of the learning rate, 0 < From < To
	Steps    int     // of training, at least 10
}

// smoothing is the decay of the moving average of losses.
const smoothing = 0.97

// TestRates trains for some steps while the learning rate rises exponentially, notes the loss of each, and ends early when
// the smoothed loss has risen to four times its lowest value or is no number any more. Model, optimiser and state are as
// before afterwards. It must be called before Run. progress, which may be nil, is told of each step.
func (tr *Trainer) TestRates(ctx context.Context, r RateRange, progress func(step int, loss float64)) (*RateTest, error) {
	if !(r.From > 0 && r.From < r.To) || math.IsInf(r.To, 0) || r.Steps < 10 {
		return nil, hint.Errorf("try rates from 1e-6 to 1 in 100 steps", "testing learning rates: %g to %g in %d steps is no range", r.From, r.To, r.Steps)
	}
	if tr.updater == nil {
		return nil, hint.Errorf("there is nothing to find; or name a family that learns by gradients, such as --model gru, or set train.optimizer to adamw", "testing learning rates: the optimizer %s has none", tr.config.Optimizer)
	}
	if err := tr.fitWide(ctx); err != nil {
		return nil, err
	}
	undo := tr.keep()
	defer undo()
	test := &RateTest{}
	average, lowest := 0.0, math.Inf(1)
	for i := range r.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rate := r.From * math.Pow(r.To/r.From, float64(i)/float64(r.Steps-1))
		tr.fixedRate = rate
		if tr.state.Position >= tr.train.Len() { // the next epoch, which nobody judges
			tr.state.Epoch, tr.state.Position = tr.state.Epoch+1, 0
		}
		step, err := tr.step(ctx)
		if errors.Is(err, ErrDiverged) {
			test.Diverged = rate
			break
		}
		if err != nil {
			return nil, err
		}
		average = smoothing*average + (1-smoothing)*step.Loss
		smooth := average / (1 - math.Pow(smoothing, float64(i+1)))
		test.Rates, test.Losses, test.Smoothed = append(test.Rates, rate), append(test.Losses, step.Loss), append(test.Smoothed, smooth)
		if progress != nil {
			progress(i+1, smooth)
		}
		if lowest = min(lowest, smooth); i > 10 && smooth > 4*lowest {
			test.Diverged = rate
			break
		}
	}
	return test, test.suggest()
}

// suggest reads the curve: the rate of the steepest descent before the minimum, but at most a tenth of the rate of the
// minimum, where training is already about to break down.
func (t *RateTest) suggest() error {
	n := len(t.Rates)
	if n < 10 {
		return hint.Errorf("begin at a lower rate, or clip the gradient (train.clip)", "testing learning rates: the loss broke down after %d steps", n)
	}
	settled := n / 10 // before, the moving average is of few steps
	lowest := settled
	for i := settled; i < n; i++ {
		if t.Smoothed[i] < t.Smoothed[lowest] {
			lowest = i
		}
	}
	t.Lowest = t.Rates[lowest]
	// Slopes over the logarithm of the rate, across a tenth of the steps on either side, since shorter ones are noise.
	span := max(2, n/10)
	steepest, slope := -1, 0.0
	for i := settled + span; i+span < n && i <= lowest; i++ {
		if s := t.Smoothed[i+span] - t.Smoothed[i-span]; s < slope {
			steepest, slope = i, s
		}
	}
	if steepest < 0 {
		return hint.Errorf("try lower rates, or look whether labels and texts belong together", "testing learning rates: the loss does not fall at any rate from %g to %g", t.Rates[0], t.Rates[n-1])
	}
	t.Steepest = t.Rates[steepest]
	t.Suggested = min(t.Steepest, t.Lowest/10)
	return nil
}

// keep returns a function that puts weights, optimiser and state back as they are now.
func (tr *Trainer) keep() (undo func()) {
	kept := map[string][]float32{}
	for name, array := range tr.arrays() {
		kept[name] = slices.Clone(array)
	}
	state := tr.state
	return func() {
		for name, array := range tr.arrays() {
			copy(array, kept[name])
		}
		tr.state, tr.fixedRate = state, 0
		tr.model.Params.ZeroGradients()
	}
}
