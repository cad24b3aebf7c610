package text

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// awkward yields random texts of parts that steps care about.
func awkward(seed uint64, n int) []string {
	parts := []string{"房间", "很", "good", " ", "  ", "\n", "<b>", "</b>", "<br", "&amp;", "&lt;", "&#60;", "&", ";", "http://", "a.cn/", "www.", "！", "Ａ", "\u3000", "é", "e\u0301", "ﬁ", "①", "\u200b", "\x00", "\xff", "\xe4", "哈哈哈哈哈", "!!!!!", "11111", "👨‍👩‍👧", "İ", "ß", "한", "\u1112\u1161\u11ab", "[UNK]", "@", "小明", "a@b.cn", "#", "北京", "乾", "淨", "坤", "麼", "么", "teh", "the", "的", "我们", "138", "12345678", "-", "+", "-->", "<!--", "<script>", "🏳️‍🌈"}
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		out[i] = b.String()
	}
	return out
}

func TestTheShortCutAroundUnicodesTablesIsRight(t *testing.T) {
	for _, form := range []norm.Form{norm.NFC, norm.NFKC} {
		for r := rune(0); r <= 0x10ffff; r++ {
			// Behind another character too, with which it might compose.
			if s := "a" + string(r); utf8.ValidRune(r) && surelyNormal(form, s) && form.String(s) != s {
				t.Fatalf("%U is changed by form %d", r, form)
			}
		}
	}
}

func TestSourceNamesWhatAByteStoodFor(t *testing.T) {
	s := "<b>价格</b> １２０元&amp;好"
	a := NewAligned(s)
	NewCleaner(allSteps).CleanAligned(a)
	if a.Text != "价格 120元&好" {
		t.Fatalf("text %q", a.Text)
	}
	for part, want := range map[string]string{"价格": "价格", "120": "１２０", "&": "&amp;", "好": "好", "元&": "元&amp;"} {
		at := strings.Index(a.Text, part)
		src := a.Source(Span{at, at + len(part)})
		if got := s[src.Start:src.End]; got != want {
			t.Errorf("%q stands for %q, want %q", part, got, want)
		}
	}
}

var corpus = []string{
	"房间很干净，服务也好。", "服务态度太差了，房间有味道", "Great room, great service!", "the room was dirty and the service was slow",
	"早餐不错，下次还来", "早餐太差，不会再来", "ＷＩＦＩ很快", "wifi was fast", "价格120元", "房间120平米",
}

// kinds are all that can be trained.
var kinds = []string{"char", "word", "whole", "wordpiece", "bpe", "unigram"}

func trained(t testing.TB, kind string) *Tokenizer {
	t.Helper()
	tok, err := Train(context.Background(), slices.Values(corpus), Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func tokens(tok *Tokenizer, e Encoding) string {
	var out []string
	for _, id := range e.IDs {
		out = append(out, tok.Token(id))
	}
	return strings.Join(out, "|")
}

func TestEncode(t *testing.T) {
	for _, c := range []struct{ kind, in, want string }{
		{"char", "房间 很 Ｗi", "房|间|很|w|i"},
		{"char", "鑫房", "[UNK]|房"},
		{"char", "", ""},
		{"char", " \t\n", ""},
		{"word", "早餐很不错，下次再来!", "早餐|很|不错|,|下次|再|来|!"},
		{"word", "Great WIFI", "great|wifi"},
		{"word", "鑫鑫服务", "[UNK]|服务"},
		{"word", "xylophone room", "[UNK]|room"},
		{"word", "[UNK]", "[UNK]|[UNK]|[UNK]"},
	} {
		tok := trained(t, c.kind)
		if got := tokens(tok, tok.Encode(c.in)); got != c.want {
			t.Errorf("%s: %q gives %s, want %s", c.kind, c.in, got, c.want)
		}
	}
}

func TestSpansCutTheOriginal(t *testing.T) {
	for _, kind := range []string{"char", "word"} {
		tok := trained(t, kind)
		s := "ＷＩＦＩ很快，服務好 ROOM"
		e := tok.Encode(s)
		for i, span := range e.Spans {
			part := strings.ToLower(strings.NewReplacer("Ｗ", "w", "Ｉ", "i", "Ｆ", "f", "，", ",").Replace(s[span.Start:span.End]))
			if want := string(e.Text[e.Pieces[i].Start:e.Pieces[i].End]); part != want {
				t.Errorf("%s: token %d spans %q, its piece is %q", kind, i, part, want)
			}
			if token := tok.Token(e.IDs[i]); token != Unknown && token != part {
				t.Errorf("%s: token %q spans %q", kind, token, part)
			}
		}
	}
}

func TestTokenizerSurvivesItsFile(t *testing.T) {
	for _, kind := range kinds {
		tok := trained(t, kind)
		path := t.TempDir() + "/tokenizer.json"
		if err := tok.Save(path); err != nil {
			t.Fatal(err)
		}
		again, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(awkward(3, 300), corpus...) {
			a, b := tok.Encode(s), again.Encode(s)
			if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Spans, b.Spans) {
				t.Fatalf("%s: %q encodes as %v, after loading as %v", kind, s, a.IDs, b.IDs)
			}
		}
		first, _ := tok.MarshalJSON()
		second, _ := again.MarshalJSON()
		if string(first) != string(second) {
			t.Errorf("%s: saving again gives another file", kind)
		}
	}
}

func TestReadRefusesWhatItCannotDo(t *testing.T) {
	good := `{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},"model":{"type":"WordLevel","vocab":{"a":0,"[UNK]":1},"unk_token":"[UNK]"}}`
	if _, err := Read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"type":"Sequence","normalizers":[`, 20) + `{"type":"NFC"}` + strings.Repeat(`]}`, 20)
	for _, c := range [][4]string{
		{"version", `"1.0"`, `"2.0"`, "2.0"},
		{"model", `WordLevel`, `Markov`, `"Markov": it is not known; known are BPE, Unigram, WordLevel, WordPiece`},
		{"normalizer", `"normalizer":null`, `"normalizer":{"type":"Magic"}`, `normalizer "Magic" is not known; known are Sequence, BertNormalizer`},
		{"normalizer without a type", `"normalizer":null`, `"normalizer":7`, "normalizer"},
		{"deep nesting", `"normalizer":null`, `"normalizer":` + deep, "nested more than 16 deep"},
		{"expression", `"normalizer":null`, `"normalizer":{"type":"Replace","pattern":{"Regex":"(a)\\1"},"content":""}`, `the construct \1 is not supported`},
		{"charsmap", `"normalizer":null`, `"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="}`, "a trie of 4294967295 bytes in 4"},
		{"pre-tokenizer", `"WhitespaceSplit"`, `"Lattice"`, `pre-tokenizer "Lattice" is not known`},
		{"ByteLevel without BPE", `"WhitespaceSplit"`, `"ByteLevel"`, "ByteLevel is known with BPE only"},
		{"behavior", `"WhitespaceSplit"`, `"Punctuation","behavior":"Lost"`, `behavior "Lost"`},
		{"decoder", `"added_tokens"`, `"decoder":{"type":"X"},"added_tokens"`, `decoder "X"`},
		{"post-processor", `"added_tokens"`, `"post_processor":{"type":"X"},"added_tokens"`, `post-processor "X"`},
		{"post-processor's token", `"added_tokens"`, `"post_processor":{"type":"BertProcessing","sep":["[SEP]",9],"cls":["[CLS]",0]},"added_tokens"`, "adds the token 9 of 2"},
		{"template", `"added_tokens"`, `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}}],"pair":[],"special_tokens":{}},"added_tokens"`, `names "[CLS]"`},
		{"truncation", `"added_tokens"`, `"truncation":{"strategy":"Random","max_length":3},"added_tokens"`, `"Random"`},
		{"huge id", `"[UNK]":1`, `"[UNK]":2000000000`, "2000000000"},
		{"negative id", `"[UNK]":1`, `"[UNK]":-1`, "-1"},
		{"ids twice", `"[UNK]":1`, `"[UNK]":0`, "the same id 0"},
		{"no unknown token", `"unk_token":"[UNK]"`, `"unk_token":"<unk>"`, `"<unk>" is not in the vocabulary`},
		{"added token's id", `"added_tokens":[]`, `"added_tokens":[{"id":-2,"content":"x"}]`, "-2"},
		{"merge of unknown tokens", `"WordLevel"`, `"BPE","merges":["a b"]`, `merge 0, of "a" and "b"`},
		{"no JSON", `{`, `[`, "no tokenizer.json"},
	} {
		_, err := Read([]byte(strings.Replace(good, c[1], c[2], 1)))
		if err == nil || !strings.Contains(err.Error(), c[3]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, kind := range kinds {
		data, err := trained(f, kind).MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "房间 good [UNK]")
	}
	for _, file := range imported {
		f.Add([]byte(file), "房间 a[SEP]b <mask> Hi")
	}
	f.Add([]byte(tabRule(nil)), "a\tb")
	f.Fuzz(func(t *testing.T, data []byte, s string) {
		tok, err := Read(data)
		if err != nil {
			return
		}
		checkSpans(t, "read", tok, s)
		if _, err := tok.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
		tok.Decode(tok.Encode(s).IDs, true)
		keys, _, err := tok.GGUF(GGUFOptions{Rows: tok.VocabSize(), Begin: -1, End: -1, Wrapped: true})
		if err != nil {
			return
		}
		again, err := FromGGUF(asRead(keys))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := tok.Encode(s).IDs, again.Encode(s).IDs; !slices.Equal(a, b) {
			t.Errorf("from GGUF, %q has the tokens %v, and %v before", s, b, a)
		}
		theirs := asRead(keys)
		delete(theirs, ggufWhole)
		if _, err := FromGGUF(theirs); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTrainDoesNotDependOnOrder(t *testing.T) {
	for _, kind := range kinds {
		want, _ := trained(t, kind).MarshalJSON()
		reversed := slices.Clone(corpus)
		slices.Reverse(reversed)
		tok, err := Train(context.Background(), slices.Values(reversed), Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 1000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := tok.MarshalJSON(); string(got) != string(want) {
			t.Errorf("%s: another order gives another tokenizer", kind)
		}
	}
}

func TestVocabularyIsBounded(t *testing.T) {
	tok, err := Train(context.Background(), slices.Values(corpus), Config{Kind: "char", MinFrequency: 2, VocabSize: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tok.VocabSize() != 10 {
		t.Errorf("%d tokens, want 10", tok.VocabSize())
	}
}

func TestEncodeToAllocatesNothingWhenWarm(t *testing.T) {
	for _, kind := range kinds {
		tok := trained(t, kind)
		var e Encoding
		if n := testing.AllocsPerRun(100, func() { tok.EncodeTo(&e, "房间很干净,服务好") }); n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}

func TestALongTextTakesLinearTime(t *testing.T) {
	long := strings.Repeat("房间很干净服务好", 1<<15) // 800 kB without a space
	for _, kind := range kinds {
		if e := trained(t, kind).Encode(long); len(e.IDs) < 1<<17 {
			t.Errorf("%s: %d tokens", kind, len(e.IDs))
		}
	}
}

func TestSegmenterCoversTheText(t *testing.T) {
	seg, err := NewSegmenter()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"房间很干净", "南京市长江大桥", "", "鑫淼焱", "我爱abc北京123"} {
		at := 0
		for _, span := range seg.Segment(s) {
			if span.Start != at || span.End <= at {
				t.Fatalf("%q: span %v after byte %d", s, span, at)
			}
			at = span.End
		}
		if at != len(s) {
			t.Errorf("%q: covered to byte %d", s, at)
		}
	}
	spans := seg.Segment("房间很干净")
	if fmt.Sprint(spans) != "[{0 6} {6 9} {9 15}]" {
		t.Errorf("房间很干净 is cut at %v", spans)
	}
}

func BenchmarkEncode(b *testing.B) {
	text := strings.Join(corpus, " ")
	for _, kind := range kinds {
		tok := trained(b, kind)
		b.Run(kind, func(b *testing.B) {
			var e Encoding
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.EncodeTo(&e, text)
			}
		})
	}
}

func TestWholeTokensDoNotFallApart(t *testing.T) {
	texts := []string{"the smith of u.s. origin won at&t 's 3-1 and 1,000.5 - o'brien , jakarta-based j. 1996-08-22 ...", "a b c d e f g h i k l m n o p r s t u"}
	tok, err := Train(context.Background(), slices.Values(texts), Config{Kind: "whole", Lowercase: true, MinFrequency: 1, VocabSize: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, want string }{
		{"the Smithson", "the|[UNK]"}, // though s, m, i, t, h, o and n are tokens
		{"O'Brien's AT&T won 3-1...", "o'brien|'s|at&t|won|3-1|..."},
		{"J. Smith, Jakarta-based.", "j.|smith|,|jakarta-based|[UNK]"},
		{"U.S. (1996-08-22)-1,000.5", "u.s.|[UNK]|1996-08-22|[UNK]|-|1,000.5"},
		{"won大学won", "won|[UNK]|[UNK]|won"},
		{"won\u00a0\t-\n", "won|-"},
	} {
		if got := tokens(tok, tok.Encode(c.in)); got != c.want {
			t.Errorf("%q gives %s, want %s", c.in, got, c.want)
		}
	}
}
