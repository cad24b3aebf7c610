package near

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxDiffWords = 1000 // of each text; the rest is not compared
	keptAround   = 12   // characters of a long common stretch that are shown on each side
)

// Marked returns b with what it has that a has not as {+…+}, and what it lacks as [-…-]: words, or single Chinese
// characters. Long stretches that both have are shortened to "…".
func Marked(a, b string) string {
	x, y := diffWords(a), diffWords(b)
	common := commonTail(x, y)
	var out, gone, come, same strings.Builder
	changes := func() {
		for _, c := range []struct {
			open, close string
			b           *strings.Builder
		}{{"[-", "-]", &gone}, {"{+", "+}", &come}} {
			if c.b.Len() > 0 {
				out.WriteString(c.open + c.b.String() + c.close)
				c.b.Reset()
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			changes()
			same.WriteString(x[i])
			i, j = i+1, j+1
			continue
		case j == len(y) || i < len(x) && common(i+1, j) >= common(i, j+1):
			out.WriteString(shortened(same.String(), out.Len() == 0, false))
			same.Reset()
			gone.WriteString(x[i])
			i++
		default:
			out.WriteString(shortened(same.String(), out.Len() == 0, false))
			same.Reset()
			come.WriteString(y[j])
			j++
		}
	}
	changes()
	out.WriteString(shortened(same.String(), out.Len() == 0, true))
	return out.String()
}

// commonTail returns the length of the longest common subsequence of x from i on and y from j on.
func commonTail(x, y []string) func(i, j int) uint16 {
	width := len(y) + 1
	table := make([]uint16, (len(x)+1)*width)
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i*width+j] = table[(i+1)*width+j+1] + 1
			} else {
				table[i*width+j] = max(table[(i+1)*width+j], table[i*width+j+1])
			}
		}
	}
	return func(i, j int) uint16 { return table[i*width+j] }
}

// diffWords cuts a text into words, single Chinese characters, and what stands between them. White space is one space.
func diffWords(s string) (words []string) {
	for at := 0; at < len(s) && len(words) < maxDiffWords; {
		r, n := utf8.DecodeRuneInString(s[at:])
		from := at
		at += n
		switch {
		case unicode.IsSpace(r):
			for at < len(s) {
				if r, n := utf8.DecodeRuneInString(s[at:]); unicode.IsSpace(r) {
					at += n
					continue
				}
				break
			}
			words = append(words, " ")
			continue
		case !dense(r) && wordRune(r):
			for at < len(s) {
				if r, n := utf8.DecodeRuneInString(s[at:]); wordRune(r) && !dense(r) {
					at += n
					continue
				}
				break
			}
		}
		words = append(words, s[from:at])
	}
	return words
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// shortened leaves out the middle of a long stretch, and the outer part of one at the beginning or end.
func shortened(s string, first, last bool) string {
	r := []rune(s)
	switch {
	case len(r) <= 2*keptAround+8:
		return s
	case first && last:
		return string(r[:2*keptAround]) + "…"
	case first:
		return "…" + string(r[len(r)-keptAround:])
	case last:
		return string(r[:keptAround]) + "…"
	}
	return string(r[:keptAround]) + "…" + string(r[len(r)-keptAround:])
}
