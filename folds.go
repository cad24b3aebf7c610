package xiaoyu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// CrossValidation is how well models trained on parts of the training part do on the rest of it: what to expect of the
// method, where one figure depends on which rows chance put into the test part.
type CrossValidation struct {
	Metric    string    `json:"metric"`
	Values    []float64 `json:"values"` // of each fold's model
	Rows      []int     `json:"rows"`   // that each was judged on
	Mean      float64   `json:"mean"`
	Deviation float64   `json:"deviation"` // of the values, with n − 1
}

// String is "accuracy 0.8912 ± 0.0061 over 5 folds".
func (c *CrossValidation) String() string {
	return fmt.Sprintf("%s %.4f ± %.4f over %d folds", c.Metric, c.Mean, c.Deviation, len(c.Values))
}

const (
	foldsFile          = "folds.json"
	foldCheckpointFile = "fold.safetensors"
)

// crossValidate trains and judges a model for each fold. Figures of folds that are done are kept in the run, and the one
// under way has a checkpoint, so that a resumed run goes on where it was.
func (t *training) crossValidate(ctx context.Context) (*CrossValidation, error) {
	k := t.config.Train.Folds
	if k == 0 {
		return nil, nil
	}
	if k == 1 {
		return nil, hint.Errorf("set train.folds to 0 or to 2 and more", "cross-validation: one fold leaves nothing to train on")
	}
	folds := foldsOf(t.set.Parts[data.Train], k)
	for i, rows := range folds {
		if len(rows) == 0 {
			return nil, hint.Errorf("lower train.folds", "cross-validation: fold %d of %d of the %d training rows is empty", i+1, k, len(t.set.Parts[data.Train]))
		}
	}
	path := filepath.Join(t.record.Dir(), foldsFile)
	cv := &CrossValidation{}
	if saved, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(saved, cv); err != nil || len(cv.Values) > k {
			return nil, hint.Errorf("start the training anew", "cross-validation: %s is damaged", path)
		}
	}
	// The model's own training has not begun: its checkpoint makes the run one that can be resumed.
	if err := t.trainer.Save(filepath.Join(t.record.Dir(), checkpointFile)); err != nil {
		return nil, err
	}
	for i := len(cv.Values); i < k; i++ {
		if err := t.fold(ctx, cv, folds, i); err != nil {
			return nil, err
		}
		content, err := json.Marshal(cv)
		if err == nil {
			err = atomicfile.WriteFile(path, content, 0o644)
		}
		if err != nil {
			return nil, hint.Wrap(err, "free some space", "cross-validation: saving the figures of fold %d", i+1)
		}
	}
	t.Note("cross-validation: %s", cv)
	return cv, nil
}

// fold trains without the rows of fold i and judges on them.
func (t *training) fold(ctx context.Context, cv *CrossValidation, folds [][]data.Row, i int) error {
	name := fmt.Sprintf("fold %d/%d", i+1, len(folds))
	set := *t.set
	set.Parts[data.Test] = folds[i]
	set.Parts[data.Train] = slices.Concat(slices.Concat(folds[:i]...), slices.Concat(folds[i+1:]...))
	f := &training{Observer: foldObserver{t.Observer, name}, config: t.config, options: t.options, start: t.start, set: &set, record: t.record, lesson: t.lesson, states: t.states}
	tok, err := f.tokenizer(ctx)
	if err == nil {
		err = f.build(ctx, tok)
	}
	if err != nil {
		return err
	}
	path := filepath.Join(t.record.Dir(), foldCheckpointFile)
	if _, err = os.Stat(path); err == nil {
		err = f.trainer.Restore(path)
	} else {
		err = nil
	}
	if err == nil {
		err = f.loop(ctx, course{name: name, checkpoint: path})
	}
	f.trainer.Finish()
	if err != nil {
		return err
	}
	f.model.Params.Freeze(nn.F32)
	report, _, err := f.judge(ctx)
	if err != nil {
		return err
	}
	main := report.Main()
	cv.Metric = main.Name
	cv.add(main.Value, report.N)
	t.Note("  %s  %s %.4f on %d rows", name, main.Name, main.Value, report.N)
	return errors.Join(removeIfThere(path), removeIfThere(contrastFile(path)))
}

func (c *CrossValidation) add(value float64, rows int) {
	c.Values, c.Rows = append(c.Values, value), append(c.Rows, rows)
	n, square := float64(len(c.Values)), 0.0
	c.Mean = 0
	for _, v := range c.Values {
		c.Mean += v / n
	}
	for _, v := range c.Values {
		square += (v - c.Mean) * (v - c.Mean)
	}
	c.Deviation = math.Sqrt(square / max(n-1, 1))
}

// foldsOf divides rows by the digests of their texts, so that equal texts are in one fold.
func foldsOf(rows []data.Row, k int) [][]data.Row {
	folds := make([][]data.Row, k)
	for _, r := range rows {
		i := data.FoldOf(&r, k) - 1
		folds[i] = append(folds[i], r)
	}
	return folds
}

// foldObserver shows the stages of a fold under its name and keeps its notes back.
type foldObserver struct {
	Observer
	name string
}

func (o foldObserver) Stage(name string, total int64, unit string) {
	if name == "training" || name == o.name {
		o.Observer.Stage(o.name, total, unit)
	} else {
		o.Observer.Stage(o.name+" "+name, total, unit)
	}
}

func (foldObserver) Note(string, ...any) {}
