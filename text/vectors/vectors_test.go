package vectors

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func readString(content string, o Options) (*Set, error) {
	return readFrom(context.Background(), strings.NewReader(content), "v.txt", int64(len(content)), o)
}

// binaryFile writes word2vec's binary format.
func binaryFile(header string, feed string, words []string, values ...float32) string {
	var b bytes.Buffer
	b.WriteString(header)
	dim := len(values) / len(words)
	for i, w := range words {
		b.WriteString(w + " ")
		for _, v := range values[i*dim : (i+1)*dim] {
			binary.Write(&b, binary.LittleEndian, v)
		}
		b.WriteString(feed)
	}
	return b.String()
}

func TestEveryFormatReadsAlike(t *testing.T) {
	var zipped, zstded bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, "2 3\n的 1 -2 0.5\na 3 4 1e-3\n")
	z.Close()
	s, _ := zstd.NewWriter(&zstded)
	fmt.Fprint(s, "的 1 -2 0.5\na 3 4 1e-3\n")
	s.Close()
	for name, content := range map[string]string{
		"word2vec text":              "2 3\n的 1 -2 0.5\na 3 4 1e-3\n",
		"with blanks at line ends":   "2 3\n的 1 -2 0.5 \na 3 4 1e-3 \n",
		"with Windows line ends":     "2 3\r\n的 1 -2 0.5\r\na 3 4 1e-3\r\n",
		"without the last line feed": "2 3\n的 1 -2 0.5\na 3 4 1e-3",
		"with tabs":                  "的\t1\t-2\t0.5\na\t3\t4\t1e-3\n",
		"GloVe":                      "的 1 -2 0.5\na 3 4 0.001\n",
		"word2vec binary":            binaryFile("2 3\n", "\n", []string{"的", "a"}, 1, -2, 0.5, 3, 4, 1e-3),
		"gensim's binary":            binaryFile("2 3\n", "", []string{"的", "a"}, 1, -2, 0.5, 3, 4, 1e-3),
		"gzip":                       zipped.String(),
		"zstd":                       zstded.String(),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readString(content, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.Words, []string{"的", "a"}) || !slices.Equal(s.Values, []float32{1, -2, 0.5, 3, 4, 1e-3}) || len(s.Notes) > 0 || s.Total != 2 {
				t.Errorf("%q %v %q", s.Words, s.Values, s.Notes)
			}
		})
	}
}

func TestWordsMayHoldWhatIsNoBlank(t *testing.T) {
	s, err := readString("x 1 2\n\u00a0 3 4\n. . . 5 6\n\u3000a\u0085 7 8\n12 9 10\n", Options{})
	if err != nil || !slices.Equal(s.Words, []string{"x", "\u00a0", ". . .", "\u3000a\u0085", "12"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestBrokenFilesAreNamedByLineAndCanBeSkipped(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		name, content, message string
		left                   int // words with Skip; -1 if that does not help
	}{
		{"empty", " \n", "empty", -1},
		{"a text", "Once upon a time\nthere was\n", "line 1 is neither", -1},
		{"another width", "a 1 2\nb 1 2 3\nc 1 2\n", "line 2: 3 numbers, not 2 as before", 2},
		{"too few", "a 1 2\nb 1\nc 1 2\n", "line 2: 1 numbers, not 2", 2},
		{"a word alone", "2 2\na 1 2\nb\n", "line 3: 0 numbers, not 2 as the header says", 1},
		{"no number", "a 1 2\nb 1 x\nc 1 2\n", `line 2: number 2 of "b" is "x"`, 2},
		{"a Go number", "a 1 2\nb 1 1_0\n", `"1_0"`, 1},
		{"NaN", "a 1 2\nb nan 1\nc 1 2\n", `line 2: the vector of "b" holds NaN`, 2},
		{"an infinity", "a 1 2\nb 1 -inf\n", "holds -Inf", 1},
		{"too large for float32", "a 1 2\nb 1 1e39\n", "holds +Inf", 1},
		{"a header of another width", "2 3\na 1 2\nb 1 2\n", "line 2: 2 numbers, not 3 as the header says", 0},
		{"a header that promises more", "9 2\na 1 2\nb 1 2\n", "promises 9 words, there are 2: the file is cut off", 2},
		{"a header of no width", "9 0\na\n", "promises 9 words of 0 numbers", -1},
		{"a header of a huge width", "9 999999999\na 1\n", "1 to 8192", -1},
		{"a huge header", "999999999999 2\na 1 2\n", "there are 1", 1},
		{"an endless line", "a 1 2\n" + strings.Repeat("7", maxLine+10), "line 2 has more than", -1},
		{"binary, cut off", binaryFile("3 2\n", "", []string{"a", "b"}, 1, 2, 3, 4), "promises 3 words, there are 2: the file is cut off", 2},
		{"binary, cut within a vector", binaryFile("2 2\n", "", []string{"a", "b"}, 1, 2, 3, 4)[:20], "promises 2 words, there are 1", 1},
		{"binary with an infinity", binaryFile("2 2\n", "\n", []string{"a", "b"}, 1, inf, 3, 4), `word 1: the vector of "a" holds +Inf`, 1},
		{"binary of another width", binaryFile("900 2\n", "", []string{strings.Repeat("a", 9000), "b"}, 1, 2, 3, 4), "word 1 of 900 has no end", -1},
		{"gzip, cut off", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "unexpected EOF", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readString(c.content, Options{})
			if err == nil || !strings.Contains(err.Error(), c.message) || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v (way out: %q), want %q", err, hint.Way(err), c.message)
			}
			s, err := readString(c.content, Options{Skip: true})
			switch {
			case c.left < 0 && err == nil:
				t.Error("skipping made it readable")
			case c.left >= 0 && err != nil:
				t.Error(err)
			case c.left >= 0 && (s.Len() != c.left || len(s.Notes) != 1 && c.left > 0 || len(s.Values) != s.Len()*s.Dim):
				t.Errorf("%d words, notes %q", s.Len(), s.Notes)
			}
		})
	}
}

func TestDoublesAndModestHeadersAreNotes(t *testing.T) {
	s, err := readString("1 2\na 1 2\nb 3 4\na 5 6\n", Options{})
	if err != nil || s.Len() != 2 || s.Find("a")[0] != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	notes := strings.Join(s.Notes, "\n")
	if !strings.Contains(notes, `1 words stand twice, first "a" in line 4`) || !strings.Contains(notes, "promises 1 words, there are 3") {
		t.Errorf("notes: %s", notes)
	}
	many, err := readString("a 1 2\n"+strings.Repeat("b 1\n", 50), Options{Skip: true})
	if err != nil || len(many.Notes) != maxNotes+1 || !strings.Contains(many.Notes[maxNotes], "45 more") {
		t.Errorf("%q, %v", many.Notes, err)
	}
}

func TestOnlyWantedWordsAreKept(t *testing.T) {
	s, err := readString("a 1 2\nB 3 4\nc x y\n", Options{Keep: func(w string) bool { return w == "B" }})
	if err != nil || !slices.Equal(s.Words, []string{"B"}) || s.Total != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.Find("b") != nil || s.Find("B")[1] != 4 || s.Find("a") != nil {
		t.Error("found what is not there")
	}
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	want := New(3)
	for i, w := range []string{"的", "it's", "\u00a0", "12"} {
		if err := want.Append(w, []float32{float32(i), 1.0 / 3, -1e-30}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []Format{Text, Binary, GloVe} {
		path := filepath.Join(t.TempDir(), "v")
		if err := want.Write(path, f); err != nil {
			t.Fatal(err)
		}
		got, err := Read(context.Background(), path, Options{})
		if err != nil || !slices.Equal(got.Words, want.Words) || !slices.Equal(got.Values, want.Values) {
			t.Errorf("%s: %+v, %v", f, got, err)
		}
	}
	for _, word := range []string{"", "a b", "a\n"} {
		bad := New(1)
		bad.Append(word, []float32{1})
		if err := bad.Write(filepath.Join(t.TempDir(), "v"), Text); err == nil {
			t.Errorf("wrote the word %q", word)
		}
	}
	if err := want.Write(filepath.Join(t.TempDir(), "v"), "yaml"); err == nil || hint.Way(err) == "" {
		t.Error(err)
	}
	if err := want.Append("的", []float32{1, 2, 3}); err == nil {
		t.Error("a word was added twice")
	}
}

func TestRealFiles(t *testing.T) {
	for _, c := range []struct {
		file        string
		words, dim  int
		near, third string
	}{{"glove.20k.100d.txt.gz", 20000, 100, "the", "."}, {"tencent.char.200d.txt.gz", 4758, 200, "的", ""}} {
		s, err := Read(context.Background(), golden.Path(t, "data", "word_vectors", c.file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != c.words || s.Dim != c.dim || s.Find(c.near) == nil || len(s.Notes) > 0 || !strings.HasPrefix(s.Digest, "sha256:") {
			t.Errorf("%s: %d words of %d, notes %q", c.file, s.Len(), s.Dim, s.Notes)
		}
	}
}

func TestFilesThatAreNoneAreExplained(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "missing"), dir} {
		if _, err := Read(context.Background(), path, Options{}); err == nil || hint.Way(err) == "" || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	path := filepath.Join(dir, "v")
	os.WriteFile(path, []byte(strings.Repeat("a 1\n", 5000)), 0o644)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, path, Options{}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("2 3\n的 1 -2 0.5\na 3 4 1e-3\n"))
	f.Add([]byte(". . 1\nnan nan\n"))
	f.Add([]byte(binaryFile("2 2\n", "\n", []string{"a", "b"}, 1, 2, 3, 4)))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := readString(string(content), Options{Skip: true})
		if err != nil {
			return
		}
		if len(s.Values) != s.Len()*s.Dim || len(s.index) != s.Len() {
			t.Fatalf("%d words, %d numbers of %d", s.Len(), len(s.Values), s.Dim)
		}
		for i, w := range s.Words {
			if n, ok := s.ID(w); !ok || n != i {
				t.Fatalf("word %d, %q, is found at %d", i, w, n)
			}
		}
		for _, v := range s.Values {
			if v-v != 0 {
				t.Fatalf("a vector holds %v", v)
			}
		}
	})
}
