package text

import (
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"unicode/utf8"
)

// unigram cuts a piece into the sequence of tokens whose probabilities have the largest product, found by Viterbi's
// algorithm (Kudo 2018, "Subword Regularization"). With words as tokens and their relative frequencies as
// probabilities that is the maximum-probability segmentation of Chinese that dictionary segmenters compute.
//
// Scores, ties and the treatment of unknown characters are those of Hugging Face's implementation: a character that no
// token begins at costs the lowest score less ten, and neighbouring unknown characters become one token.
//
// With fallBack, unknown characters become the tokens of their bytes, where the vocabulary has all of those.
type unigram struct {
	vocab
	scores   []float64 // log probabilities, by id
	unk      int32
	lowest   float64
	longest  int // bytes of a token
	trie     trie
	fallBack bool
	fall     [256]int32 // tokens <0x00> to <0xFF>; -1

	whole []atomic.Bool // of each token: a piece that is its text was found to be that token alone, not parts of it
}

// step is the best way to reach a position: the token that ends there.
type step struct {
	score float64
	from  int32
	id    int32 // -1: not reached
}

func newUnigram(tokens []string, scores []float64, unk int32) *unigram {
	u := &unigram{vocab: newVocab(tokens), scores: scores, unk: unk, lowest: math.Inf(1), whole: make([]atomic.Bool, len(tokens))}
	for i, s := range scores {
		u.lowest, u.longest = min(u.lowest, s), max(u.longest, len(tokens[i]))
	}
	u.trie.build(tokens)
	return u
}

// fallBackToBytes has unknown characters become the tokens of their bytes.
func (u *unigram) fallBackToBytes() {
	u.fallBack = true
	for i := range u.fall {
		u.fall[i] = -1
		if id, ok := u.id(byteToken(byte(i))); ok {
			u.fall[i] = id
		}
	}
}

const unknownPenalty = 10

func (u *unigram) encode(whole string, p Span, e *Encoding) {
	s := whole[p.Start:p.End]
	known, ok := int32(0), false
	if len(s) <= u.longest {
		if known, ok = u.id(s); ok && u.whole[known].Load() {
			e.append(known, p)
			return
		}
	}
	w := e.scratch()
	slot := w.cache.slot(u, s)
	if slot != nil && slot.load(s, p.Start, e) {
		return
	}
	first := len(e.IDs)
	path := w.path
	if cap(path) < len(s)+1 {
		path = make([]step, 0, 2*len(s)+64)
	}
	path = path[:len(s)+1]
	for i := range path {
		path[i].id = -1
	}
	w.path = path
	path[0].score = 0
	for at := 0; at < len(s); {
		here := path[at].score
		size := characterLength(s, at)
		single := false
		reach := func(end int, id int32, score float64) {
			if t := &path[end]; t.id < 0 || score > t.score {
				*t = step{score, int32(at), id}
			}
		}
		node := int32(0)
		for end := at; end < len(s); {
			r, n := rune(s[end]), 1
			if r >= utf8.RuneSelf {
				r, n = longRuneAt(s, end)
			}
			var id int32
			var ok bool
			if node, id, ok = u.trie.next(node, r); !ok {
				break
			}
			end += n
			if id >= 0 {
				reach(end, id, u.scores[id]+here)
				single = single || end-at == size
			}
		}
		if !single {
			reach(at+size, u.unk, u.lowest-unknownPenalty+here)
		}
		at += size
	}
	u.trace(path, p.Start, e)
	if ok && len(e.IDs) == first+1 && e.IDs[first] == known {
		u.whole[known].Store(true)
	}
	if u.fallBack {
		u.bytesOfUnknown(whole, first, e)
	} else if slot != nil {
		slot.store(s, p.Start, e, first)
	}
}

// trace appends the tokens of the best path, which is found from its end.
func (u *unigram) trace(path []step, base int, e *Encoding) {
	first := len(e.IDs)
	for end := int32(len(path) - 1); end > 0; {
		st := path[end]
		n := len(e.IDs)
		if st.id == u.unk && n > first && e.IDs[n-1] == u.unk {
			e.Pieces[n-1].Start = base + int(st.from) // neighbouring unknown characters are one token
		} else {
			e.IDs = append(e.IDs, st.id)
			e.Pieces = append(e.Pieces, Span{base + int(st.from), base + int(end)})
		}
		end = st.from
	}
	slices.Reverse(e.IDs[first:])
	slices.Reverse(e.Pieces[first:])
}

// bytesOfUnknown replaces the unknown tokens from the first on by those of their bytes.
func (u *unigram) bytesOfUnknown(s string, first int, e *Encoding) {
	if !slices.Contains(e.IDs[first:], u.unk) {
		return
	}
	ids, pieces := slices.Clone(e.IDs[first:]), slices.Clone(e.Pieces[first:])
	e.truncate(first)
	for i, id := range ids {
		part := s[pieces[i].Start:pieces[i].End]
		if id != u.unk || !u.falls(part) || part == u.tokens[u.unk] {
			e.append(id, pieces[i])
			continue
		}
		for at := range len(part) {
			e.append(u.fall[part[at]], pieces[i])
		}
	}
}

// falls tells whether there is a token for every byte of a text.
func (u *unigram) falls(part string) bool {
	for i := range len(part) {
		if u.fall[part[i]] < 0 {
			return false
		}
	}
	return true
}

func (u *unigram) unknown() int32 { return u.unk }

// trie finds the tokens that begin at a position. Its edges are one hash table from a node and a character to the next
// node and the token that ends there, which is built in a millisecond for tens of thousands of tokens and read with
// about one cache miss a character: it is up to two thirds full, since what fits the cache is read fastest. Node 0 is the
// root.
type trie struct {
	edges []trieEdge
	shift uint
	used  int32 // nodes beside the root
}

type trieEdge struct {
	key   uint64 // node<<21|character, +1; 0 is free
	node  int32
	token int32 // -1 where none ends
}

func (t *trie) build(tokens []string) {
	size := 16
	for size < 3*len(tokens) {
		size *= 2
	}
	t.used = 0
	t.resize(size)
	for id, s := range tokens {
		var last *trieEdge
		node := int32(0)
		for _, r := range s {
			last = t.grow(node, r)
			node = last.node
		}
		if last != nil {
			last.token = int32(id)
		}
	}
}

// next returns the node that follows and the token that ends there, -1 for none.
func (t *trie) next(node int32, r rune) (next, token int32, ok bool) {
	e := t.find(uint64(node)<<21 | uint64(r) + 1)
	return e.node, e.token, e.key != 0
}

// find returns the edge of a key, or the free place for it.
func (t *trie) find(key uint64) *trieEdge {
	mask := uint64(len(t.edges) - 1)
	for at := key * 0x9e3779b97f4a7c15 >> t.shift; ; at++ {
		if e := &t.edges[at&mask]; e.key == key || e.key == 0 {
			return e
		}
	}
}

// grow returns the edge that follows, making it if there is none.
func (t *trie) grow(node int32, r rune) *trieEdge {
	key := uint64(node)<<21 | uint64(r) + 1
	e := t.find(key)
	if e.key != 0 {
		return e
	}
	if 3*int(t.used+1) > 2*len(t.edges) {
		t.resize(2 * len(t.edges))
		e = t.find(key)
	}
	t.used++
	*e = trieEdge{key, t.used, -1}
	return e
}

func (t *trie) resize(n int) {
	old := t.edges
	t.edges = make([]trieEdge, n)
	t.shift = uint(64 - bits.TrailingZeros(uint(n)))
	for _, e := range old {
		if e.key != 0 && t.used > 0 {
			*t.find(e.key) = e
		}
	}
}
