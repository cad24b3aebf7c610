package hubapi

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// readLines reads all lines of a text, and the contents of its files.
func readLines(text string) (lines []*line, contents []string, err error) {
	l := &lineReader{r: bufio.NewReaderSize(strings.NewReader(text), 16)}
	l.content = func(r io.Reader) error {
		b, err := io.ReadAll(r)
		contents = append(contents, string(b))
		return err
	}
	for {
		next, err := l.next()
		if errors.Is(err, io.EOF) {
			return lines, contents, nil
		}
		if err != nil {
			return lines, contents, err
		}
		lines = append(lines, next)
	}
}

func TestLinesSayWhatClientsMean(t *testing.T) {
	lines, contents, err := readLines(`{"key": "header", "value": {"summary": "a \"b\" \u4f60\ud83d\ude00 \/", "description": "", "more": null}}

{"key":"file","value":{"content":"aGVs\nbG8=","path":"a/b.txt","encoding":"base64"}}
{"key":"file","value":{"encoding":"utf-8","content":"hel\"lo","path":"c"}}
{"key":"lfsFile","value":{"path":"w","algo":"sha256","oid":"00","size":12,"flag":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := lines[0].Value["summary"]; got != `a "b" 你😀 /` {
		t.Errorf("summary %q", got)
	}
	if len(contents) != 2 || contents[0] != "hello" || contents[1] != `hel"lo` || lines[1].Value["path"] != "a/b.txt" {
		t.Errorf("contents %q, lines %+v", contents, lines[1])
	}
	if v := lines[3].Value; v["size"] != "12" || v["flag"] != "true" || lines[3].Key != "lfsFile" {
		t.Errorf("%+v", lines[3])
	}
}

func TestBrokenLinesAreRefused(t *testing.T) {
	for _, text := range []string{
		"{", `{"key"`, `{"key":"file"`, `[]`, `"a"`, `{"key":"file","value":{"content":"aGVs`, `{"key":"file","value":{"content":"a*b=","path":"x"}}`, `{"key":"file","value":{"content":"aGVsbA","path":"x"}}`,
		`{"value":{},"key":"file"}`, `{"key":"header","value":{"a":tru}}`, `{"key":"header","value":{"a":{}}}`, `{"key":"header","value":{"a":"\q"}}`, `{"key":"header","value":{"a":"\u12"}}`, "{\"key\":\"he\nader\"}",
		`{"key":"header" "value":{}}`, `{"key":"header","value":{"a":"` + strings.Repeat("a", maxField+1) + `"}}`,
	} {
		if _, _, err := readLines(text); !errors.Is(err, errRequest) {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// FuzzLines compares with encoding/json what both take.
func FuzzLines(f *testing.F) {
	f.Add(`{"key":"header","value":{"summary":"a\u00e9","n":1.5}}` + "\n" + `{"key":"file","value":{"content":"aGVsbG8=","path":"p"}}`)
	f.Add(`{"key":"deletedFile","value":{"path":"\ud800x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		lines, contents, err := readLines(text)
		if err != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		files := 0
		for _, l := range lines {
			var want struct {
				Key   string
				Value map[string]any
			}
			if err := d.Decode(&want); err != nil {
				return // encoding/json refuses more, such as invalid UTF-8 turned to U+FFFD or a name in other letters
			}
			if want.Key != l.Key {
				continue // a name that stands twice, or in other letters
			}
			if content, ok := want.Value["content"].(string); ok && l.Key == "file" && want.Value["encoding"] == nil && files < len(contents) {
				b, err := base64.StdEncoding.DecodeString(content)
				if err == nil && strings.Count(text, `"content"`) == 1 && string(b) != contents[files] {
					t.Errorf("%q, want %q", contents[files], b)
				}
				files++
			}
		}
	})
}
