package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Evaluate judges a model on every labelled row of c.Data.Path. Nothing is split off, and nothing is dropped but rows
// without a label: the texts are what the model will meet. A label that the model does not know is an error.
func Evaluate(ctx context.Context, m *Model, c *Config, o Observer) (*eval.Report, error) {
	if o == nil {
		o = silent{}
	}
	if c.Data.Path == "" {
		return nil, hint.Errorf("pass --data FILE", "evaluating: no file of examples is named")
	}
	r, err := data.Open(ctx, c.Data.Path, c.Data.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	o.Stage("evaluating", 0, "texts")
	rows, skipped, err := evalRows(m.Model, r, c)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, hint.Errorf("check --label", "evaluating: %s has no labelled row", c.Data.Path)
	}
	queries := func(yield func(model.Query) bool) {
		for _, row := range rows {
			if !yield(model.Query{Text: row.Text, Pair: row.Pair}) {
				return
			}
		}
	}
	var predictions []model.Prediction
	start := time.Now()
	for p, err := range m.PredictAll(ctx, queries) {
		if err != nil {
			return nil, err
		}
		predictions = append(predictions, p.Prediction)
		o.Progress(int64(len(predictions)), "")
	}
	o.Progress(int64(len(rows)), fmt.Sprintf("%.0f texts/s", float64(len(rows))/max(time.Since(start).Seconds(), 1e-9)))
	if skipped > 0 {
		o.Note("note: %d rows without a label were left out", skipped)
	}
	return judge(m.Model, rows, predictions, c.Data.Slices, eval.Options{Mistakes: c.Eval.Mistakes, Rounds: c.Eval.Bootstrap, Seed: 1})
}

// evalRows reads the labelled rows of r as the model's head has them.
func evalRows(m *model.Model, r *data.Reader, c *Config) (rows []data.Row, skipped int, err error) {
	head := m.Config.Head
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
		if near := conf.Nearest(label, known); near != "" {
			way = fmt.Sprintf("is it %q? The model knows %s", near, joinLabels(known))
		}
		return 0, hint.Errorf(way, "evaluating: line %d has the label %q, which the model does not know", e.Line, label)
	}
	for e, err := range r.All() {
		if err != nil {
			return nil, 0, err
		}
		row := data.Row{Text: e.Text, Pair: e.Pair, Line: e.Line, Entities: e.Entities, Slices: e.Slices}
		if e.Label == "" && (head == model.ClassHead || head == model.RegressionHead) {
			skipped++
			continue
		}
		switch head {
		case model.TokensHead:
			for _, s := range e.Entities {
				if _, err := class(&e, s.Label); err != nil {
					return nil, 0, err
				}
			}
		case model.RegressionHead:
			if row.Score, err = data.ParseScore(e.Label); err != nil {
				return nil, 0, hint.Wrap(err, "check --label", "evaluating: line %d", e.Line)
			}
		case model.MultiLabelHead:
			for _, label := range data.SplitLabels(e.Label, c.Data.Separator) {
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

// WriteReport writes a report as a self-contained web page.
func WriteReport(path string, m *Model, c *Config, r *eval.Report) error {
	facts := []eval.Fact{{Name: "data", NameZH: "数据", Value: filepath.Base(c.Data.Path)}}
	facts = append(facts, modelFacts(m.Model)...)
	if m.Package != nil {
		facts = append(facts, eval.Fact{Name: "digest", NameZH: "摘要", Value: m.Package.Digest})
	}
	return writePage(path, filepath.Base(cmp.Or(c.Name, "model")), r, facts)
}

func modelFacts(m *model.Model) []eval.Fact {
	return []eval.Fact{
		{Name: "model", NameZH: "模型", Value: fmt.Sprintf("%s (%s)", m.Config.Family, model.Describe(m.Config.Family))},
		{Name: "parameters", NameZH: "参数", Value: size.Count(m.Params.Count())},
		{Name: "vocabulary", NameZH: "词表", Value: size.Count(m.Tokenizer.VocabSize())},
	}
}

func writePage(path, title string, r *eval.Report, facts []eval.Fact) error {
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "writing the report")
	}
	defer w.Abort()
	if err := r.HTML(w, title, facts); err != nil {
		return hint.Wrap(err, "choose another file, or free some space", "writing the report %s", path)
	}
	return w.Commit()
}
