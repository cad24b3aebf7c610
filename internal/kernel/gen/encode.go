package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/reg"
)

// Instructions of AMX and AVX512-BF16, which neither avo nor the assembler knows, are written as bytes (Intel's Software
// Developer's Manual, volume 2). Behind each stands what GNU objdump has to read there; a test of the package asks it.
// Register allocation does not see them: who uses them names registers.

// emit writes an encoded instruction and its meaning.
func emit(text string, code ...byte) {
	parts := make([]string, len(code))
	for i, b := range code {
		parts[i] = fmt.Sprintf("BYTE $0x%02x", b)
	}
	Instruction(&ir.Instruction{Opcode: strings.Join(parts, "; ") + " // " + text})
}

// tmm is a tile register.
type tmm byte

func (t tmm) String() string { return fmt.Sprintf("%%tmm%d", byte(t)) }

// The prefixes that tell opcodes of one number apart.
const (
	np byte = iota
	p66
	pF3
	pF2
)

// number is that of a general purpose or vector register, and gnu its name for the disassembler.
func number(r Physical) byte { return byte(r.PhysicalIndex()) }

func gnu(r Physical) string {
	switch {
	case r.Kind() == KindVector:
		return fmt.Sprintf("%%zmm%d", number(r))
	case number(r) < 8:
		return "%r" + strings.ToLower(r.Asm())
	}
	return "%" + strings.ToLower(r.Asm())
}

// vex writes an instruction of registers from the map 0F38: the operands are those of the fields ModRM.reg, VEX.vvvv
// and ModRM.rm, all below 8.
func vex(prefix, opcode, reg, vvvv, rm byte) []byte {
	return []byte{0xc4, 0xe2, (^vvvv&15)<<3 | prefix, opcode, 0xc0 | reg<<3 | rm}
}

// tileMemory writes a load or a store of a tile whose rows lie stride bytes apart.
func tileMemory(prefix byte, base, stride Physical, disp int32) (text string, code []byte) {
	b, x := number(base), number(stride)
	inverted := byte(0x80 | 0x02) // VEX.R unused, map 0F38
	if x < 8 {
		inverted |= 0x40
	}
	if b < 8 {
		inverted |= 0x20
	}
	sib := x&7<<3 | b&7
	d := uint32(disp)
	code = []byte{0xc4, inverted, 0x78 | prefix, 0x4b, 0x84, sib, byte(d), byte(d >> 8), byte(d >> 16), byte(d >> 24)}
	return fmt.Sprintf("0x%x(%s,%s,1)", disp, gnu(base), gnu(stride)), code
}

func tileload(base, stride Physical, disp int32, t tmm) {
	at, code := tileMemory(pF2, base, stride, disp)
	code[4] |= byte(t) << 3
	emit(fmt.Sprintf("tileloadd %s,%v", at, t), code...)
}

func tilestore(t tmm, base, stride Physical, disp int32) {
	at, code := tileMemory(pF3, base, stride, disp)
	code[4] |= byte(t) << 3
	emit(fmt.Sprintf("tilestored %v,%s", t, at), code...)
}

func tilezero(t tmm) { emit(fmt.Sprintf("tilezero %v", t), vex(pF2, 0x49, byte(t), 0, 0)...) }

func tilerelease() { emit("tilerelease", vex(np, 0x49, 0, 0, 0)...) }

// ldtilecfg takes the shapes of the tiles from the address in AX.
func ldtilecfg() { emit("ldtilecfg (%rax)", 0xc4, 0xe2, 0x78, 0x49, 0x00) }

// tdpbf16ps adds the product of a and b to c, tdpbssd that of whole numbers of 8 bits.
func tdpbf16ps(b, a, c tmm) {
	emit(fmt.Sprintf("tdpbf16ps %v,%v,%v", b, a, c), vex(pF3, 0x5c, byte(c), byte(b), byte(a))...)
}

func tdpbssd(b, a, c tmm) {
	emit(fmt.Sprintf("tdpbssd %v,%v,%v", b, a, c), vex(pF2, 0x5e, byte(c), byte(b), byte(a))...)
}

// vcvtne2ps2bf16 rounds two vectors to bfloat16: low becomes the lower half of dst.
func vcvtne2ps2bf16(low, high, dst Physical) {
	l, h, d := number(low), number(high), number(dst)
	bit := func(n, at byte) byte { return n >> at & 1 } // EVEX has the upper bits of registers inverted
	p0 := 0x02 | (1-bit(d, 3))<<7 | (1-bit(l, 4))<<6 | (1-bit(l, 3))<<5 | (1-bit(d, 4))<<4
	p1 := (^h&15)<<3 | 0x04 | pF2
	p2 := 0x40 | (1-bit(h, 4))<<3
	emit(fmt.Sprintf("vcvtne2ps2bf16 %s,%s,%s", gnu(low), gnu(high), gnu(dst)), 0x62, p0, p1, p2, 0x72, 0xc0|d&7<<3|l&7)
}
