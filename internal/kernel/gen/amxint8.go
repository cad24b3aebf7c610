package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const int8Signature = "func(panels, kb int, a, b *byte, c *float32, ldc, acc int, shapes *byte, m int, rows, columns *float32, sums *byte, mask uint64, bias *float32"

// tilesInt8 writes the kernel for more than 16 rows. Sums leave the tiles through memory, for there is no other way, and
// are scaled into C. That of a panel happens in the shadow of the multiplications of the next, as does the quantisation
// of the next rows of A; those behind them are fetched into the second cache.
func tilesInt8() {
	kernel("tilesInt8", `computes C = A·B, or C += A·B if acc is not 0, for 17 to 32 rows (m and shapes) and some panels of kb blocks: sums are
multiplied with the scale of their row, at rows, and of their column, at columns. A bias, if there is one, is added. mask
says which columns of C there are; all, if there are several panels. sums is memory for 4 KB. With each block of a panel
each rows of the panel before are scaled, and it quantises up to share of the count rows at src, lda bytes apart, into
blocks at dst; tail says which numbers of the last block count.`,
		int8Signature+", each int, src *float32, lda int, inverses *float32, dst *byte, count, share int, tail uint64, order *byte)")
	source, target, now := R12, R14, R8
	sumAt, rowAt, scaleAt, unscaled := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8) // of the panel before
	take("shapes", RAX)
	ldtilecfg()
	take("b", bAt)
	take("c", cAt)
	MOVQ(U32(64), line)
	take("lda", R9)
	take("share", now)
	take("order", RAX)
	VMOVDQU64(Mem{Base: RAX}, Z31)
	MOVQ(U32(0), unscaled)
	Label("panel")
	for t := range tmm(4) {
		tilezero(t)
	}
	take("count", RSI)
	CMPQ(now, RSI)
	CMOVQGT(RSI, now)
	SUBQ(now, arg("count"))
	take("src", source)
	take("dst", target)
	wholeMasks()
	take("kb", steps)
	take("a", aAt)
	Label("step")
	square(tdpbssd)
	quantizeShare(source, target, now)
	take("each", R13)
	MOVQ(unscaled, RBX)
	CMPQ(R13, RBX)
	CMOVQGT(RBX, R13)
	TESTQ(R13, R13)
	JZ(LabelRef("nothing"))
	SUBQ(R13, unscaled)
	MOVQ(sumAt, RSI)
	MOVQ(rowAt, RDI)
	MOVQ(scaleAt, RBX)
	take("ldc", cStride)
	scaleRows("scale", 2, RSI, RDI, RBX, cStride, R13, false)
	MOVQ(RSI, sumAt)
	MOVQ(RDI, rowAt)
	MOVQ(RBX, scaleAt)
	Label("nothing")
	DECQ(steps)
	JNZ(LabelRef("step"))
	storeSums(false, 2)
	take("sums", RAX)
	MOVQ(RAX, sumAt)
	take("rows", RAX)
	MOVQ(RAX, scaleAt)
	take("m", RAX)
	MOVQ(RAX, unscaled)
	MOVQ(cAt, rowAt)
	passShare(now, R9)
	ADDQ(I32(128), cAt)
	DECQ(arg("panels"))
	JNZ(LabelRef("panel"))
	MOVQ(sumAt, RSI)
	MOVQ(rowAt, RDI)
	MOVQ(scaleAt, RBX)
	MOVQ(unscaled, R13)
	take("ldc", cStride)
	scaleRows("last", 2, RSI, RDI, RBX, cStride, R13, true)
	tilerelease()
	VZEROUPPER()
	RET()
}

// passShare goes on behind the rows that were quantised, which lie lda bytes apart.
func passShare(now, lda Physical) {
	MOVQ(now, RAX)
	IMULQ(lda, RAX)
	ADDQ(RAX, arg("src"))
	MOVQ(now, RAX)
	SHLQ(U8(2), RAX)
	ADDQ(RAX, arg("inverses"))
	SHLQ(U8(4), RAX)
	ADDQ(RAX, arg("dst"))
}

// quantizeShare turns a block of the rows whose turn it is into whole numbers.
func quantizeShare(source, target, now Physical) {
	from, to, left, inverse, ahead := RDI, RSI, R13, RBX, R11
	TESTQ(now, now)
	JZ(LabelRef("prepared"))
	CMPQ(steps, U8(1))
	JNE(LabelRef("prepare"))
	quarterMasks("tail")
	Label("prepare")
	MOVQ(source, from)
	MOVQ(target, to)
	take("inverses", inverse)
	MOVQ(now, left)
	MOVQ(R9, ahead)
	SHLQ(U8(5), ahead)
	Label("row")
	for i := range 4 {
		PREFETCHT1(Mem{Base: from, Index: ahead, Scale: 1, Disp: 64 * i})
	}
	VBROADCASTSS(Mem{Base: inverse}, Z0)
	quantizeChunk(from)
	VMOVDQU64(Z1, Mem{Base: to})
	ADDQ(R9, from)
	ADDQ(U8(64), to)
	ADDQ(U8(4), inverse)
	DECQ(left)
	JNZ(LabelRef("row"))
	ADDQ(I32(256), source)
	ADDQ(I32(block), target)
	Label("prepared")
}

// tilesInt8Wide writes the kernel for at most 16 rows.
func tilesInt8Wide() {
	kernel("tilesInt8Wide", "computes what tilesInt8 does for 1 to 16 rows and pairs of panels, and prepares nothing.", int8Signature+")")
	take("shapes", RAX)
	ldtilecfg()
	take("b", bAt)
	take("c", cAt)
	MOVQ(U32(64), line)
	take("kb", R9)
	SHLQ(U8(11), R9) // bytes of a panel
	Label("panel")
	for t := range tmm(4) {
		tilezero(t)
	}
	take("kb", steps)
	take("a", aAt)
	LEAQ(Mem{Base: bAt, Index: R9, Scale: 1}, R8)
	Label("step")
	wide(tdpbssd, R8)
	DECQ(steps)
	JNZ(LabelRef("step"))
	storeSums(true, 4)
	take("sums", RAX)
	take("rows", RSI)
	take("m", steps)
	take("ldc", cStride)
	MOVQ(cAt, RDI)
	scaleRows("scale", 4, RAX, RDI, RSI, cStride, steps, true)
	MOVQ(R8, bAt) // behind the second panel
	ADDQ(I32(256), cAt)
	DECQ(arg("panels"))
	JNZ(LabelRef("panel"))
	tilerelease()
	VZEROUPPER()
	RET()
}

// storeSums brings the tiles of sums of a panel to memory, and the scales and the bias of its columns to Z16 and Z20 and
// those behind them. It sets the masks of columns.
func storeSums(isWide bool, vectors int) {
	at, stride, lower := RAX, R13, RDI
	take("sums", at)
	MOVQ(U32(64*vectors), stride)
	sums(isWide, at, stride, lower, func(t tmm, at Physical, disp int32) { tilestore(t, at, stride, disp) })
	quarterMasks("mask")
	take("columns", at)
	for v := range vectors {
		VMOVUPS(Mem{Base: at, Disp: 64 * v}, zmms[16+v])
		VPXORQ(zmms[20+v], zmms[20+v], zmms[20+v])
	}
	ADDQ(I32(64*vectors), arg("columns"))
	take("bias", at)
	TESTQ(at, at)
	JZ(LabelRef("unbiased"))
	for v := range vectors {
		VMOVUPS_Z(Mem{Base: at, Disp: 64 * v}, chunkMasks[v], zmms[20+v])
	}
	ADDQ(I32(64*vectors), arg("bias"))
	Label("unbiased")
}

// scaleRows brings count rows of sums into rows of C, in which all columns or those of the masks are.
func scaleRows(name string, vectors int, from, to, scale, stride, count Physical, masked bool) {
	Label(name)
	for v := range vectors {
		sum, factor := zmms[8+v], zmms[12+v]
		VBROADCASTSS(Mem{Base: scale}, factor)
		VMULPS(zmms[16+v], factor, factor)
		VCVTDQ2PS(Mem{Base: from, Disp: 64 * v}, sum)
		VMULPS(factor, sum, sum)
		VADDPS(zmms[20+v], sum, sum)
	}
	CMPQ(arg("acc"), U8(0))
	JEQ(LabelRef(name + "Alone"))
	for v := range vectors {
		at, sum := Mem{Base: to, Disp: 64 * v}, zmms[8+v]
		if masked {
			VADDPS(at, sum, chunkMasks[v], sum)
		} else {
			VADDPS(at, sum, sum)
		}
	}
	Label(name + "Alone")
	for v := range vectors {
		at, sum := Mem{Base: to, Disp: 64 * v}, zmms[8+v]
		if masked {
			VMOVUPS(sum, chunkMasks[v], at)
		} else {
			VMOVUPS(sum, at)
		}
	}
	ADDQ(I32(64*vectors), from)
	ADDQ(U8(4), scale)
	ADDQ(stride, to)
	DECQ(count)
	JNZ(LabelRef(name))
}

// chunkMasks are the masks of the quarters of 64 numbers.
var chunkMasks = []OpmaskPhysical{K1, K2, K3, K4}

// quarterMasks makes them from an argument of 64 bits.
func quarterMasks(name string) {
	KMOVQ(arg(name), K1)
	for i := 1; i < 4; i++ {
		KSHIFTRQ(U8(16*i), K1, chunkMasks[i])
	}
}

// wholeMasks lets all of 64 numbers count.
func wholeMasks() {
	for _, k := range chunkMasks {
		KXNORW(k, k, k)
	}
}

// quantizeChunk turns 64 numbers, those of the masks, times Z0 into whole numbers in Z1. Z31 holds the order that the
// packing leaves.
func quantizeChunk(from Physical) {
	for v := range 4 {
		VMULPS_Z(Mem{Base: from, Disp: 64 * v}, Z0, chunkMasks[v], zmms[1+v])
	}
	for v := range 4 {
		VCVTPS2DQ(zmms[1+v], zmms[1+v])
	}
	VPACKSSDW(Z2, Z1, Z1)
	VPACKSSDW(Z4, Z3, Z3)
	VPACKSSWB(Z3, Z1, Z1)
	VPERMD(Z1, Z31, Z1)
}

// absMaxRows writes the search for the largest magnitude of rows. As whole numbers, the bits of magnitudes have the order
// of the magnitudes, infinity and NaN above all.
func absMaxRows() {
	kernel("absMaxRows", `finds the largest magnitude of each of some rows of chunks of 64 numbers, lda bytes apart; tail says which numbers of
the last chunk count. Infinity is larger than all, NaN than it.`,
		"func(rows, chunks int, src *float32, lda int, tail uint64, tops *float32)")
	MOVL(U32(0x7fffffff), EAX)
	VPBROADCASTD(EAX, Z30)
	take("rows", RBX)
	take("tops", RDI)
	Label("row")
	take("src", RSI)
	take("chunks", steps)
	wholeMasks()
	for v := range 4 {
		VPXORQ(zmms[v], zmms[v], zmms[v])
	}
	Label("chunk")
	CMPQ(steps, U8(1))
	JNE(LabelRef("whole"))
	quarterMasks("tail")
	Label("whole")
	for v := range 4 {
		VPANDD_Z(Mem{Base: RSI, Disp: 64 * v}, Z30, chunkMasks[v], zmms[4+v])
		VPMAXUD(zmms[4+v], zmms[v], zmms[v])
	}
	ADDQ(I32(256), RSI)
	DECQ(steps)
	JNZ(LabelRef("chunk"))
	VPMAXUD(Z1, Z0, Z0)
	VPMAXUD(Z3, Z2, Z2)
	VPMAXUD(Z2, Z0, Z0)
	VEXTRACTI64X4(U8(1), Z0, Y1)
	VPMAXUD(Y1, Y0, Y0)
	VEXTRACTI128(U8(1), Y0, X1)
	VPMAXUD(X1, X0, X0)
	VPSHUFD(U8(0x4e), X0, X1)
	VPMAXUD(X1, X0, X0)
	VPSHUFD(U8(0xb1), X0, X1)
	VPMAXUD(X1, X0, X0)
	VMOVD(X0, Mem{Base: RDI})
	ADDQ(U8(4), RDI)
	MOVQ(arg("lda"), RAX)
	ADDQ(RAX, arg("src"))
	DECQ(RBX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// quantizeRows writes the making of whole numbers from rows.
func quantizeRows() {
	kernel("quantizeRows", `multiplies each of some rows of chunks of 64 numbers, lda bytes apart, with its number at inverses, and rounds the
products to whole numbers. Those of a row begin row bytes behind those of the last one at dst, those of a chunk chunk
bytes. tail says which numbers of the last chunk count; the others become zeros. All bits of flip are turned over.`,
		"func(rows, chunks int, src *float32, lda int, inverses *float32, dst *byte, row, chunk int, tail uint64, flip uint32, order *byte)")
	take("order", RAX)
	VMOVDQU64(Mem{Base: RAX}, Z31)
	MOVL(arg("flip"), EAX)
	VPBROADCASTD(EAX, Z30)
	take("rows", RBX)
	take("inverses", RDX)
	take("chunk", R8)
	Label("row")
	take("src", RSI)
	take("dst", RDI)
	take("chunks", steps)
	wholeMasks()
	VBROADCASTSS(Mem{Base: RDX}, Z0)
	Label("chunk")
	CMPQ(steps, U8(1))
	JNE(LabelRef("whole"))
	quarterMasks("tail")
	Label("whole")
	quantizeChunk(RSI)
	VPXORD(Z30, Z1, Z1)
	VMOVDQU64(Z1, Mem{Base: RDI})
	ADDQ(I32(256), RSI)
	ADDQ(R8, RDI)
	DECQ(steps)
	JNZ(LabelRef("chunk"))
	ADDQ(U8(4), RDX)
	MOVQ(arg("lda"), RAX)
	ADDQ(RAX, arg("src"))
	MOVQ(arg("row"), RAX)
	ADDQ(RAX, arg("dst"))
	DECQ(RBX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
