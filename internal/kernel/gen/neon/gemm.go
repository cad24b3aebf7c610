package main

import "fmt"

// gemm writes the products of float32 matrices.
func gemm(f *file) {
	for rows := 1; rows <= 8; rows++ {
		tile(f, rows)
	}
	pack(f)
	transpose(f)
}

// tile writes the kernel that multiplies some rows of A with panels of B, two vectors wide each, into as many rows of C.
//
// The element of A in row r and column p lies at a + r·rs + p·cs bytes, so that one kernel reads A as it is or
// transposed, and rows may overlap. The rows of a panel of B lie ldb bytes apart, and the panels size bytes. A tile of C
// stays in registers.
func tile(file *file, rows int) {
	f := file.begin(fmt.Sprintf("gemm%dx8NEON", rows), "func(k, panels int, a *float32, rs, cs int, b *float32, ldb, size int, c *float32, ldc, acc int, bias *float32)",
		fmt.Sprintf("computes C = A·B, or C += A·B if acc is not 0, and adds bias if it is not nil, for %d rows. Distances are in bytes", rows))
	panels, cs, ldb, panel, c, bias := f.arg("panels"), f.arg("cs"), f.arg("ldb"), f.arg("b"), f.arg("c"), f.arg("bias")
	base := f.bases(rows)
	k, b := f.reg(), f.reg()
	f.loop("panel", "BNE", func() {
		f.text("MOVD k+%d(FP), %s", f.param("k").offset, k)
		f.text("MOVD %s, %s", panel, b)
		sums := f.multiply(base, k, cs, b, ldb, fmlaElement, fadd)
		skip := f.label("skip")
		f.text("CBZ %s, %s", bias, skip)
		columns := f.loadPair(bias, 0)
		f.text("ADD $32, %s, %s", bias, bias)
		for r := range rows {
			for j := range 2 {
				f.on(fadd, sums[r][j], sums[r][j], columns[j])
			}
		}
		f.text("%s:", skip)
		f.storeTile(sums, c)
		size := f.arg("size")
		f.text("ADD %s, %s, %s", size, panel, panel)
		f.drop(size)
		f.text("ADD $32, %s, %s", c, c)
		f.text("SUBS $1, %s, %s", panels, panels)
	})
	f.end()
}

// ints writes the products of int8 matrices: what quantises a row, and the tiles, which need dot products (SDOT).
func ints(f *file) {
	reduce(f, "absMax", "the largest |x|, NaN if one is", []string{"x"}, 0, fmax, fmaxp, func(v view, x []vec, top vec) { v.on(fmax, top, top, v.do(fabs, x[0])) })
	quantize(f)
	for rows := 1; rows <= 8; rows++ {
		intTile(f, rows)
	}
}

// intTile is tile for int8: four columns of A and four rows of B, [k][8][4], meet in one dot product. The sums are
// multiplied by the scale of their row times that of their column.
func intTile(file *file, rows int) {
	f := file.begin(fmt.Sprintf("dot%dx8NEON", rows), "func(k int, a *int8, rs int, b *int8, scales, columns, c *float32, ldc, acc int)",
		fmt.Sprintf("computes C = A·B, or C += A·B if acc is not 0, for a tile of C of %d rows, with k counted in fours. Distances are in bytes", rows))
	sums := f.multiply(f.bases(rows), f.arg("k"), "$4", f.arg("b"), "$32", sdotElement, add)
	scales, columns := f.arg("scales"), f.loadPair(f.arg("columns"), 0)
	for r := range rows {
		scale := f.do(op{text: fmt.Sprintf("FMOVS %d(%s), F%%[1]d", 4*r, scales)})
		for j := range 2 {
			sums[r][j] = f.do(fmul, f.do(scvtf, sums[r][j]), f.do(fmulElement, columns[j], scale))
		}
	}
	f.storeTile(sums, f.arg("c"))
	f.end()
}

// bases returns the addresses of rows of A.
func (f *function) bases(rows int) []reg {
	base, rs := []reg{f.arg("a")}, f.arg("rs")
	for r := 1; r < rows; r++ {
		base = append(base, f.reg())
		f.text("ADD %s, %s, %s", rs, base[r-1], base[r])
	}
	f.drop(rs)
	return base
}

// multiply adds up the products of rows of A, of which 32 bits are read at a time, cs apart, with a panel of B. With few
// rows, several sets of accumulators take turns over p, to hide the latency of the additions.
func (f *function) multiply(base []reg, k, cs, b, ldb reg, multiplyAdd, sum op) [][2]vec {
	rows := len(base)
	column := f.reg()
	f.text("MOVD $0, %s", column)
	sets := 1
	for sets < 4 && 2*sets*rows <= 8 {
		sets *= 2
	}
	acc := make([][][2]vec, sets)
	for i := range acc {
		for range rows {
			acc[i] = append(acc[i], [2]vec{f.do(zero), f.do(zero)})
		}
	}
	step := func(u int) {
		columns := f.loadPair(b, 0)
		f.text("ADD %s, %s, %s", ldb, b, b)
		var x []vec
		for r := range rows {
			x = append(x, f.do(op{text: fmt.Sprintf("FMOVS (%s)(%s), F%%[1]d", base[r], column)}))
		}
		f.text("ADD %s, %s, %s", cs, column, column)
		for r := range rows {
			f.on(multiplyAdd, acc[u%sets][r][0], columns[0], x[r])
			f.on(multiplyAdd, acc[u%sets][r][1], columns[1], x[r])
		}
	}
	const unroll = 4
	tail, end := f.label("tail"), f.label("sum")
	f.text("SUBS $%d, %s, %s", unroll, k, k)
	f.text("BLT %s", tail)
	f.loop(f.label("unrolled"), "BGE", func() {
		for u := range unroll {
			step(u)
		}
		f.text("SUBS $%d, %s, %s", unroll, k, k)
	})
	f.text("%s:", tail)
	f.text("ADDS $%d, %s, %s", unroll, k, k)
	f.text("BEQ %s", end)
	f.loop(f.label("single"), "BNE", func() {
		step(0)
		f.text("SUBS $1, %s, %s", k, k)
	})
	f.text("%s:", end)
	for i := 1; i < sets; i++ {
		for r := range rows {
			for j := range 2 {
				f.on(sum, acc[0][r][j], acc[0][r][j], acc[i][r][j])
			}
		}
	}
	f.drop(column)
	return acc[0]
}

// storeTile adds C where that is asked for, and writes the tile.
func (f *function) storeTile(tile [][2]vec, c reg) {
	ldc, acc, row, write := f.arg("ldc"), f.arg("acc"), f.reg(), f.label("write")
	f.text("MOVD %s, %s", c, row)
	f.text("CBZ %s, %s", acc, write)
	for r := range tile {
		old := f.loadPair(row, 0)
		for j := range 2 {
			f.on(fadd, tile[r][j], tile[r][j], old[j])
		}
		f.text("ADD %s, %s, %s", ldc, row, row)
	}
	f.text("MOVD %s, %s", c, row)
	f.text("%s:", write)
	for r := range tile {
		f.storePair(tile[r], row, 0)
		f.text("ADD %s, %s, %s", ldc, row, row)
	}
	f.drop(ldc, acc, row)
}

// pack copies rows into panels of 8 columns.
func pack(file *file) {
	f := file.begin("packNEON", "func(k, panels int, src *float32, stride, step int, dst *float32, size int)",
		"copies k rows, stride bytes apart, into panels that lie size bytes apart; those of src begin step bytes apart")
	k, src, stride, step, dst, size := f.arg("k"), f.arg("src"), f.arg("stride"), f.arg("step"), f.arg("dst"), f.arg("size")
	from, to := f.reg(), f.reg()
	f.loop("row", "BNE", func() {
		panels := f.arg("panels")
		f.text("MOVD %s, %s", src, from)
		f.text("MOVD %s, %s", dst, to)
		f.loop("panel", "BNE", func() {
			f.storePair(f.loadPair(from, 0), to, 0)
			f.text("ADD %s, %s, %s", step, from, from)
			f.text("ADD %s, %s, %s", size, to, to)
			f.text("SUBS $1, %s, %s", panels, panels)
		})
		f.drop(panels)
		f.text("ADD %s, %s, %s", stride, src, src)
		f.text("ADD $32, %s, %s", dst, dst)
		f.text("SUBS $1, %s, %s", k, k)
	})
	f.end()
}

// transpose turns squares of four by four.
func transpose(file *file) {
	f := file.begin("transposeNEON", "func(squares int, r0, r1, r2, r3, dst *float32, width int)",
		"writes four numbers for each square from each of four rows as columns of dst, whose rows lie width bytes apart")
	squares, dst, width := f.arg("squares"), f.arg("dst"), f.arg("width")
	rows := []reg{f.arg("r0"), f.arg("r1"), f.arg("r2"), f.arg("r3")}
	f.loop("square", "BNE", func() {
		var v [4]vec
		for r := range v {
			v[r] = f.load(rows[r], 0)
			f.text("ADD $16, %s, %s", rows[r], rows[r])
		}
		even, odd := [2]vec{f.do(trn1, v[0], v[1]), f.do(trn1, v[2], v[3])}, [2]vec{f.do(trn2, v[0], v[1]), f.do(trn2, v[2], v[3])}
		for _, column := range []vec{f.do(zip1, even[0], even[1]), f.do(zip1, odd[0], odd[1]), f.do(zip2, even[0], even[1]), f.do(zip2, odd[0], odd[1])} {
			f.store(column, dst, 0)
			f.text("ADD %s, %s, %s", width, dst, dst)
		}
		f.text("SUBS $1, %s, %s", squares, squares)
	})
	f.end()
}

// quantize rounds multiples of x, which are no larger than 127, so that the low bytes of the whole numbers hold all.
func quantize(file *file) {
	f := file.begin("quantizeNEON", "func(n int, inverse float32, x *float32, y *int8)", "computes y = x·inverse, rounded, for n numbers, a multiple of 16 and not 0")
	n, x, y := f.arg("n"), f.arg("x"), f.arg("y")
	inverse := f.broadcast("inverse")
	f.loop("loop", "BNE", func() {
		var ints [4]vec
		for i := range ints {
			ints[i] = f.do(fcvtns, f.do(fmul, f.load(x, 16*i), inverse))
		}
		f.store(f.do(lowBytes, f.do(lowHalves, ints[0], ints[1]), f.do(lowHalves, ints[2], ints[3])), y, 0)
		f.text("ADD $64, %s, %s", x, x)
		f.text("ADD $16, %s, %s", y, y)
		f.text("SUBS $16, %s, %s", n, n)
	})
	f.end()
}
