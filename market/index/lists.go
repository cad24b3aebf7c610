package index

import (
	"encoding/binary"
	"math/bits"
)

// A list of slots is kept as their number and then, whichever is shorter, the distances from one to the next as varints
// or a bit for each slot of the base. The first varint tells which: twice the number, and one for bits.

// appendList writes ascending slots of a base of so many.
func appendList(to []byte, slots []uint32, of int) []byte {
	begin := len(to)
	to = binary.AppendUvarint(to, uint64(len(slots))<<1)
	last := uint32(0)
	for _, s := range slots {
		to = binary.AppendUvarint(to, uint64(s-last))
		last = s
	}
	words := (of + 63) / 64
	if len(to)-begin <= 8*words {
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
	head, k := binary.Uvarint(l)
	return int(head >> 1), head&1 != 0, l[k:]
}

// len is how many slots it has.
func (l list) len() int {
	if len(l) == 0 {
		return 0
	}
	n, _, _ := l.open()
	return n
}

// addTo adds the slots to s.
func (l list) addTo(s set) {
	n, dense, rest := l.open()
	if dense {
		for i := range len(rest) / 8 {
			s[i] |= binary.LittleEndian.Uint64(rest[8*i:])
		}
		return
	}
	walk(rest, n, s.add)
}

// common is how many slots of s it has.
func (l list) common(s set) (shared int) {
	if len(l) == 0 {
		return 0
	}
	n, dense, rest := l.open()
	if dense {
		for i := range len(rest) / 8 {
			shared += bits.OnesCount64(s[i] & binary.LittleEndian.Uint64(rest[8*i:]))
		}
		return shared
	}
	walk(rest, n, func(slot uint32) {
		if s.has(slot) {
			shared++
		}
	})
	return shared
}

// slots appends them to a slice.
func (l list) slots(to []uint32) []uint32 {
	n, dense, rest := l.open()
	if !dense {
		walk(rest, n, func(slot uint32) { to = append(to, slot) })
		return to
	}
	for i := range len(rest) / 8 {
		for w := binary.LittleEndian.Uint64(rest[8*i:]); w != 0; w &= w - 1 {
			to = append(to, uint32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return to
}

func walk(b []byte, n int, f func(slot uint32)) {
	at := uint32(0)
	for range n {
		d := uint64(b[0])
		if d < 0x80 {
			b = b[1:]
		} else {
			var k int
			d, k = binary.Uvarint(b)
			b = b[k:]
		}
		at += uint32(d)
		f(at)
	}
}
