package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gemm writes the kernel that multiplies up to s.rows rows of A, a strip, with panels of B, each some vectors wide.
//
// The element of A in row r and column p lies at a + r·rs + p·cs bytes, so that one kernel reads A as it is, transposed
// or packed, and rows may overlap. Rows of a panel of B lie ldb bytes apart, panels size bytes: B may be packed or lie
// where it is. The tile of C, rows by vectors, stays in registers; there is a loop for each number of rows.
func gemm(s set, vectors int) {
	name := fmt.Sprintf("gemm%s%s", [...]string{1: "Narrow", 2: ""}[vectors], s.name)
	TEXT(name, NOSPLIT, "func(rows, k, panels int, a *float32, rs, cs int, b *float32, ldb, size int, c *float32, ldc, last, acc int, bias *float32)")
	Pragma("noescape")
	Doc(
		fmt.Sprintf("%s computes C = A·B for a strip of rows and panels of %d columns, of which the last vector counts", name, vectors*s.lanes),
		"for last lanes. If acc is not 0, it adds to C; if there is a bias, it is added. Distances are in bytes.")
	t := &tile{set: s, vectors: vectors}
	rows := Load(Param("rows"), GP64())
	for mr := s.rows; mr > 1; mr-- {
		CMPQ(rows, U8(mr))
		JE(LabelRef(fmt.Sprintf("rows%d", mr)))
	}
	for mr := 1; mr <= s.rows; mr++ {
		t.strip(mr)
	}
}

// tile is a kernel while it is written.
type tile struct {
	set
	vectors int
	mr      int
	acc     [][][]VecVirtual // [sets][rows][vectors]: with few rows several sets take turns over p, to hide the latency of additions
	x       VecVirtual       // scratch: with the widest tiles all registers are in use
	offset  GPVirtual        // of the panel in a row of C and in the bias
}

func (t *tile) label(name string) string { return fmt.Sprintf("%s%d", name, t.mr) }

// strip is the code for mr rows.
func (t *tile) strip(mr int) {
	t.mr = mr
	Label(t.label("rows"))
	sets := 1
	for 2*sets*mr*t.vectors <= 2*t.rows && sets < 4 {
		sets *= 2
	}
	t.acc = make([][][]VecVirtual, sets)
	rs := Load(Param("rs"), GP64()).(GPVirtual)
	cs := Load(Param("cs"), GP64())
	ldb := Load(Param("ldb"), GP64())
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
			for range t.vectors {
				t.acc[i][r] = append(t.acc[i][r], t.zero())
			}
		}
	}
	row := make([]VecVirtual, t.vectors)
	t.x = t.vec()
	for j := range row {
		row[j] = t.vec()
	}
	step := func(set [][]VecVirtual) {
		for j := range row {
			VMOVUPS(Mem{Base: b, Disp: j * t.bytes()}, row[j])
		}
		ADDQ(ldb, b)
		for r := range mr {
			VBROADCASTSS(rows.at(r), t.x)
			for j := range row {
				VFMADD231PS(row[j], t.x, set[r][j])
			}
		}
		for _, base := range rows.base {
			ADDQ(cs, base)
		}
	}
	const unroll = 4
	SUBQ(U8(unroll), k)
	JL(LabelRef(t.label("tail")))
	Label(t.label("unrolled"))
	for u := range unroll {
		step(t.acc[u%sets])
	}
	SUBQ(U8(unroll), k)
	JGE(LabelRef(t.label("unrolled")))
	Label(t.label("tail"))
	ADDQ(U8(unroll), k)
	JZ(LabelRef(t.label("sum")))
	Label(t.label("single"))
	step(t.acc[0])
	DECQ(k)
	JNZ(LabelRef(t.label("single")))
	Label(t.label("sum"))
	for half := sets / 2; half > 0; half /= 2 {
		for i := range half {
			t.each(func(r, j int) { VADDPS(t.acc[i+half][r][j], t.acc[i][r][j], t.acc[i][r][j]) })
		}
	}
	t.store()
	ADDQ(U32(t.vectors*t.bytes()), t.offset)
	size := Load(Param("size"), GP64())
	ADDQ(size, panel)
	DECQ(panels)
	JNZ(LabelRef(t.label("panel")))
	VZEROUPPER()
	RET()
}

func (t *tile) each(f func(r, j int)) {
	for r := range t.mr {
		for j := range t.vectors {
			f(r, j)
		}
	}
}

// bases hold the addresses of rows of A: row r is base[r/5] + (r%5)·rs, for which x86 has addressing modes but for 3.
type bases struct {
	base    []GPVirtual
	rs, rs3 GPVirtual
}

func (bs *bases) begin(mr int) {
	first := Load(Param("a"), GP64()).(GPVirtual)
	bs.base = append(bs.base[:0], first)
	rs5 := GP64()
	LEAQ(Mem{Base: bs.rs, Index: bs.rs, Scale: 4}, rs5)
	for r := 5; r < mr; r += 5 {
		next := GP64()
		LEAQ(Mem{Base: bs.base[len(bs.base)-1], Index: rs5, Scale: 1}, next)
		bs.base = append(bs.base, next)
	}
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

// store adds C and the bias as asked and writes the tile. AVX-512 has masks for the last vector; with AVX2 a mask costs,
// on some processors a lot, so that whole vectors have code of their own.
func (t *tile) store() {
	last := Load(Param("last"), GP64())
	if t.lanes == 16 {
		mask, bits := K(), GP32()
		MOVL(U32(0xffff), bits)
		BZHIL(last.(GPVirtual).As32(), bits, bits)
		KMOVW(bits, mask)
		t.finish("", func(m Mem, j int, x VecVirtual) {
			if j == t.vectors-1 {
				VADDPS(m, x, mask, x)
			} else {
				VADDPS(m, x, x)
			}
		}, func(x VecVirtual, j int, m Mem) {
			if j == t.vectors-1 {
				VMOVUPS(x, mask, m)
			} else {
				VMOVUPS(x, m)
			}
		})
		return
	}
	CMPQ(last, U8(t.lanes))
	JNE(LabelRef(t.label("partial")))
	add := func(m Mem, _ int, x VecVirtual) { VADDPS(m, x, x) }
	write := func(x VecVirtual, _ int, m Mem) { VMOVUPS(x, m) }
	t.finish("", add, write)
	JMP(LabelRef(t.label("next")))
	Label(t.label("partial"))
	mask := t.vec()
	VMOVD(last.(GPVirtual).As32(), mask.AsX())
	VPBROADCASTD(mask.AsX(), mask)
	VPCMPGTD(laneNumbers(), mask, mask)
	t.finish("Partial", func(m Mem, j int, x VecVirtual) {
		if j == t.vectors-1 {
			old := t.vec()
			VMASKMOVPS(m, mask, old)
			VADDPS(old, x, x)
		} else {
			add(m, j, x)
		}
	}, func(x VecVirtual, j int, m Mem) {
		if j == t.vectors-1 {
			VMASKMOVPS(x, mask, m)
		} else {
			write(x, j, m)
		}
	})
	Label(t.label("next"))
}

// finish does it with the given ways to add from memory and to write.
func (t *tile) finish(suffix string, add func(m Mem, j int, x VecVirtual), write func(x VecVirtual, j int, m Mem)) {
	tile := t.acc[0]
	accumulate := Load(Param("acc"), GP64())
	ldc := Load(Param("ldc"), GP64())
	TESTQ(accumulate, accumulate)
	JZ(LabelRef(t.label("bias" + suffix)))
	row := t.corner()
	t.each(func(r, j int) {
		add(Mem{Base: row, Disp: j * t.bytes()}, j, tile[r][j])
		if j == t.vectors-1 {
			ADDQ(ldc, row)
		}
	})
	Label(t.label("bias" + suffix))
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(LabelRef(t.label("write" + suffix)))
	for j := range t.vectors {
		t.clear(t.x)
		add(Mem{Base: bias, Index: t.offset, Scale: 1, Disp: j * t.bytes()}, j, t.x)
		for r := range t.mr {
			VADDPS(t.x, tile[r][j], tile[r][j])
		}
	}
	Label(t.label("write" + suffix))
	row = t.corner()
	t.each(func(r, j int) {
		write(tile[r][j], j, Mem{Base: row, Disp: j * t.bytes()})
		if j == t.vectors-1 {
			ADDQ(ldc, row)
		}
	})
}

// corner returns the address of the tile in C.
func (t *tile) corner() GPVirtual {
	c := Load(Param("c"), GP64()).(GPVirtual)
	ADDQ(t.offset, c)
	return c
}

// laneNumbers is a constant, 0 to 7.
func laneNumbers() Mem {
	if numbers.Symbol.Name == "" {
		numbers = GLOBL("lanes", RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(i))
		}
	}
	return numbers
}

var numbers Mem
