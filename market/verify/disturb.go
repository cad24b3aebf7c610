package verify

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hanzi"
)

// disturbance is a way in which a text is still the same to a reader.
type disturbance struct {
	Kind   string
	change func(r *rand.Rand, text []rune) []placed
}

// placed is a character of a disturbed text, and the number of the character that it comes from.
type placed struct {
	rune
	from int
}

// disturbances are made of the same text in the same way each time, everywhere.
var disturbances = []disturbance{
	{"typos", typos},
	{"homophones", homophones},
	{"full_width", func(_ *rand.Rand, text []rune) []placed { return mapped(text, wide) }},
	{"traditional", func(_ *rand.Rand, text []rune) []placed { return mapped(text, hanzi.Traditional) }},
}

// of returns the text as it is after the disturbance; the same text where there is nothing to disturb.
func (d disturbance) of(text string) string {
	var b strings.Builder
	for _, p := range d.characters(text) {
		b.WriteRune(p.rune)
	}
	return b.String()
}

// characters are those of the disturbed text.
func (d disturbance) characters(text string) []placed {
	h := fnv.New64a()
	h.Write([]byte(d.Kind + "\x00" + text))
	return d.change(rand.New(rand.NewPCG(h.Sum64(), 1)), []rune(text))
}

// row disturbs the texts of a row, both of a pair, and has its entities where they are then. ok is false where nothing has
// changed, and where an entity is gone or has got a character of what stands beside it: what it is then nobody can say.
func (d disturbance) row(row Row) (other Row, ok bool) {
	other = row
	other.Text, other.Pair = d.of(row.Text), d.of(row.Pair)
	if other.Text == row.Text && other.Pair == row.Pair {
		return other, false
	}
	if len(row.Entities) == 0 {
		return other, true
	}
	characters, number, n := d.characters(row.Text), map[int]int{len(row.Text): utf8.RuneCountInString(row.Text)}, 0
	for at := range row.Text {
		number[at] = n
		n++
	}
	other.Entities = make([]data.Entity, len(row.Entities))
	for i, e := range row.Entities {
		first, begins := number[e.Start]
		end, ends := number[e.End]
		if other.Entities[i], ok = moved(characters, first, end, e.Label); !ok || !begins || !ends {
			return other, false
		}
	}
	return other, true
}

// moved is the entity of the characters from first to end of a text in the disturbed one; ok is false where they are gone, or
// no longer side by side.
func moved(characters []placed, first, end int, label string) (e data.Entity, ok bool) {
	at := 0
	for _, p := range characters {
		next := at + utf8.RuneLen(p.rune)
		if p.from >= first && p.from < end {
			switch {
			case !ok:
				e, ok = data.Entity{Start: at, End: next, Label: label}, true
			case e.End == at:
				e.End = next
			default:
				return e, false
			}
		}
		at = next
	}
	return e, ok
}

// oneIn is how many characters come on one that is wrong.
const oneIn = 12

// typos have a letter doubled, left out or changed with the next one within a word, and a character of Chinese that looks
// like the right one.
func typos(r *rand.Rand, text []rune) (out []placed) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		inWord := i > 0 && i+1 < len(text) && letter(text[i-1]) && letter(c) && letter(text[i+1])
		if r.IntN(oneIn) != 0 {
			out = append(out, placed{c, i})
			continue
		}
		switch like := confused(r, c, hanzi.LookAlike); {
		case like != c:
			out = append(out, placed{like, i})
		case !inWord:
			out = append(out, placed{c, i})
		default:
			switch r.IntN(3) {
			case 0:
				out = append(out, placed{c, i}, placed{c, i})
			case 1:
			default:
				out = append(out, placed{text[i+1], i + 1}, placed{c, i})
				i++
			}
		}
	}
	return out
}

func letter(r rune) bool { return r < unicode.MaxASCII && unicode.IsLetter(r) }

// homophones have characters of Chinese that are typed alike.
func homophones(r *rand.Rand, text []rune) (out []placed) {
	for i, c := range text {
		if r.IntN(oneIn) == 0 {
			c = confused(r, c, hanzi.SameSound)
		}
		out = append(out, placed{c, i})
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

func mapped(text []rune, f func(rune) rune) []placed {
	out := make([]placed, len(text))
	for i, c := range text {
		out[i] = placed{f(c), i}
	}
	return out
}
