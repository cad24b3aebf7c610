package xiaoyu

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// openBase opens what model.base names; it refuses what does not go with a base. The caller closes it.
func (t *training) openBase(ctx context.Context) (*model.Model, error) {
	c := &t.config.Model
	switch {
	case c.Vectors != "":
		return nil, hint.Errorf("leave out one of them", "model.base and model.vectors: the embeddings can start from one of them")
	case c.Wide && c.Pair:
		return nil, hint.Errorf("set model.wide to false", "model.wide: n-grams beside a pretrained network are for single texts")
	}
	base, err := openBase(ctx, c.Base, t)
	if err != nil {
		return nil, err
	}
	if family := base.Config.Family; family != c.Family {
		base.Package.Close()
		return nil, hint.Errorf("set model.family to "+family, "model.base: %s is of family %s, model.family says %s", c.Base, family, c.Family)
	}
	thin, err := t.thinned(base)
	if err != nil {
		base.Package.Close()
		return nil, err
	}
	return thin, nil
}

// baseTokenizer is the tokenizer of model.base.
func (t *training) baseTokenizer(ctx context.Context) (*text.Tokenizer, error) {
	base, err := t.openBase(ctx)
	if err != nil {
		return nil, err
	}
	defer base.Package.Close()
	t.parent = base.Package.Digest
	shape := base.Config
	t.base = &shape
	t.Note("base %s: %s, %s parameters, %d tokens", filepath.Base(t.config.Model.Base), base.Architecture(), size.Count(base.Params.Count()), base.Tokenizer.VocabSize())
	return base.Tokenizer, nil
}

// adapt makes the model from model.base.
func (t *training) adapt(ctx context.Context, labels []string, examples iter.Seq[model.Example]) (*model.Model, error) {
	base, err := t.openBase(ctx)
	if err != nil {
		return nil, err
	}
	defer base.Package.Close()
	c := &t.config
	m, err := model.Adapt(base, c.Model, c.Data.Clean, labels, c.Train.Seed, examples)
	if err != nil {
		return nil, fmt.Errorf("model.base %s: %w", c.Model.Base, err)
	}
	if t.lesson != nil && c.Distill.Init == InitLayers {
		m.InheritHead(base)
	}
	c.Model = m.Config
	return m, nil
}

// openBase opens what a network starts from; its head does not matter.
func openBase(ctx context.Context, name string, o Observer) (*model.Model, error) {
	dir, err := Fetch(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return model.OpenBase(dir)
}
