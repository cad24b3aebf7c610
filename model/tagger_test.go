package model

import (
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TestEntitiesEndWhereTheTextDoes has tags on the tokens around a text, which a barely trained encoder gives them.
func TestEntitiesEndWhereTheTextDoes(t *testing.T) {
	g := &tagger{types: []string{"PER"}}
	places := []text.Span{{}, {Start: 0, End: 3}, {Start: 4, End: 7}, {}}
	for _, c := range []struct {
		tags []int32
		want []string
	}{
		{[]int32{0, 0, 1, 3}, []string{"Lee"}},
		{[]int32{1, 2, 2, 3}, []string{"Ann Lee"}},
		{[]int32{4, 0, 0, 4}, nil},
	} {
		p := Prediction{Tags: c.tags, tagProbabilities: make([]float32, 4)}
		var got []string
		for _, e := range g.entities(&p, "Ann Lee", places) {
			got = append(got, e.Text)
		}
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("tags %v: %q, want %q", c.tags, got, c.want)
		}
	}
}
