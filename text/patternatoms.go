package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// atom reads one thing that can be repeated.
func (p *patternParser) atom() error {
	switch c := p.source[p.at]; c {
	case '(':
		p.at++
		return p.group()
	case '[':
		p.at++
		set, err := p.set()
		if err != nil {
			return err
		}
		p.emitSet(*set)
		return nil
	case '.':
		p.at++
		p.emitSet(charSet{ranges: [][2]rune{{'\n', '\n'}}, negated: true})
		return nil
	case '^', '$':
		p.at++
		place := int32(atLineStart)
		if c == '$' {
			place = atLineEnd
		}
		p.emit(instruction{op: opAssert, x: place})
		return nil
	case '*', '+', '?':
		return fmt.Errorf("%q at byte %d repeats nothing", c, p.at)
	case '\\':
		return p.escape()
	}
	p.literal(p.character())
	return nil
}

func (p *patternParser) emitSet(c charSet) {
	p.emit(instruction{op: opSet, x: int32(len(p.sets))})
	p.sets = append(p.sets, c)
}

func (p *patternParser) literal(r rune) {
	if p.fold && unicode.SimpleFold(r) != r {
		p.emitSet(charSet{ranges: [][2]rune{{r, r}}, folded: true})
		return
	}
	p.emit(instruction{op: opRune, x: r})
}

// group reads from behind an opening bracket.
func (p *patternParser) group() error {
	body := func() error {
		if err := p.alternatives(); err != nil {
			return err
		}
		if !p.accept(")") {
			return fmt.Errorf("a group is not closed")
		}
		return nil
	}
	// apart has the body matched by itself: looks around and atomic groups.
	apart := func(in instruction) error {
		start := p.emit(in)
		if err := body(); err != nil {
			return err
		}
		if in.op == opBehind {
			n, ok := p.width(start + 1)
			if !ok {
				return fmt.Errorf("looking behind (?<…) at what has no fixed length is not supported")
			}
			p.code[start].n = int32(n)
		}
		p.emit(instruction{op: opMatch})
		p.code[start].x = p.here()
		return nil
	}
	if !p.accept("?") {
		return body()
	}
	switch {
	case p.accept(":"):
		return body()
	case p.accept("="):
		return apart(instruction{op: opLook})
	case p.accept("!"):
		return apart(instruction{op: opLook, y: 1})
	case p.accept("<="):
		return apart(instruction{op: opBehind})
	case p.accept("<!"):
		return apart(instruction{op: opBehind, y: 1})
	case p.accept(">"):
		return apart(instruction{op: opAtomic})
	}
	flags, _, _ := strings.Cut(p.source[p.at:], ")")
	flags, _, _ = strings.Cut(flags, ":")
	if flags != "i" && flags != "-i" {
		return fmt.Errorf("the group (?%s is not supported", flags)
	}
	p.at += len(flags)
	outer := p.fold
	p.fold = flags == "i"
	if p.accept(")") { // for the rest of the enclosing group
		return nil
	}
	p.at++
	err := body()
	p.fold = outer
	return err
}

// width returns how many characters the code from start on matches, if that is always the same number.
func (p *patternParser) width(start int) (n int, ok bool) {
	for _, in := range p.code[start:] {
		switch in.op {
		case opRune, opSet:
			n++
		case opAssert:
		default:
			return 0, false
		}
	}
	return n, true
}

// escape reads a backslash and what it means outside brackets.
func (p *patternParser) escape() error {
	start := p.at
	p.at++
	if !p.more() {
		return fmt.Errorf("it ends with a backslash")
	}
	places := map[byte]int32{'A': atTextStart, 'z': atTextEnd, 'Z': atLastLineEnd, 'b': atWordBorder, 'B': inWord}
	if place, ok := places[p.source[p.at]]; ok {
		p.at++
		p.emit(instruction{op: opAssert, x: place})
		return nil
	}
	p.at = start
	r, part, err := p.escaped()
	if err != nil {
		return err
	}
	if part != nil {
		p.emitSet(charSet{parts: []setPart{*part}})
		return nil
	}
	p.literal(r)
	return nil
}

// escaped reads a backslash and what stands for a character, or for a set of them.
func (p *patternParser) escaped() (rune, *setPart, error) {
	p.at++
	if !p.more() {
		return 0, nil, fmt.Errorf("it ends with a backslash")
	}
	c := p.character()
	negated := 'A' <= c && c <= 'Z'
	switch c {
	case 'n', 'r', 't', 'f', 'v', 'a', 'e':
		return map[rune]rune{'n': '\n', 'r': '\r', 't': '\t', 'f': '\f', 'v': '\v', 'a': '\a', 'e': 0x1b}[c], nil, nil
	case '0':
		return 0, nil, nil
	case 's', 'S':
		return 0, &setPart{classes: space, negated: negated}, nil
	case 'd', 'D':
		return 0, &setPart{table: unicode.Nd, negated: negated}, nil
	case 'w', 'W':
		return 0, &setPart{word: true, negated: negated}, nil
	case 'h', 'H':
		return 0, &setPart{table: unicode.ASCII_Hex_Digit, negated: negated}, nil
	case 'p', 'P':
		part, err := p.property(negated)
		return 0, part, err
	case 'x', 'u':
		r, err := p.hex(c)
		return r, nil, err
	}
	if c >= '1' && c <= '9' || c >= 'a' && c <= 'z' || negated {
		return 0, nil, fmt.Errorf(`the construct \%c is not supported`, c)
	}
	return c, nil, nil
}

// property reads {Name} behind \p.
func (p *patternParser) property(negated bool) (*setPart, error) {
	if !p.accept("{") {
		return nil, fmt.Errorf(`\p is not followed by {…}`)
	}
	name, _, found := strings.Cut(p.source[p.at:], "}")
	if !found {
		return nil, fmt.Errorf(`\p{ is not closed`)
	}
	p.at += len(name) + 1
	name, not := strings.CutPrefix(name, "^")
	part, ok := tableOf(name)
	if !ok {
		return nil, fmt.Errorf(`the property \p{%s} is not known`, name)
	}
	part.negated = negated != not
	return &part, nil
}

// hex reads the digits of \xHH, \x{H…} and \uHHHH.
func (p *patternParser) hex(kind rune) (rune, error) {
	rest := p.source[p.at:]
	digits := ""
	switch {
	case kind == 'x' && strings.HasPrefix(rest, "{"):
		digits, _, _ = strings.Cut(rest[1:], "}")
		p.at += min(len(digits)+2, len(rest))
	case kind == 'x':
		n := 0
		for n < 2 && n < len(rest) && strings.IndexByte("0123456789abcdefABCDEF", rest[n]) >= 0 {
			n++
		}
		digits = rest[:n]
		p.at += n
	default:
		digits = rest[:min(4, len(rest))]
		p.at += len(digits)
	}
	r, err := strconv.ParseUint(digits, 16, 21)
	if err != nil || r > unicode.MaxRune {
		return 0, fmt.Errorf(`\%c%s is no character`, kind, digits)
	}
	return rune(r), nil
}

// set reads from behind an opening bracket to the closing one.
func (p *patternParser) set() (*charSet, error) {
	if p.depth++; p.depth > maxPatternDepth {
		return nil, fmt.Errorf("sets are nested more than %d deep", maxPatternDepth)
	}
	defer func() { p.depth-- }()
	c := &charSet{negated: p.accept("^"), folded: p.fold}
	for first := true; ; first = false {
		if !p.more() {
			return nil, fmt.Errorf("a set [ is not closed")
		}
		switch {
		case p.accept("&&"):
			return nil, fmt.Errorf("the intersection && in a set is not supported")
		case !first && p.accept("]"):
			return c, nil
		case p.accept("[:"):
			if err := p.posix(c); err != nil {
				return nil, err
			}
			continue
		case p.accept("["):
			inner, err := p.set()
			if err != nil {
				return nil, err
			}
			c.parts = append(c.parts, setPart{inner: inner})
			continue
		}
		low, part, err := p.setCharacter()
		if err != nil {
			return nil, err
		}
		if part != nil {
			c.parts = append(c.parts, *part)
			continue
		}
		high := low
		if rest := p.source[p.at:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			p.at++
			if high, part, err = p.setCharacter(); err != nil {
				return nil, err
			}
			if part != nil || high < low {
				return nil, fmt.Errorf("a range in a set ends before it begins")
			}
		}
		c.ranges = append(c.ranges, [2]rune{low, high})
	}
}

func (p *patternParser) setCharacter() (rune, *setPart, error) {
	if p.source[p.at] == '\\' {
		if strings.HasPrefix(p.source[p.at:], `\b`) {
			p.at += 2
			return '\b', nil, nil
		}
		return p.escaped()
	}
	return p.character(), nil, nil
}

// posix reads a named class, from behind "[:".
func (p *patternParser) posix(c *charSet) error {
	name, _, found := strings.Cut(p.source[p.at:], ":]")
	if !found {
		return fmt.Errorf("a class [: is not closed")
	}
	p.at += len(name) + 2
	name, not := strings.CutPrefix(name, "^")
	switch name {
	case "alpha", "alnum", "digit", "upper", "lower", "punct", "space", "word":
		part, _ := tableOf(name)
		part.negated = not
		c.parts = append(c.parts, part)
		return nil
	}
	return fmt.Errorf("the class [:%s:] is not supported", name)
}
