package text

import (
	"unicode"
	"unicode/utf8"
)

// whitespaceSplit cuts at white space, which it drops.
type whitespaceSplit struct{}

func (whitespaceSplit) split(s string, p Span, dst []Span) []Span {
	start := -1
	for at := p.Start; at < p.End; {
		r, n := utf8.DecodeRuneInString(s[at:p.End])
		if unicode.IsSpace(r) {
			if start >= 0 {
				dst = append(dst, Span{start, at})
			}
			start = -1
		} else if start < 0 {
			start = at
		}
		at += n
	}
	if start >= 0 {
		dst = append(dst, Span{start, p.End})
	}
	return dst
}

// splitCharacters makes a piece of each character: Split by the expression "." with the behaviour Isolated.
type splitCharacters struct{}

func (splitCharacters) split(s string, p Span, dst []Span) []Span {
	for at := p.Start; at < p.End; {
		_, n := utf8.DecodeRuneInString(s[at:p.End])
		dst = append(dst, Span{at, at + n})
		at += n
	}
	return dst
}

// punctuation makes a piece of each punctuation character (ASCII's, and Unicode's category P).
type punctuation struct{}

func (punctuation) split(s string, p Span, dst []Span) []Span {
	start := p.Start
	for at := p.Start; at < p.End; {
		r, n := utf8.DecodeRuneInString(s[at:p.End])
		if isPunctuation(r) {
			if start < at {
				dst = append(dst, Span{start, at})
			}
			dst = append(dst, Span{at, at + n})
			start = at + n
		}
		at += n
	}
	if start < p.End {
		dst = append(dst, Span{start, p.End})
	}
	return dst
}

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.Is(unicode.P, r)
}
