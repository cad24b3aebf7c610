package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of an expression.
const (
	maxPatternDepth = 50
	maxPatternCode  = 10_000
	maxRepeat       = 1000
)

// patternParser compiles as it reads. Each method leaves the code of what it has read at the end of code.
type patternParser struct {
	*pattern
	at    int
	fold  bool
	depth int
}

// compilePattern compiles an expression, or says which construct of it is not supported.
func compilePattern(source string) (*pattern, error) {
	p := &patternParser{pattern: &pattern{source: source}}
	if !utf8.ValidString(source) {
		return nil, fmt.Errorf("the expression %q is not UTF-8", source)
	}
	if err := p.alternatives(); err != nil {
		return nil, fmt.Errorf("the expression %q: %w", source, err)
	}
	if p.at < len(source) {
		return nil, fmt.Errorf("the expression %q: %q at byte %d closes nothing", source, source[p.at:p.at+1], p.at)
	}
	p.emit(instruction{op: opMatch})
	for i := range p.sets {
		p.sets[i].fill()
	}
	p.begin(0, map[int]bool{})
	return p.pattern, nil
}

func (p *patternParser) emit(in instruction) int {
	p.code = append(p.code, in)
	return len(p.code) - 1
}

func (p *patternParser) here() int32 { return int32(len(p.code)) }

func (p *patternParser) more() bool { return p.at < len(p.source) }

// accept skips a prefix of what is left.
func (p *patternParser) accept(prefix string) bool {
	if strings.HasPrefix(p.source[p.at:], prefix) {
		p.at += len(prefix)
		return true
	}
	return false
}

func (p *patternParser) character() rune {
	r, n := utf8.DecodeRuneInString(p.source[p.at:])
	p.at += n
	return r
}

// insert makes room for an instruction at position at; the code behind it moves by one.
func (p *patternParser) insert(at int, in instruction) {
	p.code = slices.Insert(p.code, at, in)
	for i := at + 1; i < len(p.code); i++ {
		switch p.code[i].op {
		case opSplit:
			p.code[i].x++
			p.code[i].y++
		case opJump, opLook, opBehind, opAtomic:
			p.code[i].x++
		}
	}
}

// alternatives reads up to a closing bracket or the end.
func (p *patternParser) alternatives() error {
	if p.depth++; p.depth > maxPatternDepth {
		return fmt.Errorf("groups are nested more than %d deep", maxPatternDepth)
	}
	defer func(fold bool) { p.depth--; p.fold = fold }(p.fold)
	var ends []int
	for {
		start := len(p.code)
		if err := p.sequence(); err != nil {
			return err
		}
		if !p.accept("|") {
			break
		}
		p.insert(start, instruction{op: opSplit, x: int32(start + 1)})
		ends = append(ends, p.emit(instruction{op: opJump}))
		p.code[start].y = p.here()
	}
	for _, e := range ends {
		p.code[e].x = p.here()
	}
	return nil
}

func (p *patternParser) sequence() error {
	for p.more() && p.source[p.at] != '|' && p.source[p.at] != ')' {
		start := len(p.code)
		if err := p.atom(); err != nil {
			return err
		}
		if err := p.quantifiers(start); err != nil {
			return err
		}
		if len(p.code) > maxPatternCode {
			return fmt.Errorf("it is too long once its repetitions are written out")
		}
	}
	return nil
}

// quantifiers reads what follows an atom whose code begins at start.
func (p *patternParser) quantifiers(start int) error {
	for p.more() {
		least, most := 0, -1
		switch {
		case p.accept("*"):
		case p.accept("+"):
			least = 1
		case p.accept("?"):
			most = 1
		case p.source[p.at] == '{':
			var ok bool
			var err error
			if least, most, ok, err = p.counts(); err != nil || !ok {
				return err
			}
		default:
			return nil
		}
		lazy := p.accept("?")
		possessive := !lazy && p.accept("+")
		if err := p.repeat(start, least, most, lazy); err != nil {
			return err
		}
		if possessive {
			p.insert(start, instruction{op: opAtomic})
			p.emit(instruction{op: opMatch})
			p.code[start].x = p.here()
		}
	}
	return nil
}

// counts reads {n}, {n,}, {,m} and {n,m}; other braces are themselves.
func (p *patternParser) counts() (least, most int, ok bool, err error) {
	inside, _, found := strings.Cut(p.source[p.at+1:], "}")
	low, high, comma := strings.Cut(inside, ",")
	number := func(s string, empty int) int {
		if s == "" {
			return empty
		}
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return -2
		}
		return int(n)
	}
	least, most = number(low, 0), number(high, -1)
	if !comma {
		most = least
	}
	if !found || inside == "" || inside == "," || least == -2 || most == -2 {
		return 0, 0, false, nil
	}
	if least > maxRepeat || most > maxRepeat || most >= 0 && most < least {
		return 0, 0, false, fmt.Errorf("the repetition {%s} is not supported", inside)
	}
	p.at += len(inside) + 2
	return least, most, true, nil
}

// repeat replaces the code from start on by its repetition.
func (p *patternParser) repeat(start, least, most int, lazy bool) error {
	body := slices.Clone(p.code[start:])
	if (most < 0 || most > 1) && p.canBeEmpty(start) {
		return fmt.Errorf("the repetition of what may be empty is not supported")
	}
	if n := max(least, most, 1); n*len(body) > maxPatternCode {
		return fmt.Errorf("it is too long once its repetitions are written out")
	}
	p.code = p.code[:start]
	again := func() {
		shift := int32(len(p.code) - start)
		for _, in := range body {
			switch in.op {
			case opSplit:
				in.x += shift
				in.y += shift
			case opJump, opLook, opBehind, opAtomic:
				in.x += shift
			}
			p.code = append(p.code, in)
		}
	}
	split := func(inside, outside int32) instruction {
		if lazy {
			return instruction{op: opSplit, x: outside, y: inside}
		}
		return instruction{op: opSplit, x: inside, y: outside}
	}
	for range least {
		again()
	}
	if most < 0 {
		loop := p.emit(instruction{})
		again()
		p.emit(instruction{op: opJump, x: int32(loop)})
		p.code[loop] = split(int32(loop)+1, p.here())
		return nil
	}
	var exits []int
	for range most - least {
		exits = append(exits, p.emit(instruction{}))
		again()
	}
	for _, e := range exits {
		p.code[e] = split(int32(e)+1, p.here())
	}
	return nil
}

// canBeEmpty tells whether the code from start on can match nothing.
func (p *patternParser) canBeEmpty(start int) bool {
	seen := map[int32]bool{}
	var walk func(pc int32) bool
	walk = func(pc int32) bool {
		if int(pc) >= len(p.code) {
			return true
		}
		if seen[pc] {
			return false
		}
		seen[pc] = true
		switch in := p.code[pc]; in.op {
		case opRune, opSet, opMatch:
			return false
		case opSplit:
			return walk(in.x) || walk(in.y)
		case opAtomic:
			return walk(pc+1) || p.atomicCanBeEmpty(pc) && walk(in.x)
		case opAssert:
			return walk(pc + 1)
		default:
			return walk(in.x)
		}
	}
	return walk(int32(start))
}

// atomicCanBeEmpty tells it of the body of an atomic group.
func (p *patternParser) atomicCanBeEmpty(pc int32) bool {
	inner := &patternParser{pattern: &pattern{code: p.code[:p.code[pc].x-1]}}
	return inner.canBeEmpty(int(pc) + 1)
}

// begin notes the bytes that a match can begin with.
func (p *patternParser) begin(pc int, seen map[int]bool) {
	if seen[pc] || p.empty {
		return
	}
	seen[pc] = true
	switch in := p.code[pc]; in.op {
	case opMatch:
		p.empty = true
	case opRune:
		p.first[string(in.x)[0]] = true
	case opSet:
		for r := range rune(utf8.RuneSelf) {
			p.first[r] = p.first[r] || p.sets[in.x].has(r)
		}
		p.sets[in.x].leading(&p.first)
	case opSplit:
		p.begin(int(in.x), seen)
		p.begin(int(in.y), seen)
	case opAtomic:
		if p.atomicCanBeEmpty(int32(pc)) {
			p.begin(int(in.x), seen)
		}
		p.begin(pc+1, seen)
	case opAssert:
		p.begin(pc+1, seen)
	default:
		p.begin(int(in.x), seen)
	}
}

// leading notes the bytes that characters of the set beyond ASCII begin with.
func (c *charSet) leading(first *[256]bool) {
	if c.negated || c.classes != 0 || len(c.parts) > 0 || c.folded {
		for b := utf8.RuneSelf; b < 256; b++ {
			first[b] = true
		}
		return
	}
	for _, r := range c.ranges {
		if r[1] >= utf8.RuneSelf {
			for b := int(string(max(r[0], utf8.RuneSelf))[0]); b <= int(string(r[1])[0]); b++ {
				first[b] = true
			}
		}
	}
}

// tableOf returns the set of a Unicode property: a category, a script, or one of the few names of classes.
func tableOf(name string) (setPart, bool) {
	clean := strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	switch clean {
	case "l", "letter":
		return setPart{classes: letter}, true
	case "n", "number":
		return setPart{classes: number}, true
	case "m", "mark":
		return setPart{table: unicode.M}, true
	case "space", "whitespace":
		return setPart{classes: space}, true
	case "alpha", "alphabetic":
		return setPart{inner: &charSet{classes: letter, parts: []setPart{{table: unicode.Other_Alphabetic}, {table: unicode.Nl}}}}, true
	case "alnum":
		return setPart{inner: &charSet{classes: letter, parts: []setPart{{table: unicode.Other_Alphabetic}, {table: unicode.Nl}, {table: unicode.Nd}}}}, true
	case "digit":
		return setPart{table: unicode.Nd}, true
	case "upper", "uppercase":
		return setPart{inner: &charSet{parts: []setPart{{table: unicode.Lu}, {table: unicode.Other_Uppercase}}}}, true
	case "lower", "lowercase":
		return setPart{inner: &charSet{parts: []setPart{{table: unicode.Ll}, {table: unicode.Other_Lowercase}}}}, true
	case "punct":
		return setPart{inner: &charSet{parts: []setPart{{table: unicode.P}, {table: unicode.S}}}}, true
	case "word":
		return setPart{word: true}, true
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts, unicode.Properties} {
		for known, table := range tables {
			if strings.ToLower(strings.ReplaceAll(known, "_", "")) == clean {
				return setPart{table: table}, true
			}
		}
	}
	return setPart{}, false
}
