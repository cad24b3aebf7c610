package corpus

import (
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Words marks the tokens of s, whose Spans count in it, that begin a word, and appends them. Parts of a word in letters
// belong together, and Chinese characters do where seg cuts no word; without a segmenter each token is a word.
func Words(dst []Token, e *text.Encoding, s string, seg text.Segmenter) []Token {
	var cuts []text.Span
	if chinese, _ := text.CountChinese(s); chinese > 0 && seg != nil {
		cuts = seg.Segment(s)
	}
	next := 0 // of cuts
	for i, id := range e.IDs {
		begins := i == 0 || seg == nil
		if !begins {
			before, at := e.Spans[i-1], e.Spans[i].Start
			for next < len(cuts) && cuts[next].Start < at {
				next++
			}
			cut := next < len(cuts) && cuts[next].Start == at
			begins = at > before.End || at == before.End && apart(s, at, cut)
		}
		dst = append(dst, Token{id, begins})
	}
	return dst
}

// apart tells whether a word ends and another begins at a place in s; cut is what a segmenter of Chinese says.
func apart(s string, at int, cut bool) bool {
	left, _ := utf8.DecodeLastRuneInString(s[:at])
	right, _ := utf8.DecodeRuneInString(s[at:])
	switch {
	case unicode.IsSpace(left): // a token of its own that leads to the word
		return false
	case !wordly(left) || !wordly(right):
		return true
	case unicode.Is(unicode.Han, left) || unicode.Is(unicode.Han, right):
		return cut
	}
	return false
}

func wordly(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
