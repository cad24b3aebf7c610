package text

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func cutTokens(t *Tokenizer, s string) string {
	e := t.Encode(s)
	var list []string
	for _, id := range e.IDs {
		list = append(list, t.Token(id))
	}
	return strings.Join(list, "|")
}

func TestSpecialTokensAreAddedBehindTheVocabulary(t *testing.T) {
	texts := slices.Repeat([]string{"房间很干净", "the rooms are clean"}, 3)
	for _, kind := range []string{"char", "word", "whole", "wordpiece", "bpe", "unigram"} {
		plain, err := Train(context.Background(), slices.Values(texts), Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 400}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := plain.MaskID(); ok {
			t.Errorf("%s: a fresh tokenizer has a mask", kind)
		}
		tok, err := plain.WithSpecial(Mask)
		if err != nil {
			t.Fatal(err)
		}
		id, ok := tok.MaskID()
		if !ok || int(id) != plain.VocabSize() || tok.VocabSize() != plain.VocabSize()+1 {
			t.Errorf("%s: the mask is %d, %v of %d tokens", kind, id, ok, tok.VocabSize())
		}
		if got, want := tok.Special(), []int32{plain.UnkID(), id}; !slices.Contains(got, id) || plain.UnkID() >= 0 && !slices.Contains(got, want[0]) || len(got) > 3 {
			t.Errorf("%s: special tokens %v, want %v among them", kind, got, want)
		}
		again, err := tok.WithSpecial(Mask)
		if err != nil || again.VocabSize() != tok.VocabSize() {
			t.Errorf("%s: added twice: %v", kind, err)
		}
		data, err := tok.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if tok, err = Read(data); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		const s = "房间很[MASK]净"
		if got := tok.Encode(s).IDs; !slices.Contains(got, id) {
			t.Errorf("%s: %v has no mask", kind, got)
		}
		if got, want := tok.Literal().Encode(s).IDs, plain.Encode(s).IDs; !slices.Equal(got, want) {
			t.Errorf("%s: taken literally %v, want %v", kind, got, want)
		}
	}
}

func TestWordTokenizersKeepTheWordsOfADictionary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte("研究生命\nＡ股龙头\n从未见过的词\nC++\nopen\n起源论 5 n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	texts := slices.Repeat([]string{"研究生命起源", "a股龙头涨了", "生命 起源 研究 opening 的 过 见 词 从 未 论"}, 3)
	tok, err := Train(context.Background(), slices.Values(texts), Config{Kind: "word", Lowercase: true, NFKC: true, MinFrequency: 2, VocabSize: 1000, Dictionary: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"研究生命起源", "研究生命|起源"},
		{"A股龙头涨了", "a股龙头|涨|了"},
		{"从未见过的词", "从未见过的词"},
		{"opening", "opening"}, // a hot word in letters does not break longer ones
		{"open", "open"},
	} {
		if got := cutTokens(tok, c.text); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	if _, ok := tok.ID("c++"); ok {
		t.Error("c++ is a token, but every text is cut at +")
	}
	if _, ok := tok.ID("起源论"); !ok {
		t.Error("a word with a frequency is no token")
	}
	data, err := tok.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(data)
	if err != nil || cutTokens(again, "研究生命起源") != "研究生命|起源" {
		t.Errorf("read back: %v", err)
	}
	if _, err := Train(context.Background(), slices.Values(texts), Config{Kind: "word", Dictionary: path + "x"}, nil); err == nil {
		t.Error("a dictionary that is not there was read")
	}
}

func TestNewWordsAreWantedByOption(t *testing.T) {
	texts := slices.Repeat([]string{"王肇群于2001年深化改革"}, 3)
	for want, fresh := range map[string]bool{"王肇群|于|2001年|深化|改革": true, "王|肇|群|于|2001|年|深化改革": false} {
		tok, err := Train(context.Background(), slices.Values(texts), Config{Kind: "word", MinFrequency: 1, VocabSize: 1000, NewWords: fresh}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := cutTokens(tok, texts[0]); got != want {
			t.Errorf("new words %v: %s, want %s", fresh, got, want)
		}
	}
}
