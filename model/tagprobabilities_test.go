package model

import (
	"math"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Tags of one type: O, B, I, E, S.
func TestTagProbabilitiesFollowTheTokens(t *testing.T) {
	certain := func(tags ...int) (values []float32) {
		for _, tag := range tags {
			row := make([]float32, 5)
			row[tag] = 1
			values = append(values, row...)
		}
		return values
	}
	const o, b, i, e, s = 0, 1, 2, 3, 4
	for name, c := range map[string]struct {
		from   []text.Span
		tags   []int
		places []text.Span
		want   []int
	}{
		"the same tokens":         {[]text.Span{{Start: 0, End: 2}, {Start: 3, End: 5}}, []int{b, e}, []text.Span{{Start: 0, End: 2}, {Start: 3, End: 5}}, []int{b, e}},
		"a word in three pieces":  {[]text.Span{{Start: 0, End: 6}}, []int{s}, []text.Span{{Start: 0, End: 2}, {Start: 2, End: 4}, {Start: 4, End: 6}}, []int{b, i, e}},
		"the first of two":        {[]text.Span{{Start: 0, End: 4}, {Start: 4, End: 8}}, []int{b, e}, []text.Span{{Start: 0, End: 2}, {Start: 2, End: 4}, {Start: 4, End: 8}}, []int{b, i, e}},
		"pieces in one word":      {[]text.Span{{Start: 0, End: 2}, {Start: 2, End: 4}, {Start: 4, End: 6}}, []int{b, i, e}, []text.Span{{Start: 0, End: 6}}, []int{s}},
		"pieces that go on":       {[]text.Span{{Start: 0, End: 2}, {Start: 2, End: 4}, {Start: 5, End: 6}}, []int{b, i, e}, []text.Span{{Start: 0, End: 4}, {Start: 5, End: 6}}, []int{b, e}},
		"a token without another": {[]text.Span{{Start: 0, End: 2}}, []int{s}, []text.Span{{Start: 0, End: 2}, {Start: 3, End: 5}}, []int{s, o}},
		"special tokens":          {[]text.Span{{}, {Start: 0, End: 2}, {}}, []int{o, s, o}, []text.Span{{}, {Start: 0, End: 2}, {Start: 2, End: 2}}, []int{o, s, o}},
		"two entities":            {[]text.Span{{Start: 0, End: 2}, {Start: 2, End: 4}}, []int{s, s}, []text.Span{{Start: 0, End: 1}, {Start: 1, End: 2}, {Start: 2, End: 4}}, []int{b, e, s}},
	} {
		p := TagProbabilities{Places: c.from, Values: certain(c.tags...)}
		if got := p.At(c.places, 5); !slices.Equal(got, certain(c.want...)) {
			t.Errorf("%s: %v, want the tags %v", name, got, c.want)
		}
	}
}

func TestUncertainTagsStayDistributions(t *testing.T) {
	p := TagProbabilities{Places: []text.Span{{Start: 0, End: 3}, {Start: 3, End: 6}, {Start: 7, End: 9}},
		Values: []float32{0.2, 0.4, 0.1, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.9, 0.025, 0.025, 0.025, 0.025}}
	got := p.At([]text.Span{{Start: 0, End: 1}, {Start: 1, End: 5}, {Start: 5, End: 9}, {Start: 9, End: 12}}, 5)
	for at := 0; at < len(got); at += 5 {
		sum := 0.0
		for _, v := range got[at : at+5] {
			if v < 0 {
				t.Fatalf("%v", got)
			}
			sum += float64(v)
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("token %d: the sum is %v", at/5, sum)
		}
	}
	if got[0] < 0.19 || got[0] > 0.21 || got[15] != 1 {
		t.Errorf("%v", got)
	}
}
