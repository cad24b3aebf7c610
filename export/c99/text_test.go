package c99_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// everyStep are the steps of cleaning that C holds, all on.
var everyStep = text.CleanConfig{HTML: true, Unicode: "nfc", FullWidth: true, Control: true, URLs: true, Repeats: 3, Space: true}

// reader is a small model whose tokens are of a kind, with drawn weights: what it says depends on every token.
func reader(t *testing.T, kind, family string, clean text.CleanConfig, nfkc bool) *model.Model {
	t.Helper()
	sample, err := examples.Reviews("zh")
	if err != nil {
		t.Fatal(err)
	}
	lines := append(strings.Split(string(sample), "\n"), "the café's breakfast was not good naïve 1 2 3 (a) ...")
	tok, err := text.Train(context.Background(), slices.Values(lines), text.Config{Kind: kind, Lowercase: true, NFKC: nfkc, MinFrequency: 1, VocabSize: 600}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: family, MaxTokens: 60, EmbedDim: 16, Hidden: 12, Layers: 1, Pooling: "mean", Bidirectional: true, Activation: "relu",
		NGram: model.NGrams{Form: "yes", Tokens: 2, CharsMin: 1, CharsMax: 3, MinTexts: 2, MaxFeatures: 4000, Weighting: "tfidf"}, Buckets: 500}
	m, err := model.New(c, clean, tok, []string{"a", "b", "c"}, 5, func(yield func(model.Example) bool) {
		for _, l := range lines {
			e := tok.Encode(l)
			if !yield(model.Example{Text: &e}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	for i := range m.Params.Values() {
		m.Params.Values()[i] += float32(i%13-6) / 20
	}
	return m
}

// fragments are what texts are made of that readers trip over.
var fragments = []string{"房间很干净", "服务", "！", "。。。。。", "哈哈哈哈哈", "the Room", " was ", "CAFÉ", "cafe\u0301", "naïve", "it's", "１２３", "ＡＢＣ", "　", "①②", "㎏", "ﬁne",
	"\u200b", "\u00ad", "\x01", "\x7f", "\t", "\n\n", "\u2028", "<b>", "</b>", "<br/>", "<p class=\"a>b\">", "<p class='x", "<script>x<b>y</script>", "<style>", "</style >", "<好评>", "<3", "<!-- c -->",
	"<!doctype html>", "<?xml?>", "</ x>", "<title>a<b>c</title>", "<plaintext>", "&amp;", "&lt;b&gt;", "&nbsp;", "&#20013;", "&#x41;", "&#128;", "&#0;", "&#99999999999;", "&amp;amp;", "&;", "&nope;", "& ", "&#59;",
	"http://a.cn/x?y=1", "HTTPS://B.com.", "www.c.org,", "xwww.d", "ftp://", "://", "ww.", "\xff", "\xe4\xb8", "\xed\xa0\x80", "\xf4\x90\x80\x80", "😀", "𝐀𝐛", "豈", "[UNK]", "[PAD]", "##a", "▁", "_", "-", "unbelievable", "0000000", "ÅÅÅÅÅ", "A\u030a"}

// nasty draws texts, the same ones every time.
func nasty(n int) []string {
	rng := rand.New(rand.NewPCG(7, 7))
	list := []string{"", " ", "\x00", strings.Repeat("很", 5000), strings.Repeat("<", 3000), strings.Repeat("&#", 3000), strings.Repeat("\xff", 5000), strings.Repeat("a", 9000), strings.Repeat("<b", 2000) + ">"}
	for range n {
		var b strings.Builder
		for range rng.IntN(12) + 1 {
			b.WriteString(fragments[rng.IntN(len(fragments))])
			if rng.IntN(4) == 0 {
				b.WriteByte(byte(rng.IntN(256)))
			}
		}
		list = append(list, b.String())
	}
	return list
}

// readers are models that read texts in each of the ways that C holds.
func readers(t *testing.T) map[string]*model.Model {
	nfkc := everyStep
	nfkc.Unicode = "nfkc"
	list := map[string]*model.Model{
		"characters": reader(t, "char", "static", everyStep, true),
		"words":      reader(t, "word", "static", nfkc, false),
		"wordpiece":  reader(t, "wordpiece", "static", everyStep, true),
		"unigram":    reader(t, "unigram", "static", everyStep, true),
		"ngram":      reader(t, "word", "ngram", everyStep, true),
		"fasttext":   reader(t, "char", "fasttext", everyStep, true),
	}
	if testing.Short() {
		maps.DeleteFunc(list, func(name string, _ *model.Model) bool { return name != "characters" && name != "unigram" })
	}
	return list
}

func TestNastyTextsAreReadAsTheModelReadsThem(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many programs of C")
	}
	list := nasty(2000)
	for name, m := range readers(t) {
		t.Run(name, func(t *testing.T) {
			s, err := c99.Write(m, c99.Options{Name: "m"})
			if err != nil {
				t.Fatalf("%v; %s", err, hint.Way(err))
			}
			got, want := optimised.ask(t, optimised.compile(t, s), asBytes(list)), said(t, m, list)
			wrong := 0
			for i := range list {
				if len(list[i]) > s.Cost.Bytes { // cut off, in C before cleaning
					continue
				}
				if worst(t, want[i:i+1], got[i:i+1]) > 1e-5 {
					if wrong++; wrong < 6 {
						t.Errorf("%q is read otherwise: %v, the model says %v", list[i], got[i].scores, want[i].scores)
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d texts are read otherwise", wrong, len(list))
			}
		})
	}
}

func TestNastyTextsReachNoMemoryThatIsNotTheirs(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles with sanitizers")
	}
	list := nasty(300)
	for name, m := range readers(t) {
		t.Run(name, func(t *testing.T) {
			s, err := c99.Write(m, c99.Options{Name: "m", Int8: true, Length: 20})
			if err != nil {
				t.Fatal(err)
			}
			sanitized.ask(t, sanitized.compile(t, s), asBytes(list))
		})
	}
}
