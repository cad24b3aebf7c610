package text

import (
	"strings"
	"testing"
)

func TestTokenizersOfGGUFCutAsTheirKindDoes(t *testing.T) {
	for name, c := range map[string]struct {
		keys map[string]any
		s    string
		want string
	}{
		"WordPiece": {map[string]any{
			"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": []string{"[UNK]", "[CLS]", "[SEP]", "▁good", "ness", "▁房", "▁间"},
			"tokenizer.ggml.token_type": []int64{3, 3, 3, 1, 1, 1, 1}, "tokenizer.ggml.cls_token_id": int64(1), "tokenizer.ggml.seperator_token_id": int64(2),
		}, "Goodness 房间 x", "[CLS] good ##ness 房 间 [UNK] [SEP]"},
		"SentencePiece's BPE": {map[string]any{
			"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": []string{"<unk>", "<s>", "<0x78>", "▁", "a", "b", "ab", "▁ab"},
			"tokenizer.ggml.scores": []float64{0, 0, 0, -5, -6, -7, -2, -1}, "tokenizer.ggml.token_type": []int64{2, 3, 6, 1, 1, 1, 1, 1},
			"tokenizer.ggml.unknown_token_id": int64(0), "tokenizer.ggml.bos_token_id": int64(1),
		}, "ab abx", "<s> ▁ab ▁ab <0x78>"},
		"Unigram": {map[string]any{
			"tokenizer.ggml.model": "t5", "tokenizer.ggml.tokens": []string{"<s>", "</s>", "<unk>", "▁a", "b", "▁ab", "c"},
			"tokenizer.ggml.scores": []float64{0, 0, 0, -2, -3, -4, -5}, "tokenizer.ggml.unknown_token_id": int64(2), "tokenizer.ggml.bos_token_id": int64(0), "tokenizer.ggml.eos_token_id": int64(1),
		}, "ab  ac", "<s> ▁ab ▁a c </s>"},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := FromGGUF(c.keys)
			if err != nil {
				t.Fatal(err)
			}
			var e Encoding
			tok.EncodeText(&e, c.s, EncodeOptions{Special: true})
			var got []string
			for _, id := range e.IDs {
				got = append(got, tok.Token(id))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func FuzzFromGGUF(f *testing.F) {
	f.Add("bert", "[UNK] a ▁b", 0, 1)
	f.Add("llama", "<unk> a b ab", 0, 2)
	f.Add("t5", "<unk> ▁ a", 0, 9)
	f.Add("gpt2", "a b ab", 0, -1)
	f.Fuzz(func(t *testing.T, kind, tokens string, unk, bos int) {
		list := strings.Split(tokens, " ")
		scores, types := make([]float64, len(list)), make([]int64, len(list))
		for i := range types {
			types[i] = int64(i*unk) % 8
			scores[i] = -float64(i)
		}
		tok, err := FromGGUF(map[string]any{"tokenizer.ggml.model": kind, "tokenizer.ggml.tokens": list, "tokenizer.ggml.scores": scores, "tokenizer.ggml.token_type": types,
			"tokenizer.ggml.unknown_token_id": int64(unk), "tokenizer.ggml.bos_token_id": int64(bos), "tokenizer.ggml.merges": list})
		if err == nil {
			var e Encoding
			tok.EncodeText(&e, tokens, EncodeOptions{Special: true})
		}
	})
}
