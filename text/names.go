package text

import (
	"math"
	"sync"
	"unicode/utf8"
)

// nameModel knows how probable a string of two or three characters is as the name of a Chinese person: the share of
// names of that length times that of its characters at their places, counted over the names of people in the
// dictionary. Its tables hold logarithms by the dictionary's code of the character, noWord for none.
type nameModel struct {
	surname []float32
	given   []float32 // the second character of two, with the share of names of two
	first   []float32 // the second of three, with the share of names of three
	second  []float32 // the third of three
}

const (
	// nameScore is the logarithm of the share of words that are names of people no dictionary lists: one in 3,000.
	nameScore = -8
	// minSurname is how many names must begin with a character for it to be a surname.
	minSurname = 20
)

var loadNames = sync.OnceValues(func() (*nameModel, error) {
	words, err := loadAttested()
	if err != nil {
		return nil, err
	}
	m := &nameModel{}
	var lengths [4]float32
	for _, table := range []*[]float32{&m.surname, &m.given, &m.first, &m.second} {
		*table = make([]float32, maxCode+1)
	}
	for word, e := range dictionaryEntries {
		n := utf8.RuneCountInString(word)
		if e.tag != "nr" || n != 2 && n != 3 {
			continue
		}
		lengths[n]++
		tables := [...][]float32{m.surname, m.given}
		if n == 3 {
			tables = [...][]float32{m.surname, m.first}
			r, _ := utf8.DecodeLastRuneInString(word)
			m.second[words.code(r)]++
		}
		i := 0
		for _, r := range word {
			if i < len(tables) {
				tables[i][words.code(r)]++
			}
			i++
		}
	}
	all := lengths[2] + lengths[3]
	logarithms(m.surname, minSurname, all)
	logarithms(m.given, 1, all)
	logarithms(m.first, 1, all)
	logarithms(m.second, 1, lengths[3])
	return m, nil
})

// logarithms turns counts into the logarithms of their shares.
func logarithms(counts []float32, least, total float32) {
	for i, n := range counts {
		counts[i] = noWord
		if n >= least {
			counts[i] = float32(math.Log(float64(n / total)))
		}
	}
}

// nameWords offers the names of people that may begin at rune i.
func (c *lattice) nameWords(i int) {
	m := c.names
	surname := m.surname[c.codes[i]]
	if surname == noWord || i+1 == len(c.codes) {
		return
	}
	if given := m.given[c.codes[i+1]]; given != noWord {
		c.reach(i, i+2, nameScore+float64(surname+given))
	}
	if i+2 == len(c.codes) {
		return
	}
	if first, second := m.first[c.codes[i+1]], m.second[c.codes[i+2]]; first != noWord && second != noWord {
		c.reach(i, i+3, nameScore+float64(surname+first+second))
	}
}
