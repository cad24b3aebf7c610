package distill

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// modelTeacher is a model, or an ensemble of models.
type modelTeacher struct {
	*model.Model
	about About
}

// NewModel makes a teacher of an open model, which belongs to it from then on; name is what people call it.
func NewModel(m *model.Model, name string) (Teacher, error) {
	if model.Unlabelled(m.Config.Head) {
		return nil, hint.Errorf("fine-tune it first, with model.base", "the teacher %s has learnt from texts alone (head %s)", name, m.Config.Head)
	}
	t := &modelTeacher{Model: m, about: About{Name: name, Digest: m.Package.Digest, Head: m.Config.Head, Labels: m.Labels, Thresholds: m.Config.Thresholds, Pair: m.Config.Pair,
		Parameters: m.Parameters(), Bytes: m.Package.Size}}
	switch m.Config.Head {
	case model.TokensHead:
		t.about.Labels = m.Types()
	case model.RegressionHead:
		t.about.Labels = nil
	}
	return t, nil
}

func (t *modelTeacher) About() *About { return &t.about }

func (t *modelTeacher) Close() error { return t.Package.Close() }

func (t *modelTeacher) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	out := make([]data.Opinion, len(queries))
	if t.about.Head == model.TokensHead {
		said, err := t.TagProbabilities(ctx, queries)
		if err != nil {
			return nil, err
		}
		for i, p := range said {
			out[i] = data.Opinion{Logits: model.LogProbabilities(p.Values), Places: p.Places}
		}
		return out, nil
	}
	said, err := t.PredictQueries(ctx, queries)
	if err != nil {
		return nil, err
	}
	for i, p := range said {
		switch t.about.Head {
		case model.RegressionHead:
			out[i].Logits = []float32{float32(p.Score)}
		case model.MultiLabelHead:
			out[i].Logits = model.LogOdds(p.Probabilities)
		default:
			out[i].Logits = model.LogProbabilities(p.Probabilities)
		}
	}
	return out, nil
}
