package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tile writes the kernel that multiplies mr rows of A with a panel of B, two vectors wide, into mr rows of C.
//
// The element of A in row r and column p lies at a + r·rs + p·cs bytes, so that one kernel reads A as it is or
// transposed, and rows may overlap. The panel of B is packed, [k][2·lanes]. All of the tile of C stays in registers.
// With few rows, several sets of accumulators take turns over p, to hide the latency of the additions.
func tile(s set, mr int) {
	TEXT(fmt.Sprintf("gemm%dx%d%s", mr, 2*s.lanes, s.name), NOSPLIT,
		"func(k int, a *float32, rs, cs int, b *float32, c *float32, ldc int, acc int, mask uint32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("gemm%dx%d%s computes C = A·B, or C += A·B if acc is not 0, for a tile of C of %d rows. Distances are in bytes.", mr, 2*s.lanes, s.name, mr))
	sets := 1
	switch {
	case mr*2*4 <= 2*s.rows:
		sets = 4
	case mr*2*2 <= 2*s.rows:
		sets = 2
	}
	k := Load(Param("k"), GP64())
	rs := Load(Param("rs"), GP64()).(GPVirtual)
	cs := Load(Param("cs"), GP64())
	b := Load(Param("b"), GP64())
	bases := rowBases(mr, rs)
	acc := make([][][2]VecVirtual, sets)
	for i := range acc {
		for range mr {
			acc[i] = append(acc[i], [2]VecVirtual{s.zero(), s.zero()})
		}
	}
	step := func(u int) {
		b0, b1 := s.vec(), s.vec()
		VMOVUPS(Mem{Base: b, Disp: 2 * u * s.bytes()}, b0)
		VMOVUPS(Mem{Base: b, Disp: (2*u + 1) * s.bytes()}, b1)
		for r := range mr {
			x := s.vec()
			VBROADCASTSS(bases.at(r), x)
			VFMADD231PS(b0, x, acc[u%sets][r][0])
			VFMADD231PS(b1, x, acc[u%sets][r][1])
		}
		for _, base := range bases.base {
			ADDQ(cs, base)
		}
	}
	const unroll = 4
	SUBQ(U8(unroll), k)
	JL(LabelRef("tail"))
	Label("unrolled")
	for u := range unroll {
		step(u)
	}
	ADDQ(I32(unroll*2*s.bytes()), b)
	SUBQ(U8(unroll), k)
	JGE(LabelRef("unrolled"))
	Label("tail")
	ADDQ(U8(unroll), k)
	JZ(LabelRef("sum"))
	Label("single")
	step(0)
	ADDQ(I32(2*s.bytes()), b)
	DECQ(k)
	JNZ(LabelRef("single"))
	Label("sum")
	for i := 1; i < sets; i++ {
		for r := range mr {
			VADDPS(acc[i][r][0], acc[0][r][0], acc[0][r][0])
			VADDPS(acc[i][r][1], acc[0][r][1], acc[0][r][1])
		}
	}
	store(s, acc[0])
	VZEROUPPER()
	RET()
}

// bases hold the addresses of rows of A: row r is base[r/5] + (r%5)·rs, for which x86 has addressing modes but for 3.
type bases struct {
	base    []GPVirtual
	rs, rs3 GPVirtual
}

func rowBases(mr int, rs GPVirtual) *bases {
	bs := &bases{rs: rs, rs3: GP64()}
	LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, bs.rs3)
	first := Load(Param("a"), GP64()).(GPVirtual)
	bs.base = append(bs.base, first)
	rs5 := GP64()
	LEAQ(Mem{Base: rs, Index: rs, Scale: 4}, rs5)
	for r := 5; r < mr; r += 5 {
		next := GP64()
		LEAQ(Mem{Base: bs.base[len(bs.base)-1], Index: rs5, Scale: 1}, next)
		bs.base = append(bs.base, next)
	}
	return bs
}

func (bs *bases) at(r int) Mem {
	m := Mem{Base: bs.base[r/5]}
	switch r % 5 {
	case 1:
		m.Index, m.Scale = bs.rs, 1
	case 2:
		m.Index, m.Scale = bs.rs, 2
	case 3:
		m.Index, m.Scale = bs.rs3, 1
	case 4:
		m.Index, m.Scale = bs.rs, 4
	}
	return m
}

// store writes the tile, only the columns in the mask with AVX-512; with AVX2 the caller gives it a whole tile.
func store(s set, acc [][2]VecVirtual) {
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	add := Load(Param("acc"), GP64())
	masks := [2]OpmaskVirtual{}
	if s.lanes == 16 {
		m := Load(Param("mask"), GP32())
		for i := range masks {
			masks[i] = K()
			KMOVW(m.(GPVirtual), masks[i])
			SHRL(U8(16), m)
		}
	}
	TESTQ(add, add)
	JZ(LabelRef("write"))
	row := GP64()
	MOVQ(c, row)
	for r := range acc {
		for j := range 2 {
			at := Mem{Base: row, Disp: j * s.bytes()}
			if s.lanes == 16 {
				VADDPS(at, acc[r][j], masks[j], acc[r][j])
			} else {
				VADDPS(at, acc[r][j], acc[r][j])
			}
		}
		ADDQ(ldc, row)
	}
	Label("write")
	for r := range acc {
		for j := range 2 {
			at := Mem{Base: c, Disp: j * s.bytes()}
			if s.lanes == 16 {
				VMOVUPS(acc[r][j], masks[j], at)
			} else {
				VMOVUPS(acc[r][j], at)
			}
		}
		ADDQ(ldc, c)
	}
}
