package model

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

func TestFormKnowsItsFeatures(t *testing.T) {
	var texts []string
	for n := range 30 {
		texts = append(texts, strings.Repeat("房间 ", n+1))
	}
	tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range []bool{false, true} {
		made := func(form string) *Model {
			c := Config{Family: "ngram", MaxTokens: 100, Pair: pair, NGram: NGrams{Form: form, Tokens: 1, CharsMin: 1, MinTexts: 1, MaxFeatures: 1000, Weighting: "nb"}}
			m, err := New(c, text.CleanConfig{}, tok, []string{"a", "b"}, 1, func(yield func(Example) bool) {
				for i, s := range texts {
					a, b := tok.Encode(s), tok.Encode(texts[(7*i)%len(texts)])
					if !yield(Example{Text: &a, Pair: &b, Classes: []int32{int32(i % 2)}}) {
						return
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m, without := made("auto"), made("no")
		form := m.Form()
		if want := m.Network.(*ngram).features - without.Network.(*ngram).features; len(form.rows) != want || want == 0 {
			t.Errorf("pair %v: %d features of form are known, there are %d", pair, len(form.rows), want)
		}
		weights := m.Network.(*ngram).idfParam.Data
		before := slices.Clone(weights)
		form.Hide()
		for _, row := range form.rows {
			if weights[row] != 0 {
				t.Errorf("pair %v: hidden, feature %d counts %g", pair, row, weights[row])
			}
		}
		form.Show()
		if !slices.Equal(weights, before) {
			t.Errorf("pair %v: shown again, weights differ", pair)
		}
		if without.Form() != nil {
			t.Errorf("pair %v: without form there is one", pair)
		}
	}
}

func TestEighthsOfAnOctave(t *testing.T) {
	if eighths(0) != 0 {
		t.Errorf("0 has %d", eighths(0))
	}
	for n := 1; n < 100_000; n++ {
		if want := uint64(8 + math.Floor(8*math.Log2(float64(n)))); eighths(n) != want {
			t.Fatalf("%d has %d, not %d", n, eighths(n), want)
		}
	}
}
