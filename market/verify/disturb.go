package verify

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/xiaoyu-slm/xiaoyu/internal/hanzi"
)

// disturbance is a way in which a text is still the same to a reader.
type disturbance struct {
	Kind   string
	change func(r *rand.Rand, text []rune) []rune
}

// disturbances are made of the same text in the same way each time, everywhere.
var disturbances = []disturbance{
	{"typos", typos},
	{"homophones", homophones},
	{"full_width", func(_ *rand.Rand, text []rune) []rune { return mapped(text, wide) }},
	{"traditional", func(_ *rand.Rand, text []rune) []rune { return mapped(text, hanzi.Traditional) }},
}

// of returns the text as it is after the disturbance; the same text where there is nothing to disturb.
func (d disturbance) of(text string) string {
	h := fnv.New64a()
	h.Write([]byte(d.Kind + "\x00" + text))
	return string(d.change(rand.New(rand.NewPCG(h.Sum64(), 1)), []rune(text)))
}

// oneIn is how many characters come on one that is wrong.
const oneIn = 12

// typos have a letter doubled, left out or changed with the next one within a word, and a character of Chinese that looks
// like the right one.
func typos(r *rand.Rand, text []rune) (out []rune) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		inWord := i > 0 && i+1 < len(text) && letter(text[i-1]) && letter(c) && letter(text[i+1])
		if r.IntN(oneIn) != 0 {
			out = append(out, c)
			continue
		}
		switch like := confused(r, c, hanzi.LookAlike); {
		case like != c:
			out = append(out, like)
		case !inWord:
			out = append(out, c)
		default:
			switch r.IntN(3) {
			case 0:
				out = append(out, c, c)
			case 1:
			default:
				out = append(out, text[i+1], c)
				i++
			}
		}
	}
	return out
}

func letter(r rune) bool { return r < unicode.MaxASCII && unicode.IsLetter(r) }

// homophones have characters of Chinese that are typed alike.
func homophones(r *rand.Rand, text []rune) (out []rune) {
	for _, c := range text {
		if r.IntN(oneIn) == 0 {
			c = confused(r, c, hanzi.SameSound)
		}
		out = append(out, c)
	}
	return out
}

// confused returns a character that is taken for c, c itself where there is none.
func confused(r *rand.Rand, c rune, kind hanzi.Kind) rune {
	var list []rune
	for _, x := range hanzi.Confusions(c) {
		if x.Kind == kind {
			list = append(list, x.Rune)
		}
	}
	if len(list) == 0 {
		return c
	}
	return list[r.IntN(len(list))]
}

// wide is the full-width form of a character of ASCII.
func wide(c rune) rune {
	switch {
	case c == ' ':
		return '\u3000'
	case c > ' ' && c < unicode.MaxASCII:
		return c - '!' + '！'
	}
	return c
}

func mapped(text []rune, f func(rune) rune) []rune { return []rune(strings.Map(f, string(text))) }
