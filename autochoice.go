package xiaoyu

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// againFolds are the divisions of the rows on which the best are judged again.
const againFolds = 3

// confirm judges the best settings again, on other divisions of the rows, beside the best preset, and returns the winner:
// the best of many figures on one validation part is the luckiest as well.
func (a *auto) confirm(ctx context.Context, best *tune.Trial) (*tune.Trial, error) {
	candidates := a.candidates()
	left := time.Until(a.deadline).Seconds() - reserve*best.Facts["seconds"]
	affordable := 0
	for _, t := range candidates {
		if left -= againFolds * t.Facts["seconds"]; left > 0 {
			affordable++
		}
	}
	candidates = candidates[:affordable]
	switch {
	case a.parts != nil:
		return best, nil
	case len(candidates) < 2:
		return a.unlessLucky(best), nil
	}
	a.Stage("judging", int64(len(candidates)*againFolds), "trainings")
	parts := foldsOf(slices.Concat(a.set.Parts[data.Train], a.set.Parts[data.Validation]), againFolds)
	var winner *tune.Trial
	var told []string
	highest, done := math.Inf(-1), int64(0)
	for i := range candidates {
		t := &candidates[i]
		c, err := a.configOf(t.Params)
		if err != nil {
			return nil, err
		}
		mean := 0.0
		for fold := range parts {
			main, err := a.figure(ctx, c, without(a.set, parts, fold), fold+1, "", monitor{})
			if err != nil {
				return nil, err
			}
			mean += main / againFolds
			done++
			a.Progress(done, "")
		}
		told = append(told, fmt.Sprintf("%s %.4f", a.nameOf(t), mean))
		if mean > highest {
			winner, highest = t, mean
		}
		if a.isPreset(t.Number) {
			a.presetAgain = mean
		}
	}
	a.wonBy = highest
	a.rows = len(a.set.Parts[data.Train]) + len(a.set.Parts[data.Validation])
	a.tell("the best were judged again, by cross-validation of %d folds over all %d rows, since the best of many is also the luckiest: %s", againFolds, a.rows, strings.Join(told, ", "))
	return winner, nil
}

// unlessLucky is the winner where no time is left to judge again: the best preset, unless the best is above it by more than
// chance makes.
func (a *auto) unlessLucky(best *tune.Trial) *tune.Trial {
	c := a.candidates()
	if len(c) == 0 || !a.isPreset(c[0].Number) || a.isPreset(best.Number) || !a.sharesOfRows() {
		return best
	}
	gain := best.Values[0] - c[0].Values[0]
	if gain >= a.chance(best.Values[0]) {
		return best
	}
	a.tell("%s is %.2f points above %s, which may be chance on %d rows, and no time is left to judge both again", a.nameOf(best), 100*gain, a.nameOf(&c[0]), a.rows)
	return &c[0]
}

// sharesOfRows tells whether figures are shares of the rows, of which chance can be told.
func (a *auto) sharesOfRows() bool {
	h := a.base.Model.Head
	return h != model.RegressionHead && h != model.EmbeddingHead
}

// chance is by how much a share of the rows may be off, in 95 of 100 cases.
func (a *auto) chance(figure float64) float64 {
	return 1.96 * math.Sqrt(max(figure*(1-figure), 0)/float64(max(a.rows, 1)))
}

// candidates are the best preset and the best settings that were searched, the preset first.
func (a *auto) candidates() []tune.Trial {
	var out []tune.Trial
	for _, t := range tune.Ranked(a.study.Trials(), a.objectives) {
		switch {
		case t.State != tune.Complete:
		case a.isPreset(t.Number) && (len(out) == 0 || !a.isPreset(out[0].Number)):
			out = slices.Insert(out, 0, t)
		case !a.isPreset(t.Number) && len(out) <= finalists:
			out = append(out, t)
		}
	}
	return out[:min(len(out), finalists+1)]
}

func (a *auto) nameOf(t *tune.Trial) string {
	name := t.Params["model.family"]
	if a.isPreset(t.Number) {
		return "preset " + name
	}
	return fmt.Sprintf("trial %d (%s)", t.Number, name)
}

func (a *auto) tellOfPresets() {
	var told []string
	searched := 0
	for _, t := range a.study.Trials() {
		if a.isPreset(t.Number) {
			what := fmt.Sprintf("%s %s", t.Params["model.family"], string(t.State))
			switch {
			case t.State == tune.Complete:
				what = fmt.Sprintf("%s %.4f (%s)", t.Params["model.family"], t.Values[0], seconds(t.Seconds))
			case t.State == tune.Pruned:
				what = t.Params["model.family"] + " given up: " + strings.TrimSuffix(t.Note, ": "+tune.ErrPruned.Error())
			case t.State == tune.Failed:
				what = t.Params["model.family"] + " failed: " + t.Note
			case t.State == tune.Waiting || t.State == tune.Running:
				what = t.Params["model.family"] + " not tried for want of time"
			}
			told = append(told, what)
			continue
		}
		searched++
	}
	a.tell("presets: %s", strings.Join(told, ", "))
	if searched > 0 {
		best := a.study.Best()
		a.tell("then %d settings near the good ones; the best figure, %.4f, is of %s", searched, best.Values[0], a.nameOf(best))
	}
}

// tellOfWinner says what was chosen and what it gained over the best preset.
func (a *auto) tellOfWinner(winner *tune.Trial) {
	if a.isPreset(winner.Number) {
		a.tell("chosen: the preset of %s; nothing that was tried is better", winner.Params["model.family"])
		return
	}
	changed := a.changes(winner.Params)
	a.tell("chosen: %s with %s", winner.Params["model.family"], strings.Join(changed, ", "))
	before, after := a.presetAgain, a.wonBy
	name := "the best preset"
	if a.wonBy == 0 {
		after = winner.Values[0]
		if c := a.candidates(); len(c) > 0 && a.isPreset(c[0].Number) {
			before, name = c[0].Values[0], a.nameOf(&c[0])
		}
	}
	gain := after - before
	if !a.sharesOfRows() {
		a.tell("gained over %s: from %.4f to %.4f", name, before, after)
		return
	}
	noise := a.chance(after)
	verdict := "more than chance does"
	if gain < noise {
		verdict = "which may be chance"
	}
	a.tell("gained over %s: %+.2f points, from %.4f to %.4f; on %d rows chance makes up to ±%.2f, %s", name, 100*gain, before, after, a.rows, 100*noise, verdict)
}
