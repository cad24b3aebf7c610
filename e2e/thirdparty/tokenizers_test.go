package thirdparty

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// awkward lines, which real ones hold seldom.
var awkward = []string{
	"", " ", "\t\n", "😀👨‍👩‍👧🏳️‍🌈", "e\u0301 é Å", "ＡＢＣ　１２３！？", "مرحبا بالعالم", "שלום", "a\u200bb\ufeffc", "\x00\x01", "İstanbul ǅ ß ﬁ ½ ① ㍿",
	"[UNK] [PAD] [CLS]", "don't can't--won't...", "你好world再见123", "한국어 ᄒ\u1161\u11ab", "ｶﾞ", "\U0010ffff \U000e0001", "鑫鑫鑫淼", "http://a.b/c?d=e&f", "—…·「」《》、。〈〉￥～",
	"line\u2028separator\u2029and\u0085next", "１／２", "Ⅷ ⅷ ℃ ㎡", "x²+y³", "\u00a0nbsp\u3000ideographic", strings.Repeat("很长", 3000),
}

// lines returns real texts, and the sample reviews.
func lines(t *testing.T, lang string) []string {
	t.Helper()
	var out []string
	add := func(path string, columns data.Columns, limit int) {
		r, err := data.Open(context.Background(), path, columns)
		if err != nil {
			t.Logf("without %s", filepath.Base(path))
			return
		}
		defer r.Close()
		n := 0
		for e, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e.Text)
			if n++; n == limit {
				return
			}
		}
	}
	shared := filepath.Join("..", "..", "..", "shared", "data")
	if lang == "zh" {
		add(filepath.Join(shared, "chnsenticorp", "chnsenticorp_htl.csv"), data.Columns{Text: "review"}, 3000)
		add(filepath.Join(shared, "online_shopping", "online_shopping_10_cats.csv"), data.Columns{Text: "review"}, 5000)
	} else {
		add(filepath.Join(shared, "sst2", "train.tsv"), data.Columns{Text: "1"}, 4000)
		add(filepath.Join(shared, "banking77", "train.csv"), data.Columns{Text: "text"}, 4000)
	}
	sample, err := examples.Reviews(lang)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "reviews.csv")
	if err := os.WriteFile(path, sample, 0o644); err != nil {
		t.Fatal(err)
	}
	add(path, data.Columns{Text: "text"}, 0)
	return append(out, awkward...)
}

// TestTokenizersEncodeAlike has the tokenizers package load what we trained, and encode real and awkward lines: ids and
// offsets must be equal, one by one.
func TestTokenizersEncodeAlike(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		texts := lines(t, lang)
		for _, kind := range []string{"char", "word"} {
			t.Run(lang+" "+kind, func(t *testing.T) {
				tok, err := text.Train(context.Background(), slices.Values(texts[:len(texts)/2]), text.Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 2, VocabSize: 20_000}, nil)
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				if err := tok.Save(filepath.Join(dir, "tokenizer.json")); err != nil {
					t.Fatal(err)
				}
				f, err := os.Create(filepath.Join(dir, "ours.jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				w := bufio.NewWriter(f)
				enc := json.NewEncoder(w)
				for _, s := range texts {
					e := tok.Encode(s)
					spans := make([][2]int, len(e.Spans))
					for i, sp := range e.Spans {
						spans[i] = [2]int{sp.Start, sp.End}
					}
					if err := enc.Encode(map[string]any{"text": s, "ids": e.IDs, "spans": spans}); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				t.Log(python(t, "tokenizers_check.py", filepath.Join(dir, "tokenizer.json"), f.Name()))
			})
		}
	}
}
