package text

import (
	"slices"
	"strings"
	"testing"
)

// restricted are tokenizers of each algorithm, and what is kept of them.
var restricted = map[string]struct {
	model string
	keep  []string
	texts map[string]string // text → its tokens
}{
	"WordLevel": {`{"type":"WordLevel","vocab":{"?":0,"good":1,"bad":2,"room":3},"unk_token":"?"}`, []string{"room"},
		map[string]string{"good room": "? room"}},
	"WordPiece": {`{"type":"WordPiece","vocab":{"?":0,"go":1,"##od":2,"good":3,"g":4,"##o":5,"##d":6},"unk_token":"?","continuing_subword_prefix":"##","max_input_chars_per_word":100}`, []string{"##od"},
		map[string]string{"good": "g ##o ##od", "x": "?"}},
	"Unigram": {`{"type":"Unigram","unk_id":0,"vocab":[["?",0],["good",-2],["go",-1],["g",-5],["o",-5],["d",-5],["od",-1]],"byte_fallback":false}`, []string{"go"},
		map[string]string{"good": "go o d"}},
	"BPE": {`{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
"vocab":{"g":0,"o":1,"d":2,"go":3,"od":4,"good":5,"do":6},"merges":[["g","o"],["o","d"],["go","od"],["d","o"]]}`, []string{"good"},
		map[string]string{"good": "good", "dodo": "d od o"}},
}

func TestARestrictedTokenizerCutsWithTheTokensThatItKept(t *testing.T) {
	for name, c := range restricted {
		t.Run(name, func(t *testing.T) {
			tok, err := Read([]byte(`{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{"id":7,"content":"<end>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,"model":` + c.model + `}`))
			if err != nil {
				t.Fatal(err)
			}
			r, olds, err := tok.Restricted(func(id int32) bool { return slices.Contains(c.keep, tok.Token(id)) })
			if err != nil {
				t.Fatal(err)
			}
			if r.VocabSize() != len(olds) || r.VocabSize() >= tok.VocabSize() {
				t.Errorf("%d tokens of %d, %d numbers", r.VocabSize(), tok.VocabSize(), len(olds))
			}
			for id, old := range olds {
				if a, b := r.Token(int32(id)), tok.Token(old); a != b {
					t.Errorf("token %d is %q, was %q", id, a, b)
				}
			}
			data, err := r.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Read(data)
			if err != nil {
				t.Fatal(err)
			}
			for s, want := range c.texts {
				for _, tok := range []*Tokenizer{r, again} {
					var got []string
					for _, id := range tok.Encode(s).IDs {
						got = append(got, tok.Token(id))
					}
					if strings.Join(got, " ") != want {
						t.Errorf("%q: %q, want %q", s, got, want)
					}
				}
			}
			if e := again.Encode("<end>"); len(e.IDs) != 1 || again.Token(e.IDs[0]) != "<end>" {
				t.Errorf("the added token: %v", e.IDs)
			}
			all, olds, err := tok.Restricted(func(int32) bool { return true })
			there := 0
			for id := range int32(tok.VocabSize()) {
				if tok.Token(id) != "" {
					there++
				}
			}
			if err != nil || all.VocabSize() != there || !slices.IsSorted(olds) {
				t.Errorf("with all tokens: %d of %d, %v", all.VocabSize(), there, err)
			}
		})
	}
}
