package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Continued compares a model that was trained further with what it was before.
type Continued struct {
	Parent   string   `json:"parent"` // digest of the package that it goes on from
	Metric   string   `json:"metric"`
	Old      *Change  `json:"old"`              // on the old test part
	New      *Change  `json:"new,omitempty"`    // on the new one, where there is any
	Replayed int      `json:"replayed"`         // old rows that were read again
	Labels   []string `json:"labels,omitempty"` // that are new
}

// Change is a figure before and after.
type Change struct {
	Rows   int     `json:"rows"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// String is the comparison as lines of text.
func (c *Continued) String() string {
	out := fmt.Sprintf("%-14s %6s  %8s %8s %8s", c.Metric, "rows", "before", "after", "change")
	c.each(func(name string, f *Change) {
		out += fmt.Sprintf("\n%-14s %6d  %8.4f %8.4f %+8.4f", name, f.Rows, f.Before, f.After, f.After-f.Before)
	})
	return out
}

// each calls f with the changes that are known.
func (c *Continued) each(f func(name string, change *Change)) {
	f("old test part", c.Old)
	if c.New != nil {
		f("new test part", c.New)
	}
}

// continuedFile is the comparison in the folder of a run, whether or not a package was written.
const continuedFile = "continued.json"

// weighForgetting compares, on each test part, what the model says with what its parent said, and refuses a model that
// forgot more than is allowed.
func (t *training) weighForgetting(ctx context.Context, after []model.Prediction) (*Continued, error) {
	c, err := t.compareWithParent(ctx, t.judged(), after)
	if err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = atomicfile.WriteFile(filepath.Join(t.record.Dir(), continuedFile), append(content, '\n'), 0o644)
	}
	if err != nil {
		return nil, hint.Wrap(err, "free some space", "saving the comparison of old and new")
	}
	if err := c.check(t.config.Continue.Model, t.config.Continue.MaxDrop); err != nil {
		for line := range strings.Lines(c.String()) {
			t.Note("%s", strings.TrimSuffix(line, "\n"))
		}
		return nil, err
	}
	return c, nil
}

func (t *training) compareWithParent(ctx context.Context, rows []data.Row, after []model.Prediction) (*Continued, error) {
	f := t.from
	said, err := t.answer(ctx, f.parent, "evaluating the old model", rows)
	if err != nil {
		return nil, err
	}
	before := said.predictions
	for i := range before { // labels that it did not know
		if p := &before[i]; p.Probabilities != nil {
			p.Probabilities = append(p.Probabilities, make([]float32, len(t.model.Labels)-len(p.Probabilities))...)
		}
	}
	c := &Continued{Parent: f.digest, Replayed: f.replayed, Labels: t.set.Labels[len(f.old.Labels):]}
	change := func(lo, hi int) (*Change, error) {
		if lo == hi {
			return nil, nil
		}
		ch := &Change{Rows: hi - lo}
		for of, to := range map[*[]model.Prediction]*float64{&before: &ch.Before, &after: &ch.After} {
			report, err := judgeRows(t.model, rows[lo:hi], (*of)[lo:hi], eval.Options{})
			if err != nil {
				return nil, err
			}
			c.Metric, *to = report.Main().Name, report.Main().Value
		}
		return ch, nil
	}
	var failed error
	c.New, failed = change(0, f.fresh)
	c.Old, err = change(f.fresh, len(rows))
	return c, cmp.Or(failed, err)
}

// check refuses a model that forgot more than most.
func (c *Continued) check(parent string, most float64) error {
	if drop := c.Old.Before - c.Old.After; drop > most {
		return hint.Errorf("raise continue.replay or continue.ewc, lower train.learning_rate or train.epochs, or allow more with continue.max_drop",
			"training %s further: its %s on the old test part would fall from %.4f to %.4f, by more than %g; no package was written", parent, c.Metric, c.Old.Before, c.Old.After, most)
	}
	return nil
}

// card is the part of a model card that tells of it.
func (c *Continued) card() string {
	if c == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Before and after\n\nTrained further from the package `%s`; %d rows of its data were read again.\n\n| %s | rows | before | after |\n|---|---|---|---|\n", c.Parent, c.Replayed, c.Metric)
	c.each(func(name string, f *Change) {
		fmt.Fprintf(&b, "| %s | %d | %.4f | %.4f |\n", name, f.Rows, f.Before, f.After)
	})
	return b.String()
}
