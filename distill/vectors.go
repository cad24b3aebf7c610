package distill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// vectorTeacher says where a text lies: its opinions are the numbers that a model's head reads.
type vectorTeacher struct {
	*model.Model
	about About
}

// NewVectors makes of a model, which stays the caller's, a teacher whose opinions are vectors of texts ([width] numbers in
// place of logits), so that they can be remembered as any others.
func NewVectors(m *model.Model, name string) (Teacher, error) {
	if m.Dim() == 0 || m.Config.Pair {
		return nil, hint.Errorf("set distill.embedding to 0, or choose a teacher that reads single texts and judges them as a whole", "the teacher %s has no vectors of texts", name)
	}
	sum := sha256.Sum256([]byte(m.Package.Digest + " vectors"))
	return &vectorTeacher{m, About{Name: name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Head: model.EmbeddingHead}}, nil
}

func (t *vectorTeacher) About() *About { return &t.about }

func (t *vectorTeacher) Close() error { return nil }

func (t *vectorTeacher) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	texts := make([]string, len(queries))
	for i, q := range queries {
		texts[i] = q.Text
	}
	vectors, err := t.Embed(ctx, texts, "")
	if err != nil {
		return nil, err
	}
	out := make([]data.Opinion, len(vectors))
	for i, v := range vectors {
		out[i].Logits = v
	}
	return out, nil
}
