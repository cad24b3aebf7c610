package spell

import (
	"iter"
	"math"
	"strings"
)

// shortened yields s and s without each of its letters: two words are one edit apart, or two, only if they share one
// of these (the index of deletions, after Garbe's SymSpell).
func shortened(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(s) {
			return
		}
		for i := range s {
			if !yield(s[:i] + s[i+1:]) {
				return
			}
		}
	}
}

// How often slips are of each kind, from what typists are known to do: a letter left out, one too many, another one,
// two swapped.
const (
	omission     = 0.35
	insertion    = 0.25
	substitution = 0.25
	swap         = 0.15
)

// slipOf returns the probability that somebody who slips in writing meant writes wrong; 0 if the two are not one edit
// apart.
func slipOf(meant, wrong string) float64 {
	a := 0 // common letters at the beginning
	for a < len(meant) && a < len(wrong) && meant[a] == wrong[a] {
		a++
	}
	z := 0 // and at the end
	for z < len(meant)-a && z < len(wrong)-a && meant[len(meant)-1-z] == wrong[len(wrong)-1-z] {
		z++
	}
	m, w := meant[a:len(meant)-z], wrong[a:len(wrong)-z]
	places := float64(len(meant))
	first := 1.0
	if a == 0 { // people see to the first letter
		first = 0.3
	}
	switch {
	case len(m) == 1 && w == "":
		if has(meant, a-1, m[0]) || has(meant, a+1, m[0]) { // one of a double letter
			return omission * first / places * 1.5
		}
		return omission * first / places
	case m == "" && len(w) == 1:
		switch {
		case has(meant, a-1, w[0]) || has(meant, a, w[0]): // a letter doubled
			return insertion * first / (places + 1) * 0.6
		case isKeyNear(meant, a-1, w[0]) || isKeyNear(meant, a, w[0]):
			return insertion * first / (places + 1) * 0.05
		}
		return insertion * first / (places + 1) * 0.01
	case len(m) == 1 && len(w) == 1:
		switch {
		case strings.IndexByte(neighbours[m[0]], w[0]) >= 0:
			return substitution * first / places * 0.14
		case isVowel(m[0]) && isVowel(w[0]):
			return substitution * first / places * 0.12
		}
		return substitution * first / places * 0.01
	case len(m) == 2 && len(w) == 2 && m[0] == w[1] && m[1] == w[0]:
		return swap * first / (places - 1)
	}
	return 0
}

func isVowel(c byte) bool { return strings.IndexByte("aeiou", c) >= 0 }

// has tells whether letter i of s is c.
func has(s string, i int, c byte) bool { return i >= 0 && i < len(s) && s[i] == c }

func isKeyNear(s string, i int, c byte) bool {
	return i >= 0 && i < len(s) && strings.IndexByte(neighbours[s[i]], c) >= 0
}

// neighbours are the keys beside each on an English keyboard.
var neighbours = func() (t [256]string) {
	rows := []string{"qwertyuiop", "asdfghjkl", "zxcvbnm"}
	at := func(row, column int) string {
		if row < 0 || row >= len(rows) || column < 0 || column >= len(rows[row]) {
			return ""
		}
		return rows[row][column : column+1]
	}
	for r, row := range rows {
		for c := range row {
			t[row[c]] = at(r, c-1) + at(r, c+1) + at(r-1, c) + at(r-1, c+1) + at(r+1, c-1) + at(r+1, c)
		}
	}
	return t
}()

// inflection returns what the log odds of a slip lose where the difference is one that grammar makes: timer and
// timers are two words.
func inflection(meant, wrong string) float64 {
	long, short := meant, wrong
	if len(long) < len(short) {
		long, short = short, long
	}
	switch {
	case len(long) == len(short)+1 && strings.HasPrefix(long, short) && strings.IndexByte("sdryn", long[len(long)-1]) >= 0:
		return 8
	case len(long) == len(short) && long[:len(long)-1] == short[:len(short)-1] && strings.IndexByte("sdryn", long[len(long)-1]) >= 0 && strings.IndexByte("sdryn", short[len(short)-1]) >= 0:
		return 8
	case strings.ReplaceAll(long, "'", "") == short:
		return 1 // dont: an apostrophe that is left out is a slip
	}
	return 0
}

// spelling is a model of letters: how much a string looks like a word, by each letter's probability after the three
// before it.
type spelling struct {
	counts map[string][27]float32 // by context: the counts of a to z, and of an end
}

func newSpelling() *spelling { return &spelling{map[string][27]float32{}} }

const contextLetters = 3

func (m *spelling) each(form string, f func(contexts [contextLetters + 1]string, letter int)) {
	padded := strings.Repeat("^", contextLetters) + form
	for i := contextLetters; i <= len(padded); i++ {
		letter := 26
		if i < len(padded) {
			letter = int(padded[i] - 'a')
			if letter < 0 || letter > 25 { // an apostrophe
				continue
			}
		}
		var contexts [contextLetters + 1]string
		for n := range contexts {
			contexts[n] = padded[i-n : i]
		}
		f(contexts, letter)
	}
}

func (m *spelling) add(form string) {
	m.each(form, func(contexts [contextLetters + 1]string, letter int) {
		for _, c := range contexts {
			row := m.counts[c]
			row[letter]++
			m.counts[c] = row
		}
	})
}

// logProbability interpolates from short contexts to long ones. form is a word that was added: what it brought itself
// is left out.
func (m *spelling) logProbability(form string) (sum float64) {
	m.each(form, func(contexts [contextLetters + 1]string, letter int) {
		p := 1.0 / 27
		for _, c := range contexts {
			row, ok := m.counts[c]
			if !ok {
				break
			}
			total, kinds := 0.0, 0.0
			row[letter]--
			for _, n := range row {
				if total += float64(n); n > 0 {
					kinds++
				}
			}
			if total <= 0 {
				break
			}
			p = (float64(row[letter]) + kinds*p) / (total + kinds)
		}
		sum += math.Log(p)
	})
	return sum
}
