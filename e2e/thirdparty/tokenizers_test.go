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
	strings.Repeat("x", 300), "he's IT'S we'LL 'tis '' ' it'ſ", "a  b   c \n\n d\t\te \r\n f   ", "  leading", "trailing  ", "100000 1,234.56 ３４５ ²³ ⅷ",
	"<s></s><mask> <mask>  <|endoftext|>x[MASK] y [SEP]", "Hotel hotels HOTEL Hotel房间  好房间", "q\u0307\u0323 a\u0344 \u0301x \u0323\u0307", "\u0130\u0131 \u03a3\u03c2",
	"▁ ▁▁a ▁b", "<0x41> <0xE4>", "…!!!???~~~", "a\u00adb", "𝒳𝔘 𠮷𠮷野家", "ﷺ ﬀ ㎏", "กำ น้ำ", "हिन्दी", "🇨🇳🇺🇸👍🏽", "e\u0301\u0301\u0301\u0301", "\u2028\u2029",
	"the Thé THE the2 2the", "\ufffd", "中\u0301文", "\u1e9b\u0323", "Ǆ ǆ ŉ",
	"ﬁx ①\u3000a\u00a0b e\u0301x \u0301a\r\nb\tc\u200bＡｶﾞ㍿。好！", "\u0301ab", "\u0301\u0301好", "\r\n", "a\x01b", "\x01ab",
}

// lines returns real texts, and the sample reviews.
func lines(t *testing.T, lang string) []string {
	t.Helper()
	var out []string
	add := func(path string, columns data.Columns, limit int) {
		if testing.Short() {
			limit /= 20
		}
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
		add(filepath.Join(shared, "chnsenticorp", "chnsenticorp_htl.csv"), data.Columns{Text: "review"}, 6000)
		add(filepath.Join(shared, "online_shopping", "online_shopping_10_cats.csv"), data.Columns{Text: "review"}, 9000)
		add(filepath.Join(shared, "thucnews", "train.txt"), data.Columns{Text: "1"}, 6000)
	} else {
		add(filepath.Join(shared, "sst2", "train.tsv"), data.Columns{Text: "1"}, 6900)
		add(filepath.Join(shared, "banking77", "train.csv"), data.Columns{Text: "text"}, 10000)
		add(filepath.Join(shared, "imdb", "train.jsonl.gz"), data.Columns{Text: "text"}, 3500)
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

// compare has the tokenizers package encode texts with the tokenizer.json at path; ids, offsets and, where special
// tokens are added, types and the decoded text must be ours, one by one.
func compare(t *testing.T, path string, tok *text.Tokenizer, texts []string, pairs, special bool) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "ours.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	var e text.Encoding
	for i, s := range texts {
		line := map[string]any{"text": s}
		switch {
		case pairs:
			pair := texts[(i+7)%len(texts)]
			tok.EncodePair(&e, s, pair, text.EncodeOptions{Special: special})
			line["pair"] = pair
		case special:
			tok.EncodeText(&e, s, text.EncodeOptions{Special: special})
		default:
			tok.EncodeTo(&e, s)
		}
		if pairs || special {
			line["types"], line["special"] = e.TypeIDs, special
			line["decoded"] = strings.ToValidUTF8(tok.Decode(e.IDs, true), "\uFFFD")
		}
		spans := make([][2]int, len(e.Spans))
		for i, sp := range e.Spans {
			spans[i] = [2]int{sp.Start, sp.End}
		}
		line["ids"], line["spans"] = e.IDs, spans
		if err := enc.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Log(python(t, "tokenizers_check.py", path, f.Name()))
}

// TestTokenizersEncodeAlike has the tokenizers package load what we trained, and encode real and awkward lines.
func TestTokenizersEncodeAlike(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		texts := lines(t, lang)
		for _, kind := range []string{"char", "word", "whole", "wordpiece", "bpe", "unigram"} {
			t.Run(lang+" "+kind, func(t *testing.T) {
				t.Parallel()
				tok, err := text.Train(context.Background(), slices.Values(texts[:len(texts)/4]), text.Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 2, VocabSize: 10_000}, nil)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "tokenizer.json")
				if err := tok.Save(path); err != nil {
					t.Fatal(err)
				}
				compare(t, path, tok, texts, false, false)
			})
		}
	}
}

// TestImportedTokenizersEncodeAlike reads tokenizers of the common kinds, those that the tokenizers package makes here
// and published ones, and compares on the same lines; and once more as we write them.
func TestImportedTokenizersEncodeAlike(t *testing.T) {
	zh, en := lines(t, "zh"), lines(t, "en")
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus")
	f, err := os.Create(corpus)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	for i := range 4000 {
		for _, s := range []string{zh[i*len(zh)/4000], en[i*len(en)/4000]} {
			if err := enc.Encode(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	python(t, "tokenizers_make.py", dir, corpus)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join("..", "..", "..", "shared")
	for _, published := range []string{"golden/tokenizers/bert-base-uncased.tokenizer.json", "models/multilingual-e5-small-zh-en/tokenizer.json"} {
		if path := filepath.Join(shared, published); exists(path) {
			files = append(files, path)
		}
	}
	if path, ok := bertChinese(t, filepath.Join(shared, "golden", "tokenizers"), dir); ok {
		files = append(files, path)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok, err := text.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			again := filepath.Join(t.TempDir(), "again.json")
			if err := tok.Save(again); err != nil {
				t.Fatal(err)
			}
			most := []string{"bert-cased", "bert-chinese", "bert-base-uncased.tokenizer", "gpt2", "unigram", "tokenizer"}
			for _, texts := range [][]string{zh, en} {
				if !slices.Contains(most, name) { // of the same algorithms as those
					texts = append(slices.Clone(texts[:len(texts)/10]), awkward...)
				}
				compare(t, path, tok, texts, false, false)
			}
			few := slices.Concat(zh[:500], en[:500], awkward)
			compare(t, again, tok, few, false, true)
			compare(t, again, tok, few, true, true)
			compare(t, again, tok, few, true, false)
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// bertChinese writes BERT's Chinese tokenizer as a tokenizer.json: its published vocabulary, and the uncased tokenizer's
// stages.
func bertChinese(t *testing.T, golden, dir string) (string, bool) {
	t.Helper()
	words, err := os.ReadFile(filepath.Join(golden, "bert-base-chinese-vocab.txt"))
	if err != nil {
		return "", false
	}
	uncased, err := os.ReadFile(filepath.Join(golden, "bert-base-uncased.tokenizer.json"))
	if err != nil {
		return "", false
	}
	var file map[string]any
	if err := json.Unmarshal(uncased, &file); err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for i, w := range strings.Split(strings.TrimRight(string(words), "\n"), "\n") {
		ids[strings.TrimRight(w, "\r")] = i
	}
	file["model"].(map[string]any)["vocab"] = ids
	for _, a := range file["added_tokens"].([]any) {
		token := a.(map[string]any)
		token["id"] = ids[token["content"].(string)]
	}
	for _, s := range file["post_processor"].(map[string]any)["special_tokens"].(map[string]any) {
		special := s.(map[string]any)
		special["ids"] = []int{ids[special["id"].(string)]}
	}
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bert-chinese.json")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, true
}
