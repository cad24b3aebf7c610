package text

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

var ggufTexts = []string{"房间很干净，服务好", "It's the BEST hotel of 2024!", "naïve café", "a  b   c", " leading", "trailing ", "", "emoji 🙂 和 ＡＢＣ", "line\nbreaks\tand tabs", "12345 67"}

// asRead turns the types of keys that are written into those that are read.
func asRead(keys map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range keys {
		switch v := v.(type) {
		case uint32:
			out[name] = int64(v)
		case []int32:
			list := []int64{}
			for _, n := range v {
				list = append(list, int64(n))
			}
			out[name] = list
		case []byte:
			list := []int64{}
			for _, n := range v {
				list = append(list, int64(n))
			}
			out[name] = list
		case []float32:
			list := []float64{}
			for _, n := range v {
				list = append(list, float64(n))
			}
			out[name] = list
		case []string:
			out[name] = slices.Clone(v)
		default:
			out[name] = v
		}
	}
	return out
}

// TestTokenizersComeBackFromGGUF writes tokenizers as keys and reads them: by the keys of GGUF alone where those say all,
// and by the whole tokenizer.json that stands beside them.
func TestTokenizersComeBackFromGGUF(t *testing.T) {
	trained := func(kind string, lower, nfkc bool) *Tokenizer {
		tok, err := Train(context.Background(), slices.Values(ggufTexts), Config{Kind: kind, Lowercase: lower, NFKC: nfkc, MinFrequency: 1, VocabSize: 400}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	llama, err := FromGGUF(map[string]any{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": []string{"<unk>", "<s>", "<0x78>", "▁", "a", "b", "ab", "▁ab"},
		"tokenizer.ggml.scores": []float64{0, 0, 0, -5, -6, -7, -2, -1}, "tokenizer.ggml.token_type": []int64{2, 3, 6, 1, 1, 1, 1, 1},
		"tokenizer.ggml.unknown_token_id": int64(0), "tokenizer.ggml.bos_token_id": int64(1)})
	if err != nil {
		t.Fatal(err)
	}
	unigram := func(stages string) *Tokenizer {
		tok, err := Read([]byte(`{"version":"1.0","added_tokens":[{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>","special":true},{"id":2,"content":"<unk>","special":true}],` + stages + `,
			"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],
			"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}},
			"model":{"type":"Unigram","unk_id":2,"vocab":[["<s>",0],["</s>",0],["<unk>",0],["▁",-2],["a",-3],["b",-3.5],["▁a",-3.2],["房间",-4],["c",-5]]}}`))
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	cases := map[string]*Tokenizer{
		"wordpiece": trained("wordpiece", true, false), "wordpiece cased": trained("wordpiece", false, false), "bpe": trained("bpe", false, false), "llama": llama,
		"unigram": unigram(`"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]}`),
	}
	for name, file := range map[string]string{"bert": "bert-base-uncased.tokenizer.json"} {
		if cases[name], err = Load(golden.Path(t, "golden", "tokenizers", file)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tok := range cases {
		t.Run(name, func(t *testing.T) {
			wrapped := name != "bpe" && !strings.HasPrefix(name, "wordpiece")
			keys, outside, err := tok.GGUF(GGUFOptions{Rows: tok.VocabSize() + 3, Begin: -1, End: -1, Wrapped: wrapped})
			if err != nil {
				t.Fatalf("%v; %s", err, hint.Way(err))
			}
			if len(outside) > 0 && name != "wordpiece cased" {
				t.Errorf("left to callers: %q", outside)
			}
			whole := asRead(keys)
			theirs := asRead(keys)
			delete(theirs, ggufWhole)
			for which, read := range map[string]map[string]any{"whole": whole, "its own keys": theirs} {
				again, err := FromGGUF(read)
				if err != nil {
					t.Fatalf("%s: %v", which, err)
				}
				for _, s := range ggufTexts {
					var a, b Encoding
					tok.EncodeText(&a, s, EncodeOptions{Special: wrapped})
					again.EncodeText(&b, s, EncodeOptions{Special: wrapped})
					if !slices.Equal(a.IDs, b.IDs) {
						t.Errorf("%s: %q became %v, want %v", which, s, b.IDs, a.IDs)
					}
				}
			}
			if tokens := keys["tokenizer.ggml.tokens"].([]string); len(tokens) != tok.VocabSize()+3 || keys["tokenizer.ggml.token_type"].([]int32)[len(tokens)-1] != ggufUnused {
				t.Errorf("%d tokens for %d rows", len(tokens), tok.VocabSize()+3)
			}
		})
	}
}

func TestWhatGGUFDoesNotSayOfATokenizerIsLeftToCallers(t *testing.T) {
	tok, err := Train(context.Background(), slices.Values(ggufTexts), Config{Kind: "bpe", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 300}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, outside, err := tok.GGUF(GGUFOptions{Rows: tok.VocabSize(), Begin: 1, End: 0})
	if err != nil || len(outside) != 1 || !strings.Contains(outside[0], "NFKC, Lowercase") {
		t.Errorf("%q, %v", outside, err)
	}
	if keys["tokenizer.ggml.eos_token_id"] != uint32(0) || keys["tokenizer.ggml.bos_token_id"] != uint32(1) || keys["tokenizer.ggml.add_bos_token"] != false {
		t.Errorf("%v %v", keys["tokenizer.ggml.eos_token_id"], keys["tokenizer.ggml.bos_token_id"])
	}
}

func TestTokenizersThatGGUFCannotTellOfAreRefused(t *testing.T) {
	refused := func(tok *Tokenizer, want string) {
		t.Helper()
		_, _, err := tok.GGUF(GGUFOptions{Rows: tok.VocabSize(), Begin: -1, End: -1})
		if err == nil || !strings.Contains(err.Error(), want) || hint.Way(err) == "" {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for kind, want := range map[string]string{"char": "whole words alone", "word": "texts are cut by WhitespaceSplit, Punctuation", "unigram": "texts are cut by Metaspace, Punctuation"} {
		tok, err := Train(context.Background(), slices.Values(ggufTexts), Config{Kind: kind, MinFrequency: 1, VocabSize: 200}, nil)
		if err != nil {
			t.Fatal(err)
		}
		refused(tok, want)
	}
	data, err := os.ReadFile(golden.Path(t, "golden", "tokenizers", "bert-base-uncased.tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	for from, c := range map[string][2]string{
		`"continuing_subword_prefix":"##"`: {`"continuing_subword_prefix":"@@"`, "begin with \"@@\""},
		`"handle_chinese_chars":true`:      {`"handle_chinese_chars":false`, "its normalizer is not BERT's"},
	} {
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil {
			t.Fatal(err)
		}
		tok, err := Read(bytes.Replace(compact.Bytes(), []byte(from), []byte(c[0]), 1))
		if err != nil {
			t.Fatal(err)
		}
		refused(tok, c[1])
	}
	merges := `{"version":"1.0","added_tokens":[],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
		"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"vocab":{"<unk>":0,"a":1,"b":2,"c":3,"ab":4,"bc":5,"abc":6},"merges":["a b","b c","a bc"]}}`
	tok, err := Read([]byte(merges))
	if err != nil {
		t.Fatal(err)
	}
	refused(tok, "do not follow from scores")
}
