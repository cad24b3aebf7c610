package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// WriteReport writes a report as a self-contained web page; what page lacks of title, facts and curves is filled in from
// the model's package, the file of examples, and the record of the training if it lies where the package says.
func WriteReport(path string, m *Model, c *Config, r *eval.Report, page eval.Page) error {
	page.Title = cmp.Or(page.Title, filepath.Base(packageName(m, cmp.Or(c.Name, "model"))))
	digest, err := data.DigestFile(c.Data.Path)
	if err != nil {
		return err
	}
	page.Data = append(page.Data, eval.Fact{Name: "file", NameZH: "文件", Value: filepath.Base(c.Data.Path)}, eval.Fact{Name: "digest", NameZH: "摘要", Value: digest})
	page.Facts = append(page.Facts, modelFacts(m.Model)...)
	if r.Speed > 0 {
		page.Facts = append(page.Facts, eval.Fact{Name: "speed", NameZH: "速度", Value: fmt.Sprintf("%.0f texts/s", r.Speed)})
	}
	if m.Package != nil {
		page.Facts = append(page.Facts, eval.Fact{Name: "package", NameZH: "模型包", Value: fmt.Sprintf("%s, %s", m.Package.Dir, size.Bytes(m.Package.Size))},
			eval.Fact{Name: "digest", NameZH: "摘要", Value: m.Package.Digest})
		if page.Training == nil {
			page.Training = trainingOf(m.Package.Dir)
		}
	}
	return writePage(path, r, page)
}

// trainingOf returns the curves of the training that a package came from, nil if its record is not at hand.
func trainingOf(dir string) []eval.Series {
	origin, err := readLineage(dir)
	if err != nil {
		return nil
	}
	return trainingCurves(origin.Config.Runs, origin.Run)
}

// trainingCurves returns the curves of a run that a report shows.
func trainingCurves(runs, id string) []eval.Series {
	all, err := track.Metrics(runs, id)
	if err != nil {
		return nil
	}
	var out []eval.Series
	for _, s := range all {
		// The loss of single steps is noise beside that of whole epochs.
		if !strings.HasPrefix(s.Name, "valid/") && s.Name != "epoch/train_loss" {
			continue
		}
		c := eval.Series{Name: strings.NewReplacer("epoch/train_loss", "train/loss").Replace(s.Name), Y: s.Values}
		for _, step := range s.Steps {
			c.X = append(c.X, float64(step))
		}
		out = append(out, c)
	}
	return out
}

func modelFacts(m *model.Model) []eval.Fact {
	c := &m.Config
	facts := []eval.Fact{
		{Name: "task", NameZH: "任务", Value: taskName(c.Head)},
		{Name: "model", NameZH: "模型", Value: fmt.Sprintf("%s (%s)", m.Architecture(), model.Describe(c.Family))},
		{Name: "parameters", NameZH: "参数量", Value: size.Count(m.Parameters())},
		{Name: "vocabulary", NameZH: "词表", Value: size.Count(m.Tokenizer.VocabSize())},
		{Name: "tokens that are read", NameZH: "最多读取词元", Value: fmt.Sprint(c.MaxTokens)},
	}
	if c.Temperature > 0 && c.Temperature != 1 {
		facts = append(facts, eval.Fact{Name: "temperature", NameZH: "温度", Value: fmt.Sprintf("%.3f", c.Temperature)})
	}
	return facts
}

// page is what the report of a training shows beside the figures.
func (t *training) page(ctx context.Context, p *model.Package) eval.Page {
	c := &t.config
	parts := t.set.Parts
	facts := modelFacts(t.model)
	if len(parts[data.Validation]) > 0 {
		if ms, err := t.latency(ctx); err == nil { // a fact less is no reason to fail
			facts = append(facts, eval.Fact{Name: "one text, median", NameZH: "单条延迟（中位数）", Value: fmt.Sprintf("%.3g ms", ms)})
		}
	}
	return eval.Page{
		Title: c.Name,
		Data: []eval.Fact{
			{Name: "file", NameZH: "文件", Value: filepath.Base(c.Data.Path)},
			{Name: "digest", NameZH: "摘要", Value: t.set.Digest},
			{Name: "rows read, kept", NameZH: "读取行数、保留行数", Value: fmt.Sprintf("%d, %d", t.set.Report.In, t.set.Report.Out)},
			{Name: "training, validation, test", NameZH: "训练、验证、测试", Value: fmt.Sprintf("%d, %d, %d", len(parts[data.Train]), len(parts[data.Validation]), len(parts[data.Test]))},
		},
		Facts: append(facts, eval.Fact{Name: "package", NameZH: "模型包", Value: fmt.Sprintf("%s, %s", p.Dir, size.Bytes(p.Size))},
			eval.Fact{Name: "digest", NameZH: "摘要", Value: p.Digest}, eval.Fact{Name: "run", NameZH: "训练记录", Value: t.record.ID()}),
		Training: trainingCurves(c.Runs, t.record.ID()),
	}
}

func writePage(path string, r *eval.Report, page eval.Page) error {
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "writing the report")
	}
	defer w.Abort()
	if err := r.HTML(w, page); err != nil {
		return hint.Wrap(err, "choose another file, or free some space", "writing the report %s", path)
	}
	return w.Commit()
}
