package xiaoyu

import (
	"context"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// augmented makes texts of those of the training part, for the teacher to label. None of them is a row of the data.
func (t *training) augmented(ctx context.Context) ([]data.Row, error) {
	c := &t.config.Distill.Augment
	if c.Words+c.Masked == 0 {
		return nil, nil
	}
	if t.config.Model.Pair {
		return nil, hint.Errorf("set distill.augment.words and distill.augment.masked to 0", "distill.augment: the task is on pairs, and what is changed in one text may concern the other")
	}
	var texts []string
	for _, r := range t.set.Parts[data.Train] {
		texts = append(texts, r.Text)
	}
	known := map[string]bool{}
	for _, part := range t.set.Parts {
		for _, r := range part {
			known[r.Text] = true
		}
	}
	var rows []data.Row
	add := func(name string, n int, r distill.Replacer) error {
		t.Stage("augmenting, "+name, int64(len(texts)), "texts")
		made, err := c.Copies(ctx, texts, n, r, t.config.Train.Seed, func(done int) { t.Progress(int64(done), "") })
		if err != nil {
			return fmt.Errorf("distill.augment: %w", err)
		}
		for _, s := range made {
			if !known[s] {
				known[s] = true
				rows = append(rows, data.Row{Text: s, NoTruth: true})
			}
		}
		return nil
	}
	if c.Words > 0 {
		r, err := t.nearWords(ctx, texts)
		if err == nil {
			err = add("words", c.Words, r)
		}
		if err != nil {
			return nil, err
		}
	}
	if c.Masked > 0 {
		m, err := t.maskedModel(ctx)
		if err != nil {
			return nil, err
		}
		defer m.Package.Close()
		r, err := c.Expected(m, c.Model)
		if err == nil {
			err = add("masked words", c.Masked, r)
		}
		if err != nil {
			return nil, err
		}
	}
	t.Note("%d texts made of the %d of the training part", len(rows), len(texts))
	return rows, nil
}

// nearWords is what similar words are known by: word vectors, or the teacher's embeddings.
func (t *training) nearWords(ctx context.Context, texts []string) (distill.Replacer, error) {
	c := &t.config.Distill.Augment
	if c.Vectors != "" {
		t.Stage("word vectors", 0, "bytes")
		return c.NearWords(ctx, texts, func(done, _ int64) { t.Progress(done, "") })
	}
	if t.lesson.inside == nil {
		return nil, hint.Errorf("name word vectors in distill.augment.vectors", "distill.augment.words: a teacher that is not one model has no embeddings of words")
	}
	return c.NearTokens(t.lesson.inside, texts)
}

func (t *training) maskedModel(ctx context.Context) (*model.Model, error) {
	name := t.config.Distill.Augment.Model
	if name == "" {
		return nil, hint.Errorf("name a masked language model in distill.augment.model: `xiaoyu pretrain` makes one", "distill.augment.masked: a teacher that has learnt labels does not fill gaps")
	}
	return openReference(ctx, name, t)
}
