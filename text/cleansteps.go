package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func invalidEdits(s string) (edits []edit) {
	if utf8.ValidString(s) {
		return nil
	}
	for at, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[at:], "\uFFFD") {
			edits = append(edits, edit{at, at + 1, "\uFFFD"})
		}
	}
	return edits
}

func unicodeEdits(c *CleanConfig, s string) []edit {
	form := norm.NFC
	if c.Unicode == "nfkc" {
		form = norm.NFKC
	}
	return normEdits(form, s, nil)
}

// normEdits appends the edits that normalise s.
func normEdits(form norm.Form, s string, edits []edit) []edit {
	if surelyNormal(form, s) || form.QuickSpanString(s) == len(s) || form.IsNormalString(s) {
		return edits
	}
	var it norm.Iter
	var out []byte
	it.InitString(form, s)
	for !it.Done() {
		from := it.Pos()
		out = append(out[:0], it.Next()...)
		for !it.Done() && it.Pos() == from { // the rest of what one character became
			out = append(out, it.Next()...)
		}
		if to := it.Pos(); s[from:to] != string(out) {
			edits = segmentEdits(s, from, to, string(out), edits)
		}
	}
	return edits
}

// surelyNormal knows the characters of nearly all Chinese and English text to be normal, at a tenth of the cost of
// asking Unicode's tables.
func surelyNormal(form norm.Form, s string) bool {
	doubt := signNotNFC
	if form == norm.NFKC {
		doubt = signNotNFKC
	}
	for _, r := range s {
		if r > 0xffff && rareSigns(r, 4)&doubt != 0 || r <= 0xffff && signsOf[r]&doubt != 0 {
			return false
		}
	}
	return true
}

// segmentEdits appends the edits that turn s[from:to] into with, character by character, as Hugging Face's tokenizers
// align them: characters that were composed stand for the first of their parts, and what one character became stands
// for that character.
func segmentEdits(s string, from, to int, with string, edits []edit) []edit {
	for from < to {
		_, n := utf8.DecodeRuneInString(s[from:to])
		_, m := utf8.DecodeRuneInString(with)
		if from+n == to { // the last character takes the rest
			m = len(with)
		}
		if s[from:from+n] != with[:m] {
			edits = append(edits, edit{from, from + n, with[:m]})
		}
		from, with = from+n, with[m:]
	}
	return edits
}

// narrow holds what the full-width characters from U+FF01 become.
const narrow = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// someEdits is room for the edits of most texts.
const someEdits = 16

func widthEdits(s string) (edits []edit) {
	for at := 0; at < len(s); {
		if c := s[at]; c != 0xef && c != 0xe3 || at+2 >= len(s) { // what they begin with, and few others do
			if eastern(s, at) {
				at += 2
			}
			at++
			continue
		}
		with := ""
		switch r, _ := utf8.DecodeRuneInString(s[at:]); {
		case r >= 0xff01 && r <= 0xff5e:
			with = narrow[r-0xff01 : r-0xff00]
		case r == 0x3000:
			with = " "
		}
		if with != "" {
			if edits == nil {
				edits = make([]edit, 0, someEdits)
			}
			edits = append(edits, edit{at, at + 3, with})
		}
		at += characterLength(s, at)
	}
	return edits
}

func controlEdits(s string) (edits []edit) {
	for at, r := range s {
		if invisible(r) {
			edits = append(edits, edit{at, at + utf8.RuneLen(r), ""})
		}
	}
	return edits
}

// invisible tells of characters that only confuse: controls but white space, zero-width ones but the joiners that
// emoji and some scripts need, and marks of direction.
func invisible(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case r < 0x20 || r >= 0x7f && r < 0xa0 && r != 0x85:
		return true
	case r == 0xad, r == 0x200b, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

func repeatEdits(s string, limit int) (edits []edit) {
	last, n, kept := rune(-1), 0, 0 // kept: end of what stays of the run
	for at, r := range s {
		if r != last || unicode.IsDigit(r) {
			if n > limit {
				edits = append(edits, edit{kept, at, ""})
			}
			last, n = r, 0
		}
		if n++; n == limit {
			kept = at + characterLength(s, at)
		}
	}
	if n > limit {
		edits = append(edits, edit{kept, len(s), ""})
	}
	return edits
}

// isSpace is unicode.IsSpace at the cost of a look-up.
func isSpace(r rune) bool { return r == ' ' || r <= 0xffff && signsOf[r]&signSpace != 0 }

func spaceEdits(s string) (edits []edit) {
	for at := 0; at < len(s); {
		if c := s[at]; c > ' ' && c < utf8.RuneSelf {
			at++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		if !isSpace(r) {
			at += n
			continue
		}
		from := at
		for at < len(s) {
			r, n := utf8.DecodeRuneInString(s[at:])
			if !isSpace(r) {
				break
			}
			at += n
		}
		with := " "
		if from == 0 || at == len(s) {
			with = ""
		}
		if s[from:at] != with {
			if edits == nil {
				edits = make([]edit, 0, someEdits)
			}
			edits = append(edits, edit{from, at, with})
		}
	}
	return edits
}
