package model

import (
	"context"
	"math"
	"slices"
	"testing"
)

func TestAGrownModelSaysWhatItSaidOfLabelsThatItKnew(t *testing.T) {
	for _, family := range append(Families(), "cnn+wide") {
		m := small(t, family)
		g, err := m.Grow(m.Tokenizer, append(slices.Clone(m.Labels), "new"), 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range texts {
			a, b := want[i].Probabilities, got[i].Probabilities
			if len(b) != len(a)+1 || math.Abs(float64(a[0]/a[1]-b[0]/b[1])) > 1e-4 {
				t.Errorf("%s: %v, was %v", family, b, a)
			}
		}
	}
	m := small(t, "cnn")
	if _, err := m.Grow(m.Tokenizer, m.Labels[:1], 1); err == nil {
		t.Error("a label was forgotten")
	}

	more, err := m.Tokenizer.Extended([]string{"龘", "靐"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Grow(more, m.Labels, 1)
	if err != nil {
		t.Fatal(err)
	}
	old, table := m.Params.Get(embeddingName), g.Params.Get(embeddingName)
	if table.Shape[0] != old.Shape[0]+2 || !slices.Equal(table.Data[:old.Size()], old.Data) {
		t.Errorf("the embeddings have %d rows, they had %d", table.Shape[0], old.Shape[0])
	}
	if _, err := small(t, "fasttext").Grow(more, m.Labels, 1); err == nil {
		t.Error("new tokens were given to a family of hashed features")
	}
}
