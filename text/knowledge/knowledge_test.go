package knowledge

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// naive finds phrases by looking for each at each place.
func naive(phrases []string, s string) []Hit {
	var hits []Hit
	for end := 1; end <= len(s); end++ {
		for start := 0; start < end; start++ {
			for i, p := range phrases {
				part := s[start:end]
				if p == "" || part != p && (strings.ContainsFunc(p, func(r rune) bool { return r >= 'A' && r <= 'Z' }) || fold(part) != p) {
					continue
				}
				if naiveEdge(s, start) && naiveEdge(s, end) {
					hits = append(hits, Hit{start, end, i})
				}
			}
		}
	}
	return hits
}

func naiveEdge(s string, i int) bool {
	if i == 0 || i == len(s) {
		return true
	}
	word := func(r rune) bool {
		return r == '_' || (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)) && !unicode.In(r, unspaced...)
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i:])
	return utf8.RuneStart(s[i]) && !unicode.Is(unicode.M, after) && !(word(before) && word(after))
}

func FuzzMatcherFindsWhatASearchOfEachPlaceFinds(f *testing.F) {
	f.Add("他 他们 们 他们的|她", "他们的家和她们的家")
	f.Add("art party|ar|US us", "A party in the US, said us: Art")
	f.Add("aa aaa a|aaaa", "aaaa aaa-aa a_a")
	f.Add("cafe|café é", "cafe\u0301 café")
	f.Add("\xff \x80", "\xff\x80好\xe5")
	f.Fuzz(func(t *testing.T, list, s string) {
		if len(list) > 200 || len(s) > 200 {
			return
		}
		phrases := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == '|' })
		got, want := NewMatcher(phrases).All(nil, s), naive(phrases, s)
		key := func(h Hit) string { return fmt.Sprintf("%04d %04d %04d", h.End, h.Start, h.Phrase) }
		order := func(a, b Hit) int { return strings.Compare(key(a), key(b)) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			t.Fatalf("phrases %q in %q: %v, a search of each place finds %v", phrases, s, got, want)
		}
	})
}

func TestTheLongestOfEachCategoryIsTaken(t *testing.T) {
	b, err := New([]Entry{{"苏州", "city", 0}, {"苏州大学", "school", 0}, {"苏州大学", "city", 0}, {"干净", "praise", 2}, {"不干净", "praise", -1}, {"go", "praise", 1}}, []Rule{{"price", `\d+元`}, {"city", "杭.市"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := "苏州大学不干净,300元,Go to 杭州市, a gopher"
	var got []string
	for _, m := range b.Find(nil, s) {
		got = append(got, fmt.Sprintf("%s:%s:%d", b.Categories()[m.Category], s[m.Start:m.End], b.Level(m)))
	}
	want := "school:苏州大学:0 city:苏州大学:0 praise:不干净:-2 price:300元:0 praise:Go:2 city:杭州市:0"
	if strings.Join(sorted(got), " ") != strings.Join(sorted(strings.Fields(want)), " ") {
		t.Errorf("%v", got)
	}
	again, err := Parse(b.Content(), nil)
	if err != nil || !slices.Equal(again.Find(nil, s), b.Find(nil, s)) || !slices.Equal(again.Categories(), b.Categories()) {
		t.Errorf("read again it finds %v (%v)", again.Find(nil, s), err)
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

func TestEntriesAreCleanedAsTextsAre(t *testing.T) {
	b, err := New([]Entry{{"價錢", "word", 0}}, nil, strings.NewReplacer("價", "价", "錢", "钱").Replace)
	if err != nil || len(b.Find(nil, "价钱很高")) != 1 {
		t.Error("the cleaned entry is not found in a cleaned text")
	}
}

func TestFilesOfEachKindAreRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b, err := Read(nil, write("mood.tsv", "\uFEFF# a comment\n满意\t2\r\n失望\t-1.5\tmisery\n还行\tmeh\t0.5\n\n"), write("city.txt", "苏州\nNew York\n"), write("rules.yaml", "price: '\\d+元'\nphone: ['1\\d{10}', '400-\\d{4}']\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{"满意", "mood", 2}, {"失望", "misery", -1.5}, {"还行", "meh", 0.5}, {"苏州", "city", 0}, {"New York", "city", 0}}
	if !slices.Equal(b.Entries(), want) || len(b.Rules()) != 3 || b.Rules()[2] != (Rule{"phone", `400-\d{4}`}) {
		t.Errorf("%v %v", b.Entries(), b.Rules())
	}
	for name, c := range map[string]struct{ file, content, want string }{
		"two weights":   {"a.tsv", "好\t1\t2\n", "line 1"},
		"no entry":      {"a.tsv", "\t1\n", "line 1 has no entry"},
		"empty":         {"a.txt", "# nothing\n", "no entry"},
		"not UTF-8":     {"a.txt", "\xff\xfe", "not UTF-8"},
		"bad pattern":   {"r.yaml", "a: ok\nb: '('\n", "line 2"},
		"a list":        {"r.yaml", "- a\n", "no list of names"},
		"no yaml":       {"r.yml", "a: [", "reading"},
		"nested":        {"r.yaml", "a: {b: c}\n", "line 1"},
		"infinity":      {"a.tsv", "好\tInf\n", "one too many"},
		"no such file ": {"", "", "no such file"},
	} {
		path := filepath.Join(dir, "missing")
		if c.file != "" {
			path = write(c.file, c.content)
		}
		if _, err := Read(nil, path); err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("a\t1\tb\n"))
	f.Add([]byte("a: ['b', '(']\n"))
	f.Add([]byte(`{"entries":[{"text":"a","category":"b","weight":1e999}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if entries, err := ParseEntries(content, "f.tsv"); err == nil {
			if b, err := New(entries, nil, nil); err == nil {
				b.Find(nil, string(content))
			}
		}
		ParseRules(content, "f.yaml")
		Parse(content, nil)
	})
}

func BenchmarkFind(b *testing.B) {
	var entries []Entry
	for i := range 100_000 {
		entries = append(entries, Entry{Text: string([]rune{rune(0x4e00 + i%997), rune(0x4e00 + i%1009), rune(0x4e00 + i%13)}), Category: "c"})
	}
	base, err := New(entries, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	s := strings.Repeat("一丁丂房间很干净丄丅", 50)
	b.SetBytes(int64(len(s)))
	var dst []Match
	for b.Loop() {
		dst = base.Find(dst[:0], s)
	}
}
