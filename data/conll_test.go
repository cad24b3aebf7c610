package data

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// tagged writes a sentence of one token a tag, each token a number.
func tagged(tags string) string {
	var b strings.Builder
	for i, tag := range strings.Fields(tags) {
		b.WriteString(string(rune('a'+i)) + " " + tag + "\n")
	}
	return b.String() + "\n"
}

func TestTagSchemes(t *testing.T) {
	const bio = "O B-X I-X O\n" // a sentence that shows the scheme
	for _, c := range []struct{ name, scheme, tags, want, note string }{
		{"IOB1: I begins", "I-X I-X O I-Y", "I-X B-X I-Y", "X=a X=b Y=c", ""},
		{"IOB1 alone", "O I-X O", "I-X I-X B-X I-X", "X=a b X=c d", ""},
		{"BIO", bio, "B-X I-X B-X O", "X=a b X=c", ""},
		{"BIO: I after O", bio, "O I-X I-X", "X=b c", "1 tags break the BIO scheme"},
		{"BIO: I of another type", bio, "B-X I-Y I-Y", "X=a Y=b c", "1 tags break the BIO"},
		{"BIOES", "B-X E-X S-X", "B-X I-X E-X S-X O", "X=a b c X=d", ""},
		{"BMES", "B-X M-X E-X", "B-X M-X E-X B-Y E-Y", "X=a b c Y=d e", ""},
		{"BILOU", "B-X L-X U-X", "B-X I-X L-X U-Y", "X=a b c Y=d", ""},
		{"BMES: no end", "B-X E-X", "B-X M-X O B-X", "X=a b X=d", "2 tags break the BIOES scheme"},
		{"BMES: no beginning", "B-X E-X", "M-X E-X O E-Y", "X=a b Y=d", "2 tags break the BIOES"},
		{"BMES: middle after end", "B-X E-X", "B-X E-X M-X E-X", "X=a b X=c d", "1 tags break the BIOES"},
		{"underscores", "O B_X I_X", "B_X I_X", "X=a b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "x", []byte(tagged(c.scheme)+"\n"+tagged(c.tags)))
			cols := columns()
			cols.Format = "conll"
			r, err := Open(context.Background(), path, cols)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var last Example
			for e, err := range r.All() {
				if err != nil {
					t.Fatal(err)
				}
				last = e
			}
			var got []string
			for _, e := range last.Entities {
				got = append(got, e.Label+"="+last.Text[e.Start:e.End])
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("entities %q, want %q", s, c.want)
			}
			notes := strings.Join(r.Notes(), "\n")
			if (notes == "") != (c.note == "") || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

func TestBadColumnFilesAreExplained(t *testing.T) {
	for _, c := range []struct{ name, content, message string }{
		{"no tag", "a B-X\nb\n\n", "line 2 has 1 columns"},
		{"another scheme", "a B-X\nb Q-X\n", `line 2: "Q-X" is no tag`},
		{"a tag without a type", "a B-X\nb B-\n", `line 2: "B-" is no tag`},
	} {
		cols := columns()
		cols.Format = "conll"
		if _, err := read(t, write(t, "x", []byte(c.content)), cols); err == nil || !strings.Contains(err.Error(), c.message) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", c.name, err, hint.Way(err))
		}
	}
}

func TestColumnFilesOfTheSharedSetsAreRead(t *testing.T) {
	for _, c := range []struct {
		path                []string
		sentences, entities int
	}{
		{[]string{"resume_ner", "train.bmes"}, 3821, 13440},             // 13,438 begin by their letter, 2 are repaired
		{[]string{"weibo_ner", "weiboNER_2nd_conll.train"}, 1350, 1895}, // 10 are repaired
		{[]string{"conll2003", "eng.train"}, 14041, 23499},              // the figures of the shared task
		{[]string{"conll2003", "eng.testb"}, 3453, 5648},
	} {
		got, err := read(t, golden.Path(t, append([]string{"data"}, c.path...)...), columns())
		n := 0
		for _, e := range got {
			n += len(e.Entities)
		}
		if err != nil || len(got) != c.sentences || n != c.entities {
			t.Errorf("%s: %d sentences with %d entities, want %d with %d (%v)", filepath.Join(c.path...), len(got), n, c.sentences, c.entities, err)
		}
	}
}

func TestAFolderIsReadInNaturalOrder(t *testing.T) {
	dir := t.TempDir()
	gbk := string([]byte{0xba, 0xdc, 0xba, 0xc3, 0xa3, 0xac, 0xb7, 0xfe, 0xce, 0xf1, 0xd2, 0xb2, 0xba, 0xdc, 0xba, 0xc3}) // 很好，服务也很好
	for name, content := range map[string]string{
		"pos/10.txt": "ten\n", "pos/2.txt": "two", "neg/a.txt": gbk, "neg/b.TXT": "\xef\xbb\xbf好", "neg/c.md": "no", ".git/x.txt": "hidden", "top.txt": "a\nb\n", "train/neg/1.txt": "deep",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cols := columns()
	cols.Group = "path"
	r, err := Open(context.Background(), dir, cols)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for e, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Group+"="+e.Label+":"+e.Text)
	}
	if s, want := strings.Join(got, " / "), "neg/a.txt=neg:很好，服务也很好 / neg/b.TXT=neg:好 / pos/2.txt=pos:two / pos/10.txt=pos:ten / top.txt=:a\nb / train/neg/1.txt=neg:deep"; s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if notes := strings.Join(r.Notes(), ""); !strings.Contains(notes, "1 files that are no .txt") || r.Place(3) != "file 3" {
		t.Errorf("notes %q", notes)
	}
	before, err := DigestFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "top.txt"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after, err := DigestFile(dir); err != nil || after == before {
		t.Errorf("the digest of another folder is the same (%v)", err)
	}
}
