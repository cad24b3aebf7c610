package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Products of float32 numbers in tiles of bfloat16: a number of 24 bits is the sum of three of 8, each the nearest to what
// those before it leave over, and a product of two numbers that of the six products of parts which reach 24 bits:
//
//	a·b = a₁b₁ + (a₁b₂ + a₂b₁) + (a₁b₃ + a₂b₂ + a₃b₁) + what is below 2⁻²⁴
//
// (G. Henry, P. T. P. Tang, A. Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
// Computations", ARITH 2019). Tiles do a product of bfloat16 sixteen times as fast as vectors do one of float32.
//
// Factors lie in blocks of 6 KB: the two tiles of the first parts, of the second and of the third. Of 32 numbers along k the
// first is paired with the seventeenth, and so on, in A and in B alike, so that two vectors make one without a shuffle.

const splitBlock = 3 * block

func amxF32() {
	tilesF32(false)
	tilesF32(true)
	splitRows()
	splitPairs()
	splitColumns()
}

// splitOrder are the parts of A and B that are multiplied in turn, from the smallest products on. Each step changes one of
// them but for the last.
var splitOrder = [...]struct{ a, b int32 }{{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}}

// splitSquare multiplies two by two tiles in all parts.
func splitSquare() {
	a, b := int32(-1), int32(-1)
	for _, part := range splitOrder {
		newA, newB := part.a != a, part.b != b
		a, b = part.a, part.b
		if newA {
			tileload(aAt, line, block*a, 4)
		}
		if newB {
			tileload(bAt, line, block*b, 6)
		}
		tdpbf16ps(6, 4, 0)
		if newB {
			tileload(bAt, line, block*b+1024, 7)
		}
		tdpbf16ps(7, 4, 1)
		if newA {
			tileload(aAt, line, block*a+1024, 5)
		}
		tdpbf16ps(6, 5, 2)
		tdpbf16ps(7, 5, 3)
	}
	ADDQ(I32(splitBlock), aAt)
	ADDQ(I32(splitBlock), bAt)
}

// Registers of what splits numbers: half a bit of bfloat16, the bits that it has, and sums of what is left over, which are
// not finite if one of the numbers is not or rounds to infinity.
var splitHalf, splitUpper, splitSeen = Z28, Z29, [2]VecPhysical{Z30, Z31}

func splitStart(by Register) {
	MOVL(U32(0x8000), by)
	VPBROADCASTD(by, splitHalf)
	MOVL(U32(0xffff0000), by)
	VPBROADCASTD(by, splitUpper)
	for _, v := range splitSeen {
		VPXORQ(v, v, v)
	}
}

// splitTwo takes two vectors apart, which are lost, and stores each part of both, those of low in the lower halves.
func splitTwo(low, high VecPhysical, store func(part int, v VecPhysical)) {
	l, h, both := Z2, Z3, Z4
	for part := range 3 {
		VPADDD(splitHalf, low, l)
		VPADDD(splitHalf, high, h)
		if part == 2 { // nothing is left over that could be seen
			VPSRLD(U8(16), l, l)
			const upperOrOther = 0xea
			VPTERNLOGD(U8(upperOrOther), l, splitUpper, h)
			store(part, h)
			return
		}
		VPANDD(splitUpper, l, l)
		VPANDD(splitUpper, h, h)
		VPSRLD(U8(16), l, both)
		VPORD(h, both, both)
		store(part, both)
		VSUBPS(l, low, low)
		VSUBPS(h, high, high)
		if part == 0 {
			VADDPS(low, splitSeen[0], splitSeen[0])
			VADDPS(high, splitSeen[1], splitSeen[1])
		}
	}
}

// splitEnd ends a kernel that splits.
func splitEnd() {
	splitTell(RAX)
	VZEROUPPER()
	RET()
}

// splitTell writes 1 to the address in an argument if a number was not finite.
func splitTell(by Physical) {
	VADDPS(splitSeen[0], splitSeen[1], Z0)
	VSUBPS(Z0, Z0, Z0)
	const unordered = 3
	VCMPPS(U8(unordered), Z0, Z0, K1)
	KORTESTW(K1, K1)
	JZ(LabelRef("finite"))
	take("wild", by)
	MOVL(U32(1), Mem{Base: by})
	Label("finite")
}

// splitChunk splits 32 numbers of a row, those in K1 and K2; the others become zeros.
func splitChunk(from, to Physical) {
	VMOVUPS_Z(Mem{Base: from}, K1, Z0)
	VMOVUPS_Z(Mem{Base: from, Disp: 64}, K2, Z1)
	splitTwo(Z0, Z1, func(part int, v VecPhysical) { VMOVDQU64(v, Mem{Base: to, Disp: block * part}) })
}

// tilesF32 writes the kernel of products, which splits the rows of A that come next in the shadow of the multiplications: as they
// lie, or turning them.
func tilesF32(turns bool) {
	const common = "func(panels, kb int, a, b *byte, skip int, c *float32, ldc int, start *float32, distance int, shapes *byte, src *float32, lda int, dst *byte, "
	if turns {
		kernel("tilesF32Turns", `computes what tilesF32 does. With each block of a panel it splits one of count halves of blocks of A's next rows: of 32 rows
of its transpose at src, lda bytes apart, 16 columns. mask says which columns there are.`,
			common+"count int, mask uint32, wild *uint32)")
	} else {
		kernel("tilesF32", `computes C = start + A·B in float32 for 17 to 32 rows (shapes) and some panels of kb blocks, behind each of which skip
bytes are left out. Rows of start lie distance bytes apart; it may be nil. With each panel it splits up to each of the rows
at src, lda bytes apart, into blocks at dst; mask says which numbers of the last block count. It writes 1 to wild if one of
them is not finite.`,
			common+"rows, each int, mask uint32, wild *uint32)")
	}
	source, target, now, ahead := R12, R14, R8, RBX
	take("shapes", RAX)
	ldtilecfg()
	tailMasks()
	take("b", bAt)
	take("c", cAt)
	take("ldc", cStride)
	MOVQ(U32(64), line)
	take("lda", R9)
	if turns {
		target = RBX
		take("src", source)
		take("dst", target)
		take("count", now)
	} else {
		splitStart(EAX)
		nextBlock(R9, ahead)
		take("each", now)
	}
	Label("panel")
	if !turns {
		take("rows", RAX)
		CMPQ(now, RAX)
		CMOVQGT(RAX, now)
		SUBQ(now, arg("rows"))
	}
	startSums(false)
	if !turns {
		take("src", source)
		take("dst", target)
		KXNORW(K1, K1, K1)
		KXNORW(K2, K2, K2)
	}
	take("kb", steps)
	take("a", aAt)
	Label("step")
	splitSquare()
	TESTQ(now, now)
	JZ(LabelRef("prepared"))
	if turns {
		splitHalfBlock(source, target, now)
	} else {
		splitShare(source, target, now, ahead)
	}
	Label("prepared")
	DECQ(steps)
	JNZ(LabelRef("step"))
	sums(false, cAt, cStride, R13, func(t tmm, at Physical, disp int32) { tilestore(t, at, cStride, disp) })
	if !turns {
		MOVQ(now, RAX)
		IMULQ(R9, RAX)
		ADDQ(RAX, arg("src"))
		MOVQ(now, RAX)
		SHLQ(U8(6), RAX)
		ADDQ(RAX, arg("dst"))
	}
	ADDQ(I32(128), cAt)
	ADDQ(arg("skip"), bAt)
	DECQ(arg("panels"))
	JNZ(LabelRef("panel"))
	tilerelease()
	if turns {
		VZEROUPPER()
		RET()
		return
	}
	splitEnd()
}

// splitShare splits a block of the rows whose turn it is.
func splitShare(source, target, now, ahead Physical) {
	from, to, left := RDI, RSI, R13
	CMPQ(steps, U8(1))
	JNE(LabelRef("prepare"))
	KMOVW(K3, K1)
	KMOVW(K4, K2)
	Label("prepare")
	MOVQ(source, from)
	MOVQ(target, to)
	MOVQ(now, left)
	Label("row")
	PREFETCHT1(Mem{Base: from, Index: ahead, Scale: 1})
	PREFETCHT1(Mem{Base: from, Index: ahead, Scale: 1, Disp: 64})
	splitChunk(from, to)
	ADDQ(R9, from)
	ADDQ(U8(64), to)
	DECQ(left)
	JNZ(LabelRef("row"))
	ADDQ(U8(128), source)
	ADDQ(I32(splitBlock), target)
}

// splitHalfBlock splits and turns the half of a block whose turn it is: the first of an even number that are left, else the
// second. All vectors are lost.
func splitHalfBlock(source, target, left Physical) {
	low, high, half := RSI, R14, R13
	splitStart(R14L)
	MOVQ(R9, half)
	SHLQ(U8(4), half)
	MOVQ(source, low)
	LEAQ(Mem{Base: source, Index: half, Scale: 1}, high)
	KMOVW(K3, K2)
	TESTQ(U32(1), left)
	JZ(LabelRef("first"))
	KMOVW(K4, K2)
	Label("first")
	MOVQ(target, RDI)
	for i := range 16 {
		VMOVUPS_Z(Mem{Base: low}, K2, Z0)
		VMOVUPS_Z(Mem{Base: high}, K2, Z1)
		PREFETCHT0(Mem{Base: low, Index: half, Scale: 2})
		PREFETCHT0(Mem{Base: high, Index: half, Scale: 2})
		splitTwo(Z0, Z1, func(part int, v VecPhysical) { VMOVDQU64(v, Mem{Base: RDI, Disp: block*part + 64*i}) })
		ADDQ(R9, low)
		ADDQ(R9, high)
	}
	splitTell(RSI)
	for part := range 3 {
		turnInPlace()
		if part < 2 {
			ADDQ(I32(block), RDI)
		}
	}
	ADDQ(U8(64), source)
	ADDQ(I32(1024), target)
	TESTQ(U32(1), left)
	JZ(LabelRef("turned"))
	LEAQ(Mem{Base: source, Index: half, Scale: 2, Disp: -128}, source)
	ADDQ(I32(splitBlock-2048), target)
	Label("turned")
	DECQ(left)
}

// turnInPlace turns the square of 16×16 numbers of 32 bits at DI. All vectors are lost.
func turnInPlace() {
	rows := zmms[:16]
	for i, v := range rows {
		VMOVDQU64(Mem{Base: RDI, Disp: 64 * i}, v)
	}
	storeTurned(rows)
}

// splitRows writes what takes rows of A apart.
func splitRows() {
	kernel("splitRows", `splits rows at src, lda bytes apart, into kb blocks at dst; mask says which numbers of the last block count. It writes
1 to wild if one of them is not finite.`,
		"func(rows, kb int, src *float32, lda int, dst *byte, mask uint32, wild *uint32)")
	tailMasks()
	splitStart(EAX)
	take("rows", RBX)
	take("lda", R9)
	Label("row")
	take("kb", steps)
	take("src", RSI)
	take("dst", RDI)
	KXNORW(K1, K1, K1)
	KXNORW(K2, K2, K2)
	Label("chunk")
	CMPQ(steps, U8(1))
	JNE(LabelRef("whole"))
	KMOVW(K3, K1)
	KMOVW(K4, K2)
	Label("whole")
	splitChunk(RSI, RDI)
	ADDQ(U8(128), RSI)
	ADDQ(I32(splitBlock), RDI)
	DECQ(steps)
	JNZ(LabelRef("chunk"))
	ADDQ(R9, arg("src"))
	ADDQ(U8(64), arg("dst"))
	DECQ(RBX)
	JNZ(LabelRef("row"))
	splitEnd()
}

// splitPairs writes what takes a panel of B apart.
func splitPairs() {
	kernel("splitPairs", `splits 32 kb rows of 32 numbers at src, ldb bytes apart, into the kb blocks of a panel at dst; mask says which columns
count. It writes 1 to wild if one of them is not finite.`,
		"func(kb int, src *float32, ldb int, dst *byte, mask uint32, wild *uint32)")
	tailMasks()
	splitStart(EAX)
	take("src", RSI)
	take("ldb", R9)
	take("dst", RDI)
	take("kb", RBX)
	MOVQ(R9, R8)
	SHLQ(U8(4), R8)
	LEAQ(Mem{Base: R8, Index: R8, Scale: 1}, R10)
	LEAQ(Mem{Base: R8, Index: R8, Scale: 2}, R11)
	Label("block")
	MOVQ(U32(16), steps)
	Label("pair")
	for half, mask := range []Physical{K3, K4} {
		at := Mem{Base: RSI, Disp: 64 * half}
		VMOVUPS_Z(at, mask, Z0)
		VMOVUPS_Z(at.Idx(R8, 1), mask, Z1)
		PREFETCHT0(at.Idx(R10, 1))
		PREFETCHT0(at.Idx(R11, 1))
		splitTwo(Z0, Z1, func(part int, v VecPhysical) { VMOVDQU64(v, Mem{Base: RDI, Disp: block*part + 1024*half}) })
	}
	ADDQ(R9, RSI)
	ADDQ(U8(64), RDI)
	DECQ(steps)
	JNZ(LabelRef("pair"))
	ADDQ(R8, RSI)
	ADDQ(I32(splitBlock-1024), RDI)
	DECQ(RBX)
	JNZ(LabelRef("block"))
	splitEnd()
}

// splitColumns writes what takes rows of A apart that are given as their transpose. Parts lie where they belong before they are
// turned.
func splitColumns() {
	kernel("splitColumns", `splits 32 kb rows of up to 32 numbers at src, cols of them, lda bytes apart, and turns them into the kb blocks of as many
rows at dst. It writes 1 to wild if one of them is not finite.`,
		"func(kb, cols int, src *float32, lda int, dst *byte, wild *uint32)")
	take("lda", R9)
	MOVQ(R9, R13)
	SHLQ(U8(4), R13)
	LEAQ(Mem{Base: R13, Index: R13, Scale: 1}, R15)
	LEAQ(Mem{Base: R13, Index: R13, Scale: 2}, R11)
	take("kb", RBX)
	Label("block")
	take("cols", R8)
	take("src", R12)
	take("dst", R14)
	Label("tile")
	splitStart(EAX)
	MOVL(U32(0xffff), EDX)
	BZHIL(R8L, EDX, EDX)
	KMOVW(EDX, K3)
	MOVQ(R12, RSI)
	MOVQ(R14, RDI)
	MOVQ(U32(16), steps)
	Label("pair")
	VMOVUPS_Z(Mem{Base: RSI}, K3, Z0)
	VMOVUPS_Z(Mem{Base: RSI, Index: R13, Scale: 1}, K3, Z1)
	PREFETCHT0(Mem{Base: RSI, Index: R15, Scale: 1})
	PREFETCHT0(Mem{Base: RSI, Index: R11, Scale: 1})
	splitTwo(Z0, Z1, func(part int, v VecPhysical) { VMOVDQU64(v, Mem{Base: RDI, Disp: block * part}) })
	ADDQ(R9, RSI)
	ADDQ(U8(64), RDI)
	DECQ(steps)
	JNZ(LabelRef("pair"))
	splitTell(RAX)
	MOVQ(R14, RDI)
	MOVQ(U32(3), steps)
	Label("part")
	turnInPlace()
	ADDQ(I32(block), RDI)
	DECQ(steps)
	JNZ(LabelRef("part"))
	ADDQ(I32(1024), R14)
	ADDQ(U8(64), R12)
	SUBQ(U8(16), R8)
	JG(LabelRef("tile"))
	MOVQ(R9, RDX)
	SHLQ(U8(5), RDX)
	ADDQ(RDX, arg("src"))
	ADDQ(I32(splitBlock), arg("dst"))
	DECQ(RBX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
