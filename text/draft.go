package text

import (
	"slices"
	"unicode/utf8"
	"unsafe"
)

// draft is a text on its way through a tokenizer: what was given, what it is now, and for each byte of what it is,
// which character of the input that stands for. It is Aligned's faster sister: one number a byte, none while the
// characters stand where they stood, and buffers that are used again.
//
// The alignment is that of Hugging Face's NormalizedString: a character that replaces another stands for what that one
// stood for, an inserted character for what its predecessor in the old text stood for, and what is removed is covered
// by nobody.
type draft struct {
	input string
	text  string
	from  []int32 // by byte of text: where its character begins in input, before for none; unused while text is straight

	offset   int  // where input begins in the whole text
	straight bool // text has the lengths of input, character by character

	// A step reads text and writes the next one: keep, put and commit.
	next         []byte
	nextFrom     []int32
	nextStraight bool
	spare        []byte
	spareFrom    []int32

	machine machine // memory for patterns
}

// before is the place of what was inserted at the very beginning of a text: it stands for nothing.
const before = -1

// begin makes s the text.
func (d *draft) begin(s string) {
	d.input, d.text, d.straight = s, s, true
	d.start()
}

// start begins a step.
func (d *draft) start() {
	d.next, d.nextFrom, d.nextStraight = d.next[:0], d.nextFrom[:0], d.straight
}

// keep copies a range of the text.
func (d *draft) keep(from, to int) {
	if from == to {
		return
	}
	if d.nextStraight && from != len(d.next) {
		d.bend()
	}
	d.next = append(d.next, d.text[from:to]...)
	switch {
	case d.nextStraight:
	case d.straight:
		d.nextFrom = appendStarts(d.nextFrom, d.input, from, to)
	default:
		d.nextFrom = append(d.nextFrom, d.from[from:to]...)
	}
}

// put writes r, which stands for what the byte at position at of the old text stands for; at may be before.
func (d *draft) put(r rune, at int) {
	n := len(d.next)
	d.next = utf8.AppendRune(d.next, r)
	d.align(n, at)
}

// putByte is put for ASCII.
func (d *draft) putByte(c byte, at int) {
	n := len(d.next)
	d.next = append(d.next, c)
	d.align(n, at)
}

// putString is put for each character of s.
func (d *draft) putString(s string, at int) {
	for _, r := range s {
		d.put(r, at)
	}
}

// align notes that the bytes of next from n on, one character, stand for what stands at position at of the text.
func (d *draft) align(n, at int) {
	if d.nextStraight {
		if at == n && characterLength(d.text, at) == len(d.next)-n {
			return
		}
		d.next, n = d.next[:n], len(d.next)
		d.bend()
		d.next = d.next[:n]
	}
	from := int32(before)
	if at >= 0 {
		from = d.origin(at)
	}
	for len(d.nextFrom) < len(d.next) {
		d.nextFrom = append(d.nextFrom, from)
	}
}

// bend writes down the alignment of what was straight so far.
func (d *draft) bend() {
	d.nextFrom = appendStarts(d.nextFrom[:0], d.input, 0, len(d.next))
	d.nextStraight = false
}

// commit makes what was written the text.
func (d *draft) commit() {
	d.text, d.straight = view(d.next), d.nextStraight
	d.next, d.spare = d.spare, d.next
	d.from, d.nextFrom, d.spareFrom = d.nextFrom, d.spareFrom, d.from
	d.start()
}

// origin returns where the character of the byte at position at begins in the input.
func (d *draft) origin(at int) int32 {
	if !d.straight {
		return d.from[at]
	}
	return int32(characterStart(d.input, at))
}

// inPlace tells quickly that a range of the text stands for the same range of the input: whole characters which stand where
// they stood.
func (d *draft) inPlace(s Span) bool {
	return d.straight && s.Start < s.End && utf8.RuneStart(d.text[s.Start]) && (s.End == len(d.text) || utf8.RuneStart(d.text[s.End]))
}

// source returns the range of the input that a range of the text stands for: whole characters.
func (d *draft) source(s Span) Span {
	if s.Start >= s.End {
		at := len(d.input)
		if s.Start < len(d.text) {
			at = max(int(d.origin(s.Start)), 0)
		}
		return Span{at, at}
	}
	start, last := int(d.origin(s.Start)), int(d.origin(s.End-1))
	end := 0
	if last >= 0 {
		end = last + characterLength(d.input, last)
	}
	return Span{max(start, 0), end}
}

// appendStarts appends, for each byte of s[from:to], where its character begins.
func appendStarts(dst []int32, s string, from, to int) []int32 {
	dst = slices.Grow(dst, to-from)
	for at := from; at < to; {
		if s[at] < utf8.RuneSelf {
			dst = append(dst, int32(at))
			at++
			continue
		}
		start := characterStart(s, at)
		end := min(start+characterLength(s, start), to)
		for ; at < end; at++ {
			dst = append(dst, int32(start))
		}
	}
	return dst
}

// characterStart returns where the character that holds the byte at position at begins.
func characterStart(s string, at int) int {
	if s[at] < utf8.RuneSelf || utf8.RuneStart(s[at]) {
		return at
	}
	for start := at - 1; start >= 0 && start > at-utf8.UTFMax; start-- {
		if utf8.RuneStart(s[start]) {
			if start+characterLength(s, start) > at {
				return start
			}
			break
		}
	}
	return at
}

// view is b as a string, without a copy. It holds as long as b is not written to.
func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}
