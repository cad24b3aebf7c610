package model

import (
	"slices"
	"testing"
)

// Runs of characters begin at each character and at the boundary before a word, and may end with the one behind it.
func TestRunsOfCharacters(t *testing.T) {
	const boundary = 0x110000
	hash := func(chars ...rune) uint64 {
		h := uint64(charSeed)
		for _, c := range chars {
			h = (h ^ uint64(c)) * prime
			h ^= h >> 29
		}
		return finish(h)
	}
	long := slices.Repeat([]rune("长"), 300) // more than are kept on the stack
	tests := []struct {
		word        string
		least, most int
		want        []uint64
	}{
		{"a早", 1, 2, []uint64{hash(boundary), hash(boundary, 'a'), hash('a'), hash('a', '早'), hash('早'), hash('早', boundary)}},
		{"a早", 2, 3, []uint64{hash(boundary, 'a'), hash(boundary, 'a', '早'), hash('a', '早'), hash('a', '早', boundary), hash('早', boundary)}},
		{"a", 4, 5, nil},
		{"\xffb", 2, 2, []uint64{hash(boundary, 0xfffd), hash(0xfffd, 'b'), hash('b', boundary)}},
		{string(long), 3, 3, slices.Concat([]uint64{hash(boundary, '长', '长')}, slices.Repeat([]uint64{hash('长', '长', '长')}, 298), []uint64{hash('长', '长', boundary)})},
	}
	for _, test := range tests {
		var got []uint64
		m := &ngram{config: NGrams{CharsMin: test.least, CharsMax: test.most}}
		list := hashList{yield: func(hashes []uint64) { got = append(got, hashes...) }}
		m.charHashes([]byte(test.word), &list)
		list.flush()
		if !slices.Equal(got, test.want) {
			t.Errorf("%.10q, %d to %d characters: %x, want %x", test.word, test.least, test.most, got, test.want)
		}
	}
}

// The end of a token is one number, whatever its length: byte by byte.
func TestLittleEndian(t *testing.T) {
	b := []byte{0x81, 0x12, 0xf3, 0x24, 0xe5, 0x36, 0xd7}
	for n := range len(b) + 1 {
		want := uint64(0)
		for i, c := range b[:n] {
			want |= uint64(c) << (8 * i)
		}
		if got := littleEndian(b[:n]); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}
