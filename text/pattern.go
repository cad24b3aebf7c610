package text

import (
	"unicode"
	"unicode/utf8"
)

// pattern is a regular expression of tokenizer.json, which Oniguruma matches in Hugging Face's library: leftmost, the
// first alternative that fits, with backtracking, because tokenizers of the GPT family look ahead and Go's regexp does
// not. It is compiled to a small program (Thompson's, run depth first).
type pattern struct {
	source string
	code   []instruction
	sets   []charSet
	first  [256]bool // bytes that a match can begin with
	empty  bool      // a match can be empty
}

type opcode uint8

const (
	opRune   opcode = iota // the character x
	opSet                  // a character of sets[x]
	opSplit                // go on at x, and if that fails at y
	opJump                 // go on at x
	opLook                 // what follows this instruction up to its opMatch must fit here (y 1: must not), then go on at x
	opBehind               // likewise, for the x characters before here; y as above, length in n
	opAtomic               // what follows up to its opMatch fits once and for all, then go on at x
	opAssert               // a place: assertion x
	opMatch
)

type instruction struct {
	op   opcode
	x, y int32
	n    int32
}

const (
	atLineStart = iota
	atLineEnd
	atTextStart
	atTextEnd
	atLastLineEnd // the end, or before a line feed at the end
	atWordBorder
	inWord
)

// machine is memory of the matcher that is used again.
type machine struct {
	stack []thread
	steps int
}

type thread struct{ pc, at int32 }

// matchIterator walks over the matches of a pattern in s from left to right, without overlap.
type matchIterator struct {
	p        *splitPattern
	s        string
	m        *machine
	from, to int
	at       int
	last     int // end of the last match, where no empty one may stand; -1 at the beginning
}

func (it *matchIterator) next() bool {
	for it.at <= len(it.s) {
		from, to, ok := it.p.find(it.s, it.at, it.m)
		if !ok {
			return false
		}
		it.at = to
		if from == to {
			it.at = to + 1
			if to < len(it.s) {
				it.at = to + characterLength(it.s, to)
			}
			if from == it.last {
				continue
			}
		}
		it.from, it.to, it.last = from, to, to
		return true
	}
	return false
}

// budget bounds the work in one text: what a hostile expression would spend exponential time on stays unmatched.
func (m *machine) budget(s string) { m.steps = 10_000 + 500*len(s) }

// find returns the first match in s at or after position at.
func (p *pattern) find(s string, at int, m *machine) (from, to int, ok bool) {
	for from = at; from <= len(s); {
		if !p.empty {
			for from < len(s) && !p.first[s[from]] {
				from++
			}
			if from == len(s) {
				return 0, 0, false
			}
		}
		if to, ok = p.run(m, s, 0, from); ok {
			return from, to, true
		}
		if m.steps <= 0 || from == len(s) {
			return 0, 0, false
		}
		from += characterLength(s, from)
	}
	return 0, 0, false
}

// run matches the program from pc on at position at, and returns where the match ends.
func (p *pattern) run(m *machine, s string, pc, at int) (end int, ok bool) {
	base := len(m.stack)
	for {
		if m.steps--; m.steps < 0 {
			m.stack = m.stack[:base]
			return 0, false
		}
		in := &p.code[pc]
		ok := true
		switch in.op {
		case opMatch:
			m.stack = m.stack[:base]
			return at, true
		case opRune, opSet:
			var n int
			if n, ok = p.step(in, s, at); ok {
				at += n
				pc++
			}
		case opSplit:
			m.stack = append(m.stack, thread{in.y, int32(at)})
			pc = int(in.x)
		case opJump:
			pc = int(in.x)
		case opAssert:
			ok = holds(int(in.x), s, at)
			pc++
		case opAtomic:
			if at, ok = p.run(m, s, pc+1, at); ok {
				pc = int(in.x)
			}
		case opLook:
			_, found := p.run(m, s, pc+1, at)
			ok, pc = found != (in.y == 1), int(in.x)
		case opBehind:
			start, enough := back(s, at, int(in.n))
			if enough {
				_, enough = p.run(m, s, pc+1, start)
			}
			ok, pc = enough != (in.y == 1), int(in.x)
		}
		if ok {
			continue
		}
		if len(m.stack) == base {
			return 0, false
		}
		t := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		pc, at = int(t.pc), int(t.at)
	}
}

// step matches one character.
func (p *pattern) step(in *instruction, s string, at int) (n int, ok bool) {
	if at >= len(s) {
		return 0, false
	}
	r, n := rune(s[at]), 1
	if r >= utf8.RuneSelf {
		r, n = utf8.DecodeRuneInString(s[at:])
	}
	if in.op == opRune {
		return n, r == in.x
	}
	return n, p.sets[in.x].has(r)
}

// back returns the position n characters before at.
func back(s string, at, n int) (int, bool) {
	for ; n > 0; n-- {
		if at == 0 {
			return 0, false
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	return at, true
}

func holds(assertion int, s string, at int) bool {
	switch assertion {
	case atLineStart:
		return at == 0 || s[at-1] == '\n' && at < len(s)
	case atLineEnd:
		return at == len(s) || s[at] == '\n'
	case atTextStart:
		return at == 0
	case atTextEnd:
		return at == len(s)
	case atLastLineEnd:
		return at == len(s) || at == len(s)-1 && s[at] == '\n'
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at:])
	border := (at > 0 && isWordCharacter(before)) != (at < len(s) && isWordCharacter(after))
	return border == (assertion == atWordBorder)
}

// isWordCharacter is \w: letters, marks, numbers, and what connects them.
func isWordCharacter(r rune) bool {
	return r == '_' || classOf(r)&(letter|number|combining) != 0 || r >= utf8.RuneSelf && unicode.Is(unicode.Pc, r)
}

// charSet is what stands between brackets.
type charSet struct {
	ascii   [2]uint64
	ranges  [][2]rune
	classes class // any of these
	parts   []setPart
	negated bool
	folded  bool
}

// setPart is a set within a set.
type setPart struct {
	table   *unicode.RangeTable // nil for inner or word
	word    bool
	inner   *charSet
	classes class
	negated bool
}

func (c *charSet) has(r rune) bool {
	if uint32(r) < utf8.RuneSelf {
		return c.ascii[r>>6]>>(uint(r)&63)&1 != 0
	}
	return c.look(r)
}

func (c *charSet) look(r rune) bool {
	found := c.direct(r)
	if c.folded {
		for f := unicode.SimpleFold(r); !found && f != r; f = unicode.SimpleFold(f) {
			found = c.direct(f)
		}
	}
	return found != c.negated
}

func (c *charSet) direct(r rune) bool {
	for _, x := range c.ranges {
		if x[0] <= r && r <= x[1] {
			return true
		}
	}
	if classOf(r)&c.classes != 0 {
		return true
	}
	for i := range c.parts {
		p := &c.parts[i]
		var in bool
		switch {
		case p.inner != nil:
			in = p.inner.look(r)
		case p.word:
			in = isWordCharacter(r)
		case p.table != nil:
			in = unicode.Is(p.table, r)
		default:
			in = classOf(r)&p.classes != 0
		}
		if in != p.negated {
			return true
		}
	}
	return false
}

// fill notes the answers for ASCII.
func (c *charSet) fill() {
	for r := rune(0); r < utf8.RuneSelf; r++ {
		if c.look(r) {
			c.ascii[r>>6] |= 1 << (uint(r) & 63)
		}
	}
}
