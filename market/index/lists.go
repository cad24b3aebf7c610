package index

import (
	"encoding/binary"
	"math/bits"
)

// A list of slots is kept as their number and then either the distances from one to the next as varints or a bit for each
// slot of the base: what is shorter, or, where it is to be counted often, what is quicker. The first varint tells which:
// twice the number, and one for bits.

// quick is how many slots of a base there may be for one in a list where bits are quicker than distances.
const quick = 128

// appendList writes ascending slots of a base of so many.
func appendList(to []byte, slots []uint32, of int, counted bool) []byte {
	begin := len(to)
	to = binary.AppendUvarint(to, uint64(len(slots))<<1)
	last := uint32(0)
	for _, s := range slots {
		to = binary.AppendUvarint(to, uint64(s-last))
		last = s
	}
	words := (of + 63) / 64
	if len(to)-begin <= 8*words && !(counted && len(slots) > of/quick) {
		return to
	}
	to = binary.AppendUvarint(to[:begin], uint64(len(slots))<<1|1)
	dense := newSet(of)
	for _, s := range slots {
		dense.add(s)
	}
	for _, w := range dense {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to
}

// list is what appendList has written.
type list []byte

func (l list) open() (n int, dense bool, rest []byte) {
	if len(l) == 0 {
		return 0, false, nil
	}
	head, k := binary.Uvarint(l)
	return int(head >> 1), head&1 != 0, l[k:]
}

// len is how many slots it has.
func (l list) len() int {
	n, _, _ := l.open()
	return n
}

// addTo adds the slots to s.
func (l list) addTo(s set) {
	_, dense, rest := l.open()
	if dense {
		for i := range len(rest) / 8 {
			s[i] |= binary.LittleEndian.Uint64(rest[8*i:])
		}
		return
	}
	for i, at := 0, uint32(0); i < len(rest); {
		d := uint32(rest[i])
		if i++; d >= 0x80 {
			d, i = far(rest, i-1)
		}
		at += d
		s.add(at)
	}
}

// common is how many slots of s it has.
func (l list) common(s set) (shared int) {
	_, dense, rest := l.open()
	if dense {
		for i := range len(rest) / 8 {
			shared += bits.OnesCount64(s[i] & binary.LittleEndian.Uint64(rest[8*i:]))
		}
		return shared
	}
	for i, at := 0, uint32(0); i < len(rest); {
		d := uint32(rest[i])
		if i++; d >= 0x80 {
			d, i = far(rest, i-1)
		}
		at += d
		shared += int(s[at>>6] >> (at & 63) & 1)
	}
	return shared
}

// among is common for the slots of a small set.
func (l list) among(slots []uint32, s set) (shared int) {
	_, dense, rest := l.open()
	if !dense {
		return l.common(s)
	}
	for _, slot := range slots {
		if i := int(slot >> 3); i < len(rest) {
			shared += int(rest[i] >> (slot & 7) & 1)
		}
	}
	return shared
}

// each calls f for every slot, until it returns false.
func (l list) each(f func(slot uint32) bool) {
	_, dense, rest := l.open()
	if dense {
		for i := range len(rest) / 8 {
			for w := binary.LittleEndian.Uint64(rest[8*i:]); w != 0; w &= w - 1 {
				if !f(uint32(i<<6 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
		return
	}
	for i, at := 0, uint32(0); i < len(rest); {
		d := uint32(rest[i])
		if i++; d >= 0x80 {
			d, i = far(rest, i-1)
		}
		if at += d; !f(at) {
			return
		}
	}
}

// has tells whether a slot of the base is in it.
func (l list) has(slot uint32) (has bool) {
	if _, dense, rest := l.open(); dense {
		return rest[slot>>3]>>(slot&7)&1 != 0
	}
	l.each(func(s uint32) bool {
		has = s == slot
		return s < slot
	})
	return has
}

// slots appends them to a slice.
func (l list) slots(to []uint32) []uint32 {
	l.each(func(slot uint32) bool {
		to = append(to, slot)
		return true
	})
	return to
}

// far reads a distance of several bytes at b[i:], and returns where the next one is.
func far(b []byte, i int) (uint32, int) {
	d, n := binary.Uvarint(b[i:])
	return uint32(d), i + n
}
