package text

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nfkc unifies compatibility forms (Unicode Standard Annex 15).
type nfkc struct{}

func (nfkc) edits(s string, dst []edit) []edit { return normEdits(norm.NFKC, s, dst) }

// lowercase maps each character by itself to lower case, as Rust's char::to_lowercase does: no context, and İ becomes
// two characters.
type lowercase struct{}

func (lowercase) edits(s string, dst []edit) []edit {
	for at := 0; at < len(s); {
		c := s[at]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				dst = append(dst, edit{at, at + 1, asciiLower[c-'A' : c-'A'+1]})
			}
			at++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == 'İ' {
			dst = append(dst, edit{at, at + n, "i̇"})
		} else if l := unicode.ToLower(r); l != r {
			dst = append(dst, edit{at, at + n, string(l)})
		}
		at += n
	}
	return dst
}

const asciiLower = "abcdefghijklmnopqrstuvwxyz"
