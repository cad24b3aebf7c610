package text

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var allSteps = CleanConfig{HTML: true, Unicode: "nfkc", FullWidth: true, Control: true, URLs: true, Emails: "mark", Mentions: "drop",
	Hashtags: "text", Phones: "mark", Simplify: true, Repeats: 3, StopWords: "all", Space: true}

func TestCleanSteps(t *testing.T) {
	spelled := CleanConfig{spelling: table(t, "teh\tthe\n帐号\t账号\n在次\t再次\n现在次要\t现在次要\nalot\ta lot\niphone\tiPhone\n")}
	for _, c := range []struct {
		name     string
		config   CleanConfig
		in, want string
		step     string
	}{
		{"tags", CleanConfig{HTML: true}, "<p>好<b>吃</b></p>再来<br/>!", " 好吃 再来 !", "html"},
		{"script", CleanConfig{HTML: true}, "a<script>if (a < b) {}</script>b", "a  b", "html"},
		{"comment", CleanConfig{HTML: true}, "a<!-- x -->b", "ab", "html"},
		{"no tags", CleanConfig{HTML: true}, "a < b, <3, <好评>, c > d", "a < b, <3, <好评>, c > d", ""},
		{"unended tag", CleanConfig{HTML: true}, "好 <b", "好 <b", ""},
		{"entities", CleanConfig{HTML: true}, "A&amp;B &lt;3 &#20320; &nosuch; &", "A&B <3 你 &nosuch; &", "html"},
		{"nested entities", CleanConfig{HTML: true}, "&amp;amp;lt;", "<", "html"},
		{"nfc", CleanConfig{Unicode: "nfc"}, "e\u0301", "é", "unicode"},
		{"nfkc", CleanConfig{Unicode: "nfkc"}, "①㎏", "1kg", "unicode"},
		{"width", CleanConfig{FullWidth: true}, "ＡＢＣ　１２！", "ABC 12!", "full_width"},
		{"control", CleanConfig{Control: true}, "a\u200bb\x00c\ufeff\u202ed\n", "abcd\n", "control"},
		{"emoji joiners stay", CleanConfig{Control: true}, "👨‍👩‍👧", "👨‍👩‍👧", ""},
		{"urls", CleanConfig{URLs: true}, "见https://a.cn/x?y=1。还有www.b.com，好", "见 。还有 ，好", "urls"},
		{"url at a sentence's end", CleanConfig{URLs: true}, "see http://a.b/c.", "see  .", "urls"},

		{"urls of other cases and places", CleanConfig{URLs: true}, "HTTP://A.cn Www.b.cn x_www.c.cn ahttps://d.cn www. http:// ftp://e", "    x_www.c.cn a  www. http://  ", "urls"},

		{"e-mails", CleanConfig{Emails: "drop"}, "写信给li.si+a@mail.example.cn，或a@b.com.", "写信给 ，或 .", "emails"},
		{"e-mails marked", CleanConfig{Emails: "mark"}, "a@b.com", " [EMAIL] ", "emails"},
		{"no e-mails", CleanConfig{Emails: "drop"}, "3@5, @home, a@b, a@1.2, ..@x.com", "3@5, @home, a@b, a@1.2, ..@x.com", ""},
		{"e-mails stay", CleanConfig{Emails: "keep", Mentions: "drop"}, "a@b.com", "a@b.com", ""},
		{"mentions", CleanConfig{Mentions: "mark"}, "谢谢@小明 和＠tom_1：好", "谢谢 [USER]  和 [USER] ：好", "mentions"},
		{"no mentions", CleanConfig{Mentions: "drop"}, "8 @ 10, a@b, hu-@163, #@好, @163", "8 @ 10, a@b, hu-@163, #@好, @163", ""},
		{"a sentence behind a mention", CleanConfig{Mentions: "drop"}, "@" + strings.Repeat("好", 31), "@" + strings.Repeat("好", 31), ""},
		{"topics", CleanConfig{Hashtags: "drop"}, "我在#北京 旅行#，很好 #cool", "我在 ，很好  ", "hashtags"},
		{"topics marked", CleanConfig{Hashtags: "mark"}, "#北京#", " [TOPIC] ", "hashtags"},
		{"words of topics", CleanConfig{Hashtags: "text"}, "#北京# #cool!", " 北京   cool!", "hashtags"},
		{"no topics", CleanConfig{Hashtags: "drop"}, "C#, #1, No# 5 #, &#1234; 啊#_#也 宾馆#二楼, %#另外", "C#, #1, No# 5 #, &#1234; 啊#_#也 宾馆#二楼, %#另外", ""},
		{"tags in a row", CleanConfig{Hashtags: "drop"}, "#a and #b", "  and  ", "hashtags"},
		{"phones", CleanConfig{Phones: "mark"}, "打13812345678或021-12345678，+44 20 7946 0958", "打 [PHONE] 或 [PHONE] ， [PHONE] ", "phones"},
		{"no phones", CleanConfig{Phones: "drop"}, "订单201912345678901，2019-12-31，价格12345678", "订单201912345678901，2019-12-31，价格12345678", ""},
		{"traditional", CleanConfig{Simplify: true}, "這個房間很乾淨，乾坤", "这个房间很干净，乾坤", "simplify"},
		{"simplified", CleanConfig{Simplify: true}, "这个房间很干净", "这个房间很干净", ""},

		{"misspellings", spelled, "Teh 帐号 TEH 在次, tehran alot", "The 账号 THE 再次, tehran a lot", "spelling"},
		{"what the table protects", spelled, "现在次要", "现在次要", ""},
		{"capitals of the table", spelled, "IPHONE iPhone", "iPhone iPhone", "spelling"},
		{"stop words", CleanConfig{StopWords: "all"}, "我的房间的确很好 It’s not THE best", "  房间的确很好   not   best", "stop_words"},
		{"English alone", CleanConfig{StopWords: "en"}, "我的 the", "我的  ", "stop_words"},
		{"stop words of one's own", CleanConfig{stopList: &stopListing{add: []string{"小语酒店"}}}, "小语酒店很好", " 很好", "stop_words"},
		{"stop words taken away", CleanConfig{StopWords: "zh", stopList: &stopListing{remove: []string{"我"}}}, "我的", "我 ", "stop_words"},

		{"repeats", CleanConfig{Repeats: 3}, "好好好好好吃!!!!!! 100000", "好好好吃!!! 100000", "repeats"},
		{"one of each", CleanConfig{Repeats: 1}, "aab", "ab", "repeats"},
		{"space", CleanConfig{Space: true}, " a \t\n b　c ", "a b c", "space"},
		{"invalid", CleanConfig{}, "a\xffb\xe4\xbd", "a\uFFFDb\uFFFD\uFFFD", "encoding"},
		{"nothing", allSteps, "房间干净, nice!", "房间干净, nice!", ""},
		{"empty", allSteps, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, changes := NewCleaner(c.config).Clean(c.in)
			if got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
			for i, name := range Steps() {
				if changes.Has(i) != (name == c.step) {
					t.Errorf("step %s changed: %v", name, changes.Has(i))
				}
			}
		})
	}
}

func table(t testing.TB, content string) *Spelling {
	t.Helper()
	s, err := ParseSpelling([]byte(content), "table")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// someSteps returns a random configuration.
func someSteps(t testing.TB, rng *rand.Rand) CleanConfig {
	pick := func(choices string) string { list := strings.Fields(choices); return list[rng.IntN(len(list))] }
	flip := func() bool { return rng.IntN(2) == 0 }
	c := CleanConfig{HTML: flip(), Unicode: pick("none nfc nfkc"), FullWidth: flip(), Control: flip(), URLs: flip(), Emails: pick("keep drop mark"),
		Mentions: pick("keep drop mark"), Hashtags: pick("keep drop mark text"), Phones: pick("keep drop mark"), Simplify: flip(), Repeats: rng.IntN(4),
		StopWords: pick("none zh en all"), Space: flip()}
	if flip() {
		c.spelling = table(t, "teh\tthe\ngood\tgod\t0.5\n很\t恨\n乾净\t干净\n房间房\t房房\n!!\t!")
	}
	return c
}

// plainClean is Clean without the walk that finds which steps are due: each step looks at each text.
func plainClean(c *Cleaner, s string) (string, Changes) {
	var all Changes
	for range maxRounds {
		changed := false
		for i, step := range steps {
			if step.need(&c.config) == 0 {
				continue
			}
			if edits := step.find(c, s); len(edits) > 0 {
				s = applyEdits(s, edits)
				all |= 1 << i
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	return s, all
}

func checkClean(t *testing.T, config CleanConfig, s string) {
	t.Helper()
	c := NewCleaner(config)
	once, changes := c.Clean(s)
	if plain, want := plainClean(c, s); plain != once || want != changes {
		t.Fatalf("%+v: Clean(%q) = %q by steps %b, without the first walk %q by %b", config, s, once, changes, plain, want)
	}
	a := NewAligned(s)
	if got := c.CleanAligned(a); a.Text != once || got != changes {
		t.Fatalf("CleanAligned(%q) = %q, Clean gives %q", s, a.Text, once)
	}
	if twice, again := c.Clean(once); twice != once || again != 0 {
		t.Fatalf("%+v: Clean(Clean(%q)) = %q, not %q", config, s, twice, once)
	}
	if !utf8.ValidString(once) {
		t.Fatalf("Clean(%q) = %q is not UTF-8", s, once)
	}
	if stages := c.Trace(s); len(stages) > 0 != (changes != 0) || len(stages) > 0 && stages[0].Before != s {
		t.Fatalf("Trace(%q) has %d stages", s, len(stages))
	}
	last := 0
	for i, r := range a.Text {
		src := a.Source(Span{i, i + utf8.RuneLen(r)})
		if src.Start < last || src.End < src.Start || src.End > len(s) {
			t.Fatalf("character %d of %q stands for %v of %q", i, a.Text, src, s)
		}
		for _, at := range []int{src.Start, src.End} {
			if at < len(s) && utf8.ValidString(s) && !utf8.RuneStart(s[at]) {
				t.Fatalf("character %d of %q stands for %v of %q, within a character", i, a.Text, src, s)
			}
		}
		last = src.Start
	}
}

func TestCleaningIsStableAndAlignedWithAnyStepsOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := 4000
	if testing.Short() {
		n = 500
	}
	for _, s := range awkward(1, n) {
		checkClean(t, someSteps(t, rng), s)
		checkClean(t, allSteps, s)
	}
}

func FuzzClean(f *testing.F) {
	for i, s := range awkward(2, 20) {
		f.Add(s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, s string, steps uint64) {
		checkClean(t, someSteps(t, rand.New(rand.NewPCG(steps, 0))), s)
	})
}

func TestScanMissesNoSign(t *testing.T) {
	for r := rune(0); r <= 0x10ffff; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if isSpace(r) != unicode.IsSpace(r) {
			t.Fatalf("%U: isSpace is %v", r, isSpace(r))
		}
		s := string(r)
		seen := scan(s, 1)
		for _, sign := range []struct {
			sign signs
			find func(s string) []edit
		}{
			{signWide, widthEdits}, {signUnseen, controlEdits}, {signSpace, spaceEdits}, {signHan, simplifyEdits},
		} {
			if seen&sign.sign == 0 && len(sign.find(s)) > 0 {
				t.Fatalf("%U lacks sign %b", r, sign.sign)
			}
		}
	}
}

func TestMisspellingsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no tab":            {"# ok\n\nteh the\n", `f.tsv: line 3: "teh the" has no tab`},
		"nothing right":     {"teh\t\tx\n", `line 1: "teh\t\tx" is no pair of words`},
		"no number":         {"teh\tthe\tvery\n", `line 1: "very" is no confidence`},
		"out of range":      {"teh\tthe\t1.5\n", `"1.5" is no confidence`},
		"not a number":      {"teh\tthe\tNaN\n", `"NaN" is no confidence`},
		"circle":            {"b\ta\na\tb\n", `line 1: the corrections turn in a circle: b → a → b`},
		"a longer circle":   {"x\ty\ny\tz\nz\tx\n", `turn in a circle: x → y → z → x`},
		"it holds itself":   {"帐\t帐号\n", `turn in a circle: 帐 → 帐号 → 帐号号`},
		"two answers":       {"teh\tthe\nTeh\tten\n", `line 2: "Teh" becomes "ten", and "the" by an earlier line`},
		"bytes of no text":  {"\xff\tthe\n", `is no pair of words`},
		"a line very long":  {strings.Repeat("好", 50), strings.Repeat("好", 40) + `…" has no tab`},
		"circle by letters": {"Teh\tThe\nthe\tteh", "circle"},
	} {
		if _, err := ParseSpelling([]byte(c.content), "f.tsv"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestSpellingSurvivesItsContent(t *testing.T) {
	s := table(t, "\uFEFFteh\tthe\t0.95\tseen 3 times\r\n帐号\t账号\n")
	again := table(t, string(s.Content()))
	if !slices.Equal(again.List(), s.List()) || len(s.List()) != 2 || s.List()[0] != (Correction{"teh", "the", 0.95}) {
		t.Errorf("%v became %v", s.List(), again.List())
	}
	if got := s.Above(0.96).List(); len(got) != 1 || got[0].Wrong != "帐号" {
		t.Errorf("above 0.96: %v", got)
	}
}

func FuzzSpelling(f *testing.F) {
	f.Add("teh\tthe\t0.9\n帐号\t账号\n", "Teh 帐号")
	f.Add("a\tb\nb\ta", "ab")
	f.Fuzz(func(t *testing.T, content, s string) {
		table, err := ParseSpelling([]byte(content), "f")
		if err != nil {
			return
		}
		if _, err := ParseSpelling(table.Content(), "f"); err != nil {
			t.Fatalf("its own content is refused: %v", err)
		}
		c := NewCleaner(CleanConfig{spelling: table})
		once, _ := c.Clean(s)
		a := NewAligned(s)
		if c.CleanAligned(a); a.Text != once {
			t.Fatalf("CleanAligned(%q) = %q, Clean gives %q", s, a.Text, once)
		}
	})
}

func TestStopWordFiles(t *testing.T) {
	l, err := parseStopWords([]byte("# ours\nfoo\n-the\n 酒店 \n"), "f")
	if err != nil || !slices.Equal(l.add, []string{"foo", "酒店"}) || !slices.Equal(l.remove, []string{"the"}) {
		t.Fatalf("%+v, %v", l, err)
	}
	if again, err := parseStopWords(l.content(), "f"); err != nil || !slices.Equal(again.add, l.add) || !slices.Equal(again.remove, l.remove) {
		t.Errorf("became %+v, %v", again, err)
	}
	for _, bad := range []string{"two words\n", "-\n", "\xff\n"} {
		if _, err := parseStopWords([]byte(bad), "f"); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStopWordsLeaveNegations(t *testing.T) {
	all := append(StopWords("zh"), StopWords("en")...)
	if len(all) < 350 {
		t.Errorf("only %d stop words", len(all))
	}
	for _, w := range []string{"不", "没", "没有", "很", "太", "not", "no", "never", "very", "too", "don't", "can't", "more", "less"} {
		if slices.Contains(all, w) {
			t.Errorf("%s is a stop word", w)
		}
	}
}

func BenchmarkClean(b *testing.B) {
	standard := CleanConfig{HTML: true, Unicode: "nfc", FullWidth: true, Control: true, URLs: true, Repeats: 3, Space: true}
	everything := standard
	everything.Emails, everything.Mentions, everything.Hashtags, everything.Phones, everything.Simplify = "mark", "mark", "text", "mark", true
	spelled := standard
	spelled.spelling = table(b, "teh\tthe\n帐号\t账号\n在次\t再次\n")
	stopped := standard
	stopped.StopWords = "all"
	for _, c := range []struct {
		name   string
		config CleanConfig
		text   string
	}{
		{"clean Chinese", standard, strings.Repeat("房间很干净，服务态度也不错，早餐一般，下次还会再来。", 8)},
		{"clean English", standard, strings.Repeat("The room was clean and the service was friendly, we will come back. ", 8) + "."},
		{"clean Chinese, all but words", everything, strings.Repeat("房间很干净，服务态度也不错，早餐一般，下次还会再来。", 8)},
		{"clean Chinese, spelling", spelled, strings.Repeat("房间很干净，服务态度也不错，早餐一般，下次还会再来。", 8)},
		{"clean English, spelling", spelled, strings.Repeat("The room was clean and the service was friendly, we will come back. ", 8) + "."},
		{"stop words", stopped, strings.Repeat("房间很干净，服务态度也不错，早餐一般，下次还会再来。", 8)},
		{"dirty", standard, strings.Repeat("<p>房间很干净！！！！！</p> 见 https://a.cn/x?y=1 ，服务&amp;态度　也不错。", 8)},
	} {
		b.Run(c.name, func(b *testing.B) {
			cleaner := NewCleaner(c.config)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				cleaner.Clean(c.text)
			}
		})
	}
}

func TestAPackageHoldsItsTables(t *testing.T) {
	c := CleanConfig{Spelling: "mine.tsv", SpellingConfidence: 0.9, StopWordsFile: "mine.txt"}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "were not read") {
		t.Errorf("unread files: %v", err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"mine.tsv": "teh\tthe\nfo\tof\t0.5\n", "mine.txt": "酒店\n-the\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.Spelling, c.StopWordsFile = filepath.Join(dir, c.Spelling), filepath.Join(dir, c.StopWordsFile)
	for range 2 { // the second time nothing is read
		if err := c.ReadFiles(); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "mine.tsv"))
	}
	packed, files := c.Packed()
	if packed.Spelling != SpellingFile || packed.StopWordsFile != StopWordsFile || len(files) != 2 {
		t.Fatalf("%+v with %d files", packed, len(files))
	}
	packed = CleanConfig{Spelling: packed.Spelling, SpellingConfidence: packed.SpellingConfidence, StopWordsFile: packed.StopWordsFile} // as JSON keeps it
	if err := packed.Unpack(func(name string) ([]byte, error) { return files[name], nil }); err != nil {
		t.Fatal(err)
	}
	if l := packed.spelling.List(); len(l) != 1 || l[0].Wrong != "teh" {
		t.Errorf("unpacked %v", l)
	}
	s := "teh 酒店 fo"
	before, _ := NewCleaner(c).Clean(s)
	if after, _ := NewCleaner(packed).Clean(s); after != before || before != "the   fo" {
		t.Errorf("cleaning gives %q, from the package %q", before, after)
	}
	other := c
	if other.Spelling = filepath.Join(dir, "none.tsv"); other.ReadFiles() == nil {
		t.Error("another name, and the old file stays")
	}
	if other.Spelling = ""; other.ReadFiles() != nil || other.spelling != nil {
		t.Error("no name, and the old file stays")
	}
	outside := CleanConfig{Spelling: "../../etc/passwd"}
	if err := outside.Unpack(func(string) ([]byte, error) { t.Error("read"); return nil, nil }); err == nil {
		t.Error("a package may name a file outside itself")
	}
	plain, files := CleanConfig{HTML: true}.Packed()
	if plain != (CleanConfig{HTML: true}) || len(files) != 0 {
		t.Errorf("%+v with %d files", plain, len(files))
	}
}
