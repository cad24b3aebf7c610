package text

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

func TestPartsOfWordsAreLearnt(t *testing.T) {
	words := strings.Fields(strings.Repeat("low ", 5) + strings.Repeat("lowest ", 2) + strings.Repeat("newer ", 6) + strings.Repeat("wider ", 3) + "房间 房间 房间")
	for _, c := range []struct{ kind, in, want string }{
		{"wordpiece", "lower newest", "low|##er|new|##es|##t"},
		{"wordpiece", "房间", "房|间"},
		{"wordpiece", "low!", "low|[UNK]"},
		{"bpe", "lower", "low|er"},
		{"bpe", "lower newer", "low|er|Ġnewer"},
		{"bpe", "房", "æ|Ī¿"},
		{"unigram", "low newer", "▁low|▁newer"},
		{"unigram", "房间", "▁房间"},
	} {
		tok, err := Train(context.Background(), slices.Values([]string{strings.Join(words, " ")}), Config{Kind: c.kind, Lowercase: true, NFKC: true, MinFrequency: 2, VocabSize: 300}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tokens(tok, tok.Encode(c.in)); got != c.want {
			t.Errorf("%s: %q gives %s, want %s", c.kind, c.in, got, c.want)
		}
	}
}

func TestNoTextSpellsASpecialToken(t *testing.T) {
	texts := append(slices.Clone(corpus), strings.Repeat("[PAD] [UNK] ", 50), strings.Repeat("[PAD][PAD]", 50))
	for _, kind := range kinds {
		tok, err := Train(context.Background(), slices.Values(texts), Config{Kind: kind, MinFrequency: 1, VocabSize: 1000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"[PAD]", "a[PAD]b", " [PAD] ", "[[PAD]]"} {
			if e := tok.Encode(s); slices.Contains(e.IDs, tok.PadID()) {
				t.Errorf("%s: %q gives %s", kind, s, tokens(tok, e))
			}
		}
	}
}

func TestDecodeGivesTheTextBack(t *testing.T) {
	for _, c := range []struct{ kind, in, want string }{
		{"wordpiece", "Great room, great service!", "great room, great service!"},
		{"unigram", "the room was dirty", "the room was dirty"},
		{"unigram", "早餐不错,下次还来", "早餐不错,下次还来"},
		{"bpe", "Great  room\n好 ", "great  room\n好 "},
	} {
		tok := trained(t, c.kind)
		if got := tok.Decode(tok.Encode(c.in).IDs, true); got != c.want {
			t.Errorf("%s: %q comes back as %q", c.kind, c.in, got)
		}
	}
}

func TestBytesComeBackWhateverTheyAre(t *testing.T) {
	tok, err := Train(context.Background(), slices.Values(corpus), Config{Kind: "bpe", MinFrequency: 1, VocabSize: 500}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := make([]byte, rng.IntN(60))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		for _, s := range []string{string(b), string(b) + corpus[0]} {
			if got := tok.Decode(tok.Encode(s).IDs, false); got != s {
				t.Fatalf("%q comes back as %q", s, got)
			}
		}
	}
}

func TestScoresAreReadAsTheReferenceReadsThem(t *testing.T) {
	for s, want := range map[string]float64{"0": 0, "-1.5": -1.5, "-12.25e1": -122.5, "3": 3, "-2.5E-2": -0.025, "-8.164966940879822": -8.164966940879822} {
		got, err := parseScore(s)
		if err != nil || math.Abs(got-want) > 1e-14*math.Abs(want) {
			t.Errorf("%s is read as %v (%v)", s, got, err)
		}
	}
	differ := 0
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		f := -20 * rng.Float64()
		got, err := parseScore(strconv.FormatFloat(f, 'g', -1, 64))
		if err != nil || math.Abs(got-f) > 4e-15*math.Abs(f) {
			t.Fatalf("%v is read as %v (%v)", f, got, err)
		}
		if got != f {
			differ++
		}
		if six, err := parseScore(strconv.FormatFloat(sixDecimals(f), 'g', -1, 64)); err != nil || six != sixDecimals(f) {
			t.Fatalf("%v, of six decimals, is read as %v", sixDecimals(f), six)
		}
	}
	if differ == 0 {
		t.Error("long numbers are read exactly, which the reference does not")
	}
	for _, s := range []string{"1e999", "x", ""} {
		if _, err := parseScore(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

// imported are tokenizers of other makes, small: every stage stands in one of them.
var imported = map[string]string{
	"bert": `{"version":"1.0","added_tokens":[{"id":2,"content":"[CLS]","special":true},{"id":3,"content":"[SEP]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"a":4,"##b":5,"##c":6,"好":7,"ab":8,"[":9,"]":10,"sep":11}}}`,
	"roberta": `{"version":"1.0","added_tokens":[{"id":0,"content":"<s>","special":true},{"id":1,"content":"<mask>","lstrip":true,"rstrip":true,"special":true},{"id":9,"content":"Hi","normalized":true,"single_word":true}],
"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},
"post_processor":{"type":"RobertaProcessing","sep":["<s>",0],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":true},"decoder":{"type":"ByteLevel"},
"model":{"type":"BPE","vocab":{"<s>":0,"<mask>":1,"a":2,"b":3,"Ġ":4,"Ġa":5,"Ġab":6,"å":7,"¥":8},"merges":["Ġ a","Ġa b"]}}`,
	"llama": `{"version":"1.0","normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null,
"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"vocab":{"<unk>":0,"▁":1,"a":2,"▁a":3,"<0xE5>":4,"<0xA5>":5,"<0xBD>":6},"merges":[["▁","a"]]}}`,
	"odd": `{"version":"1.0","truncation":{"direction":"Left","max_length":7,"strategy":"OnlySecond","stride":0},
"normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"NFKD"},{"type":"StripAccents"},{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Replace","pattern":{"Regex":"\\s{2,}|^x"},"content":"  y"},{"type":"NFKC"}]},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},{"type":"Split","pattern":{"Regex":"[a-c]+(?!d)"},"behavior":"MergedWithNext","invert":true},{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"Contiguous"},{"type":"FixedLength","length":5}]},
"decoder":{"type":"BPEDecoder","suffix":"</w>"},"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["▁",-1],["a",-2],["ab",-2.5],["好",-3],["<0xE2>",-9]]}}`,
}

func TestSpansRiseAndStandOnCharacters(t *testing.T) {
	for name, file := range imported {
		tok, err := Read([]byte(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, s := range append(awkward(5, 500), corpus...) {
			checkSpans(t, name, tok, s)
		}
	}
	for _, kind := range kinds {
		tok := trained(t, kind)
		for _, s := range append(awkward(6, 300), corpus...) {
			checkSpans(t, kind, tok, s)
		}
	}
}

func checkSpans(t *testing.T, name string, tok *Tokenizer, s string) {
	t.Helper()
	var e Encoding
	tok.EncodePair(&e, s, s+"x", EncodeOptions{Special: true})
	if len(e.Spans) != len(e.IDs) || len(e.Pieces) != len(e.IDs) || len(e.TypeIDs) != len(e.IDs) || len(e.Special) != len(e.IDs) || len(e.Second) != len(e.IDs) {
		t.Fatalf("%s: %q gives %d tokens and %d spans", name, s, len(e.IDs), len(e.Spans))
	}
	e = tok.Encode(s)
	last := 0
	for i, span := range e.Spans {
		if e.IDs[i] < 0 || int(e.IDs[i]) >= tok.VocabSize() {
			t.Fatalf("%s: %q gives the token %d", name, s, e.IDs[i])
		}
		if span.Start < last || span.End < span.Start || span.End > len(s) {
			t.Fatalf("%s: token %d of %q at %v, after %d", name, i, s, span, last)
		}
		for _, at := range []int{span.Start, span.End} {
			if at < len(s) && characterStart(s, at) != at {
				t.Fatalf("%s: token %d of %q at %v cuts a character", name, i, s, span)
			}
		}
		if span.Start < span.End { // a space that a step put before a character shares its place, and trimmed it is nowhere: behind it
			last = span.Start
		}
	}
}

func TestPairsAndSpecialTokens(t *testing.T) {
	tok, err := Read([]byte(imported["bert"]))
	if err != nil {
		t.Fatal(err)
	}
	show := func(e *Encoding) string {
		out := ""
		for i, id := range e.IDs {
			out += fmt.Sprintf("%s/%d%v%v ", tok.Token(id), e.TypeIDs[i], e.Special[i], e.Second[i])
		}
		return strings.NewReplacer("true", "+", "false", "-").Replace(strings.TrimSpace(out))
	}
	var e Encoding
	for _, c := range []struct {
		a, b string
		pair bool
		o    EncodeOptions
		want string
	}{
		{"ab", "", false, EncodeOptions{}, "ab/0--"},
		{"ab", "", false, EncodeOptions{Special: true}, "[CLS]/0+- ab/0-- [SEP]/0+-"},
		{"ab", "好", true, EncodeOptions{Special: true}, "[CLS]/0+- ab/0-- [SEP]/0+- 好/1-+ [SEP]/1+-"},
		{"ab", "好", true, EncodeOptions{}, "ab/0-- 好/1-+"},
		{"a a a a", "好", true, EncodeOptions{Special: true, MaxTokens: 6}, "[CLS]/0+- a/0-- a/0-- [SEP]/0+- 好/1-+ [SEP]/1+-"},
		{"a a a a", "", false, EncodeOptions{Special: true, MaxTokens: 3}, "[CLS]/0+- a/0-- [SEP]/0+-"},
		{"a", "a", true, EncodeOptions{Special: true, MaxTokens: 2}, "[CLS]/0+- [SEP]/0+-"},
		{"[SEP]", "", false, EncodeOptions{}, "[SEP]/0--"},
	} {
		if c.pair {
			tok.EncodePair(&e, c.a, c.b, c.o)
		} else {
			tok.EncodeText(&e, c.a, c.o)
		}
		if got := show(&e); got != c.want {
			t.Errorf("%q and %q with %+v give %s, want %s", c.a, c.b, c.o, got, c.want)
		}
	}
	if e := tok.Literal().Encode("[SEP]"); slices.Contains(e.IDs, 3) {
		t.Errorf("a literal [SEP] becomes %v", e.IDs)
	}
	if got := tok.Decode([]int32{2, 4, 5, 7, 3}, true); got != "ab 好" {
		t.Errorf("decoded as %q", got)
	}
}

// The matcher judges the cutting by hand.
func TestWellKnownExpressionsAreCutAlike(t *testing.T) {
	classesOnce.Do(buildClasses)
	more := []string{"he's IT'S we'LL 'tis ''' it'ſ", "a  b   c \n\n d\t\te \r\n f   ", " 12345  ²³٣", "\r\n\r\n x \n", "\u00a0\u00a0x", "'S 'RE x'Ve", "!!\n\n??", " \t", "日本語 テスト\u3000。"}
	for expression, fast := range gptExpressions {
		p := splitPattern{Regex: &expression}
		if err := p.compile(); err != nil {
			t.Fatal(err)
		}
		var m machine
		for _, s := range append(more, awkward(9, 2000)...) {
			c := cutter{behavior: isolated}
			for it := p.matches(s, &m); it.next(); {
				c.delimiter(it.from, it.to)
			}
			want := c.finish(len(s))
			if got := fast.cut(s, Span{0, len(s)}, nil); !slices.Equal(got, want) {
				t.Fatalf("%s: %q is cut at %v, the matcher cuts at %v", expression, s, got, want)
			}
		}
	}
}

func TestExpressions(t *testing.T) {
	classesOnce.Do(buildClasses)
	for _, c := range []struct{ expression, in, want string }{
		{`a|ab`, "abab", "[0:1 2:3]"},
		{`ab?c*`, "acabcc", "[0:2 2:6]"},
		{`a{2,3}`, "aaaaa", "[0:3 3:5]"},
		{`a{2,3}?`, "aaaaa", "[0:2 2:4]"},
		{`a++b|a`, "aaa", "[0:1 1:2 2:3]"},
		{`(?>a+)b`, "aaab", "[0:4]"},
		{`(?i:ab)c`, "ABc abC", "[0:3]"},
		{`(?<=x)y|(?<!x)z`, "xyzxz", "[1:2 2:3]"},
		{`[^\p{L}\d]+`, "ab 1!好", "[2:3 4:5]"},
		{`[a-c[x-z]&]`, "aby&", "[0:1 1:2 2:3 3:4]"},
		{`x*`, "axb", "[0:0 1:2 3:3]"},
		{`\bthe\b`, "the then the", "[0:3 9:12]"},
		{`^a|b$`, "a\nab", "[0:1 2:3 3:4]"},
		{`\x41\u597d\x{1F600}`, "A好😀", "[0:8]"},
		{`.`, "a\n", "[0:1]"},
		{`(a|b)*c`, "abac", "[0:4]"},
		{`(((a*)b)+)+$`, strings.Repeat("ab", 20) + "c", "[]"},
	} {
		p := splitPattern{Regex: &c.expression}
		if err := p.compile(); err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		var m machine
		found := []string{}
		for it := p.matches(c.in, &m); it.next(); {
			found = append(found, fmt.Sprintf("%d:%d", it.from, it.to))
		}
		if got := fmt.Sprint(found); got != c.want {
			t.Errorf("%s in %q: %s, want %s", c.expression, c.in, got, c.want)
		}
	}
	for expression, say := range map[string]string{
		`(a)\1`: `\1`, `(?<name>a)`: "(?<name>a", `(a`: "not closed", `a)`: "closes nothing", `*a`: "repeats nothing", `[a`: "not closed", `[a&&b]`: "&&", `\p{Nonsense}`: "Nonsense",
		`\k<x>`: `\k`, `(?<=a+)b`: "looking behind", `(a*)*`: "may be empty", `a{1000}{1000}`: "too long", `\`: "backslash", `\xZZ`: `\x`, strings.Repeat("(", 100) + strings.Repeat(")", 100): "nested",
	} {
		if _, err := compilePattern(expression); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestHuggingFaceCases(t *testing.T) {
	var cases map[string]map[string]map[string]struct {
		Text    string
		Pair    *string `json:"text_pair"`
		IDs     []int32
		Decoded string
	}
	readJSON(t, golden.Path(t, "golden", "tokenizers", "tokenizer_cases.json"), &cases)
	uncased, err := Load(golden.Path(t, "golden", "tokenizers", "bert-base-uncased.tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for id, c := range cases["bert"]["Xenova/bert-base-uncased"] {
		var e Encoding
		if c.Pair != nil {
			uncased.EncodePair(&e, c.Text, *c.Pair, EncodeOptions{Special: true})
		} else {
			uncased.EncodeText(&e, c.Text, EncodeOptions{Special: true})
		}
		if !slices.Equal(e.IDs, c.IDs) {
			t.Errorf("%s: %q gives %v, want %v", id, c.Text, e.IDs, c.IDs)
		}
		// The cases are transformers.js's, whose cleanup knows more of apostrophes.
		if got := uncased.Decode(e.IDs, false); got != c.Decoded && !strings.Contains(c.Text, "'") {
			t.Errorf("%s: decoded %q, want %q", id, got, c.Decoded)
		}
		n++
	}
	if n < 20 {
		t.Errorf("%d cases", n)
	}
}

func TestCheckpointsGoldenIDs(t *testing.T) {
	for _, name := range []string{"all-MiniLM-L6-v2", "multilingual-e5-small-zh-en"} {
		tok, err := Load(golden.Path(t, "models", name, "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(golden.Path(t, "models", name, "golden.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var e Encoding
		n := 0
		for line := range strings.Lines(string(content)) {
			var c struct {
				Text, Prefix string
				IDs          []int32
			}
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatal(err)
			}
			tok.EncodeText(&e, c.Prefix+c.Text, EncodeOptions{Special: true, MaxTokens: 512})
			if !slices.Equal(e.IDs, c.IDs) {
				t.Errorf("%s: %.60q gives %v, want %v", name, c.Text, e.IDs, c.IDs)
			}
			n++
		}
		if n < 200 {
			t.Errorf("%s: %d lines", name, n)
		}
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzEncode(f *testing.F) {
	toks := map[string]*Tokenizer{}
	for name, file := range imported {
		tok, err := Read([]byte(file))
		if err != nil {
			f.Fatal(err)
		}
		toks[name] = tok
	}
	for _, kind := range kinds {
		toks[kind] = trained(f, kind)
	}
	for _, s := range awkward(7, 20) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, tok := range toks {
			checkSpans(t, name, tok, s)
		}
		if utf8.ValidString(s) {
			if got := toks["bpe"].Decode(toks["bpe"].Encode(s).IDs, false); got != toks["bpe"].Normalize(s) {
				t.Fatalf("%q comes back as %q", s, got)
			}
		}
	})
}

// Real tokenizers on real texts: go test -run xxx -bench EncodeReal ./text
func BenchmarkEncodeReal(b *testing.B) {
	texts := map[string][]string{}
	for lang, path := range map[string][]string{"zh": {"data", "chnsenticorp", "chnsenticorp_htl.csv"}, "en": {"data", "sst2", "train.tsv"}} {
		content, err := os.ReadFile(golden.Path(b, path...))
		if err != nil {
			b.Fatal(err)
		}
		texts[lang] = strings.Split(string(content), "\n")[:5000]
	}
	toks := map[string]*Tokenizer{}
	for name, path := range map[string][]string{"bert": {"models", "all-MiniLM-L6-v2", "tokenizer.json"}, "e5": {"models", "multilingual-e5-small-zh-en", "tokenizer.json"}} {
		tok, err := Load(golden.Path(b, path...))
		if err != nil {
			b.Fatal(err)
		}
		toks[name] = tok
	}
	for _, kind := range kinds[2:] {
		tok, err := Train(context.Background(), slices.Values(slices.Concat(texts["zh"][:2000], texts["en"])), Config{Kind: kind, NFKC: true, Lowercase: true, MinFrequency: 2, VocabSize: 12_000}, nil)
		if err != nil {
			b.Fatal(err)
		}
		toks[kind] = tok
	}
	for _, name := range []string{"bert", "e5", "wordpiece", "bpe", "unigram"} {
		for _, lang := range []string{"zh", "en"} {
			b.Run(name+"/"+lang, func(b *testing.B) {
				var e Encoding
				n := 0
				for i := 0; b.Loop(); i++ {
					s := texts[lang][i%len(texts[lang])]
					toks[name].EncodeTo(&e, s)
					n += len(s)
				}
				b.SetBytes(int64(n / b.N))
			})
		}
	}
}
