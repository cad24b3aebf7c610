package text

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// behavior is what becomes of the delimiters that a text is cut at.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

func (b *behavior) check() error {
	if known := []behavior{removed, isolated, mergedWithPrevious, mergedWithNext, contiguous}; !slices.Contains(known, *b) {
		return fmt.Errorf("behavior %q; %v are known", *b, known)
	}
	return nil
}

// cutter collects the pieces of one text from its delimiters, in rising order.
type cutter struct {
	behavior behavior
	dst      []Span
	at       int  // end of what has been seen
	open     bool // the last piece can take what follows
	last     bool // what was seen last is a delimiter
	invert   bool
}

// delimiter takes one, and the text before it.
func (c *cutter) delimiter(from, to int) {
	if c.at < from {
		c.part(Span{c.at, from}, c.invert)
	}
	if from < to {
		c.part(Span{from, to}, !c.invert)
	}
	c.at = to
}

// finish takes the rest.
func (c *cutter) finish(end int) []Span {
	if c.at < end {
		c.part(Span{c.at, end}, c.invert)
	}
	return c.dst
}

func (c *cutter) part(s Span, delimiter bool) {
	join := false
	switch c.behavior {
	case removed:
		if delimiter {
			return
		}
	case mergedWithPrevious:
		join = c.open && delimiter && !c.last
	case mergedWithNext:
		join = c.open && !delimiter && c.last
	case contiguous:
		join = c.open && delimiter == c.last
	}
	if join {
		c.dst[len(c.dst)-1].End = s.End
	} else {
		c.dst = append(c.dst, s)
	}
	c.open, c.last = true, delimiter
}

// characterSet tells which characters are delimiters; of ASCII it knows them all, and of the Chinese characters whether
// there are any.
type characterSet struct {
	is      func(r rune) bool
	ascii   [utf8.RuneSelf]bool
	chinese bool // one of U+4000 to U+9FFF, whose first byte is above E3, is a delimiter
}

func newCharacterSet(is func(r rune) bool) *characterSet {
	c := &characterSet{is: is}
	for r := range c.ascii {
		c.ascii[r] = is(rune(r))
	}
	for r := rune(0x4000); r <= 0x9fff; r++ {
		c.chinese = c.chinese || is(r)
	}
	return c
}

var (
	spaces = sync.OnceValue(func() *characterSet { return newCharacterSet(unicode.IsSpace) })
	// These wait for the table of classes, which is built with the first tokenizer.
	punctuationMarks = sync.OnceValue(func() *characterSet { return newCharacterSet(isPunctuation) })
	numbers          = sync.OnceValue(func() *characterSet { return newCharacterSet(func(r rune) bool { return classOf(r)&number != 0 }) })
)

// cut cuts at each character that is a delimiter.
func (set *characterSet) cut(s string, p Span, dst []Span, b behavior) []Span {
	s = s[:p.End]
	if b == removed || b == isolated { // what words and marks are found by
		for at := p.Start; at < p.End; {
			from, to := set.find(s, at)
			if at < from {
				dst = append(dst, Span{at, from})
			}
			if from < to && b == isolated {
				dst = append(dst, Span{from, to})
			}
			at = to
		}
		return dst
	}
	c := cutter{behavior: b, dst: dst, at: p.Start}
	for at := p.Start; at < p.End; {
		from, to := set.find(s, at)
		if from < to {
			c.delimiter(from, to)
		}
		at = to
	}
	return c.finish(p.End)
}

// find returns the first delimiter from position at on, an empty range at the end if there is none.
func (set *characterSet) find(s string, at int) (from, to int) {
	for at < len(s) {
		if r := s[at]; r < utf8.RuneSelf {
			if set.ascii[r] {
				return at, at + 1
			}
			at++
			continue
		}
		if !set.chinese && s[at] != 0xe3 && eastern(s, at) {
			at += 3
			continue
		}
		r, n := longRuneAt(s, at)
		if set.is(r) {
			return at, at + n
		}
		at += n
	}
	return at, at
}

// whitespaceSplit cuts at white space, which it drops.
type whitespaceSplit struct{}

func (whitespaceSplit) split(d *draft, p Span, dst []Span) []Span {
	return spaces().cut(d.text, p, dst, removed)
}

// punctuation cuts at punctuation characters (all but letters, digits and controls in ASCII, and Unicode's P).
type punctuation struct {
	Behavior behavior `json:"behavior"`
}

func (t *punctuation) prepare() error { return t.Behavior.check() }

func (t *punctuation) split(d *draft, p Span, dst []Span) []Span {
	return punctuationMarks().cut(d.text, p, dst, t.Behavior)
}

// digits cuts numbers out, whole or digit by digit.
type digits struct {
	Individual bool `json:"individual_digits"`
}

func (t *digits) split(d *draft, p Span, dst []Span) []Span {
	b := contiguous
	if t.Individual {
		b = isolated
	}
	return numbers().cut(d.text, p, dst, b)
}

// charDelimiterSplit cuts at one character, which it drops.
type charDelimiterSplit struct {
	Delimiter string `json:"delimiter"`
}

func (t *charDelimiterSplit) prepare() error {
	if utf8.RuneCountInString(t.Delimiter) != 1 {
		return fmt.Errorf("delimiter %q is not one character", t.Delimiter)
	}
	return nil
}

func (t *charDelimiterSplit) split(d *draft, p Span, dst []Span) []Span {
	c := cutter{behavior: removed, dst: dst, at: p.Start}
	for {
		at := strings.Index(d.text[c.at:p.End], t.Delimiter)
		if at < 0 {
			return c.finish(p.End)
		}
		c.delimiter(c.at+at, c.at+at+len(t.Delimiter))
	}
}

// fixedLength cuts after every so many characters.
type fixedLength struct {
	Length int `json:"length"`
}

func (t *fixedLength) prepare() error {
	if t.Length < 1 {
		return fmt.Errorf("length %d is not positive", t.Length)
	}
	return nil
}

func (t *fixedLength) split(d *draft, p Span, dst []Span) []Span {
	start, n := p.Start, 0
	for at := p.Start; at < p.End; at += characterLength(d.text, at) {
		if n == t.Length {
			dst = append(dst, Span{start, at})
			start, n = at, 0
		}
		n++
	}
	return append(dst, Span{start, p.End})
}

// bertPreTokenizer drops white space and makes a piece of each punctuation character.
type bertPreTokenizer struct{}

func (bertPreTokenizer) split(d *draft, p Span, dst []Span) []Span {
	s, start := d.text[:p.End], p.Start
	for at := p.Start; at < p.End; {
		r, n := rune(s[at]), 1
		if r >= utf8.RuneSelf {
			r, n = longRuneAt(s, at)
		}
		if k := classOf(r) & (space | punctuator); k != 0 {
			if start < at {
				dst = append(dst, Span{start, at})
			}
			if k&space == 0 {
				dst = append(dst, Span{at, at + n})
			}
			start = at + n
		}
		at += n
	}
	if start < p.End {
		dst = append(dst, Span{start, p.End})
	}
	return dst
}

// whitespace makes pieces of runs of word characters and of runs of what is neither those nor white space: \w+|[^\w\s]+.
type whitespace struct{}

func (whitespace) split(d *draft, p Span, dst []Span) []Span {
	start, kind := p.Start, -1
	for at := p.Start; at < p.End; {
		r, n := runeAt(d.text[:p.End], at)
		k := 1
		switch {
		case unicode.IsSpace(r):
			k = -1
		case isRustWord(r):
			k = 0
		}
		if k != kind {
			if kind >= 0 {
				dst = append(dst, Span{start, at})
			}
			start, kind = at, k
		}
		at += n
	}
	if kind >= 0 && start < p.End {
		dst = append(dst, Span{start, p.End})
	}
	return dst
}

// isRustWord is \w of Rust's regular expressions (Unicode Technical Standard 18): it has joiners and no ², unlike
// Oniguruma's.
func isRustWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || classOf(r)&(letter|number) != 0
	}
	return classOf(r)&(letter|combining) != 0 || unicode.In(r, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

// splitPattern is a text or an expression.
type splitPattern struct {
	String *string `json:"String,omitempty"`
	Regex  *string `json:"Regex,omitempty"`

	regex *pattern
}

func (p *splitPattern) compile() (err error) {
	switch {
	case p.Regex != nil:
		p.regex, err = compilePattern(*p.Regex)
	case p.String == nil:
		err = fmt.Errorf("a pattern that is neither String nor Regex")
	}
	return err
}

func (p *splitPattern) find(s string, at int, m *machine) (from, to int, ok bool) {
	if p.regex != nil {
		return p.regex.find(s, at, m)
	}
	n := -1
	if *p.String != "" {
		n = strings.Index(s[at:], *p.String)
	}
	return at + n, at + n + len(*p.String), n >= 0
}

func (p *splitPattern) matches(s string, m *machine) matchIterator {
	m.budget(s)
	return matchIterator{p: p, s: s, m: m, last: -1}
}

// splitStage cuts at what a pattern matches.
type splitStage struct {
	Pattern  splitPattern `json:"pattern"`
	Behavior behavior     `json:"behavior"`
	Invert   bool         `json:"invert"`

	fast func(s string, p Span, dst []Span) []Span // for well-known expressions
}

func (t *splitStage) prepare() error {
	if err := t.Behavior.check(); err != nil {
		return err
	}
	if t.Pattern.Regex != nil && t.Behavior == isolated && !t.Invert {
		t.fast = knownExpression(*t.Pattern.Regex)
	}
	return t.Pattern.compile()
}

func (t *splitStage) split(d *draft, p Span, dst []Span) []Span {
	if t.fast != nil {
		return t.fast(d.text, p, dst)
	}
	c := cutter{behavior: t.Behavior, dst: dst, at: p.Start, invert: t.Invert}
	for m := t.Pattern.matches(d.text[p.Start:p.End], &d.machine); m.next(); {
		c.delimiter(p.Start+m.from, p.Start+m.to)
	}
	return c.finish(p.End)
}

// splitCharacters makes a piece of each character: the expression ".", which leaves line feeds together.
func splitCharacters(s string, p Span, dst []Span) []Span {
	for at := p.Start; at < p.End; {
		start := at
		at += characterLength(s, at)
		for s[start] == '\n' && at < p.End && s[at] == '\n' {
			at++
		}
		dst = append(dst, Span{start, at})
	}
	return dst
}
