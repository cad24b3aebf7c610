package compress

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// weights keeps all weights in fewer bits. Those of 8 and 4 bits are also multiplied as whole numbers, with inputs that are
// quantised row by row as they come (dynamic activations).
type weights quant.Kind

func (k weights) String() string { return string(k) }

const (
	// narrow is the width of rows below which a scale a row would weigh more than what it spares.
	narrow = 16
	// small is how many numbers are not worth the error.
	small = 64
)

func (k weights) Apply(_ context.Context, m *model.Model, _ *Work) (*model.Model, error) {
	g, err := copyOf(m)
	if err != nil {
		return nil, err
	}
	precision := nn.F32
	if k == weights(quant.Int8) || k == weights(quant.Int4) {
		precision = nn.INT8
	}
	return g, g.Store(precision, func(p *nn.Param) quant.Kind { return k.of(p) })
}

// of returns how a weight is kept.
func (k weights) of(p *nn.Param) quant.Kind {
	rows, width := p.StoredShape()
	kind := quant.Kind(k)
	switch {
	case p.Size() < small:
		return ""
	case p.Stored != nil && (p.Stored.Kind() == quant.LowRank || p.Stored.Kind() == quant.Sparse):
		return "" // it stays what a move before made of it
	case kind == quant.F16 || kind == quant.BF16:
		return kind
	case p.Storable() && width >= narrow && rows >= narrow:
		return kind
	case width < narrow && rows >= 16*quant.Centroids:
		return quant.PQ // n-gram features have as few weights as there are labels
	}
	return quant.F16
}

// copyOf is a model that shares m's weights, as they are stored.
func copyOf(m *model.Model) (*model.Model, error) {
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		old := m.Params.Get(p.Name)
		if old != nil && old.Stored != nil {
			p.Store(old.Stored)
		}
		if old != nil {
			p.Limit = old.Limit
		}
	}
	g.SetPrecision(m.Precision())
	return g, nil
}

// grams keeps the n-gram features that count most, by the norm of their weights, and the solver fits those anew where
// there are examples.
type grams struct{ keep, bits int }

func (g grams) String() string {
	if g.bits == 8 {
		return "grams8=" + itoa(g.keep)
	}
	return "grams=" + itoa(g.keep)
}

func (g grams) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	norms := m.GramNorms()
	if norms == nil {
		return nil, hint.Errorf("take a model of family ngram, or one with model.wide", "the move %s: the family %s has no n-gram features", g, m.Config.Family)
	}
	smaller, err := m.KeepGrams(largest(norms, g.keep), g.bits)
	if err != nil || w.Heal == nil {
		return smaller, err
	}
	return smaller, w.Heal(ctx, smaller, 1, nil)
}
