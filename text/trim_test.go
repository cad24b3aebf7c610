package text

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

// trimmed checks that a tokenizer of the tokens of some texts alone cuts them as the whole one does.
func trimmed(t *testing.T, name string, whole *Tokenizer, texts []string) {
	t.Helper()
	used := map[int32]bool{}
	for _, s := range texts {
		for _, id := range whole.Encode(s).IDs {
			used[id] = true
		}
	}
	tok, old, err := whole.Trimmed(func(id int32) bool { return used[id] })
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if tok.VocabSize() != len(old) || tok.VocabSize() > whole.VocabSize() {
		t.Errorf("%s: %d tokens, %d old ones, out of %d", name, tok.VocabSize(), len(old), whole.VocabSize())
	}
	for i, id := range old {
		if tok.Token(int32(i)) != whole.Token(id) {
			t.Errorf("%s: token %d is %q, %q was expected", name, i, tok.Token(int32(i)), whole.Token(id))
		}
	}
	for _, s := range texts {
		var a, b Encoding
		whole.EncodePair(&a, s, "", EncodeOptions{Special: true})
		tok.EncodePair(&b, s, "", EncodeOptions{Special: true})
		for i := range b.IDs {
			b.IDs[i] = old[b.IDs[i]]
		}
		if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Spans, b.Spans) {
			t.Errorf("%s: %q is cut into %v, it was %v", name, s, b.IDs, a.IDs)
		}
	}
	again, err := tok.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(again); err != nil {
		t.Errorf("%s: what is written cannot be read: %v", name, err)
	}
}

func TestFewerTokensCutTheirTextsAlike(t *testing.T) {
	for _, kind := range kinds {
		tok, err := Train(context.Background(), slices.Values(corpus), Config{Kind: kind, Lowercase: true, MinFrequency: 1, VocabSize: 400}, nil)
		if err != nil {
			t.Fatal(err)
		}
		trimmed(t, kind, tok, corpus[:len(corpus)/2+1])
	}
}

func TestFewerTokensOfOthersTokenizersCutTheirTextsAlike(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden.Path(t, "golden"), "*", "*", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(golden.Path(t, "models"), "*", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, more...) {
		tok, err := Load(path)
		if err != nil {
			continue // what cannot be read is tested elsewhere
		}
		trimmed(t, strings.TrimSuffix(path, "/tokenizer.json"), tok, []string{"The room was clean, the staff friendly.", "房间很干净，服务也好", "breakfast 早餐 42 €"})
	}
}
