package data

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Entity is a labelled stretch of a text.
type Entity struct {
	Start int    `json:"start"` // in bytes of the text
	End   int    `json:"end"`   // not included
	Label string `json:"label"`
}

// conll reads files of a token a line, columns separated by spaces or a tab, sentences by empty lines: the CoNLL shared
// tasks, and their descendants with IOB1, IOB2 (BIO), BIOES or BMES tags. The text of an example is its tokens, joined by
// spaces or, where they are Chinese characters, by nothing; its entities follow from the tags.
//
// Tags that break their scheme are read as the scorer of the CoNLL tasks, conlleval, reads them: an entity begins where
// the letter says so, or where the type differs from that of the tag before. Such places are counted and told.
type conll struct {
	lines
	token, tag int  // columns, counted from 0; -1 is the last
	position   bool // each token is a character and a digit, as in the Weibo corpus
	tight      bool // tokens are joined by nothing
	columns    int  // of the first line
	scheme     tagScheme
	broken     int // tags that break the scheme
	firstAt    int // line of the first
}

func newConll(r *Reader, sample []byte) (*conll, error) {
	c := &conll{lines: lines{r: r}, tag: -1}
	for _, want := range []struct {
		flag, value string
		to          *int
	}{{"text", r.columns.Text, &c.token}, {"label", r.columns.Label, &c.tag}} {
		if n, err := strconv.Atoi(want.value); err == nil {
			if n < 1 {
				return nil, hint.Errorf("count columns from 1", "reading %s: there is no column %d", r.name(), n)
			}
			*want.to = n - 1
		}
	}
	rows, single, digits := 0, 0, 0
	var seen schemeSigns
	for line := range strings.Lines(string(sample)) {
		fields := conllFields(line)
		if len(fields) < 2 || c.token >= len(fields) || c.tag >= len(fields) {
			seen.tag('O', "")
			continue
		}
		rows++
		tag := c.tag
		if tag < 0 {
			tag = len(fields) - 1
		}
		seen.tag(splitTag(fields[tag]))
		word := fields[c.token]
		first, size := utf8.DecodeRuneInString(word)
		rest := word[size:]
		if unicode.Is(unicode.Han, first) && rest == "" {
			single++
		}
		if len(rest) == 1 && '0' <= rest[0] && rest[0] <= '9' {
			digits++
		}
	}
	c.position = rows > 10 && digits > rows*9/10
	c.tight = c.position || 2*single > rows
	c.scheme = seen.scheme()
	return c, nil
}

func conllFields(line string) []string {
	line = strings.TrimRight(line, "\r\n")
	if strings.Contains(line, "\t") {
		return strings.Split(line, "\t")
	}
	return strings.Fields(line)
}

// looksConll tells whether a sample is made of lines of as many columns, tags in the last, and empty lines between.
func looksConll(sample []byte) bool {
	rows, tagged, blank := 0, 0, 0
	for line := range strings.Lines(string(sample)) {
		fields := conllFields(line)
		if strings.TrimSpace(line) == "" {
			blank++
			continue
		}
		rows++
		if n := len(fields); n >= 2 && n <= 16 && isTag(fields[n-1]) {
			tagged++
		}
		if rows == 400 {
			break
		}
	}
	return rows > 1 && blank > 0 && tagged >= rows-1-rows/50
}

// isTag tells whether s is O or a letter of a scheme, a dash or underscore, and a type.
func isTag(s string) bool {
	return s == "O" || len(s) > 2 && strings.ContainsRune("BIMESLUW", rune(s[0])) && (s[1] == '-' || s[1] == '_')
}

func (c *conll) next() (Example, error) {
	var s sentence
	for {
		raw, err := c.readLine()
		if err == io.EOF && s.text.Len() > 0 {
			break
		}
		if err != nil {
			return Example{}, err
		}
		line := string(raw)
		if strings.TrimSpace(line) == "" {
			if s.text.Len() > 0 {
				break
			}
			continue
		}
		fields := conllFields(line)
		if fields[0] == "-DOCSTART-" || strings.HasPrefix(line, "#") && (len(fields) < max(c.columns, 2) || !isTag(fields[len(fields)-1])) {
			continue
		}
		if c.columns == 0 {
			c.columns = len(fields)
		}
		if err := c.add(&s, fields); err != nil {
			return Example{}, err
		}
	}
	if c.scheme.breaks(s.before, s.beforeLabel, 'O', "") {
		c.repaired()
	}
	s.flush()
	s.Text = s.text.String()
	return s.Example, nil
}

// add appends a token and its tag to a sentence.
func (c *conll) add(s *sentence, fields []string) error {
	token, tag := c.token, c.tag
	if tag < 0 {
		tag = len(fields) - 1
	}
	if token >= len(fields) || tag >= len(fields) || len(fields) < 2 {
		return hint.Errorf("give each token its columns, and an empty line between sentences", "reading %s: line %d has %d columns, not a token and a tag: %q", c.r.name(), c.line, len(fields), firstChars(strings.Join(fields, " "), 40))
	}
	prefix, label := splitTag(fields[tag])
	if prefix == 0 {
		return hint.Errorf("tags are O, or B-, I-, M-, E-, S- and a type", "reading %s: line %d: %q is no tag", c.r.name(), c.line, fields[tag])
	}
	if s.Line == 0 {
		s.Line = c.line
	}
	word := fields[token]
	if c.position {
		_, n := utf8.DecodeRuneInString(word)
		word = word[:n]
	}
	if s.text.Len()+len(word) > maxRecord {
		return c.r.tooLong(s.Line)
	}
	if c.scheme.breaks(s.before, s.beforeLabel, prefix, label) {
		c.repaired()
	}
	s.add(word, prefix, label, c.tight)
	return nil
}

func (c *conll) repaired() {
	if c.broken++; c.broken == 1 {
		c.firstAt = c.line
	}
}

// notes tells what was repaired.
func (c *conll) notes() []string {
	if c.broken == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d tags break the %s scheme and were read as conlleval reads them; the first is in line %d", c.r.name(), c.broken, c.scheme, c.firstAt)}
}

// sentence is an example in the making.
type sentence struct {
	Example
	text        strings.Builder
	open        Entity // that may go on; Label is "" if there is none
	before      byte   // letter of the tag before
	beforeLabel string
}

func (s *sentence) add(word string, prefix byte, label string, tight bool) {
	if s.text.Len() > 0 && !tight {
		s.text.WriteByte(' ')
	}
	start := s.text.Len()
	s.text.WriteString(word)
	// A chunk begins where its letter says so, or its type differs from the one before (conlleval's rules).
	if prefix == 'B' || prefix == 'S' || label != s.open.Label {
		s.flush()
	}
	if label != "" {
		if s.open.Label == "" {
			s.open = Entity{Start: start, Label: label}
		}
		s.open.End = s.text.Len()
		if prefix == 'E' || prefix == 'S' {
			s.flush()
		}
	}
	s.before, s.beforeLabel = prefix, label
}

func (s *sentence) flush() {
	if s.open.Label != "" {
		s.Entities = append(s.Entities, s.open)
	}
	s.open = Entity{}
}

// splitTag returns the letter of a tag, with the schemes' names for it made one, and its type; 0 for what is no tag.
func splitTag(tag string) (prefix byte, label string) {
	if tag == "O" || tag == "o" {
		return 'O', ""
	}
	if len(tag) < 3 || tag[1] != '-' && tag[1] != '_' {
		return 0, ""
	}
	switch tag[0] {
	case 'B', 'I', 'E', 'S':
		prefix = tag[0]
	case 'M':
		prefix = 'I'
	case 'L':
		prefix = 'E'
	case 'U', 'W':
		prefix = 'S'
	default:
		return 0, ""
	}
	return prefix, tag[2:]
}
