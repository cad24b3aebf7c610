package text

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// bpe joins the symbols of a piece, two at a time, the pair of lowest rank first and the leftmost of equal ones
// (Sennrich, Haddow and Birch 2016). The first symbols are bytes (GPT-2; the vocabulary is read back from its visible
// characters) or characters.
type bpe struct {
	vocab
	config bpeConfig
	pairs  [][2]string // the merges, as they are written
	unk    int32       // -1: what is unknown leaves no token
	bytes  bool        // symbols are bytes

	ranks  pairTable
	merged []int32          // by rank: the token that the pair becomes
	single [4][256]int32    // by place in the piece and byte: the token of a byte; -1
	fall   [256]int32       // tokens <0x00> to <0xFF>, for characters that have none; -1
	whole  map[string]int32 // with IgnoreMerges: the tokens as they stand in a text
}

// Places of a symbol, added up: the first index of single.
const (
	continues = 1 << iota // not the first of its piece
	ends                  // the last
)

// bpeConfig are the settings in tokenizer.json.
type bpeConfig struct {
	Dropout      *float64 `json:"dropout"`
	Unknown      *string  `json:"unk_token"`
	Prefix       *string  `json:"continuing_subword_prefix"`
	Suffix       *string  `json:"end_of_word_suffix"`
	FuseUnknown  bool     `json:"fuse_unk"`
	ByteFallback bool     `json:"byte_fallback"`
	IgnoreMerges bool     `json:"ignore_merges"`
}

// newBPE returns the algorithm for merges of tokens in the order of their rank. byteLevel tells that the vocabulary is
// written in the visible characters of bytes.
func newBPE(v vocab, merges [][2]string, c bpeConfig, byteLevel bool) (*bpe, error) {
	b := &bpe{vocab: v, config: c, pairs: merges, unk: -1, bytes: byteLevel}
	if c.Unknown != nil && *c.Unknown != "" {
		id, ok := v.id(*c.Unknown)
		if !ok {
			return nil, fmt.Errorf("the unknown token %q is not in the vocabulary", *c.Unknown)
		}
		b.unk = id
	}
	prefix, suffix := orEmpty(c.Prefix), orEmpty(c.Suffix)
	if c.ByteFallback && prefix+suffix != "" {
		return nil, fmt.Errorf("byte_fallback together with continuing_subword_prefix or end_of_word_suffix is not supported")
	}
	b.ranks.grow(len(merges))
	b.merged = make([]int32, 0, len(merges))
	for rank, m := range merges {
		left, ok := v.id(m[0])
		right, ok2 := v.id(m[1])
		id, ok3 := v.id(m[0] + strings.TrimPrefix(m[1], prefix))
		if !ok || !ok2 || !ok3 {
			return nil, fmt.Errorf("merge %d, of %q and %q, joins or makes a token that is not in the vocabulary", rank, m[0], m[1])
		}
		b.ranks.set(left, right, int32(rank))
		b.merged = append(b.merged, id)
	}
	find := func(token string) int32 {
		if id, ok := v.id(token); ok {
			return id
		}
		return -1
	}
	for i, r := range byteRunes {
		for place := range b.single {
			token := string(r)
			if place&continues != 0 {
				token = prefix + token
			}
			if place&ends != 0 {
				token += suffix
			}
			b.single[place][i] = find(token)
		}
		b.fall[i] = -1
		if c.ByteFallback {
			b.fall[i] = find(byteToken(byte(i)))
		}
	}
	if c.IgnoreMerges {
		b.whole = make(map[string]int32, len(v.tokens))
		for i, t := range v.tokens {
			if plain, ok := bytesOf(nil, t); byteLevel && ok {
				b.whole[string(plain)] = int32(i)
			} else if !byteLevel {
				b.whole[t] = int32(i)
			}
		}
	}
	return b, nil
}

// orEmpty returns what a setting that may be null says.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// byteToken is how vocabularies that fall back to bytes write them.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

func (b *bpe) unknown() int32 { return b.unk }

// symbol is a part of a piece. Symbols form a list; joining removes the right one.
type symbol struct {
	id, size   int32 // size in bytes; 0: removed
	prev, next int32 // -1: none
}

func (b *bpe) encode(s string, p Span, e *Encoding) {
	piece := s[p.Start:p.End]
	w := e.scratch()
	slot := w.cache.slot(b, piece)
	if slot != nil && slot.load(piece, p.Start, e) {
		return
	}
	if id, ok := b.whole[piece]; ok {
		e.append(id, p)
		return
	}
	first := len(e.IDs)
	w.symbols = b.symbols(w.symbols[:0], piece)
	if len(w.symbols) <= shortPiece {
		b.joinShort(w)
	} else {
		b.join(w)
	}
	at := p.Start
	for i := 0; i >= 0 && i < len(w.symbols); i = int(w.symbols[i].next) {
		end := at + int(w.symbols[i].size)
		e.append(w.symbols[i].id, Span{at, end})
		at = end
	}
	if slot != nil {
		slot.store(piece, p.Start, e, first)
	}
}

// symbols appends the first symbols of a piece.
func (b *bpe) symbols(list []symbol, piece string) []symbol {
	add := func(id int32, size int) {
		list = append(list, symbol{id, int32(size), int32(len(list)) - 1, int32(len(list)) + 1})
	}
	unknown := 0 // bytes that wait to become an unknown token
	for at := 0; at < len(piece); {
		size := 1
		if !b.bytes {
			size = characterLength(piece, at)
		}
		id := b.symbol(piece, at, size)
		switch {
		case id >= 0:
			if unknown > 0 {
				add(b.unk, unknown)
				unknown = 0
			}
			add(id, size)
		case b.falls(piece[at : at+size]):
			for i := range size {
				add(b.fall[piece[at+i]], 1)
			}
		case b.unk >= 0:
			if unknown > 0 && !b.config.FuseUnknown {
				add(b.unk, unknown)
				unknown = 0
			}
			unknown += size
		}
		at += size
	}
	if unknown > 0 {
		add(b.unk, unknown)
	}
	if n := len(list); n > 0 {
		list[n-1].next = -1
	}
	return list
}

// symbol returns the token of the byte or character at position at, -1 for none.
func (b *bpe) symbol(piece string, at, size int) int32 {
	place := 0
	if at > 0 {
		place = continues
	}
	if at+size == len(piece) {
		place += ends
	}
	if b.bytes {
		return b.single[place][piece[at]]
	}
	token := piece[at : at+size]
	if place&continues != 0 {
		token = orEmpty(b.config.Prefix) + token
	}
	if place&ends != 0 {
		token += orEmpty(b.config.Suffix)
	}
	if id, ok := b.id(token); ok {
		return id
	}
	return -1
}

// falls tells whether a character can become the tokens of its bytes.
func (b *bpe) falls(character string) bool {
	if !b.config.ByteFallback || b.bytes {
		return false
	}
	for i := range len(character) {
		if b.fall[character[i]] < 0 {
			return false
		}
	}
	return true
}

// shortPiece is the number of symbols up to which looking through all pairs for the next merge beats a heap.
const shortPiece = 20

// joinShort merges w.symbols, of which none is left that was merged into another.
func (b *bpe) joinShort(w *workspace) {
	list, ranks := w.symbols, w.ranks[:0]
	rank := func(i int) int32 { // of the pair at i; the largest number for none
		if i+1 < len(list) {
			if r := b.ranks.get(list[i].id, list[i+1].id); r >= 0 {
				return r
			}
		}
		return math.MaxInt32
	}
	for i := range list {
		ranks = append(ranks, rank(i))
	}
	w.ranks = ranks
	for {
		best, at := int32(math.MaxInt32), 0
		for i, r := range ranks {
			if r < best {
				best, at = r, i
			}
		}
		if best == math.MaxInt32 {
			break
		}
		list[at].id, list[at].size = b.merged[best], list[at].size+list[at+1].size
		list = slices.Delete(list, at+1, at+2)
		ranks = slices.Delete(ranks, at+1, at+2)
		ranks[at] = rank(at)
		if at > 0 {
			ranks[at-1] = rank(at - 1)
		}
	}
	for i := range list {
		list[i].next = int32(i) + 1
	}
	if n := len(list); n > 0 {
		list[n-1].next = -1
	}
	w.symbols = list
}

// join merges w.symbols. The pairs that can be merged wait in a heap of rank<<32|place; one whose symbols have become
// others is dropped when it comes up.
func (b *bpe) join(w *workspace) {
	list := w.symbols
	h := &w.heap
	h.reset()
	for i := 0; i+1 < len(list); i++ {
		if rank := b.ranks.get(list[i].id, list[i+1].id); rank >= 0 {
			h.add(uint64(rank)<<32 | uint64(i))
		}
	}
	h.order()
	for len(*h) > 0 {
		top := h.pop()
		i := int32(top & 0xffffffff)
		left := &list[i]
		if left.size == 0 || left.next < 0 {
			continue
		}
		right := &list[left.next]
		rank, id := b.ranks.get(left.id, right.id), b.merged[top>>32]
		if rank < 0 || b.merged[rank] != id {
			continue
		}
		left.id, left.size, left.next, right.size = id, left.size+right.size, right.next, 0
		if left.next >= 0 {
			list[left.next].prev = i
			if rank := b.ranks.get(id, list[left.next].id); rank >= 0 {
				h.push(uint64(rank)<<32 | uint64(i))
			}
		}
		if left.prev >= 0 {
			if rank := b.ranks.get(list[left.prev].id, id); rank >= 0 {
				h.push(uint64(rank)<<32 | uint64(left.prev))
			}
		}
	}
}
