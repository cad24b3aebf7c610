package compress

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// vocabulary keeps the tokens that texts use most.
type vocabulary int

func (v vocabulary) String() string { return "vocabulary=" + itoa(int(v)) }

func (v vocabulary) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	if len(w.Texts) == 0 {
		return nil, needsData(v.String())
	}
	counts := make([]float64, m.Tokenizer.VocabSize())
	for _, s := range w.Texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, id := range m.Tokens(model.Query{Text: s}).Text.IDs {
			counts[id]++
		}
	}
	kept := make([]bool, len(counts))
	for _, id := range largest(counts, int(v)) {
		kept[id] = counts[id] > 0
	}
	tok, old, err := m.Tokenizer.Trimmed(func(id int32) bool { return kept[id] })
	if err != nil {
		return nil, err
	}
	g, err := m.KeepTokens(tok, old)
	if err != nil || w.Heal == nil || g.Linear() == nil {
		return g, err
	}
	return g, w.Heal(ctx, g, 1, nil) // texts fall into other words, and so into other n-grams
}
