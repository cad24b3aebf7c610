package xiaoyu

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// What a student takes over from inside its teacher: states and relations of its layers, vectors of texts, its tokens,
// and layers to begin with. The teacher is the first of distill.teacher then.

// looksInside tells whether the configuration asks for anything of that.
func (c *Distill) looksInside() bool {
	return c.Relations > 0 || c.Hidden > 0 || c.Embedding > 0 || c.Init != InitFresh && c.Init != ""
}

// What a student begins with: values of distill.init.
const (
	InitFresh     = "fresh"
	InitTokenizer = "tokenizer"
	InitLayers    = "layers"
)

// imitate tells the trainer what to compare, and asks the teacher for the vectors of rows.
func (t *training) imitate(ctx context.Context, rows []*data.Row) error {
	c, inside := &t.config.Distill, t.lesson.inside
	if !c.looksInside() {
		return nil
	}
	if inside == nil {
		return hint.Errorf("name a model's folder as the first of distill.teacher", "distill.init, distill.relations, distill.hidden and distill.embedding need a teacher that is one model")
	}
	if c.Init == InitLayers {
		if t.config.Model.Base != "" && t.config.Model.Base != c.Teacher[0] {
			return hint.Errorf("leave out model.base", "distill.init: the student begins with layers of its teacher, or with model.base")
		}
		t.config.Model.Base = c.Teacher[0]
	}
	if c.Relations == 0 && c.Hidden == 0 && c.Embedding == 0 {
		return nil
	}
	im := &train.Imitation{Teacher: inside, Digest: inside.Package.Digest, Relations: c.Relations, Heads: c.RelationHeads, Hidden: c.Hidden, Vectors: c.Embedding, Cosine: c.Distance == "cosine"}
	if c.Hidden > 0 && (c.Init == InitLayers || len(c.Layers) > 0) {
		form := inside.Layered()
		if form == nil {
			return hint.Errorf("choose a teacher of the families encoder or transformer", "distill.hidden: a teacher of family %s has no layers", inside.Config.Family)
		}
		im.Layers = c.chosenLayers(form.Layers)
	}
	t.config.Train.Imitation = im
	if c.Embedding == 0 {
		return nil
	}
	return t.askVectors(ctx, rows)
}

// askVectors has the teacher say where texts lie.
func (t *training) askVectors(ctx context.Context, rows []*data.Row) error {
	l := t.lesson
	one, err := distill.NewVectors(l.inside, t.config.Distill.Teacher[0])
	if err != nil {
		return err
	}
	vectors, err := distill.Cached(one, filepath.Join(t.config.Runs, opinionsDir))
	if err != nil {
		return err
	}
	defer vectors.Close()
	queries := make([]model.Query, len(rows))
	for i, r := range rows {
		queries[i] = model.Query{Text: r.Text, Pair: r.Pair}
	}
	t.Stage("vectors of the teacher", int64(len(queries)), "texts")
	said, err := distill.Ask(ctx, vectors, nil, queries, func(done int) { t.Progress(int64(done), "") })
	if err != nil {
		return err
	}
	for i, r := range rows {
		r.Vector, l.vectors = said[i].Logits, len(said[i].Logits)
	}
	return nil
}

// chosenLayers are those of so many that a student begins with, or whose states it imitates: the named ones, or every so
// manieth, counted from the last.
func (c *Distill) chosenLayers(of int) []int {
	if len(c.Layers) > 0 {
		return c.Layers
	}
	var list []int
	for n := of - (of-1)/c.Every*c.Every; n <= of; n += c.Every {
		list = append(list, n)
	}
	return list
}

// thinned returns a base that has only the layers that a student begins with; base itself where distill.init asks for
// nothing of that.
func (t *training) thinned(base *model.Model) (*model.Model, error) {
	c := &t.config.Distill
	if t.lesson == nil || c.Init != InitLayers {
		return base, nil
	}
	form := base.Layered()
	if form == nil {
		return nil, hint.Errorf("choose a teacher of the families encoder or transformer", "distill.init: a teacher of family %s has no layers to begin with", base.Config.Family)
	}
	layers := c.chosenLayers(form.Layers)
	thin, err := base.Thin(layers)
	if err != nil {
		return nil, fmt.Errorf("distill.layers: %w", err)
	}
	t.Note("the student begins with the teacher's layers %v of %d", layers, form.Layers)
	return thin, nil
}
