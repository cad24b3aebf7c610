package explain

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// linear returns an n-gram model whose weights are set by hand: 好 speaks for the first label, 差 for the second.
func linear(t *testing.T) *model.Model {
	t.Helper()
	corpus := []string{"房间好", "房间差", "的好差"}
	tok, err := text.Train(context.Background(), slices.Values(corpus), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 50}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Config{Family: "ngram", MaxTokens: 1000, NGram: model.NGrams{Tokens: 1, CharsMin: 1, MinTexts: 1, MaxFeatures: 50, Weighting: "binary"}},
		text.CleanConfig{HTML: true}, tok, []string{"p", "n"}, 1, func(yield func(model.Example) bool) {
			for _, s := range corpus {
				if e := tok.Encode(s); !yield(model.Example{Text: &e}) {
					return
				}
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	weights := m.Params.Get("classifier.weight").Data
	for s, v := range map[string]float32{"好": 3, "差": -3} {
		var in model.Input
		m.Encode(&in, new(model.Sample), s, "")
		ids := in.Tokens.IDs
		weights[2*ids[0]], weights[2*ids[0]+1] = v, -v
	}
	return m
}

func TestWordsThatMatterAreFoundInTheOriginalText(t *testing.T) {
	m := linear(t)
	s := "房间<b>好</b>,的 差房"
	words, err := Words(context.Background(), m, model.Query{Text: s}, 0)
	if err != nil {
		t.Fatal(err)
	}
	best, worst := words[0], words[0]
	for i, w := range words {
		if s[w.Start:w.End] != w.Text || i > 0 && w.Start < words[i-1].End {
			t.Errorf("word %+v is not where it says", w)
		}
		if w.Weight > best.Weight {
			best = w
		}
		if w.Weight < worst.Weight {
			worst = w
		}
	}
	if best.Text != "好" || worst.Text != "差" || best.Weight <= 0 || worst.Weight >= 0 {
		t.Errorf("for: %+v, against: %+v", best, worst)
	}
	other, err := Words(context.Background(), m, model.Query{Text: s}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range words {
		if d := words[i].Weight + other[i].Weight; d > 1e-3 || d < -1e-3 {
			t.Errorf("%q speaks for both labels", words[i].Text)
		}
	}
}

func TestLongAndEmptyTexts(t *testing.T) {
	m := linear(t)
	for _, s := range []string{"", " ", "鑫", strings.Repeat("房间好", 300)} {
		words, err := Words(context.Background(), m, model.Query{Text: s}, 0)
		if err != nil || len(words) > maxParts {
			t.Errorf("%d words, %v", len(words), err)
		}
		if strings.TrimSpace(s) == "" && len(words) != 0 {
			t.Errorf("%q has words %v", s, words)
		}
	}
}
