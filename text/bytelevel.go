package text

import (
	"strings"
)

// byteRunes are the visible characters that stand for bytes in byte-level vocabularies (Radford et al. 2019): printable
// Latin-1 for itself, the others for the characters from U+0100 on, in order.
var byteRunes = func() (table [256]rune) {
	other := rune(0x100)
	for b := range table {
		if '!' <= b && b <= '~' || 0xa1 <= b && b <= 0xac || 0xae <= b {
			table[b] = rune(b)
			continue
		}
		table[b] = other
		other++
	}
	return table
}()

// runeBytes is the way back; -1 where there is none.
var runeBytes = func() (table [0x144]int16) {
	for r := range table {
		table[r] = -1
	}
	for b, r := range byteRunes {
		table[r] = int16(b)
	}
	return table
}()

// bytesOf returns the bytes that a token of a byte-level vocabulary stands for; false if it has a character that stands
// for none.
func bytesOf(dst []byte, token string) ([]byte, bool) {
	for _, r := range token {
		if int(r) >= len(runeBytes) || runeBytes[r] < 0 {
			return dst, false
		}
		dst = append(dst, byte(runeBytes[r]))
	}
	return dst, true
}

// visible writes bytes as a byte-level vocabulary does.
func visible(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteRunes[s[i]])
	}
	return b.String()
}

// byteLevel cuts as GPT-2 does. The pieces stay bytes: the visible characters are the vocabulary's way to write them,
// and the vocabulary is read back to bytes instead.
type byteLevel struct {
	AddPrefix bool `json:"add_prefix_space"`
	Trim      bool `json:"trim_offsets"` // read by the post-processor of this name
	UseRegex  bool `json:"use_regex"`
}

func (t *byteLevel) rewrite(d *draft, pieces, dst []Span) []Span {
	if t.AddPrefix {
		// The pieces are moved together, so that they can be cut where they lie.
		for i, p := range pieces {
			start := len(d.next)
			if !strings.HasPrefix(d.text[p.Start:p.End], " ") {
				d.putByte(' ', p.Start)
			}
			d.keep(p.Start, p.End)
			pieces[i] = Span{start, len(d.next)}
		}
		d.commit()
	}
	if !t.UseRegex {
		return append(dst, pieces...)
	}
	for _, p := range pieces {
		dst = gpt2.cut(d.text, p, dst)
	}
	return dst
}

// The expressions of the GPT family that are so common that they are matched by hand; all are of one shape, gptCutter.
var gptExpressions = map[string]gptCutter{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`:                                          gpt2,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: {fold: true, anyPrefix: true, digits: 3, lines: true},
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:      {fold: true, anyPrefix: true, digits: 1, lines: true},
}

var gpt2 = gptCutter{digitPrefix: true}

func knownExpression(expression string) func(s string, p Span, dst []Span) []Span {
	if c, ok := gptExpressions[expression]; ok {
		return c.cut
	}
	if expression == "." {
		return splitCharacters
	}
	return nil
}

// gptCutter cuts into contractions, words, numbers, runs of other characters and white space.
type gptCutter struct {
	fold        bool // contractions in any case
	anyPrefix   bool // a word takes any one character but a line end in front, not only a space
	digitPrefix bool // a number takes a space in front
	digits      int  // longest number; 0 for any
	lines       bool // line ends stay with the punctuation before them, and white space with the line ends after it
}

func (g gptCutter) cut(s string, p Span, dst []Span) []Span {
	s = s[:p.End]
	for at := p.Start; at < len(s); {
		end := g.end(s, at)
		dst = append(dst, Span{at, end})
		at = end
	}
	return dst
}

// end returns where the piece that begins at position at ends.
func (g gptCutter) end(s string, at int) int {
	r, n := runeAt(s, at)
	if r == '\'' {
		if m := contraction(s[at+1:], g.fold); m > 0 {
			return at + 1 + m
		}
	}
	k := classOf(r) & (letter | number | space)
	if k == letter {
		return runOf(s, at+n, letter)
	}
	next, m := runeAt(s, at+n)
	nextClass := classOf(next) & (letter | number | space)
	if m == 0 {
		nextClass = space // the end
	}
	if nextClass == letter && (r == ' ' || g.anyPrefix && k != number && r != '\r' && r != '\n') {
		return runOf(s, at+n+m, letter)
	}
	switch {
	case k == number:
		return g.number(s, at)
	case r == ' ' && nextClass == number && g.digitPrefix:
		return g.number(s, at+n)
	case k == 0:
		return g.other(s, at)
	case r == ' ' && nextClass == 0:
		return g.other(s, at+n)
	}
	return g.space(s, at)
}

// runOf returns the end of a run of characters of class k.
func runOf(s string, at int, k class) int {
	for at < len(s) {
		r, n := runeAt(s, at)
		if classOf(r)&(letter|number|space) != k {
			break
		}
		at += n
	}
	return at
}

func (g gptCutter) number(s string, at int) int {
	if g.digits == 0 {
		return runOf(s, at, number)
	}
	for range g.digits {
		r, n := runeAt(s, at)
		if n == 0 || classOf(r)&number == 0 {
			break
		}
		at += n
	}
	return at
}

func (g gptCutter) other(s string, at int) int {
	at = runOf(s, at, 0)
	for g.lines && at < len(s) && (s[at] == '\r' || s[at] == '\n') {
		at++
	}
	return at
}

// space returns the end of a piece of white space: up to the last line end in it, or all of it at the end of the text,
// or all but the last character, which belongs to what follows.
func (g gptCutter) space(s string, at int) int {
	end, last, lineEnd := at, at, 0
	for end < len(s) {
		r, n := runeAt(s, end)
		if classOf(r)&space == 0 {
			break
		}
		last = end
		end += n
		if r == '\r' || r == '\n' {
			lineEnd = end
		}
	}
	switch {
	case g.lines && lineEnd > 0:
		return lineEnd
	case end == len(s) || last == at:
		return end
	}
	return last
}

// contraction returns the length of s, t, re, ve, m, ll or d at the beginning of s, 0 for none.
func contraction(s string, fold bool) int {
	if s == "" {
		return 0
	}
	a, b := s[0], byte(0)
	if len(s) > 1 {
		b = s[1]
	}
	if fold {
		a, b = lowerASCII(a), lowerASCII(b)
		if strings.HasPrefix(s, "ſ") {
			return len("ſ") // Unicode folds it to s
		}
	}
	switch {
	case a == 's', a == 't', a == 'm', a == 'd':
		return 1
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 2
	}
	return 0
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
