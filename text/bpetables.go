package text

import "math/bits"

// pairTable maps pairs of tokens to ranks: open addressing, at most half full.
type pairTable struct {
	keys  []uint64 // left<<32|right, +1; 0 is free
	ranks []int32
	shift uint
}

// grow makes room for n pairs; it is called once, before the first set.
func (t *pairTable) grow(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	t.keys, t.ranks = make([]uint64, size), make([]int32, size)
	t.shift = uint(64 - bits.TrailingZeros(uint(size)))
}

func (t *pairTable) slot(key uint64) uint64 {
	at := key * 0x9e3779b97f4a7c15 >> t.shift
	for t.keys[at] != 0 && t.keys[at] != key {
		at = (at + 1) & uint64(len(t.keys)-1)
	}
	return at
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) + 1 }

// set gives a pair its rank; a pair that stands twice has the later one.
func (t *pairTable) set(left, right, rank int32) {
	key := pairKey(left, right)
	at := t.slot(key)
	t.keys[at], t.ranks[at] = key, rank
}

// get returns the rank of a pair, -1 if it has none.
func (t *pairTable) get(left, right int32) int32 {
	key := pairKey(left, right)
	if at := t.slot(key); t.keys[at] == key {
		return t.ranks[at]
	}
	return -1
}

// heap is a binary heap of numbers, the smallest first: container/heap without its interface.
type heap []uint64

func (h *heap) reset()       { *h = (*h)[:0] }
func (h *heap) add(v uint64) { *h = append(*h, v) }

// order makes a heap of what was added.
func (h *heap) order() {
	for i := len(*h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *heap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up] <= s[i] {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *heap) pop() uint64 {
	s := *h
	top := s[0]
	s[0] = s[len(s)-1]
	*h = s[:len(s)-1]
	h.down(0)
	return top
}

func (h *heap) down(i int) {
	s := *h
	for {
		child := 2*i + 1
		if child >= len(s) {
			return
		}
		if child+1 < len(s) && s[child+1] < s[child] {
			child++
		}
		if s[i] <= s[child] {
			return
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}

// pieceCache remembers the tokens of pieces: words come again and again. It belongs to one workspace, so nothing locks;
// a piece has one place, where the last one of that hash stands.
type pieceCache struct {
	owner Algorithm // whose tokens they are
	slots []cachedPiece
}

const (
	cacheBits       = 13
	cacheSlots      = 1 << cacheBits
	longestCached   = 30 // bytes of a piece
	mostTokenCached = 6
)

type cachedPiece struct {
	size, tokens uint8
	ends         [mostTokenCached]uint8
	ids          [mostTokenCached]int32
	text         [longestCached]byte
}

// slot returns the place of a piece, nil for long ones.
func (c *pieceCache) slot(owner Algorithm, piece string) *cachedPiece {
	if len(piece) > longestCached || piece == "" {
		return nil
	}
	if c.owner != owner {
		if c.owner = owner; c.slots == nil {
			c.slots = make([]cachedPiece, cacheSlots)
		}
		clear(c.slots)
	}
	h := uint64(len(piece))
	s := piece
	for ; len(s) >= 8; s = s[8:] {
		h = (h ^ load64(s)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	var rest uint64
	for i := range len(s) {
		rest = rest<<8 | uint64(s[i])
	}
	h = (h ^ rest) * 0x9e3779b97f4a7c15
	return &c.slots[h>>(64-cacheBits)]
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load appends the tokens of a piece that begins at base, if they are here.
func (c *cachedPiece) load(piece string, base int, e *Encoding) bool {
	if int(c.size) != len(piece) || string(c.text[:c.size]) != piece {
		return false
	}
	start := base
	for i := range c.tokens {
		end := base + int(c.ends[i])
		e.append(c.ids[i], Span{start, end})
		start = end
	}
	return true
}

// store remembers the tokens of a piece from the first on, unless they are many.
func (c *cachedPiece) store(piece string, base int, e *Encoding, first int) {
	n := len(e.IDs) - first
	if n > mostTokenCached {
		return
	}
	c.size, c.tokens = uint8(len(piece)), uint8(n)
	copy(c.text[:], piece)
	for i := range n {
		c.ids[i], c.ends[i] = e.IDs[first+i], uint8(e.Pieces[first+i].End-base)
	}
}
