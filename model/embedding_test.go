package model

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// biEncoder is small with head embedding.
func biEncoder(t testing.TB, family string) *Model {
	t.Helper()
	m := small(t, family)
	c := m.Config
	c.Head, c.Pair = EmbeddingHead, true
	e, err := New(c, m.Clean, m.Tokenizer, nil, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestACosineIsThatOfTheVectors(t *testing.T) {
	ctx := context.Background()
	for _, family := range []string{"static", "fasttext", "cnn", "lstm", "transformer"} {
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := biEncoder(t, family).Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Package.Close()
		vectors, err := m.Embed(ctx, texts, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range texts {
			if len(vectors[i]) != m.Dim() {
				t.Errorf("%s: the vector of %q has %d numbers", family, a, len(vectors[i]))
			}
			for j, b := range texts {
				p, err := m.PredictQueries(ctx, []Query{{Text: a, Pair: b}})
				if err != nil {
					t.Fatal(err)
				}
				if want := cosine(vectors[i], vectors[j]); math.Abs(p[0].Score-want) > 1e-5 {
					t.Errorf("%s: %q and %q have the cosine %v, their vectors %v", family, a, b, p[0].Score, want)
				}
			}
		}
		prompted, err := m.Embed(ctx, []string{"很干净"}, "房间")
		whole, err2 := m.Embed(ctx, []string{"房间很干净"}, "")
		if err != nil || err2 != nil || cosine(prompted[0], whole[0]) < 0.99999 {
			t.Errorf("%s: a prompt is not put before the text (%v, %v)", family, err, err2)
		}
	}
}

func TestClassifiersHaveVectorsToo(t *testing.T) {
	m := small(t, "gru+wide")
	v, err := m.Embed(context.Background(), texts, "")
	if err != nil || len(v) != len(texts) || len(v[0]) != 10 {
		t.Errorf("%v, %d vectors", err, len(v))
	}
}

func TestModelsWithoutVectorsSaySo(t *testing.T) {
	m := small(t, "ngram")
	if _, err := m.Embed(context.Background(), texts, ""); err == nil || hint.Way(err) == "" {
		t.Errorf("%v", err)
	}
	c := m.Config
	c.Head = EmbeddingHead
	if _, err := New(c, m.Clean, m.Tokenizer, nil, 3, nil); err == nil || hint.Way(err) == "" {
		t.Errorf("an ngram model of head embedding: %v", err)
	}
}
