package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/label"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// DoubtOptions say how doubtful labels are looked for.
type DoubtOptions struct {
	Observer  Observer // nil for silence
	Folds     int      // models that are trained, each without a part of the rows; 0 for 5
	Neighbors int      // nearest rows that are compared with each doubtful one; 0 for none
	Limit     int      // doubts that get reasons; −1 for all
}

// Doubtful finds the rows of c.Data.Path whose labels are probably wrong: see package label. The models are of c's
// family, with its settings; c.Train.Seed decides on the parts.
func Doubtful(ctx context.Context, c *Config, o DoubtOptions) (*label.Report, error) {
	set, err := LabelledRows(ctx, c, o.Observer)
	if err != nil {
		return nil, err
	}
	return DoubtfulRows(ctx, c, set.Parts[data.Train], set.Labels, o)
}

// LabelledRows loads every row of c.Data.Path that has a text and one label, doubles included: cleaned, and not split.
func LabelledRows(ctx context.Context, c *Config, o Observer) (*data.Set, error) {
	if o == nil {
		o = silent{}
	}
	d := c.Data
	d.Test, d.Split, d.Task = "", data.Split{}, data.Classes
	d.Rows.Duplicates, d.Rows.NearDoubles, d.Rows.Empty = false, 0, true
	task := *c
	task.Model.Family = model.TokenFamilies()[0] // any that no task refuses
	if err := task.resolveTask(ctx); err != nil {
		return nil, err
	}
	if task.Task != data.Classes {
		return nil, hint.Errorf("it takes one label a text: task class", "looking for doubtful labels: task %s", task.Task)
	}
	o.Stage("reading", 0, "bytes")
	return data.Load(ctx, &d, func(done, _ int64) { o.Progress(done, "") })
}

// DoubtfulRows is Doubtful for rows that were loaded.
func DoubtfulRows(ctx context.Context, c *Config, rows []data.Row, labels []string, o DoubtOptions) (*label.Report, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	settings := *c
	settings.suitScript(rows)
	settings.Model.Pair = c.Data.Pair != ""
	settings.suitProbabilities()
	s := label.Settings{Model: settings.Model, Tokenizer: settings.Tokenizer, Clean: c.Data.Clean, Train: settings.Train, Folds: o.Folds, Neighbors: o.Neighbors, Limit: o.Limit}
	if s.Folds == 0 {
		s.Folds = 5
	}
	stage := ""
	return label.Find(ctx, rows, labels, s, func(name string, done, total int64) {
		if name != stage {
			stage = name
			unit := map[string]string{"training": "steps", "neighbors": "rows"}[name]
			o.Observer.Stage(name, total, unit)
		}
		o.Observer.Progress(done, "")
	})
}

// suitProbabilities trains for cross-entropy what the preset would solve as a support vector machine: doubts are ranked by
// how small the probability of a label is, and a margin says little of that.
func (c *Config) suitProbabilities() {
	t := &c.Train
	if t.Optimizer != "dual" {
		return
	}
	t.Optimizer, t.Loss, t.Schedule = "adamw", "auto", "linear"
	t.Epochs, t.LearningRate, t.LabelSmoothing = 8, 0.005, 0.05
	t.WeightDecay, t.Clip, t.Warmup = 0, 0, 0
}
