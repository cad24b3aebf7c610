package text

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// class is what tokenizers ask of a character; bits.
type class uint8

const (
	letter      class = 1 << iota // Unicode's L
	number                        // N
	space                         // White_Space
	punctuator                    // punctuation for BERT: P, and what ASCII has of symbols
	ideograph                     // Chinese for BERT
	unprintable                   // dropped by BERT's cleaning: Cc, Cf, Co, U+FFFD; not tab and line ends
	nonspacing                    // Mn
	combining                     // M
)

// classTable holds the classes of all characters: pages of 256, of which equal ones are stored once. It is built, in
// two milliseconds, when the first tokenizer is.
type classTable struct {
	ascii [utf8.RuneSelf]class
	page  [(unicode.MaxRune + 1) >> 8]uint16
	pages [][256]class
}

var (
	classes     classTable
	classesOnce sync.Once
)

// classOf returns the classes of r; a tokenizer must have been made before.
func classOf(r rune) class {
	if uint32(r) < utf8.RuneSelf {
		return classes.ascii[r]
	}
	return classes.pages[classes.page[r>>8]][r&0xff]
}

// isPunctuation tells of punctuation as BERT means it.
func isPunctuation(r rune) bool { return classOf(r)&punctuator != 0 }

// bertIdeographs are the blocks that BERT puts spaces around. One begins 256 characters late in the reference, and so
// here.
var bertIdeographs = [][2]rune{{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}}

func buildClasses() {
	flat := make([]class, unicode.MaxRune+1)
	set := func(c class, tables ...*unicode.RangeTable) {
		for _, t := range tables {
			for _, r := range t.R16 {
				for at := rune(r.Lo); at <= rune(r.Hi); at += rune(r.Stride) {
					flat[at] |= c
				}
			}
			for _, r := range t.R32 {
				for at := rune(r.Lo); at <= rune(r.Hi); at += rune(r.Stride) {
					flat[at] |= c
				}
			}
		}
	}
	set(punctuator, unicode.P)
	set(unprintable, unicode.Cc, unicode.Cf, unicode.Co)
	set(nonspacing, unicode.Mn)
	set(combining, unicode.M)
	for _, r := range newer.R16 {
		clear(flat[r.Lo : r.Hi+1])
	}
	for _, r := range newer.R32 {
		clear(flat[r.Lo : r.Hi+1])
	}
	set(letter, unicode.L)
	set(number, unicode.N)
	set(space, unicode.White_Space)
	for _, c := range "$+<=>^`|~" {
		flat[c] |= punctuator
	}
	for _, c := range []rune{0x166d, 0x111c9} { // punctuation in Unicode 8, not since
		flat[c] |= punctuator
	}
	for _, c := range "\t\n\r" {
		flat[c] &^= unprintable
	}
	flat[utf8.RuneError] |= unprintable
	for _, r := range bertIdeographs {
		for at := r[0]; at <= r[1]; at++ {
			flat[at] |= ideograph
		}
	}
	copy(classes.ascii[:], flat)
	known := map[[256]class]uint16{}
	for i := range classes.page {
		page := [256]class(flat[i<<8:])
		n, ok := known[page]
		if !ok {
			n = uint16(len(classes.pages))
			known[page] = n
			classes.pages = append(classes.pages, page)
		}
		classes.page[i] = n
	}
}

// IsPunctuation tells of what tokenizers cut at: punctuation as BERT means it.
func IsPunctuation(r rune) bool {
	classesOnce.Do(buildClasses)
	return isPunctuation(r)
}

// IsIdeograph tells of the characters that BERT puts spaces around.
func IsIdeograph(r rune) bool {
	classesOnce.Do(buildClasses)
	return classOf(r)&ideograph != 0
}
