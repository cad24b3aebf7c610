// Package exporttest has small models of every family and head, with drawn weights, for the tests of what exports them.
package exporttest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Queries are texts of different lengths, an empty one and a cut one among them, and for models of pairs second ones.
var Queries = []model.Query{
	{Text: "房间很干净，服务好", Pair: "很好"}, {Text: "太脏了，不会再来", Pair: "不会再来，太脏了"}, {Text: "一般", Pair: ""}, {Text: "", Pair: "a"},
	{Text: "早餐 breakfast OK", Pair: "breakfast"}, {Text: "鑫[MASK]的[MASK]", Pair: "的"}, {Text: strings.Repeat("长文本很长 ", 30), Pair: "短"},
}

// Model returns a model of a family and a head; change, which may be nil, changes its configuration.
func Model(t testing.TB, family, head string, change func(c *model.Config)) *model.Model {
	t.Helper()
	var lines []string
	for _, q := range Queries {
		lines = append(lines, q.Text, q.Pair)
	}
	tok, err := text.Train(context.Background(), slices.Values(lines), text.Config{Kind: "char", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 100}, nil)
	if err == nil && head == model.MaskedHead {
		tok, err = tok.WithSpecial(text.Mask)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: family, Head: head, MaxTokens: 40, EmbedDim: 24, Filters: 20, Widths: []int{1, 2, 5}, Hidden: 32, Layers: 2, Heads: 4, Buckets: 50,
		Bidirectional: true, Activation: "relu", Pooling: "mean", CRF: true, Temperature: 1.5,
		NGram: model.NGrams{Form: "yes", Tokens: 2, CharsMin: 2, CharsMax: 3, MinTexts: 1, MaxFeatures: 1000, Weighting: "tfidf"}}
	if change != nil {
		change(&c)
	}
	labels := []string{"好 评", "差", "c"}
	switch head {
	case model.TokensHead:
		labels = model.TagNames([]string{"地", "人"})
	case model.RegressionHead:
		labels = []string{"score"}
	case model.EmbeddingHead, model.MaskedHead, model.ReplacedHead, model.AnswerHead:
		labels = nil
	}
	m, err := model.New(c, text.CleanConfig{}, tok, labels, 3, func(yield func(model.Example) bool) {
		for _, q := range Queries {
			a, b := tok.Encode(q.Text), tok.Encode(q.Pair)
			if !yield(model.Example{Text: &a, Pair: &b}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	for i, v := range m.Params.Values() { // weights that are all 0 would hide mistakes
		m.Params.Values()[i] = v + float32(i%7-3)/30
	}
	return m
}

// Each calls f with a model of every family with every head that it can have, and of what else graphs differ by.
func Each(t testing.TB, f func(name string, m *model.Model)) {
	t.Helper()
	add := func(name, family, head string, change func(c *model.Config)) { f(name, Model(t, family, head, change)) }
	for _, family := range model.Families() {
		for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
			add(strings.TrimSuffix(family+"-"+head, "-"), family, head, nil)
		}
		add(family+"-pair", family, model.ClassHead, func(c *model.Config) { c.Pair = true })
		if family != "ngram" {
			add(family+"-embedding", family, model.EmbeddingHead, nil)
		}
		if family != "ngram" && family != "fasttext" {
			add(family+"-wide", family, model.ClassHead, func(c *model.Config) { c.Wide = true })
		}
		if slices.Contains(model.TokenFamilies(), family) {
			add(family+"-tokens", family, model.TokensHead, func(c *model.Config) {
				c.Features = model.Features{Dim: 8, Chars: 6, Direct: "yes", Buckets: 64}
			})
			add(family+"-plain-tokens", family, model.TokensHead, func(c *model.Config) { c.CRF, c.Features = false, model.Features{Direct: "no"} })
		}
		if slices.Contains(model.TokenFamilies(), family) {
			add(family+"-qa", family, model.AnswerHead, func(c *model.Config) { c.Pair, c.CRF, c.Temperature = true, false, 0 })
		}
		if model.Pretrains(family) {
			add(family+"-replaced", family, model.ReplacedHead, nil)
			add(family+"-masked", family, model.MaskedHead, nil)
		}
	}
	for _, pooling := range []string{"max", "last", "first", "root_mean"} {
		for _, family := range []string{"lstm", "transformer", "dwcnn"} {
			add(family+"-pool-"+pooling, family, model.ClassHead, func(c *model.Config) { c.Pooling = pooling })
		}
	}
	for _, activation := range []string{"tanh", "sigmoid", "gelu", "silu"} {
		add("cnn-"+activation, "cnn", model.ClassHead, func(c *model.Config) { c.Activation = activation })
	}
	add("transformer-joint", "transformer", model.ClassHead, func(c *model.Config) { c.Pair, c.Pairing = true, "joint" })
	add("transformer-shared", "transformer", model.ClassHead, func(c *model.Config) { c.ShareLayers = true })
	add("lstm-forward", "lstm", model.ClassHead, func(c *model.Config) { c.Bidirectional = false })
}
