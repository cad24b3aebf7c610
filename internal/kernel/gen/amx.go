package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Factors lie in blocks of 2 KB, which are two tiles: A as [k/32][32 rows][32] bf16, B in panels of 32 columns as
// [k/32][2][16][16 columns][2] (int8: 64 of k a block, in fours). So all loads of tiles have the stride 64.
//
// A kernel multiplies up to 32 rows of A with some panels. It takes the shapes of its tiles at its start and leaves the
// tiles released at its end, so that nothing lives in them when the scheduler or the system looks.

const block = 2048

func amx() {
	tilesBF16()
	tilesBF16Wide()
	tilesInt8()
	tilesInt8Wide()
	amxF32()
	roundRows()
	pairRows()
	turnColumns()
	turnRows()
	absMaxRows()
	quantizeRows()
}

// arg is an argument where it lies.
func arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// take moves an argument to a register.
func take(name string, r Physical) { MOVQ(arg(name), r) }

func kernel(name, doc, signature string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(strings.Split(name+" "+doc, "\n")...)
}

// Registers of the kernels of tiles.
var (
	aAt, bAt, cAt = RAX, R15, RDX
	cStride, line = R11, R10
	steps         = RCX
)

// square multiplies two by two tiles, for more than 16 rows: each tile that is loaded is used twice.
func square(dot func(b, a, c tmm)) {
	tileload(aAt, line, 0, 4)
	tileload(bAt, line, 0, 6)
	tileload(bAt, line, 1024, 7)
	dot(6, 4, 0)
	dot(7, 4, 1)
	tileload(aAt, line, 1024, 5)
	dot(6, 5, 2)
	dot(7, 5, 3)
	ADDQ(I32(block), aAt)
	ADDQ(I32(block), bAt)
}

// wide multiplies one tile of A with the four of two panels, for at most 16 rows; the second panel lies at second.
func wide(dot func(b, a, c tmm), second Physical) {
	tileload(aAt, line, 0, 4)
	tileload(bAt, line, 0, 5)
	tileload(bAt, line, 1024, 6)
	dot(5, 4, 0)
	tileload(second, line, 0, 7)
	dot(6, 4, 1)
	tileload(second, line, 1024, 5)
	dot(7, 4, 2)
	dot(5, 4, 3)
	ADDQ(I32(block), aAt)
	ADDQ(I32(block), bAt)
	ADDQ(I32(block), second)
}

// sums calls f for each tile of sums with its address: at and disp, lower being the register for rows from 16 on.
func sums(isWide bool, base, stride, lower Physical, f func(t tmm, at Physical, disp int32)) {
	if isWide {
		for t := range int32(4) {
			f(tmm(t), base, 64*t)
		}
		return
	}
	MOVQ(stride, lower)
	SHLQ(U8(4), lower)
	ADDQ(base, lower)
	f(0, base, 0)
	f(1, base, 64)
	f(2, lower, 0)
	f(3, lower, 64)
}

// tilesBF16 writes the kernel for more than 16 rows. In the shadow of the multiplications it rounds the rows of A that
// come next, some with each panel, and fetches those behind them into the second cache: the vector units and most of the
// loads have nothing else to do.
func tilesBF16() {
	kernel("tilesBF16", `computes C = start + A·B for 17 to 32 rows (shapes) and some panels of kb blocks, behind each of which skip bytes are
left out. Rows of start lie distance bytes apart; it may be nil. With each panel it rounds up to each of the rows at src,
lda bytes apart, into blocks at dst; mask says which numbers of the last block count.`,
		"func(panels, kb int, a, b *byte, skip int, c *float32, ldc int, start *float32, distance int, shapes *byte, src *float32, lda int, dst *byte, rows, each int, mask uint32)")
	source, target, now, from, to, left, ahead := R12, R14, R8, RDI, RSI, R13, RBX
	take("shapes", RAX)
	ldtilecfg()
	tailMasks()
	take("b", bAt)
	take("c", cAt)
	take("ldc", cStride)
	MOVQ(U32(64), line)
	take("lda", R9)
	MOVQ(R9, ahead)
	SHLQ(U8(5), ahead)
	take("each", now)
	Label("panel")
	take("rows", RAX)
	CMPQ(now, RAX)
	CMOVQGT(RAX, now)
	SUBQ(now, arg("rows"))
	startSums(false)
	take("src", source)
	take("dst", target)
	KXNORW(K1, K1, K1)
	KXNORW(K2, K2, K2)
	take("kb", steps)
	take("a", aAt)
	Label("step")
	square(tdpbf16ps)
	TESTQ(now, now)
	JZ(LabelRef("rounded"))
	CMPQ(steps, U8(1))
	JNE(LabelRef("round"))
	KMOVW(K3, K1)
	KMOVW(K4, K2)
	Label("round")
	MOVQ(source, from)
	MOVQ(target, to)
	MOVQ(now, left)
	Label("row")
	PREFETCHT1(Mem{Base: from, Index: ahead, Scale: 1})
	PREFETCHT1(Mem{Base: from, Index: ahead, Scale: 1, Disp: 64})
	roundChunk(from, to)
	ADDQ(R9, from)
	ADDQ(U8(64), to)
	DECQ(left)
	JNZ(LabelRef("row"))
	ADDQ(U8(128), source)
	ADDQ(I32(block), target)
	Label("rounded")
	DECQ(steps)
	JNZ(LabelRef("step"))
	sums(false, cAt, cStride, R13, func(t tmm, at Physical, disp int32) { tilestore(t, at, cStride, disp) })
	MOVQ(now, RAX)
	IMULQ(R9, RAX)
	ADDQ(RAX, arg("src"))
	MOVQ(now, RAX)
	SHLQ(U8(6), RAX)
	ADDQ(RAX, arg("dst"))
	ADDQ(I32(128), cAt)
	ADDQ(arg("skip"), bAt)
	DECQ(arg("panels"))
	JNZ(LabelRef("panel"))
	tilerelease()
	VZEROUPPER()
	RET()
}

// tilesBF16Wide writes the kernel for at most 16 rows.
func tilesBF16Wide() {
	kernel("tilesBF16Wide", `computes C = start + A·B for 1 to 16 rows (shapes) and pairs of panels, which are panel bytes long; kb blocks of each
are multiplied. Rows of start lie distance bytes apart; it may be nil.`,
		"func(pairs, kb int, a, b *byte, panel int, c *float32, ldc int, start *float32, distance int, shapes *byte)")
	take("shapes", RAX)
	ldtilecfg()
	take("b", RSI)
	take("c", cAt)
	take("ldc", cStride)
	MOVQ(U32(64), line)
	take("pairs", RBX)
	take("panel", R9)
	Label("panel")
	startSums(true)
	take("kb", steps)
	take("a", aAt)
	MOVQ(RSI, bAt)
	LEAQ(Mem{Base: RSI, Index: R9, Scale: 1}, R8)
	Label("step")
	wide(tdpbf16ps, R8)
	DECQ(steps)
	JNZ(LabelRef("step"))
	sums(true, cAt, cStride, R13, func(t tmm, at Physical, disp int32) { tilestore(t, at, cStride, disp) })
	ADDQ(I32(256), cAt)
	LEAQ(Mem{Base: RSI, Index: R9, Scale: 2}, RSI)
	DECQ(RBX)
	JNZ(LabelRef("panel"))
	tilerelease()
	VZEROUPPER()
	RET()
}

// startSums lets the tiles of sums begin with the rows at start, or with zeros if that is 0: C itself to add to it, or a
// bias, whose distance between rows is 0.
func startSums(isWide bool) {
	at, stride, columns := RDI, R14, int32(128)
	if isWide {
		columns = 256
	}
	take("start", at)
	TESTQ(at, at)
	JZ(LabelRef("zero"))
	take("distance", stride)
	sums(isWide, at, stride, R13, func(t tmm, at Physical, disp int32) { tileload(at, stride, disp, t) })
	ADDQ(I32(columns), arg("start"))
	JMP(LabelRef("started"))
	Label("zero")
	for t := range tmm(4) {
		tilezero(t)
	}
	Label("started")
}

// tailMasks puts the mask of the last 32 numbers of rows into K3 and K4.
func tailMasks() {
	MOVL(arg("mask"), EAX)
	KMOVW(EAX, K3)
	SHRL(U8(16), EAX)
	KMOVW(EAX, K4)
}

// roundChunk rounds 32 numbers of a row, those in K1 and K2; the others become zeros.
func roundChunk(from, to Physical) {
	VMOVUPS_Z(Mem{Base: from}, K1, Z0)
	VMOVUPS_Z(Mem{Base: from, Disp: 64}, K2, Z1)
	vcvtne2ps2bf16(Z0, Z1, Z2)
	VMOVDQU64(Z2, Mem{Base: to})
}

// roundRows writes the conversion of rows of A to blocks.
func roundRows() {
	kernel("roundRows", `rounds rows at src, lda bytes apart, into kb blocks at dst; mask says which numbers of the last block count.`,
		"func(rows, kb int, src *float32, lda int, dst *byte, mask uint32)")
	tailMasks()
	take("rows", RBX)
	take("lda", R9)
	Label("row")
	take("kb", steps)
	take("src", RSI)
	take("dst", RDI)
	KXNORW(K1, K1, K1)
	KXNORW(K2, K2, K2)
	JMP(LabelRef("check"))
	Label("chunk")
	roundChunk(RSI, RDI)
	ADDQ(U8(128), RSI)
	ADDQ(I32(block), RDI)
	Label("check")
	DECQ(steps)
	JG(LabelRef("chunk"))
	KMOVW(K3, K1)
	KMOVW(K4, K2)
	roundChunk(RSI, RDI)
	ADDQ(R9, arg("src"))
	ADDQ(U8(64), arg("dst"))
	DECQ(RBX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// pair rounds two vectors and lays each number of low beside that of high; Z31 holds the order.
func pair(low, high, dst Physical) {
	vcvtne2ps2bf16(low, high, dst)
	VPERMW(dst, Z31, dst)
}

// pairRows writes the packing of a panel of B, whose rows lie as they are.
func pairRows() {
	kernel("pairRows", `rounds 32 kb rows of 32 numbers at src, ldb bytes apart, into the kb blocks of a panel at dst; mask says which
columns count, and order how 16 and 16 numbers are laid in pairs.`,
		"func(kb int, src *float32, ldb int, dst *byte, mask uint32, order *uint16)")
	tailMasks()
	take("order", RAX)
	VMOVDQU64(Mem{Base: RAX}, Z31)
	take("src", RSI)
	take("ldb", R9)
	take("dst", RDI)
	take("kb", RBX)
	nextBlock(R9, R10)
	LEAQ(Mem{Base: R10, Index: R9, Scale: 1}, R11)
	Label("block")
	MOVQ(U32(16), steps)
	Label("pair")
	for half, mask := range []Physical{K3, K4} {
		at := Mem{Base: RSI, Disp: 64 * half}
		VMOVUPS_Z(at, mask, Z0)
		VMOVUPS_Z(at.Idx(R9, 1), mask, Z1)
		PREFETCHT0(at.Idx(R10, 1))
		PREFETCHT0(at.Idx(R11, 1))
		pair(Z0, Z1, Z2)
		VMOVDQU64(Z2, Mem{Base: RDI, Disp: 1024 * half})
	}
	LEAQ(Mem{Base: RSI, Index: R9, Scale: 2}, RSI)
	ADDQ(U8(64), RDI)
	DECQ(steps)
	JNZ(LabelRef("pair"))
	ADDQ(I32(block-1024), RDI)
	DECQ(RBX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// nextBlock sets ahead to the distance between a row and that of the next block, 32 rows on, from where it is fetched early:
// the processor does not see such strides coming.
func nextBlock(stride, ahead Physical) {
	MOVQ(stride, ahead)
	SHLQ(U8(5), ahead)
}

// turnColumns writes the conversion of A given as its transpose. It takes 32 rows after the other, all columns of each, for
// then lines and pages lie one behind the other.
func turnColumns() {
	kernel("turnColumns", `rounds 32 kb rows of cols numbers at src, lda bytes apart, and turns them into rows: those of the first 32 columns
into kb blocks at dst, those of the next 32 size bytes behind them, and so on.`,
		"func(kb, cols int, src *float32, lda int, dst *byte, size int, order *uint16)")
	take("order", RAX)
	take("lda", R9)
	nextBlock(R9, R13)
	LEAQ(Mem{Base: R13, Index: R9, Scale: 1}, R11)
	take("kb", RBX)
	Label("block")
	take("cols", R8)
	take("src", R12)
	take("dst", RDI)
	MOVQ(U32(1024), R10) // from the first tile of a block to the second, then to the next block
	Label("tile")
	VMOVDQU64(Mem{Base: RAX}, Z31)
	MOVL(U32(0xffff), EDX)
	BZHIL(R8L, EDX, EDX)
	KMOVW(EDX, K3)
	MOVQ(R12, RSI)
	rows := zmms[:16]
	for i := range 16 {
		VMOVUPS_Z(Mem{Base: RSI}, K3, Z16)
		VMOVUPS_Z(Mem{Base: RSI, Index: R9, Scale: 1}, K3, Z17)
		PREFETCHT0(Mem{Base: RSI, Index: R13, Scale: 1})
		PREFETCHT0(Mem{Base: RSI, Index: R11, Scale: 1})
		pair(Z16, Z17, rows[i])
		LEAQ(Mem{Base: RSI, Index: R9, Scale: 2}, RSI)
	}
	storeTurned(rows)
	ADDQ(R10, RDI)
	NEGQ(R10)
	ADDQ(arg("size"), R10)
	ADDQ(U8(64), R12)
	SUBQ(U8(16), R8)
	JG(LabelRef("tile"))
	MOVQ(R9, RDX)
	SHLQ(U8(5), RDX)
	ADDQ(RDX, arg("src"))
	ADDQ(I32(block), arg("dst"))
	DECQ(RBX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// turnRows writes the packing of B given as its transpose.
func turnRows() {
	kernel("turnRows", `rounds 16 rows at src, ldb bytes apart, and turns them into 16 columns of the kb blocks of a panel at dst; mask says
which numbers of the last block count.`,
		"func(kb int, src *float32, ldb int, dst *byte, mask uint32)")
	tailMasks()
	take("src", RSI)
	take("ldb", R9)
	take("dst", RDI)
	take("kb", steps)
	LEAQ(Mem{Base: R9, Index: R9, Scale: 2}, R10)
	KXNORW(K1, K1, K1)
	KXNORW(K2, K2, K2)
	Label("block")
	CMPQ(steps, U8(1))
	JNE(LabelRef("whole"))
	KMOVW(K3, K1)
	KMOVW(K4, K2)
	Label("whole")
	MOVQ(RSI, R8)
	rows := zmms[:16]
	for i, v := range rows {
		at := Mem{Base: R8}
		if i%4 > 0 {
			at = at.Idx([]Register{nil, R9, R9, R10}[i%4], []uint8{0, 1, 2, 1}[i%4])
		}
		VMOVUPS_Z(at, K1, Z16)
		VMOVUPS_Z(at.Offset(64), K2, Z17)
		vcvtne2ps2bf16(Z16, Z17, v)
		if i%4 == 3 {
			LEAQ(Mem{Base: R8, Index: R9, Scale: 4}, R8)
		}
	}
	storeTurned(rows)
	ADDQ(U8(128), RSI)
	ADDQ(I32(block), RDI)
	DECQ(steps)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// zmms are the vector registers.
var zmms = []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}

// storeTurned stores the transpose of a square of 16×16 numbers of 32 bits to the kilobyte at DI. All vectors are
// lost.
func storeTurned(rows []VecPhysical) {
	a, b := rows, zmms[16:]
	for i := 0; i < 16; i += 2 { // pairs of rows
		VPUNPCKLDQ(a[i+1], a[i], b[i])
		VPUNPCKHDQ(a[i+1], a[i], b[i+1])
	}
	for i := 0; i < 16; i += 4 { // a[i+c] holds the columns c, c+4, c+8, c+12 of four rows
		VPUNPCKLQDQ(b[i+2], b[i], a[i])
		VPUNPCKHQDQ(b[i+2], b[i], a[i+1])
		VPUNPCKLQDQ(b[i+3], b[i+1], a[i+2])
		VPUNPCKHQDQ(b[i+3], b[i+1], a[i+3])
	}
	for c := range 4 {
		const even, odd = 0x88, 0xdd // quarters of two vectors
		for second, quarters := range []U8{even, odd} {
			VSHUFI32X4(quarters, a[4+c], a[c], b[0])
			VSHUFI32X4(quarters, a[12+c], a[8+c], b[1])
			VSHUFI32X4(U8(even), b[1], b[0], b[2])
			VSHUFI32X4(U8(odd), b[1], b[0], b[3])
			VMOVDQU64(b[2], Mem{Base: RDI, Disp: 64 * (c + 4*second)})
			VMOVDQU64(b[3], Mem{Base: RDI, Disp: 64 * (c + 4*second + 8)})
		}
	}
}
