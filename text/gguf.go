package text

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// The types of tokens in GGUF (tokenizer.ggml.token_type).
const (
	ggufUnknown = 2
	ggufControl = 3
	ggufUser    = 4
	ggufUnused  = 5
	ggufByte    = 6
)

// ggufTokenizer is what the keys of a GGUF file say of its tokenizer.
type ggufTokenizer struct {
	keys   map[string]any
	tokens []string
	types  []int64
}

// ggufWhole is the key of a whole tokenizer.json, which says more than the others.
const ggufWhole = "tokenizer.huggingface.json"

// FromGGUF makes the tokenizer that the keys of a GGUF file describe: a tokenizer.json where one is among them, or else
// WordPiece (bert), byte-level BPE (gpt2), SentencePiece's BPE (llama) or Unigram (t5).
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer
func FromGGUF(keys map[string]any) (*Tokenizer, error) {
	if whole, ok := keys[ggufWhole].(string); ok {
		return Read([]byte(whole))
	}
	g := &ggufTokenizer{keys: keys}
	g.tokens, _ = keys["tokenizer.ggml.tokens"].([]string)
	g.types, _ = keys["tokenizer.ggml.token_type"].([]int64)
	kind, _ := keys["tokenizer.ggml.model"].(string)
	if len(g.tokens) == 0 || len(g.types) > 0 && len(g.types) != len(g.tokens) {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "the file has no vocabulary, or one of %d tokens with %d types", len(g.tokens), len(g.types))
	}
	makers := map[string]func() (map[string]any, error){"bert": g.bert, "gpt2": g.byteLevel, "llama": g.sentencePiece, "t5": g.unigram}
	maker, ok := makers[kind]
	if !ok {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "tokenizer.ggml.model: %q is not supported; bert, gpt2, llama and t5 are", kind)
	}
	file, err := maker()
	if err != nil {
		return nil, err
	}
	file["version"], file["truncation"], file["padding"] = "1.0", nil, nil
	file["added_tokens"] = g.added()
	data, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	return Read(data)
}

// number returns the id that a key names, otherwise that of another key; -1 for none.
func (g *ggufTokenizer) number(names ...string) int64 {
	for _, name := range names {
		if id, ok := g.keys["tokenizer.ggml."+name].(int64); ok && id >= 0 && id < int64(len(g.tokens)) {
			return id
		}
	}
	return -1
}

func (g *ggufTokenizer) typeOf(id int) int64 {
	if g.types == nil {
		return 1
	}
	return g.types[id]
}

// added are the tokens that are looked for in the text itself.
func (g *ggufTokenizer) added() []AddedToken {
	list := []AddedToken{}
	for id, token := range g.tokens {
		if kind := g.typeOf(id); (kind == ggufControl || kind == ggufUser || kind == ggufUnknown) && token != "" {
			list = append(list, AddedToken{ID: int32(id), Content: token, Special: kind != ggufUser})
		}
	}
	return list
}

// around is the post-processor that puts these tokens before and after a text; nil for none.
func (g *ggufTokenizer) around(before, after int64) any {
	if before < 0 && after < 0 {
		return nil
	}
	special, single := map[string]any{}, []any{}
	add := func(id int64) {
		if id >= 0 {
			token := g.tokens[id]
			special[token] = map[string]any{"id": token, "ids": []int64{id}, "tokens": []string{token}}
			single = append(single, map[string]any{"SpecialToken": map[string]any{"id": token, "type_id": 0}})
		}
	}
	add(before)
	single = append(single, map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}})
	add(after)
	pair := append(slices.Clone(single), map[string]any{"Sequence": map[string]any{"id": "B", "type_id": 1}})
	if after >= 0 {
		pair = append(pair, map[string]any{"SpecialToken": map[string]any{"id": g.tokens[after], "type_id": 1}})
	}
	return map[string]any{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
}

// wanted returns the id if a flag says that it is put around texts.
func (g *ggufTokenizer) wanted(flag string, id int64, otherwise bool) int64 {
	on, ok := g.keys["tokenizer.ggml."+flag].(bool)
	if !ok {
		on = otherwise
	}
	if !on {
		return -1
	}
	return id
}

func (g *ggufTokenizer) vocab() map[string]int {
	v := map[string]int{}
	for id, token := range g.tokens {
		v[token] = id
	}
	return v
}

// bert is WordPiece. Converters write the beginnings of words with ▁ and the rest without ##.
func (g *ggufTokenizer) bert() (map[string]any, error) {
	cased := false
	for id, token := range g.tokens {
		switch {
		case g.typeOf(id) == ggufControl, strings.HasPrefix(token, "[") && strings.HasSuffix(token, "]"):
			continue
		case strings.HasPrefix(token, "▁"):
			g.tokens[id] = strings.TrimPrefix(token, "▁")
		default:
			g.tokens[id] = "##" + token
		}
		cased = cased || strings.IndexFunc(token, unicode.IsUpper) >= 0
	}
	unk := g.number("unknown_token_id")
	if unk < 0 {
		unk = int64(slices.Index(g.tokens, Unknown))
	}
	if unk < 0 {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "the vocabulary has no unknown token")
	}
	lower, ok := g.keys["tokenizer.ggml.normalizer.lowercase"].(bool)
	if !ok {
		lower = !cased
	}
	var accents any // as lower
	if strip, ok := g.keys["tokenizer.ggml.normalizer.strip_accents"].(bool); ok {
		accents = strip
	}
	return map[string]any{
		"normalizer":     map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": accents, "lowercase": lower},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": g.around(g.number("cls_token_id", "bos_token_id"), g.number("seperator_token_id", "eos_token_id")), // sic
		"decoder":        map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model":          map[string]any{"type": "WordPiece", "vocab": g.vocab(), "unk_token": g.tokens[unk], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
	}, nil
}

// ggufSplits are the expressions that cut texts before byte-level BPE, by tokenizer.ggml.pre; "" is GPT-2's.
var ggufSplits = map[string]string{
	"": "", "default": "", "gpt-2": "",
	"llama-bpe": `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	"qwen2":     `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
}

func (g *ggufTokenizer) byteLevel() (map[string]any, error) {
	pre, _ := g.keys["tokenizer.ggml.pre"].(string)
	split, ok := ggufSplits[pre]
	if !ok {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "tokenizer.ggml.pre: %q is not supported; gpt-2, llama-bpe and qwen2 are", pre)
	}
	merges, _ := g.keys["tokenizer.ggml.merges"].([]string)
	cut := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": split == ""}
	if split != "" {
		cut = map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "Split", "pattern": map[string]any{"Regex": split}, "behavior": "Isolated", "invert": false}, cut}}
	}
	if merges == nil {
		merges = []string{}
	}
	return map[string]any{
		"normalizer": nil, "pre_tokenizer": cut,
		"post_processor": g.around(g.wanted("add_bos_token", g.number("bos_token_id"), false), g.wanted("add_eos_token", g.number("eos_token_id"), false)),
		"decoder":        map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true},
		"model":          g.bpe(merges, nil, pre == "llama-bpe", false),
	}, nil
}

func (g *ggufTokenizer) bpe(merges, unk any, ignoreMerges, fallBack bool) map[string]any {
	return map[string]any{"type": "BPE", "dropout": nil, "unk_token": unk, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
		"fuse_unk": fallBack, "byte_fallback": fallBack, "ignore_merges": ignoreMerges, "vocab": g.vocab(), "merges": merges}
}

// sentencePiece is BPE whose merges follow from scores: a token is merged of any two others that make it, the token with
// the highest score first.
func (g *ggufTokenizer) sentencePiece() (map[string]any, error) {
	scores, ok := g.keys["tokenizer.ggml.scores"].([]float64)
	unk := g.number("unknown_token_id")
	if !ok || len(scores) != len(g.tokens) || unk < 0 {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "a vocabulary of %d tokens with %d scores, or without an unknown token", len(g.tokens), len(scores))
	}
	vocab := g.vocab()
	order := make([]int, len(g.tokens))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	merges := [][2]string{}
	for _, id := range order {
		if kind := g.typeOf(id); kind == ggufControl || kind == ggufByte || kind == ggufUnknown {
			continue
		}
		token := g.tokens[id]
		first := len(merges)
		for at := range token {
			_, left := vocab[token[:at]]
			_, right := vocab[token[at:]]
			if at > 0 && left && right {
				merges = append(merges, [2]string{token[:at], token[at:]})
			}
		}
		slices.SortStableFunc(merges[first:], func(a, b [2]string) int {
			return cmp.Or(cmp.Compare(vocab[a[0]], vocab[b[0]]), cmp.Compare(vocab[a[1]], vocab[b[1]]))
		})
	}
	normalizers := []any{map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": "▁"}}
	if on, ok := g.keys["tokenizer.ggml.add_space_prefix"].(bool); on || !ok {
		normalizers = append([]any{map[string]any{"type": "Prepend", "prepend": "▁"}}, normalizers...)
	}
	return map[string]any{
		"normalizer": map[string]any{"type": "Sequence", "normalizers": normalizers}, "pre_tokenizer": nil,
		"post_processor": g.around(g.wanted("add_bos_token", g.number("bos_token_id"), true), g.wanted("add_eos_token", g.number("eos_token_id"), false)),
		"decoder": map[string]any{"type": "Sequence", "decoders": []any{
			map[string]any{"type": "Replace", "pattern": map[string]any{"String": "▁"}, "content": " "},
			map[string]any{"type": "ByteFallback"}, map[string]any{"type": "Fuse"},
			map[string]any{"type": "Strip", "content": " ", "start": 1, "stop": 0}}},
		"model": g.bpe(merges, g.tokens[unk], false, true),
	}, nil
}

func (g *ggufTokenizer) unigram() (map[string]any, error) {
	scores, ok := g.keys["tokenizer.ggml.scores"].([]float64)
	unk := g.number("unknown_token_id")
	if !ok || len(scores) != len(g.tokens) || unk < 0 {
		return nil, hint.Errorf("put the model's tokenizer.json beside it", "a vocabulary of %d tokens with %d scores, or without an unknown token", len(g.tokens), len(scores))
	}
	vocab := make([][2]any, len(g.tokens))
	for i, token := range g.tokens {
		vocab[i] = [2]any{token, scores[i]}
	}
	var normalizer any
	if table, ok := g.keys["tokenizer.ggml.precompiled_charsmap"].([]int64); ok {
		bytes := make([]byte, len(table))
		for i, b := range table {
			if b < -128 || b > 255 {
				return nil, fmt.Errorf("tokenizer.ggml.precompiled_charsmap: %d is no byte", b)
			}
			bytes[i] = byte(b)
		}
		normalizer = map[string]any{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(bytes)}
	}
	return map[string]any{
		"normalizer": normalizer,
		"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "WhitespaceSplit"}, map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}}},
		"post_processor": g.around(g.wanted("add_bos_token", g.number("cls_token_id", "bos_token_id"), true), g.wanted("add_eos_token", g.number("seperator_token_id", "eos_token_id"), true)),
		"decoder":        map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
		"model":          map[string]any{"type": "Unigram", "unk_id": unk, "vocab": vocab, "byte_fallback": false},
	}, nil
}
