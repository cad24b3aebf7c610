package hubapi

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// A commit comes as lines of JSON (https://github.com/ndjson/ndjson-spec), each an object with a key and a value:
//
//	{"key": "header", "value": {"summary": "…", "description": "…", "parentCommit": "…"}}
//	{"key": "file", "value": {"content": "…", "path": "…", "encoding": "base64"}}
//	{"key": "lfsFile", "value": {"path": "…", "algo": "sha256", "oid": "…", "size": 1}}
//	{"key": "deletedFile", "value": {"path": "…"}}    and deletedFolder
//
// (https://github.com/huggingface/huggingface_hub/issues/1085 names them.) The content of a file is as long as the file,
// and stands before its path: it is handed on as it is read and never held.

// maxField is how long any other text may be, in bytes.
const maxField = 1 << 20

// line is what a line says, but for the content of a file.
type line struct {
	Key   string
	Value map[string]string // texts, and numbers as they stand there
}

// lineReader reads lines.
type lineReader struct {
	r *bufio.Reader
	// content gets each file's, to be read to its end.
	content func(io.Reader) error
}

// next reads a line; io.EOF after the last one.
func (l *lineReader) next() (*line, error) {
	c, err := l.skip()
	if err != nil {
		return nil, err // io.EOF between two lines is the end
	}
	if c != '{' {
		return nil, fmt.Errorf("%w: a line begins with %q and not with {", errRequest, c)
	}
	out := &line{Value: map[string]string{}}
	err = l.object(func(name string) error {
		switch name {
		case "key":
			out.Key, err = l.text()
			return err
		case "value":
			if out.Key == "" {
				return hint.Errorf("send the key first", "%w: a line without a key before its value", errRequest)
			}
			return l.value(out)
		}
		_, err := l.text()
		return err
	})
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it ends within a line", errRequest)
	}
	return out, err
}

func (l *lineReader) value(out *line) error {
	if err := l.expect('{'); err != nil {
		return err
	}
	return l.object(func(name string) error {
		if name != "content" || out.Key != "file" {
			var err error
			out.Value[name], err = l.text()
			return err
		}
		if err := l.expect('"'); err != nil {
			return err
		}
		text := &stringReader{r: l.r}
		content := io.Reader(text)
		if out.Value["encoding"] != "utf-8" {
			content = base64.NewDecoder(base64.StdEncoding, text)
			out.Value["decoded"] = "base64"
		}
		if err := l.content(content); err != nil {
			var corrupt base64.CorruptInputError
			if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
				return hint.Errorf("send it again, with its encoding before it if that is utf-8", "%w: a file's content is not base64: %w", errRequest, err)
			}
			return err
		}
		if !text.done {
			return fmt.Errorf("%w: a file's content goes on behind its end", errRequest)
		}
		return nil
	})
}

// object reads what stands behind a { and calls each for every name, to read the value.
func (l *lineReader) object(each func(name string) error) error {
	for first := true; ; first = false {
		c, err := l.skip()
		if err != nil {
			return err
		}
		if c == '}' && first {
			return nil
		}
		if c != '"' {
			return fmt.Errorf("%w: %q where a name should be", errRequest, c)
		}
		name, err := l.rest()
		if err == nil {
			err = l.expect(':')
		}
		if err == nil {
			err = each(name)
		}
		if err != nil {
			return err
		}
		if c, err = l.skip(); err != nil {
			return err
		}
		if c == '}' {
			return nil
		}
		if c != ',' {
			return fmt.Errorf("%w: %q behind the value of %.40q", errRequest, c, name)
		}
	}
}

// text reads a text, a number, true, false or null; "" for null. What holds others is not known here.
func (l *lineReader) text() (string, error) {
	c, err := l.skip()
	if err != nil {
		return "", err
	}
	if c == '"' {
		return l.rest()
	}
	var b strings.Builder
	for ; c > ' ' && c != ',' && c != '}'; c, err = l.r.ReadByte() {
		if err != nil {
			return "", err
		}
		if b.WriteByte(c); b.Len() > 40 {
			break
		}
	}
	if c == ',' || c == '}' {
		if err := l.r.UnreadByte(); err != nil {
			return "", err
		}
	}
	if !json.Valid([]byte(b.String())) {
		return "", fmt.Errorf("%w: %.40q is no value", errRequest, b.String())
	}
	if b.String() == "null" {
		return "", nil
	}
	return b.String(), nil
}

// rest reads a text whose quotation mark has been read.
func (l *lineReader) rest() (string, error) {
	b, err := io.ReadAll(io.LimitReader(&stringReader{r: l.r}, maxField+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxField {
		return "", hint.Errorf("make it shorter", "%w: a text of more than %d bytes", errRequest, maxField)
	}
	return string(b), nil
}

// skip returns the next byte that is no white space.
func (l *lineReader) skip() (byte, error) {
	for {
		c, err := l.r.ReadByte()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

func (l *lineReader) expect(want byte) error {
	c, err := l.skip()
	if err == nil && c != want {
		err = fmt.Errorf("%w: %q where %q should be", errRequest, c, want)
	}
	return err
}

// stringReader reads a text of JSON up to the quotation mark that ends it, without its escapes (RFC 8259).
type stringReader struct {
	r    *bufio.Reader
	rune []byte // that was escaped, what is left of it
	done bool
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *stringReader) Read(p []byte) (n int, err error) {
	for n < len(p) && !s.done {
		if len(s.rune) > 0 {
			c := copy(p[n:], s.rune)
			s.rune = s.rune[c:]
			n += c
			continue
		}
		c, err := s.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return n, fmt.Errorf("%w: it ends within a text", errRequest)
		case err != nil:
			return n, err
		case c == '"':
			s.done = true
		case c < ' ':
			return n, fmt.Errorf("%w: a control character within a text", errRequest)
		case c == '\\':
			if err := s.escape(); err != nil {
				return n, err
			}
		default:
			p[n] = c
			n++
		}
	}
	if n == 0 && s.done && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *stringReader) escape() error {
	c, err := s.r.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if c != 'u' {
		plain, ok := escapes[c]
		if !ok {
			return fmt.Errorf("%w: the escape \\%c", errRequest, c)
		}
		s.rune = []byte{plain}
		return nil
	}
	r, err := s.unit()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		second := rune(utf8.RuneError)
		if next, err := s.r.Peek(2); err == nil && next[0] == '\\' && next[1] == 'u' {
			s.r.Discard(2)
			if second, err = s.unit(); err != nil {
				return err
			}
		}
		r = utf16.DecodeRune(r, second)
	}
	s.rune = utf8.AppendRune(nil, r)
	return nil
}

// unit reads four hexadecimal digits.
func (s *stringReader) unit() (rune, error) {
	var digits [4]byte
	if _, err := io.ReadFull(s.r, digits[:]); err != nil {
		return 0, unexpected(err)
	}
	var r rune
	if _, err := fmt.Sscanf(string(digits[:]), "%04x", &r); err != nil {
		return 0, fmt.Errorf("%w: the escape \\u%s", errRequest, digits)
	}
	return r, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within a text", errRequest)
	}
	return err
}
