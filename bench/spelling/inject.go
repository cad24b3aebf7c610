package main

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hanzi"
)

// units cuts a text into words of ASCII letters and single other characters.
func units(s string) []string {
	var out []string
	for at := 0; at < len(s); {
		end := at
		for end < len(s) && (letter(s[end]) || end > at && s[end] == '\'' && end+1 < len(s) && letter(s[end+1])) {
			end++
		}
		if end == at {
			_, n := utf8.DecodeRuneInString(s[at:])
			end += n
		}
		out = append(out, s[at:end])
		at = end
	}
	return out
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// injector puts errors into texts.
type injector struct {
	rng   *rand.Rand
	rate  float64
	count map[rune]float64 // of the characters of the corpus
}

func newInjector(texts []string, rate float64, seed uint64) *injector {
	j := &injector{rand.New(rand.NewPCG(seed, 1)), rate, map[rune]float64{}}
	for _, s := range texts {
		for _, r := range s {
			if len(hanzi.Readings(r)) > 0 {
				j.count[r]++
			}
		}
	}
	return j
}

// spoil returns a copy of a text with errors.
func (j *injector) spoil(right []string) []string {
	out := append([]string(nil), right...)
	for i, u := range right {
		if j.rng.Float64() >= j.rate {
			continue
		}
		r, n := utf8.DecodeRuneInString(u)
		switch {
		case len(u) >= 4 && letter(u[0]) && !strings.Contains(u, "'"):
			out[i] = j.slip(u)
		case n == len(u) && len(hanzi.Readings(r)) > 0:
			out[i] = j.confuse(r)
		}
	}
	return out
}

// slip returns a word with one slip of a finger: a letter left out, doubled, hit beside, or two swapped.
func (j *injector) slip(word string) string {
	for {
		i := j.rng.IntN(len(word))
		out := word
		switch j.rng.IntN(4) {
		case 0:
			out = word[:i] + word[i+1:]
		case 1:
			out = word[:i] + word[i:i+1] + word[i:]
		case 2:
			keys := beside(word[i])
			out = word[:i] + keys[j.rng.IntN(len(keys)):][:1] + word[i+1:]
		case 3:
			if i+1 < len(word) {
				out = word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]
			}
		}
		if out != word {
			return out
		}
	}
}

// beside returns the keys beside a letter, in its case.
func beside(c byte) string {
	rows := []string{"qwertyuiop", "asdfghjkl", "zxcvbnm"}
	small := c | 0x20
	for r, row := range rows {
		at := strings.IndexByte(row, small)
		if at < 0 {
			continue
		}
		var keys string
		for dr := -1; dr <= 1; dr++ {
			for dc := -1; dc <= 1; dc++ {
				if r+dr < 0 || r+dr >= len(rows) || at+dc < 0 || at+dc >= len(rows[r+dr]) || dr == 0 && dc == 0 || dr*dc > 0 {
					continue
				}
				keys += rows[r+dr][at+dc : at+dc+1]
			}
		}
		if c != small {
			keys = strings.ToUpper(keys)
		}
		return keys
	}
	return string(c)
}

// confuse returns another character for r: of the same sound in one half of the cases, of a near sound in a fifth, of
// a like shape in the rest; frequent ones more often.
func (j *injector) confuse(r rune) string {
	kinds := map[hanzi.Kind]bool{hanzi.LookAlike: true}
	switch x := j.rng.Float64(); {
	case x < 0.5:
		kinds = map[hanzi.Kind]bool{hanzi.SameSound: true, hanzi.SameSyllable: true}
	case x < 0.7:
		kinds = map[hanzi.Kind]bool{hanzi.NearSound: true}
	}
	total := 0.0
	list := hanzi.Confusions(r)
	for _, c := range list {
		if kinds[c.Kind] {
			total += j.count[c.Rune]
		}
	}
	x := j.rng.Float64() * total
	for _, c := range list {
		if !kinds[c.Kind] {
			continue
		}
		if x -= j.count[c.Rune]; x < 0 {
			return string(c.Rune)
		}
	}
	return string(r) // nothing like it occurs here
}
