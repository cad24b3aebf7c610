package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Evaluate judges a model on every labelled row of c.Data.Path. Nothing is split off, and nothing is dropped but rows
// without a label: the texts are what the model will meet. A label that the model does not know is an error.
func Evaluate(ctx context.Context, m *Model, c *Config, o Observer) (*eval.Report, error) {
	j := judgement{Observer: cmp.Or[Observer](o, silent{}), config: c}
	if err := j.read(ctx, m.Config.Head); err != nil {
		return nil, err
	}
	return j.judge(ctx, m.Model, "evaluating")
}

// Compare judges two models on the same rows, and whether one is better beyond chance. The report is that of a.
func Compare(ctx context.Context, a, b *Model, c *Config, o Observer) (*eval.Report, *eval.Comparison, error) {
	if a.Config.Head != b.Config.Head {
		return nil, nil, hint.Errorf("compare models of one task", "comparing a model of task %s with one of task %s", taskName(a.Config.Head), taskName(b.Config.Head))
	}
	j := judgement{Observer: cmp.Or[Observer](o, silent{}), config: c}
	if err := j.read(ctx, a.Config.Head); err != nil {
		return nil, nil, err
	}
	first, err := j.judge(ctx, a.Model, "evaluating A")
	if err != nil {
		return nil, nil, err
	}
	second, err := j.judge(ctx, b.Model, "evaluating B")
	if err != nil {
		return nil, nil, err
	}
	comparison, err := eval.Compare(first, second, packageName(a, "A"), packageName(b, "B"), j.options())
	return first, comparison, err
}

func packageName(m *Model, otherwise string) string {
	if m.Package == nil {
		return otherwise
	}
	return m.Package.Dir
}

// taskName is what the configuration calls the task of a head.
func taskName(head string) string {
	if head == model.ClassHead {
		return data.Classes
	}
	return head
}

// judgement is one file of examples, on which models are judged.
type judgement struct {
	Observer
	config   *Config
	examples []data.Example
}

func (j *judgement) read(ctx context.Context, head string) error {
	c := &j.config.Data
	if head == model.AnswerHead {
		c.SuitQuestions()
	}
	if c.Path == "" {
		return hint.Errorf("pass --data FILE", "evaluating: no file of examples is named")
	}
	r, err := data.Open(ctx, c.Path, c.Columns)
	if err != nil {
		return err
	}
	defer r.Close()
	j.Stage("reading", 0, "rows")
	for e, err := range r.All() {
		if err != nil {
			return err
		}
		j.examples = append(j.examples, e)
		if len(j.examples)%1000 == 0 {
			j.Progress(int64(len(j.examples)), "")
		}
	}
	j.Progress(int64(len(j.examples)), "")
	return nil
}

func (j *judgement) options() eval.Options {
	return eval.Options{Mistakes: j.config.Eval.Mistakes, Rounds: j.config.Eval.Bootstrap, Seed: 1}
}

// judge predicts all examples and compares.
func (j *judgement) judge(ctx context.Context, m *model.Model, stage string) (*eval.Report, error) {
	c := j.config
	rows, skipped, err := evalRows(m, j.examples, c)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, hint.Errorf("check --label", "evaluating: %s has no labelled row", c.Data.Path)
	}
	j.Stage(stage, int64(len(rows)), "texts")
	start := time.Now()
	said, err := answer(ctx, m, rows, func(done int) { j.Progress(int64(done), "") })
	if err != nil {
		return nil, err
	}
	speed := float64(len(rows)) / max(time.Since(start).Seconds(), 1e-9)
	j.Progress(int64(len(rows)), fmt.Sprintf("%.0f texts/s", speed))
	if skipped > 0 {
		j.Note("note: %d rows without a label were left out", skipped)
	}
	if trainedOn(m, c.Data.Path) {
		j.Note("note: %s was trained on rows of this very file: the figures flatter it", cmp.Or(m.Package.Dir, "the model"))
	}
	report, err := judge(m, rows, said, c.Data.Slices, j.options())
	if err == nil {
		report.Speed = speed
	}
	return report, err
}

// trainedOn tells whether a file is the one that the model's package says it was trained on. The file may hold the test
// part as well, which was not trained on; a model says nothing of its validation or test files.
func trainedOn(m *model.Model, path string) bool {
	if m.Package == nil {
		return false
	}
	origin, err := readLineage(m.Package.Dir)
	if err != nil {
		return false
	}
	digest, err := data.DigestFile(path)
	trained, _, _ := strings.Cut(origin.Data[filepath.Base(origin.Config.Data.Path)], " ") // that of a test file follows
	return err == nil && digest != "" && trained == digest
}

// evalRows returns the labelled examples as the model's head has them.
func evalRows(m *model.Model, examples []data.Example, c *Config) (rows []data.Row, skipped int, err error) {
	head := m.Config.Head
	if model.Unlabelled(head) && head != model.EmbeddingHead {
		return nil, 0, hint.Errorf("fine-tune it first, with model.base", "evaluating: the model has learnt from texts alone (head %s) and knows no labels", head)
	}
	known := m.Labels
	if head == model.TokensHead {
		known = m.Types()
	}
	number := map[string]int{}
	for i, l := range known {
		number[l] = i
	}
	class := func(e *data.Example, label string) (int, error) {
		if i, ok := number[label]; ok {
			return i, nil
		}
		way := fmt.Sprintf("check --label; the model knows %s", joinLabels(known))
		if near := hint.Nearest(label, known); near != "" {
			way = fmt.Sprintf("is it %q? The model knows %s", near, joinLabels(known))
		}
		return 0, hint.Errorf(way, "evaluating: line %d has the label %q, which the model does not know", e.Line, label)
	}
	for _, e := range examples {
		row := data.Row{Text: e.Text, Pair: e.Pair, Score: math.NaN(), Line: e.Line, Entities: e.Entities, Slices: e.Slices}
		if e.Label == "" && (head == model.ClassHead || head == model.RegressionHead || head == model.EmbeddingHead && c.Data.Label != "") {
			skipped++
			continue
		}
		switch head {
		case model.AnswerHead:
			if e.Pair == "" {
				return nil, 0, hint.Errorf("name their column: --pair COLUMN", "evaluating: line %d has no question", e.Line)
			}
			row = data.QuestionOf(&e)
		case model.TokensHead:
			for _, s := range e.Entities {
				if _, err := class(&e, s.Label); err != nil {
					return nil, 0, err
				}
			}
		case model.EmbeddingHead:
			if e.Pair == "" {
				return nil, 0, hint.Errorf("name the column of the second text: --pair COLUMN", "evaluating: line %d has one text, and the model compares two", e.Line)
			}
			if c.Data.Label == "" {
				break
			}
			fallthrough
		case model.RegressionHead:
			if row.Score, err = data.ParseScore(e.Label); err != nil {
				return nil, 0, hint.Wrap(err, "check --label", "evaluating: line %d", e.Line)
			}
		case model.MultiLabelHead:
			for _, label := range data.SplitLabels(e.Label, cmp.Or(c.Data.Separator, "|")) {
				i, err := class(&e, label)
				if err != nil {
					return nil, 0, err
				}
				row.Labels = append(row.Labels, int32(i))
			}
		default:
			if row.Class, err = class(&e, e.Label); err != nil {
				return nil, 0, err
			}
		}
		rows = append(rows, row)
	}
	return rows, skipped, nil
}
