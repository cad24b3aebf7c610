package data

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest64 is the first half of a digest's first half: enough to tell tens of millions of texts apart.
func digest64(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.LittleEndian.Uint64(sum[:])
}

// digestSet remembers digests and a mark of each in ten bytes, up to a bound.
type digestSet struct {
	keys  []uint64 // 0 is free
	marks []uint16
	n     int
}

type insertion uint8

const (
	added insertion = iota
	present
	differs // present with another mark
	full    // the set takes no more
)

// maxDigests bounds the memory of a digestSet to 84 MB: six million texts are remembered.
const maxDigests = 1 << 23

func (s *digestSet) insert(key uint64, mark uint16) insertion {
	key |= 1 // 0 marks a free slot
	if 4*(s.n+1) > 3*len(s.keys) && len(s.keys) < maxDigests {
		s.grow()
	}
	at := s.slot(key)
	switch {
	case s.keys[at] == key && s.marks[at] == mark:
		return present
	case s.keys[at] == key:
		return differs
	case 4*(s.n+1) > 3*len(s.keys):
		return full
	}
	s.keys[at], s.marks[at] = key, mark
	s.n++
	return added
}

func (s *digestSet) slot(key uint64) uint64 {
	mask := uint64(len(s.keys) - 1)
	at := key >> 1 & mask
	for s.keys[at] != 0 && s.keys[at] != key {
		at = (at + 1) & mask
	}
	return at
}

func (s *digestSet) grow() {
	old := *s
	n := max(1<<12, 2*len(old.keys))
	s.keys, s.marks = make([]uint64, n), make([]uint16, n)
	for i, key := range old.keys {
		if key != 0 {
			at := s.slot(key)
			s.keys[at], s.marks[at] = key, old.marks[i]
		}
	}
}
