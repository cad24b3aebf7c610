package text

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

func segmenter(t testing.TB, options ...SegmentOption) *WordSegmenter {
	t.Helper()
	w, err := NewSegmenter(options...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func words(w *WordSegmenter, s string) string {
	var list []string
	for _, span := range w.Segment(s) {
		list = append(list, s[span.Start:span.End])
	}
	return strings.Join(list, "|")
}

func TestSegmenterCutsWords(t *testing.T) {
	plain, fresh := segmenter(t), segmenter(t, WithNewWords())
	for _, c := range []struct{ text, plain, fresh string }{
		{"", "", ""},
		{"研究生命起源", "研究|生命|起源", "研究|生命|起源"},
		{"房间很干净，服务好", "房间|很|干净|，|服务|好", "房间|很|干净|，|服务|好"},
		{"4S店卖T恤和B2B软件", "4S店|卖|T恤|和|B2B|软件", "4S店|卖|T恤|和|B2B|软件"},
		{"涨了3.5%到１２，０００元", "涨|了|3.5%|到|１２，０００|元", "涨|了|3.5%|到|１２，０００|元"},
		{"有1,2,3三个", "有|1|,|2|,|3|三个", "有|1|,|2|,|3|三个"},
		{"新世纪——我等……", "新世纪|——|我|等|……", "新世纪|——|我|等|……"},
		{"2001年1月31日", "2001|年|1|月|31|日", "2001年|1月|31日"},
		{"二○○一年十二月三十一日", "", "二○○一年|十二月|三十一日"},
		{"10年后的90年代", "10|年后|的|90|年代", "10|年后|的|90|年代"},
		{"13月32日25时间", "", "13|月|32|日|25|时间"},
		{"王肇群和穆守家来了", "", "王肇群|和|穆守家|来|了"},
		{"深化改革", "深化改革", "深化|改革"},
		{"don't call a.b@c.de now", "don't| |call| |a.b@c.de| |now", "don't| |call| |a.b@c.de| |now"},
		{"𠮷\xff野家", "𠮷|\xff|野|家", "𠮷|\xff|野|家"},
	} {
		if got := words(plain, c.text); got != c.plain && c.plain != "" {
			t.Errorf("%q: %s, want %s", c.text, got, c.plain)
		}
		if got := words(fresh, c.text); got != c.fresh {
			t.Errorf("%q with new words: %s, want %s", c.text, got, c.fresh)
		}
	}
}

func TestLongTextsAreCutInBoundedMemory(t *testing.T) {
	w := segmenter(t)
	long := strings.Repeat("研究生命起源", 20_000)
	spans := w.Segment(long)
	if n := len(spans); n < 60_000 || n > 60_020 || spans[n-1].End != len(long) {
		t.Errorf("%d words", n)
	}
}

func TestUserWordsAreKeptTogether(t *testing.T) {
	d, err := ReadDictionary(strings.NewReader("\ufeff# ours\n小语模型\n\nC++\n生命起 1 n\n石墨烯电池 nz\n𠮷野家\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := segmenter(t, WithDictionary(d))
	if got := words(w, "小语模型用C++研究生命起源和石墨烯电池，在𠮷野家"); got != "小语模型|用|C++|研究|生命|起源|和|石墨烯电池|，|在|𠮷野家" {
		t.Error(got)
	}
	d.Add(DictionaryWord{Word: "研究生命"}, DictionaryWord{Word: "野家"})
	if got := words(w, "研究生命起源在𠮷野家"); got != "研究生命|起源|在|𠮷野家" {
		t.Errorf("after adding a hot word: %s", got)
	}
	var b strings.Builder
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := ReadDictionary(strings.NewReader(b.String()))
	if err != nil || !slices.Equal(again.Words(), d.Words()) {
		t.Errorf("%v, %v", again.Words(), err)
	}
}

func TestUserWordsMayBeAddedWhileSegmenting(t *testing.T) {
	d := NewDictionary()
	w := segmenter(t, WithDictionary(d))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				if got := strings.ReplaceAll(words(w, "研究生命起源"), "|", ""); got != "研究生命起源" {
					t.Error(got)
				}
			}
		})
	}
	for i := range 50 {
		d.Add(DictionaryWord{Word: "研究生命起源"[:3*(2+i%4)]})
	}
	group.Wait()
	if got := words(w, "研究生命起源"); got != "研究生命起|源" {
		t.Error(got)
	}
}

func TestBrokenDictionariesAreNamedByLine(t *testing.T) {
	for _, c := range []struct{ name, content, message string }{
		{"a frequency that is none", "好词 3 n\n词 many n\n", `line 2: the frequency "many" is no number above 0`},
		{"a frequency of 0", "词 0\n", `line 1: the frequency "0"`},
		{"NaN", "词 NaN\n", `line 1: the frequency "NaN"`},
		{"too many parts", "a b c d\n", "line 1: it has 4 parts"},
		{"another encoding", "ok\n\xb4\xca 3\n", "line 2: it is not UTF-8"},
		{"a text", strings.Repeat("长", 65) + "\n", "65 characters"},
		{"control characters", "a\x00b\n", "no text"},
		{"no lines", strings.Repeat("x", 1<<17), "line 1 has more than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadDictionary(strings.NewReader(c.content)); err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%v, want %q", err, c.message)
			}
		})
	}
	if _, err := LoadDictionary("no/such/file"); err == nil || !strings.Contains(err.Error(), "no/such/file: ") {
		t.Error(err)
	}
}

// TestLexiconFindsWhatWasPutIn compares with a map, for few words and for many.
func TestLexiconFindsWhatWasPutIn(t *testing.T) {
	for _, n := range []int{0, 1, 500, 40_000} {
		want := map[string]float32{}
		type entry struct {
			word  string
			score float32
		}
		entries := []entry{{"", 0}, {"\xff", 0}}
		for i, state := 0, uint32(1); i < n; i++ {
			word := ""
			for {
				state = state*1664525 + 1013904223
				word += string([]rune("的一是不了在人有我他𠮷zé")[state>>16%13])
				if state>>28 < 5 {
					break
				}
			}
			s := -float32(i)
			want[word] = s
			entries = append(entries, entry{word, s})
		}
		l := newLexicon(func(yield func(string, float32) bool) {
			for _, e := range entries {
				if !yield(e.word, e.score) {
					return
				}
			}
		})
		for word, score := range want {
			if got, ok := l.find(word); !ok || got != score {
				t.Fatalf("%d words: %q has %v, %v, want %v", n, word, got, ok, score)
			}
			for _, other := range []string{word + "的", word + "x", word[:len(word)-1]} {
				_, has := want[other]
				if _, ok := l.find(other); ok != has {
					t.Fatalf("%d words: %q is found: %v", n, other, ok)
				}
			}
		}
		if _, ok := l.find(""); ok {
			t.Error("the empty word is found")
		}
	}
}

// TestSegmenterAgreesWithJieba compares with jieba's cut without its model for new words, which is the same search over
// another edition of the dictionary: most word boundaries must agree.
func TestSegmenterAgreesWithJieba(t *testing.T) {
	f, err := os.Open(golden.Path(t, "golden", "segment", "jieba_golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seg := segmenter(t)
	hits, ours, theirs := 0, 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var line struct {
			Words []string `json:"cut_no_hmm"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		ends := map[int]bool{}
		at := 0
		for _, w := range line.Words {
			at += len(w)
			ends[at] = true
		}
		theirs += len(ends)
		for _, s := range seg.Segment(strings.Join(line.Words, "")) {
			ours++
			if ends[s.End] {
				hits++
			}
		}
	}
	f1 := 2 * float64(hits) / float64(ours+theirs)
	t.Logf("boundaries: ours %d, jieba's %d, F1 %.4f", ours, theirs, f1)
	if !(f1 > 0.985) {
		t.Errorf("only %.4f of the boundaries agree", f1)
	}
}

// TestSegmenterFindsTheWordsOfBakeoffs holds the F1 of words on the test parts of the SIGHAN bakeoff of 2005, where
// jieba 0.42.1 reaches 0.836 and 0.827 without its model for new words, 0.818 and 0.813 with it.
func TestSegmenterFindsTheWordsOfBakeoffs(t *testing.T) {
	for _, c := range []struct {
		set          string
		plain, fresh float64
	}{{"pku", 0.852, 0.891}, {"msr", 0.852, 0.882}} {
		content, err := os.ReadFile(golden.Path(t, "data", "sighan2005", c.set+"_test_gold.utf8"))
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []struct {
			seg   *WordSegmenter
			least float64
		}{{segmenter(t), c.plain}, {segmenter(t, WithNewWords()), c.fresh}} {
			hits, all := 0, 0
			var spans []Span
			for line := range strings.Lines(string(content)) {
				gold := strings.Fields(line)
				s := strings.Join(gold, "")
				is := map[Span]bool{}
				at := 0
				for _, w := range gold {
					is[Span{at, at + len(w)}] = true
					at += len(w)
				}
				spans = mode.seg.SegmentTo(spans[:0], s)
				all += len(gold) + len(spans)
				for _, span := range spans {
					if is[span] {
						hits++
					}
				}
			}
			f1 := 2 * float64(hits) / float64(all)
			t.Logf("%s: F1 %.4f", c.set, f1)
			if f1 < mode.least {
				t.Errorf("%s: F1 %.4f, it was %.4f", c.set, f1, mode.least)
			}
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add("房间很干净 3.5%——T恤\xff", "干净 3\n很干\n")
	f.Add("二○○一年12月", "3.\n")
	f.Fuzz(func(t *testing.T, s, dictionary string) {
		d, err := ReadDictionary(strings.NewReader(dictionary))
		if err != nil {
			d = nil
		}
		for _, w := range []*WordSegmenter{segmenter(t, WithDictionary(d)), segmenter(t, WithDictionary(d), WithNewWords())} {
			at := 0
			for _, span := range w.Segment(s) {
				if span.Start != at || span.End <= at || !utf8.RuneStart(s[span.Start]) && utf8.ValidString(s) {
					t.Fatalf("%q: span %v after %d", s, span, at)
				}
				at = span.End
			}
			if at != len(s) {
				t.Fatalf("%q: the spans end at %d", s, at)
			}
		}
	})
}
