package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// begin starts a function of rows.
func begin(s set, name, signature, doc string) {
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + s.name + " computes " + doc + ".")
	hoisted = map[uint32]VecVirtual{}
}

func end() {
	VZEROUPPER()
	RET()
}

func param(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// giveBack makes the first lane the result.
func giveBack(x VecVirtual) {
	p, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(x.AsX(), p.Addr)
}

// parameter returns a float32 parameter in every lane.
func (s set) parameter(name string) VecVirtual {
	v := s.vec()
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, v)
	return v
}

var (
	hoisted   = map[uint32]VecVirtual{} // constants that a function keeps in registers
	constants = map[string]Mem{}        // symbols of the data section
	labels    int
)

// label returns a name that no other label has.
func label(name string) string {
	labels++
	return fmt.Sprintf("%s%d", name, labels)
}

// data returns a symbol that holds the words.
func data(name string, words []uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(4*i, U32(w))
	}
	constants[name] = m
	return m
}

// hoist keeps constants in registers from here on, where there are enough of them.
func (s set) hoist(values ...float32) {
	if s.lanes < 16 {
		return
	}
	for _, v := range values {
		if _, ok := hoisted[math.Float32bits(v)]; !ok {
			hoisted[math.Float32bits(v)] = s.register(v)
		}
	}
}

// word returns the address of a constant, eight times in a row.
func word(v float32) Mem {
	bits := math.Float32bits(v)
	return data(fmt.Sprintf("word%08x", bits), []uint32{bits, bits, bits, bits, bits, bits, bits, bits})
}

// register returns a fresh register that holds a constant in every lane.
func (s set) register(v float32) VecVirtual {
	r := s.vec()
	switch {
	case math.Float32bits(v) == 0:
		return s.zero()
	case hoisted[math.Float32bits(v)] != nil:
		VMOVAPS(hoisted[math.Float32bits(v)], r)
	default:
		VBROADCASTSS(word(v), r)
	}
	return r
}

// c returns a constant as an operand that is only read: a register or, with AVX2, memory.
func (s set) c(v float32) Op {
	if r := hoisted[math.Float32bits(v)]; r != nil {
		return r
	}
	if s.lanes == 16 {
		return s.register(v)
	}
	return word(v)
}

// integer is the constant of that bit pattern.
func integer(bits uint32) float32 { return math.Float32frombits(bits) }

// span is a row of numbers as loops walk over it: whole vectors, and a rest that is read and written by a mask.
type span struct {
	set
	whole, rest GPVirtual // bytes of the whole vectors; numbers that are left
	mask        Register  // of the rest: K, or a vector for AVX2
}

// span prepares for rows of n numbers.
func (s set) span(n GPVirtual) *span {
	p := &span{set: s, whole: GP64(), rest: GP64()}
	MOVQ(n, p.rest)
	ANDQ(U8(s.lanes-1), p.rest)
	MOVQ(n, p.whole)
	SUBQ(p.rest, p.whole)
	SHLQ(U8(2), p.whole)
	at := GP64()
	if s.lanes == 16 {
		ones := make([]uint32, 16)
		for i := range ones {
			ones[i] = 1<<i - 1
		}
		LEAQ(data("masks16", ones), at)
		k := K()
		KMOVW(Mem{Base: at, Index: p.rest, Scale: 4}, k)
		p.mask = k
		return p
	}
	LEAQ(data("masks8", []uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), 0, 0, 0, 0, 0, 0, 0, 0}).Offset(32), at)
	back := GP64()
	MOVQ(p.rest, back)
	NEGQ(back)
	m := s.vec()
	VMOVUPS(Mem{Base: at, Index: back, Scale: 4}, m)
	p.mask = m
	return p
}

// view is one vector of a span, in a loop.
type view struct {
	*span
	i      GPVirtual // bytes from the start of the row
	disp   int
	unit   int // place within an unrolled loop
	masked bool
}

// each writes the loops over a row: body once a vector, unroll of them a turn as long as there are so many.
func (p *span) each(unroll int, body func(v view)) {
	p.groups(unroll, func(group []view) {
		for _, v := range group {
			body(v)
		}
	})
}

// groups writes the loops over a row: body is given many vectors at once, and where there are fewer left, one.
func (p *span) groups(many int, body func(group []view)) {
	i := GP64()
	XORQ(i, i)
	turns, single, again, rest, done := label("many"), label("single"), label("again"), label("rest"), label("done")
	if many > 1 {
		last := GP64()
		MOVQ(p.whole, last)
		SUBQ(I32(many*p.bytes()), last)
		JL(LabelRef(single))
		Label(turns)
		group := make([]view, many)
		for u := range group {
			group[u] = view{p, i, u * p.bytes(), u, false}
		}
		body(group)
		ADDQ(I32(many*p.bytes()), i)
		CMPQ(i, last)
		JLE(LabelRef(turns))
	}
	Label(single)
	CMPQ(i, p.whole)
	JGE(LabelRef(rest))
	Label(again)
	body([]view{{p, i, 0, 0, false}})
	ADDQ(U8(p.bytes()), i)
	CMPQ(i, p.whole)
	JL(LabelRef(again))
	Label(rest)
	TESTQ(p.rest, p.rest)
	JZ(LabelRef(done))
	body([]view{{p, i, 0, 0, true}})
	Label(done)
}

func (v view) at(base Register) Mem { return Mem{Base: base, Index: v.i, Scale: 1, Disp: v.disp} }

// load reads the vector of a row; lanes beyond its end are 0.
func (v view) load(base Register) VecVirtual {
	x := v.vec()
	switch {
	case !v.masked:
		VMOVUPS(v.at(base), x)
	case v.lanes == 16:
		VMOVUPS_Z(v.at(base), v.mask, x)
	default:
		VMASKMOVPS(v.at(base), v.mask, x)
	}
	return x
}

// read returns the vector of a row as an operand that is only read.
func (v view) read(base Register) Op {
	if v.masked {
		return v.load(base)
	}
	return v.at(base)
}

func (v view) store(x VecVirtual, base Register) {
	switch {
	case !v.masked:
		VMOVUPS(x, v.at(base))
	case v.lanes == 16:
		VMOVUPS(x, v.mask, v.at(base))
	default:
		VMASKMOVPS(x, v.mask, v.at(base))
	}
}

// clear makes the lanes beyond the end 0.
func (v view) clear(x VecVirtual) {
	switch {
	case !v.masked:
	case v.lanes == 16:
		VMOVAPS_Z(x, v.mask, x)
	default:
		VANDPS(v.mask, x, x)
	}
}

// fold joins all lanes of x by f and leaves the result in every lane.
func (s set) fold(x VecVirtual, f func(ops ...Op)) {
	y := s.vec()
	if s.lanes == 16 {
		VSHUFF64X2(U8(0x4e), x, x, y)
		f(y, x, x)
		VSHUFF64X2(U8(0xb1), x, x, y)
		f(y, x, x)
	} else {
		VPERM2F128(U8(1), x, x, y)
		f(y, x, x)
	}
	VSHUFPS(U8(0x4e), x, x, y)
	f(y, x, x)
	VSHUFPS(U8(0xb1), x, x, y)
	f(y, x, x)
}

// spread brings the first lane of x into every lane.
func (s set) spread(x VecVirtual) VecVirtual {
	v := s.vec()
	VBROADCASTSS(x.AsX(), v)
	return v
}

// join adds up several vectors of partial results into the first.
func join(x []VecVirtual, f func(ops ...Op)) VecVirtual {
	for n := len(x) / 2; n > 0; n /= 2 {
		for i := range n {
			f(x[i+n], x[i], x[i])
		}
	}
	return x[0]
}

// several returns n vectors made by f.
func several(n int, f func() VecVirtual) []VecVirtual {
	x := make([]VecVirtual, n)
	for i := range x {
		x[i] = f()
	}
	return x
}

// choose puts value into the lanes of p where x compares to limit as the predicate says.
func (s set) choose(predicate int, x VecVirtual, limit, value Op, p VecVirtual) {
	if s.lanes == 16 {
		k := K()
		VCMPPS(U8(predicate), limit, x, k)
		VMOVAPS(value, k, p)
		return
	}
	m := s.vec()
	VCMPPS(U8(predicate), limit, x, m)
	VBLENDVPS(m, value, p, p)
}

// Predicates of comparisons.
const (
	less      = 1
	unordered = 3
	notLess   = 5
	greater   = 14
)

func (s set) and(a Op, b, out VecVirtual) {
	if s.lanes == 16 {
		VPANDD(a, b, out)
	} else {
		VANDPS(a, b, out)
	}
}

func (s set) or(a Op, b, out VecVirtual) {
	if s.lanes == 16 {
		VPORD(a, b, out)
	} else {
		VORPS(a, b, out)
	}
}

func (s set) xor(a Op, b, out VecVirtual) {
	if s.lanes == 16 {
		VPXORD(a, b, out)
	} else {
		VXORPS(a, b, out)
	}
}
