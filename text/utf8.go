package text

import "unicode/utf8"

// eastern tells that a character from U+3000 to U+9FFF stands at position at: the three bytes of nearly all Chinese. None of
// them has two cases.
func eastern(s string, at int) bool {
	return at+2 < len(s) && s[at]-0xe3 <= 0xe9-0xe3 && s[at+1]&0xc0 == 0x80 && s[at+2]&0xc0 == 0x80
}

// runeAt decodes one character as utf8.DecodeRuneInString does, and Chinese faster; its length is 0 at the end.
func runeAt(s string, at int) (rune, int) {
	if at < len(s) && s[at] < utf8.RuneSelf {
		return rune(s[at]), 1
	}
	return longRuneAt(s, at)
}

// longRuneAt is runeAt for all but ASCII, for loops that look at ASCII themselves.
func longRuneAt(s string, at int) (rune, int) {
	switch {
	case at >= len(s):
		return 0, 0
	case eastern(s, at):
		return rune(s[at])&0xf<<12 | rune(s[at+1])&0x3f<<6 | rune(s[at+2])&0x3f, 3
	}
	return utf8.DecodeRuneInString(s[at:])
}

// characterLength returns the number of bytes of the character at position at, 1 for a stray byte.
func characterLength(s string, at int) int {
	_, n := runeAt(s, at)
	return n
}
