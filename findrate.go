package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Rates that FindRate tries, from far too low to far too high for any family.
const (
	lowestRate  = 1e-5
	highestRate = 10
	leastSteps  = 200
	mostSteps   = 600
)

// FindRate does what `xiaoyu train --find-lr` does: a learning-rate range test on the training part. It trains a model
// that it throws away; nothing is written.
func FindRate(ctx context.Context, c *Config, o Observer) (*train.RateTest, error) {
	if o == nil {
		o = silent{}
	}
	t := &training{Observer: o, config: *c}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	defer t.trainer.Finish()
	steps := min(max(3*t.trainer.StepsPerEpoch(), leastSteps), mostSteps)
	t.Stage("rates", int64(steps), "steps")
	test, err := t.trainer.TestRates(ctx, train.RateRange{From: lowestRate, To: highestRate, Steps: steps}, func(step int, loss float64) {
		t.Progress(int64(step), fmt.Sprintf("loss %.3f", loss))
	})
	if errors.Is(err, context.Canceled) {
		err = hint.Wrap(err, "nothing was written; begin again", "testing learning rates")
	}
	return test, err
}

// RatePlot draws the loss over the learning rate, and the rate that is suggested.
func RatePlot(t *train.RateTest) *chart.Plot {
	// What the loss does before it has settled and after it has broken down must not flatten the part that matters.
	low, high := math.Inf(1), math.Inf(-1)
	for i, v := range t.Smoothed {
		if i >= 10 && t.Rates[i] <= t.Lowest {
			low, high = min(low, v), max(high, v)
		}
	}
	margin := (high - low) / 4
	return &chart.Plot{
		X: chart.Axis{Name: chart.Label{EN: "learning rate", ZH: "学习率"}, Log: true},
		Y: chart.Axis{Name: chart.Label{EN: "loss", ZH: "损失"}, Min: low - margin, Max: high + margin},
		Curves: []chart.Curve{
			{Name: chart.Label{EN: "loss, smoothed", ZH: "平滑后的损失"}, X: t.Rates, Y: t.Smoothed},
			{Name: chart.Label{EN: fmt.Sprintf("suggested: %.2g", t.Suggested), ZH: fmt.Sprintf("建议值：%.2g", t.Suggested)},
				X: []float64{t.Suggested, t.Suggested}, Y: []float64{low - margin, high + margin}, Style: chart.Dashed},
			{Name: chart.Label{EN: "loss of each step", ZH: "每步损失"}, X: t.Rates, Y: t.Losses, Style: chart.Dots, Plain: true},
		},
	}
}
