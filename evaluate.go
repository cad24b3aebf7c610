package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
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
	var texts []string
	var targets []int
	skipped := 0
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if e.Label == "" {
			skipped++
			continue
		}
		class := slices.Index(m.Labels, e.Label)
		if class < 0 {
			way := fmt.Sprintf("check --label; the model knows %s", joinLabels(m.Labels))
			if near := conf.Nearest(e.Label, m.Labels); near != "" {
				way = fmt.Sprintf("is it %q? The model knows %s", near, joinLabels(m.Labels))
			}
			return nil, hint.Errorf(way, "evaluating: line %d has the label %q, which the model does not know", e.Line, e.Label)
		}
		texts, targets = append(texts, e.Text), append(targets, class)
	}
	if len(texts) == 0 {
		return nil, hint.Errorf("check --label", "evaluating: %s has no labelled row", c.Data.Path)
	}
	probabilities := make([][]float32, 0, len(texts))
	start := time.Now()
	for p, err := range m.PredictAll(ctx, slices.Values(texts)) {
		if err != nil {
			return nil, err
		}
		probabilities = append(probabilities, p.Probabilities)
		o.Progress(int64(len(probabilities)), "")
	}
	o.Progress(int64(len(texts)), fmt.Sprintf("%.0f texts/s", float64(len(texts))/max(time.Since(start).Seconds(), 1e-9)))
	if skipped > 0 {
		o.Note("note: %d rows without a label were left out", skipped)
	}
	return eval.Classify(m.Labels, targets, probabilities, eval.Options{Texts: texts, Mistakes: c.Eval.Mistakes, Rounds: c.Eval.Bootstrap, Seed: 1})
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
