package xiaoyu

import (
	"context"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// judged returns the rows of the test part, or of the next best.
func (t *training) judged() []data.Row {
	rows := t.set.Parts[data.Test]
	for _, side := range []data.Side{data.Validation, data.Train} {
		if len(rows) == 0 {
			rows = t.set.Parts[side]
		}
	}
	return rows
}

// judge evaluates on the rows that judged returns, and returns what the model said of them as well; nothing for head
// embedding.
func (t *training) judge(ctx context.Context) (*eval.Report, []model.Prediction, error) {
	rows := t.judged()
	said, err := t.recall(ctx, "evaluating", rows)
	if err != nil {
		return nil, nil, err
	}
	report, err := judge(t.model, rows, said, t.config.Data.Slices, eval.Options{Mistakes: t.config.Eval.Mistakes, Rounds: t.config.Eval.Bootstrap, Seed: t.config.Train.Seed})
	if err == nil {
		main := report.Main()
		t.Progress(int64(len(rows)), fmt.Sprintf("%s %.4f", main.Name, main.Value))
	}
	return report, said.predictions, err
}

// answer has a model answer rows, as a stage of the training.
func (t *training) answer(ctx context.Context, m *model.Model, stage string, rows []data.Row) (*answers, error) {
	t.Stage(stage, int64(len(rows)), "texts")
	return answer(ctx, m, rows, func(done int) { t.Progress(int64(done), "") })
}
