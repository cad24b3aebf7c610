package corpus

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func collect(t *testing.T, s *Source) []string {
	t.Helper()
	var texts []string
	for text, err := range s.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

func TestTextsAreReadFromEveryKindOfFile(t *testing.T) {
	zipped := filepath.Join(t.TempDir(), "zipped.txt.gz")
	f, err := os.Create(zipped)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, err = io.WriteString(z, "房间很干净\n早餐不错\n")
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "one.txt"), []byte("第一段\n第二段"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"a text a line", Config{Texts: []string{write(t, "a.txt", "one\r\n\n two,three\n")}}, "one| two,three"},
		{"no end of line at the end", Config{Texts: []string{write(t, "a.txt", "one\ntwo")}}, "one|two"},
		{"paragraphs", Config{Texts: []string{write(t, "a.txt", "\none\nmore\n  \n\ntwo\n")}, Paragraphs: true}, "one\nmore|two"},
		{"gzip", Config{Texts: []string{zipped}}, "房间很干净|早餐不错"},
		{"a column", Config{Texts: []string{write(t, "a.csv", "review,label\n\"a, b\",1\nc,0\n")}, Column: "review"}, "a, b|c"},
		{"JSON lines", Config{Texts: []string{write(t, "a.jsonl", "{\"t\":\"x\"}\n{\"t\":\"y\"}\n")}, Column: "t"}, "x|y"},
		{"a folder", Config{Texts: []string{folder}}, "第一段\n第二段"},
		{"several files, each text once", Config{Texts: []string{write(t, "a.txt", "one\ntwo\n"), write(t, "b.txt", "two\nthree\n")}}, "one|two|three"},
		{"short texts", Config{Texts: []string{write(t, "a.txt", "a\nab\n")}, MinChars: 2}, "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(collect(t, &Source{Config: c.config}), "|"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestExcludedTextsAreLeftOutAsTheyAreAfterCleaning(t *testing.T) {
	s := &Source{Config: Config{Texts: []string{write(t, "a.txt", "好 \n差\n一般\n差\n")}, Exclude: []string{write(t, "test.csv", "review,label\n好,1\n")}},
		Clean: text.CleanConfig{Space: true}}
	s.Columns.Text = "review"
	if err := s.Exclude(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, s); !slices.Equal(got, []string{"差", "一般"}) {
		t.Errorf("%q", got)
	}
	if want := (Report{Texts: 4, Kept: 2, Doubles: 1, Excluded: 1}); s.Report != want {
		t.Errorf("%+v, want %+v", s.Report, want)
	}
}

func TestBadInputIsExplained(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"none", Config{}, "no file of texts is named"},
		{"missing", Config{Texts: []string{"/nowhere/x.txt"}}, "/nowhere/x.txt"},
		{"missing among the excluded", Config{Texts: []string{write(t, "a.txt", "one")}, Exclude: []string{"/nowhere/y.csv"}}, "/nowhere/y.csv"},
		{"empty", Config{Texts: []string{write(t, "a.txt", " \n")}}, "empty"},
		{"no such column", Config{Texts: []string{write(t, "a.csv", "a,b\n1,2\n")}, Column: "review"}, `"review"`},
		{"nothing long enough", Config{Texts: []string{write(t, "a.txt", "one\ntwo\n")}, MinChars: 9}, "no text is left of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Source{Config: c.config}
			err := s.Check()
			if err == nil {
				_, err = Build(context.Background(), t.TempDir(), s, letters(8))
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

// letters encodes each byte as a token that is a word.
func letters(max int) Options {
	return Options{MaxTokens: max, Encode: func(dst []Token, text string) []Token {
		for i := range len(text) {
			dst = append(dst, Token{int32(text[i]), i == 0 || text[i-1] == ' '})
		}
		return dst
	}}
}

// sequences reads a part to the end of an epoch.
func sequences(t *testing.T, c *Cursor, tokens int) []string {
	t.Helper()
	var all []string
	var b Batch
	for epoch := c.Place().Epoch; ; {
		err := c.Next(&b, tokens)
		if err == io.EOF || c.Place().Epoch > epoch {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			all = append(all, decode(b.Sequence(i)))
		}
	}
}

func decode(ids []int32) string {
	var s []byte
	for _, id := range ids {
		s = append(s, byte(id))
	}
	return string(s)
}

func TestTextsBecomeSequences(t *testing.T) {
	path := write(t, "a.txt", "abcdefghij\nxy\nz9\n")
	for _, c := range []struct {
		name string
		join bool
		want string
	}{
		{"a text a sequence, long ones cut", false, "<abcdef>|<ghij>|<xy>|<z9>"},
		{"laid together", true, "<abcdef>|<ghij>x>|<y>z9>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := letters(8)
			o.Begin, o.End = []int32{'<'}, []int32{'>'}
			s, err := Build(context.Background(), t.TempDir(), &Source{Config: Config{Texts: []string{path}, Join: c.join}}, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := strings.Join(sequences(t, s.Train.Ordered(), 1), "|"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if s.Train.Sequences() != int64(strings.Count(c.want, "|")+1) || s.HeldOut.Sequences() != 0 {
				t.Errorf("%d and %d sequences", s.Train.Sequences(), s.HeldOut.Sequences())
			}
		})
	}
}

// numbered is a corpus of so many texts over several blocks.
func numbered(t testing.TB, n int, heldOut float64) *Store {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "text %d %s\n", i, strings.Repeat("x", i%50))
	}
	s, err := Build(context.Background(), t.TempDir(), &Source{Config: Config{Texts: []string{write(t, "a.txt", b.String())}, HeldOut: heldOut}}, letters(100))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEveryEpochHasEverySequenceOnceInAnOrderOfItsOwn(t *testing.T) {
	s := numbered(t, 8000, 0)
	if len(s.Train.Blocks) < 3 {
		t.Fatalf("%d blocks", len(s.Train.Blocks))
	}
	want := sequences(t, s.Train.Ordered(), 1000)
	if len(want) != 8000 {
		t.Fatalf("%d sequences", len(want))
	}
	for _, buffer := range []int{1000, 150_000, 1 << 22} {
		cursor := s.Train.Shuffled(7, buffer)
		var orders [][]string
		for range 2 {
			order := sequences(t, cursor, 1) // the first of the next epoch ends it
			orders = append(orders, order)
			if err := cursor.Seek(Place{Epoch: cursor.Place().Epoch}); err != nil {
				t.Fatal(err)
			}
			if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, slices.Sorted(slices.Values(want))) {
				t.Errorf("buffer %d: an epoch does not have every sequence once", buffer)
			}
		}
		if slices.Equal(orders[0], orders[1]) || slices.Equal(orders[0], want) {
			t.Errorf("buffer %d: epochs have the same order", buffer)
		}
	}
}

func TestACursorGoesOnWhereAnotherWas(t *testing.T) {
	s := numbered(t, 6000, 0)
	cursor := s.Train.Shuffled(3, 100_000)
	var b Batch
	for n := range 600 {
		place := cursor.Place()
		if err := cursor.Next(&b, 700); err != nil {
			t.Fatal(err)
		}
		if n%37 != 0 {
			continue
		}
		var again Batch
		other := s.Train.Shuffled(3, 100_000)
		if err := other.Seek(place); err != nil {
			t.Fatal(err)
		}
		if err := other.Next(&again, 700); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.IDs, b.IDs) || !slices.Equal(again.Words, b.Words) || other.Place() != cursor.Place() {
			t.Fatalf("batch %d at %+v differs after a jump", n, place)
		}
	}
	if cursor.Place().Epoch == 0 {
		t.Error("the corpus was not gone through once")
	}
}

func TestTheHeldOutPartFollowsFromTheTexts(t *testing.T) {
	some, more := numbered(t, 2000, 0.1), numbered(t, 3000, 0.1)
	held := sequences(t, some.HeldOut.Ordered(), 100)
	if n := len(held); n < 150 || n > 250 {
		t.Errorf("%d of 2000 texts are held out", n)
	}
	all := sequences(t, more.HeldOut.Ordered(), 100)
	for _, text := range held {
		if !slices.Contains(all, text) {
			t.Errorf("%q is not held out of a larger corpus", text)
		}
	}
}

func TestAnUnfinishedOrDamagedCorpusIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	source := &Source{Config: Config{Texts: []string{write(t, "a.txt", strings.Repeat("some text\n", 10))}}}
	if _, err := Build(ctx, dir, source, letters(8)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an interrupted build: %v", err)
	}
	s, err := Build(context.Background(), dir, source, letters(8))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.Truncate(filepath.Join(dir, partFiles[0]), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a file that was cut off: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, indexFile), []byte(`{"parts":[{"tokens":1,"blocks":[{"at":9,"n":1}]},{}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("an index that lies was believed")
	}
}

func TestWordsBeginWhereTheSegmenterCuts(t *testing.T) {
	seg, err := text.NewSegmenter()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, text, want string }{
		{"char", "酒店服务态度很好", "酒店 服务 态度 很 好"},
		{"char", "住了hotel 房间,2晚上", "住 了 hotel 房间 , 2 晚上"},
		{"wordpiece", "unbelievable rooms,naïve 服务态度", "unbelievable rooms , naïve 服务 态度"},
		{"bpe", "an unbelievable 酒店 room", "an unbelievable 酒店 room"},
	} {
		t.Run(c.kind+" "+c.text, func(t *testing.T) {
			texts := slices.Repeat([]string{"酒店服务态度很好住了房间晚上,2", "u n b e l i v a r o m s h t naïve"}, 3)
			tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: c.kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 400}, nil)
			if err != nil {
				t.Fatal(err)
			}
			e := tok.Encode(c.text)
			var words []string
			end := 0
			for i, token := range Words(nil, &e, c.text, seg) {
				if token.Word {
					words = append(words, "")
				}
				if at := max(e.Spans[i].Start, end); at < e.Spans[i].End {
					words[len(words)-1] += strings.TrimSpace(c.text[at:e.Spans[i].End])
					end = e.Spans[i].End
				}
			}
			if got := strings.Join(words, " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			for _, token := range Words(nil, &e, c.text, nil) {
				if !token.Word {
					t.Error("without a segmenter a token goes on with a word")
				}
			}
		})
	}
}
