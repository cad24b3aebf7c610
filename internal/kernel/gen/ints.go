package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func reduced() {
	for _, s := range []set{avx2, avx512} {
		for vectors := 1; vectors <= 2; vectors++ {
			ints(s, vectors)
		}
		roundVectors(s)
	}
	absMax()
	quantize()
}

// intTile is the kernel of whole numbers while it is written: a strip of rows of A, already whole numbers with a scale a
// row, is multiplied with panels of B, two vectors of sums wide, whose scales are those of columns. The sums are scaled
// before they leave the registers.
//
// Instructions multiply bytes without sign (A, raised) with bytes that have one (B), so a panel begins with what its sums
// have to begin with for that. AVX512-VNNI adds four products to a sum at once. AVX2 adds two, in 16 bits, where they
// overflow unless they are kept small (see narrow in package kernel); then two such sums can be added in 16 bits as well,
// and go to one of 32 bits together.
type intTile struct {
	tile
	vnni bool
}

// groupBytes is the length of a group of the columns of a panel: of four products with VNNI, eight with AVX2.
const groupBytes = 128

func ints(s set, vectors int) {
	t := &intTile{vnni: s.lanes == 16}
	name, what := "AVX2", "raised by 64, in eights"
	if t.vnni {
		name, what = "VNNI", "raised by 128, in fours"
	} else {
		s.rows = 4 // leaves registers for four vectors of B
	}
	t.tile = tile{set: s, vectors: vectors}
	kernel(fmt.Sprintf("ints%s%s", [...]string{1: "Narrow", 2: ""}[vectors], name), fmt.Sprintf(`computes C = A·B for a strip of rows and panels of which %d columns are read, of the last vector last lanes. A is k groups
of whole numbers of 8 bits %s, with a scale a row. Panels of B are size bytes long. If acc is not 0, it adds
to C; if there is a bias, it is added. Distances are in bytes.`, vectors*s.lanes, what),
		"func(rows, k, panels int, a *byte, rs int, b *int8, size int, scales, columns, c *float32, ldc, last, acc int, bias *float32)")
	rows := Load(Param("rows"), GP64())
	for mr := s.rows; mr > 1; mr-- {
		CMPQ(rows, U8(mr))
		JE(LabelRef(fmt.Sprintf("rows%d", mr)))
	}
	for mr := 1; mr <= s.rows; mr++ {
		t.strip(mr)
	}
}

// strip is the code for mr rows.
func (t *intTile) strip(mr int) {
	t.mr = mr
	Label(t.label("rows"))
	sets := 1
	for 2*sets*mr*t.vectors <= 2*t.rows && sets < 4 {
		sets *= 2
	}
	t.acc = make([][][]VecVirtual, sets)
	rs := Load(Param("rs"), GP64()).(GPVirtual)
	panels := Load(Param("panels"), GP64())
	panel := Load(Param("b"), GP64())
	rows := &bases{rs: rs, rs3: GP64()}
	LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, rows.rs3)
	t.offset = GP64()
	XORQ(t.offset, t.offset)

	Label(t.label("panel"))
	rows.begin(mr)
	b, k := GP64(), Load(Param("k"), GP64())
	MOVQ(panel, b)
	for i := range t.acc {
		t.acc[i] = make([][]VecVirtual, mr)
		for r := range mr {
			for j := range t.vectors {
				sum := t.vec()
				if i == 0 {
					t.load(Mem{Base: b, Disp: j * t.bytes()}, sum)
				} else {
					t.clear(sum)
				}
				t.acc[i][r] = append(t.acc[i][r], sum)
			}
		}
	}
	ADDQ(U32(2*t.bytes()), b)
	const unroll = 4
	SUBQ(U8(unroll), k)
	JL(LabelRef(t.label("tail")))
	Label(t.label("unrolled"))
	for u := range unroll {
		t.step(u, b, rows, t.acc[u%sets])
	}
	t.advance(unroll, b, rows)
	SUBQ(U8(unroll), k)
	JGE(LabelRef(t.label("unrolled")))
	Label(t.label("tail"))
	ADDQ(U8(unroll), k)
	JZ(LabelRef(t.label("sum")))
	Label(t.label("single"))
	t.step(0, b, rows, t.acc[0])
	t.advance(1, b, rows)
	DECQ(k)
	JNZ(LabelRef(t.label("single")))
	Label(t.label("sum"))
	for i := 1; i < sets; i++ {
		t.each(func(r, j int) { VPADDD(t.acc[i][r][j], t.acc[0][r][j], t.acc[0][r][j]) })
	}
	t.x = t.vec()
	t.scale()
	t.store()
	ADDQ(U32(2*t.bytes()), t.offset)
	size := Load(Param("size"), GP64())
	ADDQ(size, panel)
	DECQ(panels)
	JNZ(LabelRef(t.label("panel")))
	VZEROUPPER()
	RET()
}

// load reads a vector of whole numbers.
func (t *intTile) load(m Mem, x VecVirtual) {
	if t.vnni {
		VMOVDQU64(m, x)
	} else {
		VMOVDQU(m, x)
	}
}

// step multiplies the group of each row of A that is u groups ahead with one of each column of B.
func (t *intTile) step(u int, b GPVirtual, rows *bases, sums [][]VecVirtual) {
	fours := 2 // of a group
	if t.vnni {
		fours = 1
	}
	weights := make([][]VecVirtual, fours)
	for h := range weights {
		for j := range t.vectors {
			w := t.vec()
			t.load(Mem{Base: b, Disp: u*groupBytes + h*groupBytes/2 + j*t.bytes()}, w)
			weights[h] = append(weights[h], w)
		}
	}
	four := func(r, h int) VecVirtual {
		at, x := rows.at(r), t.vec()
		at.Disp = 4 * (fours*u + h)
		VPBROADCASTD(at, x)
		return x
	}
	for r := range t.mr {
		x := four(r, 0)
		if t.vnni {
			for j, w := range weights[0] {
				VPDPBUSD(w, x, sums[r][j])
			}
			continue
		}
		pairs := make([]VecVirtual, t.vectors)
		for j, w := range weights[0] {
			pairs[j] = t.vec()
			VPMADDUBSW(w, x, pairs[j])
		}
		x = four(r, 1)
		for j, w := range weights[1] {
			more := t.vec()
			VPMADDUBSW(w, x, more)
			VPADDW(more, pairs[j], pairs[j])
			VPMADDWD(ones(), pairs[j], pairs[j])
			VPADDD(pairs[j], sums[r][j], sums[r][j])
		}
	}
}

// advance goes on by some groups.
func (t *intTile) advance(groups int, b GPVirtual, rows *bases) {
	ADDQ(I32(groups*groupBytes), b)
	length := 8
	if t.vnni {
		length = 4
	}
	for _, base := range rows.base {
		ADDQ(U8(length*groups), base)
	}
}

// ones is a constant of sixteen ones of 16 bits.
func ones() Mem {
	if sixteenOnes.Symbol.Name == "" {
		sixteenOnes = GLOBL("ones", RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(0x00010001))
		}
	}
	return sixteenOnes
}

var sixteenOnes Mem

// scale turns sums into numbers: each times the product of the scales of its row and of its column.
func (t *intTile) scale() {
	scales, columns := Load(Param("scales"), GP64()), Load(Param("columns"), GP64()).(GPVirtual)
	ADDQ(t.offset, columns)
	t.each(func(r, j int) {
		VBROADCASTSS(Mem{Base: scales, Disp: 4 * r}, t.x)
		VMULPS(Mem{Base: columns, Disp: j * t.bytes()}, t.x, t.x)
		VCVTDQ2PS(t.acc[0][r][j], t.acc[0][r][j])
		VMULPS(t.x, t.acc[0][r][j], t.acc[0][r][j])
	})
}

// absMax writes the search for the largest magnitude with AVX2; see absMaxRows.
func absMax() {
	kernel("absMaxAVX2", "finds the largest magnitude of n numbers, a multiple of 8.", "func(n int, x *float32) float32")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	magnitude, top := YMM(), avx2.zero()
	VPCMPEQD(magnitude, magnitude, magnitude)
	VPSRLD(U8(1), magnitude, magnitude)
	Label("loop")
	v := YMM()
	VPAND(Mem{Base: x}, magnitude, v)
	VPMAXUD(v, top, top)
	ADDQ(U8(32), x)
	SUBQ(U8(8), n)
	JG(LabelRef("loop"))
	low, high := XMM(), XMM()
	VEXTRACTI128(U8(1), top, high)
	VPMAXUD(top.AsX(), high, low)
	for _, turn := range []U8{0x4e, 0xb1} {
		VPSHUFD(turn, low, high)
		VPMAXUD(high, low, low)
	}
	VZEROUPPER()
	Store(low, ReturnIndex(0))
	RET()
}

// quantize writes the making of whole numbers with AVX2.
func quantize() {
	kernel("quantizeAVX2", "rounds the products of n numbers, a multiple of 32, and inverse to whole numbers, and adds raise.", "func(n int, inverse float32, x *float32, dst *int8, order *uint32, raise int8)")
	n, x, dst := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("dst"), GP64())
	inverse, order := YMM(), YMM()
	VBROADCASTSS(arg("inverse"), inverse)
	VMOVDQU(Mem{Base: Load(Param("order"), GP64())}, order)
	raise := YMM()
	VPBROADCASTB(arg("raise"), raise)
	Label("loop")
	CMPQ(n, U8(32))
	JL(LabelRef("done"))
	var v [4]VecVirtual
	for i := range v {
		v[i] = YMM()
		VMULPS(Mem{Base: x, Disp: 32 * i}, inverse, v[i])
		VCVTPS2DQ(v[i], v[i])
	}
	VPACKSSDW(v[1], v[0], v[0])
	VPACKSSDW(v[3], v[2], v[2])
	VPACKSSWB(v[2], v[0], v[0])
	VPERMD(v[0], order, v[0])
	VPADDB(raise, v[0], v[0])
	VMOVDQU(v[0], Mem{Base: dst})
	ADDQ(I32(128), x)
	ADDQ(U8(32), dst)
	SUBQ(U8(32), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// roundVectors writes the rounding to bfloat16 for processors without an instruction for it: half of the last place is
// added, less one where the last place is even, and what is below it cut off. NaN stays as it is.
func roundVectors(s set) {
	kernel("round"+s.name, "rounds n numbers, a multiple of the lanes, to the nearest bfloat16 number.", "func(n int, x, dst *float32)")
	n, x, dst := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("dst"), GP64())
	bits := func(v uint32) VecVirtual {
		r, y := GP32(), s.vec()
		MOVL(U32(v), r)
		VMOVD(r, y.AsX())
		VPBROADCASTD(y.AsX(), y)
		return y
	}
	one, half, upper := bits(1), bits(0x7fff), bits(0xffff0000)
	Label("loop")
	v, w := s.vec(), s.vec()
	VMOVUPS(Mem{Base: x}, v)
	VPSRLD(U8(16), v, w)
	if s.lanes == 16 {
		VPANDD(one, w, w)
		VPADDD(half, w, w)
		VPADDD(v, w, w)
		number := K()
		VCMPPS(U8(7), v, v, number) // ordered
		VPANDD(upper, w, number, v)
	} else {
		VPAND(one, w, w)
		VPADDD(half, w, w)
		VPADDD(v, w, w)
		VPAND(upper, w, w)
		unordered := s.vec()
		VCMPPS(U8(3), v, v, unordered)
		VBLENDVPS(unordered, v, w, v)
	}
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(U8(s.bytes()), x)
	ADDQ(U8(s.bytes()), dst)
	SUBQ(U8(s.lanes), n)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
