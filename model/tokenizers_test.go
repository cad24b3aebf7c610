package model

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Every family reads every kind of tokenizer, and finds it again in its package.
func TestEveryFamilyTakesEveryTokenizer(t *testing.T) {
	for _, kind := range []string{"char", "word", "whole", "wordpiece", "bpe", "unigram"} {
		tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 300}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range Families() {
			c := small(t, family).Config
			m, err := New(c, text.CleanConfig{Space: true}, tok, []string{"a", "b", "c"}, 3, func(yield func(Example) bool) {
				for _, s := range texts {
					if e := tok.Encode(s); !yield(Example{Text: &e}) {
						return
					}
				}
			})
			if err != nil {
				t.Fatalf("%s with %s: %v", family, kind, err)
			}
			dir := filepath.Join(t.TempDir(), "m")
			if _, err := m.Save(dir, map[string][]byte{CardFile: []byte("# card")}); err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatalf("%s with %s: %v", family, kind, err)
			}
			want, err := m.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := again.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if want[i].Label != got[i].Label {
					t.Errorf("%s with %s: %q is %s, then %s", family, kind, texts[i], want[i].Label, got[i].Label)
				}
			}
			if err := again.Package.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
