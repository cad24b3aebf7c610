package model

// gramCounts counts in how many texts each n-gram occurs. It is a hash table of its own since memory is what counting
// waits for: it fetches the places of many n-grams side by side.
type gramCounts struct {
	slots []gramCount // a power of two, at most three quarters of them taken
	taken int
}

// gramCount is the count of one n-gram.
type gramCount struct {
	key   uint64 // the part of the hash that a feature table tells apart, +1; 0 is free
	texts int32
	last  int32 // text in which it was seen, counted from 1
}

// hash is that of the n-gram, as far as a feature table tells hashes apart.
func (c *gramCount) hash() uint64 { return c.key - 1 }

func newGramCounts() *gramCounts { return &gramCounts{slots: make([]gramCount, 1<<12)} }

// add counts at most lookups n-grams of a text.
func (t *gramCounts) add(hashes []uint64, text int32) {
	for 4*(t.taken+len(hashes)) > 3*len(t.slots) {
		t.rebuild(2*len(t.slots), 0)
	}
	mask := uint64(len(t.slots) - 1)
	var first [lookups]uint64
	for i, h := range hashes {
		first[i] = t.slots[h>>featureBits&mask].key
	}
	for i, h := range hashes {
		key, at := h>>featureBits<<featureBits+1, h>>featureBits&mask
		if first[i] != key {
			at = t.find(key)
		}
		if c := &t.slots[at]; c.last != text {
			if c.key == 0 {
				c.key = key
				t.taken++
			}
			c.texts, c.last = c.texts+1, text
		}
	}
}

// find returns the place of a key, or the free one for it.
func (t *gramCounts) find(key uint64) uint64 {
	mask := uint64(len(t.slots) - 1)
	at := key >> featureBits & mask
	for t.slots[at].key != key && t.slots[at].key != 0 {
		at = (at + 1) & mask
	}
	return at
}

// rebuild moves the n-grams of more than so many texts to a table of so many slots.
func (t *gramCounts) rebuild(slots int, above int32) {
	old := t.slots
	t.slots, t.taken = make([]gramCount, slots), 0
	for _, c := range old {
		if c.key != 0 && c.texts > above {
			t.slots[t.find(c.key)] = c
			t.taken++
		}
	}
}
