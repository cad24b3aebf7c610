package near

import (
	"slices"
	"unicode"
)

// A shingle begins at each character of the folded text: two characters long where it begins with a Chinese one (or
// Japanese kana), three elsewhere. So each character says where it counts from, and texts of both scripts can be
// compared. Three characters of 21 bits fit into 64: a shingle is known exactly, not by a hash.
const (
	shortShingle = 2
	longShingle  = 3
	runeBits     = 21
)

// shingler turns texts into shingles. It is scratch memory of one goroutine.
type shingler struct {
	runes  []rune
	out    []uint64
	sketch []uint64
}

// Fold returns the form in which texts are compared: lower case, full width made ASCII, one space where anything but
// letters and digits stood between words, and nothing around Chinese characters. Texts without letters and digits are
// left as they are, but for white space.
func Fold(text string) string {
	var s shingler
	s.fold(text)
	return string(s.runes)
}

func (s *shingler) fold(text string) {
	s.runes = s.runes[:0]
	gap := false
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r >= 0x4e00 && r <= 0x9fff:
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r == '\'' || r == '’': // don't is dont
			continue
		case r < 0x80:
			gap = true
			continue
		default:
			if r >= 0xff01 && r <= 0xff5e {
				r -= 0xff01 - '!'
			}
			if r = unicode.ToLower(r); !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				gap = true
				continue
			}
		}
		if gap && len(s.runes) > 0 && !dense(r) && !dense(s.runes[len(s.runes)-1]) {
			s.runes = append(s.runes, ' ')
		}
		gap = false
		s.runes = append(s.runes, r)
	}
	if len(s.runes) > 0 {
		return
	}
	for _, r := range text {
		if !unicode.IsSpace(r) {
			s.runes = append(s.runes, r)
		}
	}
}

// dense tells of scripts that are written without spaces and whose characters say much.
func dense(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3040 && (unicode.Is(unicode.Han, r) || unicode.In(r, unicode.Hiragana, unicode.Katakana))
}

// codes returns the shingles of a text in its order. They are valid until the next call.
func (s *shingler) codes(text string) []uint64 {
	s.fold(text)
	r, out := s.runes, s.out[:0]
	for i := range r {
		switch {
		case dense(r[i]):
			if i+shortShingle <= len(r) {
				out = append(out, uint64(r[i])<<runeBits|uint64(r[i+1]))
			}
		case i+longShingle <= len(r):
			out = append(out, uint64(r[i])<<(2*runeBits)|uint64(r[i+1])<<runeBits|uint64(r[i+2]))
		}
	}
	if len(out) == 0 && len(r) > 0 { // shorter than a shingle: the whole text is one
		whole := uint64(0)
		for _, c := range r {
			whole = whole<<runeBits | uint64(c)
		}
		out = append(out, whole)
	}
	s.out = out
	return out
}

// set returns the shingles of a text, sorted and each once. They are valid until the next call.
func (s *shingler) set(text string) []uint64 {
	codes := s.codes(text)
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Jaccard returns how alike two texts are: the shingles that both have, divided by those that either has; 1 for equal
// sets of shingles, 0 where one text is empty.
func Jaccard(a, b string) float64 {
	var s, t shingler
	return jaccard(s.set(a), t.set(b), 0)
}

// jaccard compares two sorted sets. It gives up with 0 as soon as least is out of reach.
func jaccard(a, b []uint64, least float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	// common / (len(a) + len(b) − common) ≥ least holds from this many common ones on, a rounding error aside.
	misses := float64(len(a)+len(b)) - 2*(least/(1+least)*float64(len(a)+len(b))-1e-9)
	common, i, j, missed := 0, 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			common++
			i++
			j++
			continue
		case a[i] < b[j]:
			i++
		default:
			j++
		}
		if missed++; float64(missed) > misses {
			return 0
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

// Shingles returns the shingles of a text as numbers, sorted, each once.
func Shingles(text string) []uint64 {
	var s shingler
	return s.set(text)
}
