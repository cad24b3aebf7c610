package main

import "fmt"

// gemm writes the products of float32 matrices.
func gemm(f *file) {
	for rows := 1; rows <= 8; rows++ {
		tile(f, rows)
	}
}

// tile writes the kernel that multiplies some rows of A with a panel of B, two vectors wide, into as many rows of C.
//
// The element of A in row r and column p lies at a + r·rs + p·cs bytes, so that one kernel reads A as it is or
// transposed, and rows may overlap. The panel of B is packed, [k][8]. All of the tile of C stays in registers.
func tile(file *file, rows int) {
	f := file.begin(fmt.Sprintf("gemm%dx8NEON", rows), "func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc int)",
		fmt.Sprintf("computes C = A·B, or C += A·B if acc is not 0, for a tile of C of %d rows. Distances are in bytes", rows))
	sums := f.multiply(rows, f.arg("k"), f.arg("a"), f.arg("rs"), f.arg("cs"), f.arg("b"), fmlaElement, fadd)
	f.storeTile(sums)
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
	sums := f.multiply(rows, f.arg("k"), f.arg("a"), f.arg("rs"), "$4", f.arg("b"), sdotElement, add)
	scales, columns := f.arg("scales"), f.loadPair(f.arg("columns"), 0)
	for r := range rows {
		scale := f.do(op{text: fmt.Sprintf("FMOVS %d(%s), F%%[1]d", 4*r, scales)})
		for j := range 2 {
			sums[r][j] = f.do(fmul, f.do(scvtf, sums[r][j]), f.do(fmulElement, columns[j], scale))
		}
	}
	f.storeTile(sums)
}

// multiply adds up the products of rows of A, of which 32 bits are read at a time, cs apart, with a panel of B. With few
// rows, several sets of accumulators take turns over p, to hide the latency of the additions.
func (f *function) multiply(rows int, k, a, rs, cs, b reg, multiplyAdd, sum op) [][2]vec {
	base := []reg{a}
	for r := 1; r < rows; r++ {
		base = append(base, f.reg())
		f.text("ADD %s, %s, %s", rs, base[r-1], base[r])
	}
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
		columns := f.loadPair(b, 32*u)
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
	f.text("SUBS $%d, %s, %s", unroll, k, k)
	f.text("BLT tail")
	f.loop("unrolled", "BGE", func() {
		for u := range unroll {
			step(u)
		}
		f.text("ADD $%d, %s, %s", unroll*32, b, b)
		f.text("SUBS $%d, %s, %s", unroll, k, k)
	})
	f.text("tail:")
	f.text("ADDS $%d, %s, %s", unroll, k, k)
	f.text("BEQ sum")
	f.loop("single", "BNE", func() {
		step(0)
		f.text("ADD $32, %s, %s", b, b)
		f.text("SUBS $1, %s, %s", k, k)
	})
	f.text("sum:")
	for i := 1; i < sets; i++ {
		for r := range rows {
			for j := range 2 {
				f.on(sum, acc[0][r][j], acc[0][r][j], acc[i][r][j])
			}
		}
	}
	return acc[0]
}

// storeTile adds C where that is asked for, writes the tile and ends the function.
func (f *function) storeTile(tile [][2]vec) {
	c, ldc, acc, row := f.arg("c"), f.arg("ldc"), f.arg("acc"), f.reg()
	f.text("CBZ %s, write", acc)
	f.text("MOVD %s, %s", c, row)
	for r := range tile {
		old := f.loadPair(row, 0)
		for j := range 2 {
			f.on(fadd, tile[r][j], tile[r][j], old[j])
		}
		f.text("ADD %s, %s, %s", ldc, row, row)
	}
	f.text("write:")
	for r := range tile {
		f.storePair(tile[r], c, 0)
		f.text("ADD %s, %s, %s", ldc, c, c)
	}
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
