package plan

import (
	"sort"
	"strings"
	"unicode"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Words are texts in rising order, one behind the other.
type Words struct {
	Bytes []byte
	At    []uint32 // where each begins, and where the last one ends
}

// NewWords lays out texts that are in rising order.
func NewWords(list []string) Words {
	w := Words{At: []uint32{0}}
	for _, s := range list {
		w.Bytes = append(w.Bytes, s...)
		w.At = append(w.At, uint32(len(w.Bytes)))
	}
	return w
}

// Len returns how many there are.
func (w *Words) Len() int { return len(w.At) - 1 }

// Prefixed returns the range of those that begin with prefix.
func (w *Words) Prefixed(prefix string) (lo, hi int) {
	lo = sort.Search(w.Len(), func(i int) bool { return w.Text(i) >= prefix })
	hi = lo
	for hi < w.Len() && strings.HasPrefix(w.Text(hi), prefix) {
		hi++
	}
	return lo, hi
}

// Text returns the text of that number.
func (w *Words) Text(i int) string { return string(w.Bytes[w.At[i]:w.At[i+1]]) }

// change is what becomes of a character.
type change struct {
	from rune
	to   string
}

// Mapping is what becomes of characters.
type Mapping struct {
	Shifts     [][4]int32  // from, to, step, difference: runs of characters, in rising order
	Dropped    [][2]uint32 // ranges of those that go
	Characters []uint32    // others
	Texts      Words       // what becomes of these, in their order
}

// leastRun is how many characters a run has at least: shorter ones take less room one by one.
const leastRun = 3

// newMapping lays out changes, which are in rising order.
func newMapping(list []change) Mapping {
	var m Mapping
	var texts []string
	single := func(i int) (difference int32, ok bool) {
		to := []rune(list[i].to)
		if len(to) != 1 {
			return 0, false
		}
		return to[0] - list[i].from, true
	}
	for i := 0; i < len(list); {
		c := uint32(list[i].from)
		if list[i].to == "" {
			if n := len(m.Dropped); n > 0 && m.Dropped[n-1][1] == c-1 {
				m.Dropped[n-1][1] = c
			} else {
				m.Dropped = append(m.Dropped, [2]uint32{c, c})
			}
			i++
			continue
		}
		difference, ok := single(i)
		best, step := 1, rune(1)
		for s := rune(1); ok && s <= 2; s++ {
			n := 1
			for i+n < len(list) && list[i+n].from == list[i].from+rune(n)*s {
				if d, one := single(i + n); !one || d != difference {
					break
				}
				n++
			}
			if n > best {
				best, step = n, s
			}
		}
		if best >= leastRun {
			m.Shifts = append(m.Shifts, [4]int32{list[i].from, list[i].from + int32(best-1)*step, step, difference})
			i += best
			continue
		}
		m.Characters, texts = append(m.Characters, c), append(texts, list[i].to)
		i++
	}
	m.Texts = NewWords(texts)
	return m
}

// Ranges returns the ranges of the characters that is tells of.
func Ranges(is func(r rune) bool) [][2]uint32 {
	var list [][2]uint32
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !is(r) {
			continue
		}
		if n := len(list); n > 0 && list[n-1][1] == uint32(r)-1 {
			list[n-1][1] = uint32(r)
		} else {
			list = append(list, [2]uint32{uint32(r), uint32(r)})
		}
	}
	return list
}

// PunctuationRanges are the characters that texts are cut around.
func PunctuationRanges() [][2]uint32 { return Ranges(text.IsPunctuation) }

// IdeographRanges are those that BERT puts spaces around.
func IdeographRanges() [][2]uint32 { return Ranges(text.IsIdeograph) }

// DigitRanges are those whose runs stay as long as they are.
func DigitRanges() [][2]uint32 { return Ranges(unicode.IsDigit) }

// HanRanges are the Chinese characters, beside which a space is no end of a word.
func HanRanges() [][2]uint32 { return Ranges(func(r rune) bool { return unicode.Is(unicode.Han, r) }) }
