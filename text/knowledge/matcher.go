package knowledge

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Matcher finds every phrase of a list in a text, in one walk over its bytes (Aho & Corasick 1975, "Efficient String
// Matching: An Aid to Bibliographic Search").
//
// A phrase without capitals is found in any case of the letters A to Z, one with capitals as it is written. Where words
// have spaces between them, a phrase begins and ends at the ends of words: art is not in party. Chinese has none, so
// that phrases are found anywhere.
type Matcher struct {
	phrases []string // as they were given
	keys    []string // folded, sorted, each once
	of      [][]int32

	// The trie's nodes, level by level, so that the children of node n are those from first[n] to first[n+1], by rising
	// label. Node 0 is the root.
	first []int32
	label []byte
	fail  []int32 // the node of the longest proper suffix
	key   []int32 // that ends here, or -1
	out   []int32 // the nearest node along fail where a key ends, 0 for none
	depth []int32
}

// NewMatcher returns a matcher of phrases; empty ones are never found.
func NewMatcher(phrases []string) *Matcher {
	m := &Matcher{phrases: phrases}
	order := make([]int32, 0, len(phrases))
	folded := make([]string, len(phrases))
	for i, p := range phrases {
		if folded[i] = fold(p); p != "" {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(folded[a], folded[b]) })
	for _, i := range order {
		if n := len(m.keys); n > 0 && m.keys[n-1] == folded[i] {
			m.of[n-1] = append(m.of[n-1], i)
			continue
		}
		m.keys, m.of = append(m.keys, folded[i]), append(m.of, []int32{i})
	}
	m.build()
	return m
}

// fold makes the letters A to Z small; the length stays.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		b[i] = small(c)
	}
	return string(b)
}

func small(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// build makes the trie: the keys below a node are neighbours in their order.
func (m *Matcher) build() {
	type span struct{ from, to, depth int32 } // keys with a common beginning of depth bytes
	nodes := []span{{0, int32(len(m.keys)), 0}}
	m.label, m.fail, m.out = []byte{0}, []int32{0}, []int32{0}
	parent := []int32{0}
	for n := 0; n < len(nodes); n++ {
		at := nodes[n]
		m.first, m.depth, m.key = append(m.first, int32(len(nodes))), append(m.depth, at.depth), append(m.key, -1)
		if at.from < at.to && int(at.depth) == len(m.keys[at.from]) {
			m.key[n] = at.from
			at.from++
		}
		for at.from < at.to {
			c, from := m.keys[at.from][at.depth], at.from
			for at.from < at.to && m.keys[at.from][at.depth] == c {
				at.from++
			}
			nodes = append(nodes, span{from, at.from, at.depth + 1})
			m.label, m.fail, m.out, parent = append(m.label, c), append(m.fail, 0), append(m.out, 0), append(parent, int32(n))
		}
	}
	m.first = append(m.first, int32(len(nodes)))
	for n := 1; n < len(nodes); n++ { // those above are done
		if p := parent[n]; p != 0 {
			m.fail[n] = m.step(m.fail[p], m.label[n])
		}
		if f := m.fail[n]; m.key[f] >= 0 {
			m.out[n] = f
		} else {
			m.out[n] = m.out[f]
		}
	}
}

// child returns the child of node n by the byte c, 0 for none.
func (m *Matcher) child(n int32, c byte) int32 {
	from, to := m.first[n], m.first[n+1]
	for to-from > 8 {
		middle := (from + to) / 2
		if m.label[middle] <= c {
			from = middle
		} else {
			to = middle
		}
	}
	for ; from < to; from++ {
		if m.label[from] == c {
			return from
		}
	}
	return 0
}

// step follows the byte c from node n.
func (m *Matcher) step(n int32, c byte) int32 {
	for {
		if next := m.child(n, c); next != 0 {
			return next
		}
		if n == 0 {
			return 0
		}
		n = m.fail[n]
	}
}

// Hit is a phrase found in a text.
type Hit struct {
	Start, End int // in bytes
	Phrase     int // its number
}

// All appends every phrase in s, also those that overlap, by rising end; of equal end the longest first.
func (m *Matcher) All(dst []Hit, s string) []Hit {
	n := int32(0)
	for i := range len(s) {
		n = m.step(n, small(s[i]))
		at := n
		if m.key[at] < 0 {
			at = m.out[at]
		}
		for ; at != 0; at = m.out[at] {
			start, end := i+1-int(m.depth[at]), i+1
			if !atEdge(s, start) || !atEdge(s, end) {
				continue
			}
			for _, p := range m.of[m.key[at]] {
				if phrase := m.phrases[p]; phrase == m.keys[m.key[at]] || phrase == s[start:end] {
					dst = append(dst, Hit{start, end, int(p)})
				}
			}
		}
	}
	return dst
}

// atEdge tells whether a phrase may begin or end at place i of s: not within a character, nor within a word where words
// have spaces between them.
func atEdge(s string, i int) bool {
	if i == 0 || i == len(s) {
		return true
	}
	if !utf8.RuneStart(s[i]) {
		return false
	}
	after, _ := utf8.DecodeRuneInString(s[i:])
	if unicode.Is(unicode.M, after) {
		return false // an accent of the letter before it
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	return !inWord(before) || !inWord(after)
}

// unspaced are scripts that put no spaces between words.
var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// inWord tells of characters that words consist of which have spaces between them.
func inWord(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
	case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r):
		return false
	}
	return !unicode.In(r, unspaced...)
}
