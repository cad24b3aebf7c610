// Package hanzi holds facts about Chinese characters that cleaning and spelling need: simplified forms, readings, and
// which characters look alike. Each table is read when it is first asked for.
//
// The tables are made by gen, a module of its own: forms and phrases are those of OpenCC (Apache-2.0), readings those of
// go-pinyin (MIT), both facts of the language; alike is what correlates when a font draws it.
package hanzi

//go:generate sh -c "cd gen && go run ."

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed traditional.txt
var traditionalText string

//go:embed readings.txt
var readingsText string

//go:embed lookalikes.txt
var lookalikesText string

// set is a set of characters of the basic plane; those beyond it always seem to be in.
type set [1 << 16 / 64]uint64

func (s *set) add(r rune) {
	if r <= 0xffff {
		s[r>>6] |= 1 << (r & 63)
	}
}

func (s *set) has(r rune) bool { return r > 0xffff || s[r>>6]&(1<<(r&63)) != 0 }

// forms are the traditional characters and phrases, and what they become.
type forms struct {
	any     set // characters that something is known about
	simple  map[rune]rune
	phrases map[rune][][2]string // by their first character, longest first
}

var loadForms = sync.OnceValue(func() *forms {
	f := &forms{simple: map[rune]rune{}, phrases: map[rune][][2]string{}}
	pairs, phrases, _ := strings.Cut(traditionalText, "\n")
	from := rune(0)
	for _, r := range pairs {
		if from == 0 {
			from = r
			continue
		}
		f.simple[from] = r
		f.any.add(from)
		from = 0
	}
	for line := range strings.Lines(phrases) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, p := range [][2]string{{from, to}, {to, to}} { // what it becomes stays: 萧乾 is no 萧干
			first, _ := utf8.DecodeRuneInString(p[0])
			f.phrases[first] = append(f.phrases[first], p)
			f.any.add(first)
		}
	}
	for _, list := range f.phrases {
		slices.SortStableFunc(list, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	}
	return f
})

// Simplify calls replace for every traditional character of s, in order, with its place in bytes and its simplified
// form. Phrases decide where a character alone does not: 乾 becomes 干 in 乾淨 and stays in 乾坤.
func Simplify(s string, replace func(from, to int, with rune)) {
	f := loadForms()
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		if r < 0x3400 || !f.any.has(r) {
			at += n
			continue
		}
		if phrase := f.phrase(s[at:], r); phrase[0] != "" {
			with := phrase[1]
			for _, old := range phrase[0] {
				r, m := utf8.DecodeRuneInString(with)
				n := utf8.RuneLen(old)
				if r != old {
					replace(at, at+n, r)
				}
				at, with = at+n, with[m:]
			}
			continue
		}
		if simple, ok := f.simple[r]; ok {
			replace(at, at+n, simple)
		}
		at += n
	}
}

// phrase returns the longest phrase that s begins with; first is its first character.
func (f *forms) phrase(s string, first rune) [2]string {
	for _, p := range f.phrases[first] {
		if strings.HasPrefix(s, p[0]) {
			return p
		}
	}
	return [2]string{}
}
