package index

import "math/bits"

// set is a set of slots, a bit each. Sets that are used together have the same length.
type set []uint64

func newSet(slots int) set { return make(set, (slots+63)/64) }

func (s set) has(slot uint32) bool { return s[slot>>6]>>(slot&63)&1 != 0 }

func (s set) add(slot uint32) { s[slot>>6] |= 1 << (slot & 63) }

func (s set) remove(slot uint32) { s[slot>>6] &^= 1 << (slot & 63) }

// grown is s with room for so many slots.
func (s set) grown(slots int) set {
	if n := (slots + 63) / 64; n > len(s) {
		return append(s, make(set, n-len(s))...)
	}
	return s
}

func (s set) and(o set) {
	o = o[:len(s)]
	for i := range s {
		s[i] &= o[i]
	}
}

func (s set) or(o set) {
	o = o[:len(s)]
	for i := range s {
		s[i] |= o[i]
	}
}

// take leaves in s what from has as well, removes that from from, and returns how many slots it is.
func (s set) take(from set) (n int) {
	from = from[:len(s)]
	for i := range s {
		s[i] &= from[i]
		from[i] &^= s[i]
		n += bits.OnesCount64(s[i])
	}
	return n
}

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// each calls f for every slot, in ascending order.
func (s set) each(f func(slot uint32)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(uint32(i<<6 + bits.TrailingZeros64(w)))
		}
	}
}
