package text

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"unicode/utf8"
)

// lexicon is a set of words with a score each, as a trie that is built once and packed: nodes lie level by level, so
// that the children of a node lie side by side in the order of their characters, and those of the next node follow. A
// node is ten bytes: the character that leads to it, where its children begin, and a score. The 350,000 words of the
// dictionary of Chinese are 500,000 nodes, 5 MB.
//
// A child is found by bisection, at the root by a table. Characters are numbered by frequency, in two bytes.
type lexicon struct {
	codes  []uint16        // by character of the basic plane; 0 where no word has it
	far    map[rune]uint16 // the same for the others
	labels []uint16        // by node: the code of its character
	nodes  []node          // node 0 is the root; one more follows the last
	starts []int32         // children of the root by code; 0 for none
}

type node struct {
	first int32   // child; the children end where those of the next node begin
	score float32 // of the word that ends here; noWord if none does
}

// noWord marks nodes at which no word ends: scores are logarithms of probabilities, so never above 0.
const noWord = 1

const maxCode = math.MaxUint16

// code returns the number of a character, 0 if no word has it.
func (l *lexicon) code(r rune) uint16 {
	if uint32(r) < uint32(len(l.codes)) {
		return l.codes[r]
	}
	return l.far[r]
}

// next returns the child of a node for the code of a character, 0 if there is none.
func (l *lexicon) next(parent int32, code uint16) int32 {
	if parent == 0 {
		if int(code) < len(l.starts) {
			return l.starts[code]
		}
		return 0
	}
	lo, hi := l.nodes[parent].first, l.nodes[parent+1].first
	end := hi
	for lo < hi {
		if mid := int32(uint32(lo+hi) >> 1); l.labels[mid] < code {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < end && l.labels[lo] == code {
		return lo
	}
	return 0
}

// find returns the score of a word.
func (l *lexicon) find(word string) (float32, bool) {
	at := int32(0)
	for _, r := range word {
		if at = l.next(at, l.code(r)); at == 0 {
			return 0, false
		}
	}
	s := l.nodes[at].score
	return s, s != noWord
}

// newLexicon builds a lexicon of words and their scores, which are walked over twice. Of a word that stands twice the
// last score counts. Words that are empty, no UTF-8, or have characters beyond the first 65,535 different ones are left
// out.
func newLexicon(words iter.Seq2[string, float32]) *lexicon {
	l := &lexicon{}
	count, characters := l.assignCodes(words)
	l.build(sortedWords(l, words, count, characters))
	return l
}

// assignCodes numbers the characters from 1, the most frequent first, and counts words and their characters.
func (l *lexicon) assignCodes(words iter.Seq2[string, float32]) (count, characters int) {
	l.codes = make([]uint16, 1<<16)
	near, far := make([]int32, 1<<16), map[rune]int32{}
	for word := range words {
		count++
		for _, r := range word {
			characters++
			if r < 1<<16 {
				near[r]++
			} else {
				far[r]++
			}
		}
	}
	type counted struct {
		r rune
		n int32
	}
	var all []counted
	for r, n := range near {
		if n > 0 {
			all = append(all, counted{rune(r), n})
		}
	}
	for r, n := range far {
		all = append(all, counted{r, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.r, b.r)) })
	l.far = make(map[rune]uint16, len(far))
	for i, c := range all[:min(len(all), maxCode)] {
		if c.r < 1<<16 {
			l.codes[c.r] = uint16(i + 1)
		} else {
			l.far[c.r] = uint16(i + 1)
		}
	}
	return count, characters
}

// sorted is the words as codes, and their order.
type sorted struct {
	codes  []uint16 // of all words, a 0 after each
	scores []float32
	order  []ordered
}

// ordered is a word: its first four codes in one number, which nearly always decide the order, and where it lies.
type ordered struct {
	first uint64
	at    int32 // its first code in sorted.codes
	word  int32 // its number in the order in which the words came, and of its score
}

// compare orders the rest of two words that begin at a and b; a 0 ends each.
func (s *sorted) compare(a, b int32) int {
	for ; ; a, b = a+1, b+1 {
		if x, y := s.codes[a], s.codes[b]; x != y {
			return int(x) - int(y)
		} else if x == 0 {
			return 0
		}
	}
}

// sortedWords sorts the words by their codes and drops all but the last of equal ones.
func sortedWords(l *lexicon, words iter.Seq2[string, float32], count, characters int) *sorted {
	s := &sorted{codes: make([]uint16, 0, characters+count), scores: make([]float32, 0, count), order: make([]ordered, 0, count)}
	for word, score := range words {
		known := word != "" && utf8.ValidString(word)
		o := ordered{at: int32(len(s.codes)), word: int32(len(s.scores))}
		shift := 48
		for _, r := range word {
			c := l.code(r)
			known = known && c != 0
			s.codes = append(s.codes, c)
			if shift >= 0 {
				o.first |= uint64(c) << shift
				shift -= 16
			}
		}
		if !known {
			s.codes = s.codes[:o.at]
			continue
		}
		s.codes, s.scores, s.order = append(s.codes, 0), append(s.scores, score), append(s.order, o)
	}
	s.sort()
	return s
}

// sort orders the words, drops all but the last of equal ones, and lays the codes out in that order, in which the
// nodes are built.
func (s *sorted) sort() {
	var places [maxCode + 2]int32 // of the words that begin with a code
	for _, o := range s.order {
		places[o.first>>48+1]++
	}
	for i := range places[1:] {
		places[i+1] += places[i]
	}
	list, next := make([]ordered, len(s.order)), places
	for _, o := range s.order {
		p := &next[o.first>>48]
		list[*p] = o
		*p++
	}
	for i := range places[1:] {
		if part := list[places[i]:places[i+1]]; len(part) > 1 {
			slices.SortFunc(part, func(a, b ordered) int {
				if a.first != b.first {
					return cmp.Compare(a.first, b.first)
				}
				return cmp.Or(s.compare(a.at, b.at), cmp.Compare(a.word, b.word))
			})
		}
	}
	kept, codes := s.order[:0], make([]uint16, 0, len(s.codes))
	for i, o := range list {
		if i+1 < len(list) && o.first == list[i+1].first && s.compare(o.at, list[i+1].at) == 0 {
			continue
		}
		at := int32(len(codes))
		for _, c := range s.codes[o.at:] {
			codes = append(codes, c)
			if c == 0 {
				break
			}
		}
		o.at = at
		kept = append(kept, o)
	}
	s.order, s.codes = kept, codes
}

// nodes returns how many nodes the trie of the words has.
func (s *sorted) nodes() int {
	n, last := 1, int32(-1)
	for _, o := range s.order {
		at, before := o.at, last
		for last >= 0 && s.codes[at] != 0 && s.codes[at] == s.codes[before] {
			at, before = at+1, before+1
		}
		for ; s.codes[at] != 0; at++ {
			n++
		}
		last = o.at
	}
	return n
}

// build lays out the nodes. Each stands for a range of the sorted words, those that begin with its characters; nodes
// are visited in the order in which they lie, and each appends its children.
func (l *lexicon) build(s *sorted) {
	type span struct{ from, to, depth int32 }
	count := s.nodes()
	l.nodes, l.labels = make([]node, 0, count+1), make([]uint16, 1, count)
	spans := make([]span, 1, count)
	spans[0] = span{0, int32(len(s.order)), 0}
	for i := 0; i < len(spans); i++ {
		n, at := node{first: int32(len(spans)), score: noWord}, spans[i]
		from := at.from
		if from < at.to && s.codes[s.order[from].at+at.depth] == 0 { // the word that ends here comes first
			n.score = s.scores[s.order[from].word]
			from++
		}
		for from < at.to {
			code, to := s.codes[s.order[from].at+at.depth], from+1
			for to < at.to && s.codes[s.order[to].at+at.depth] == code {
				to++
			}
			l.labels, spans = append(l.labels, code), append(spans, span{from, to, at.depth + 1})
			from = to
		}
		l.nodes = append(l.nodes, n)
	}
	l.nodes = append(l.nodes, node{first: int32(len(spans)), score: noWord})
	if n := len(spans); n > 1 {
		children := l.labels[1:l.nodes[1].first]
		l.starts = make([]int32, int(children[len(children)-1])+1)
		for i, code := range children {
			l.starts[code] = int32(i + 1)
		}
	}
}
