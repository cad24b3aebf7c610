package xiaoyu

import (
	"cmp"
	"context"
	"math"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// unlabelledTexts are the texts that have no label, for a teacher to label or the model itself: rows of the data, and from
// elsewhere the texts of distill.texts.
func (t *training) unlabelledTexts(ctx context.Context) (own, elsewhere []data.Row, err error) {
	judged := map[string]bool{}
	for _, side := range []data.Side{data.Validation, data.Test} {
		for _, r := range t.set.Parts[side] {
			judged[r.Text] = true
		}
	}
	for _, r := range t.set.Unlabelled {
		if !judged[r.Text] {
			own = append(own, r)
		}
	}
	most := t.config.Distill.MaxTexts
	if most == 0 {
		most = math.MaxInt
	}
	if len(own) >= most {
		return own[:most], nil, nil
	}
	elsewhere, err = t.transferTexts(ctx, most-len(own))
	return own, elsewhere, err
}

// transferTexts reads distill.texts, at most so many texts. None of them is a row of the data, nor a near double of one that
// judges: what a model is judged on stays new to it.
func (t *training) transferTexts(ctx context.Context, most int) ([]data.Row, error) {
	c := &t.config
	if len(c.Distill.Texts) == 0 {
		return nil, nil
	}
	if c.Model.Pair {
		return nil, hint.Errorf("leave distill.texts empty", "distill.texts: the task is on pairs, and a file of texts has none")
	}
	source := &corpus.Source{Config: corpus.Config{Texts: c.Distill.Texts, Column: c.transferColumn()}, Columns: c.Data.Columns,
		Without: corpus.Texts{}, Progress: func(done, _ int64) { t.Progress(done, "") }}
	if c.Task != data.Tags { // whose rows stay as they are
		source.Clean = c.Data.Clean
	}
	if err := source.Check(); err != nil {
		return nil, err
	}
	for _, rows := range append(t.set.Parts[:], t.set.Unlabelled) {
		for _, r := range rows {
			source.Without.Add(r.Text)
		}
	}
	judged := t.judgedTexts()
	var rows []data.Row
	alike := 0
	t.Stage("reading texts", 0, "bytes")
	for s, err := range source.All(ctx) {
		if err != nil {
			return nil, err
		}
		if number, _ := judged.Nearest(s); number >= 0 {
			alike++
			continue
		}
		rows = append(rows, data.Row{Text: s, NoTruth: true})
		if len(rows) == most {
			break
		}
	}
	r := &source.Report
	t.Note("%d texts without a label read, %d kept (%d doubles, %d empty, %d rows of the data, %d near doubles of rows that judge)", r.Texts, len(rows), r.Doubles, r.Short, r.Excluded, alike)
	return rows, nil
}

// transferColumn is the column of distill.texts: "" for files of plain lines.
func (c *Config) transferColumn() string {
	if c.Distill.Column != "" {
		return c.Distill.Column
	}
	for _, path := range c.Distill.Texts {
		name := strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
		if filepath.Ext(name) != ".txt" {
			return c.Data.Text
		}
	}
	return ""
}

// nearTransfer is how alike texts are that may not be learnt from, where the split does not say it: it lets rows of the
// data go where they go, but nobody asks for texts of theirs that are copies.
const nearTransfer = 0.8

// judgedTexts finds near doubles of the rows that judge.
func (t *training) judgedTexts() *near.Index {
	valid, test := t.set.Parts[data.Validation], t.set.Parts[data.Test]
	index := near.NewIndex(cmp.Or(t.config.Data.Split.Near, nearTransfer), len(valid)+len(test)+1)
	for _, part := range [][]data.Row{valid, test} {
		for _, r := range part {
			index.Add(r.Text)
		}
	}
	return index
}
