package text

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// vocab are the tokens of an algorithm by number. An empty token is a number that has none. Numbers are found in a hash
// table whose places hold tokens of up to eight bytes, two or three Chinese characters or a short word, so that the fetch
// of a place tells.
type vocab struct {
	tokens []string
	slots  []tokenSlot // open addressing, at most half full
	shift  uint
}

type tokenSlot struct {
	head uint64 // the token's first eight bytes
	size int32  // bytes of the token; 0 is free
	id   int32
}

// newVocab returns the tokens with their numbers; of equal ones, the last counts.
func newVocab(tokens []string) vocab {
	size := 16
	for size < 2*len(tokens) {
		size *= 2
	}
	v := vocab{tokens, make([]tokenSlot, size), uint(64 - bits.TrailingZeros(uint(size)))}
	for i, s := range tokens {
		if s != "" {
			*v.slot(s) = tokenSlot{headOf(s), int32(len(s)), int32(i)}
		}
	}
	return v
}

// Tokens that a place tells whole are found by their first bits times an odd number (Dietzfelbinger et al. 1997,
// multiply-shift hashing). Both hashes differ from one start of the program to the next, so that nobody can make a
// vocabulary whose tokens fall on one place.
var (
	tokenSeed = maphash.MakeSeed()
	spreading = rand.Uint64() | 1
)

// slot returns the place of a token, or the free one for it.
func (v *vocab) slot(s string) *tokenSlot {
	head, mask := headOf(s), uint64(len(v.slots)-1)
	hash := (head ^ uint64(len(s))) * spreading
	if len(s) > 8 {
		hash = maphash.String(tokenSeed, s)
	}
	for at := hash >> v.shift; ; at++ {
		t := &v.slots[at&mask]
		if t.size == 0 || t.head == head && int(t.size) == len(s) && (len(s) <= 8 || v.tokens[t.id] == s) {
			return t
		}
	}
}

// headOf returns the first eight bytes of a string.
func headOf(s string) uint64 {
	if len(s) >= 8 {
		return load64(s)
	}
	switch n := len(s); {
	case n >= 4: // in halves that may overlap
		return uint64(load32(s)) | uint64(load32(s[n-4:]))<<(8*(n-4))
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1))
	}
	return 0
}

func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func (v *vocab) vocabulary() []string { return v.tokens }

func (v *vocab) id(token string) (int32, bool) {
	if token == "" {
		return 0, false
	}
	t := v.slot(token)
	return t.id, t.size > 0
}

// has tells whether there is such a token.
func (v *vocab) has(token string) bool {
	_, ok := v.id(token)
	return ok
}

// append adds a token.
func (e *Encoding) append(id int32, piece Span) {
	e.IDs, e.Pieces = append(e.IDs, id), append(e.Pieces, piece)
}

// truncate drops the tokens from n on while an algorithm is at work.
func (e *Encoding) truncate(n int) { e.IDs, e.Pieces = e.IDs[:n], e.Pieces[:n] }
