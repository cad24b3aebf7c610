package main

import "fmt"

// gemm writes the matrix products.
func gemm(f *file) {
	for rows := 1; rows <= 8; rows++ {
		tile(f, rows)
	}
}

// tile writes the kernel that multiplies some rows of A with a panel of B, two vectors wide, into as many rows of C.
//
// The element of A in row r and column p lies at a + r·rs + p·cs bytes, so that one kernel reads A as it is or
// transposed, and rows may overlap. The panel of B is packed, [k][8]. All of the tile of C stays in registers. With few
// rows, several sets of accumulators take turns over p, to hide the latency of the additions.
func tile(file *file, rows int) {
	f := file.begin(fmt.Sprintf("gemm%dx8NEON", rows),
		fmt.Sprintf("computes C = A·B, or C += A·B if acc is not 0, for a tile of C of %d rows. Distances are in bytes.", rows),
		"k int", "a *float32", "rs int", "cs int", "b *float32", "c *float32", "ldc int", "acc int")
	k, rs, cs, b := f.arg("k"), f.arg("rs"), f.arg("cs"), f.arg("b")
	base := []reg{f.arg("a")}
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
			f.on(fmlaElement, acc[u%sets][r][0], columns[0], x[r])
			f.on(fmlaElement, acc[u%sets][r][1], columns[1], x[r])
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
				f.on(fadd, acc[0][r][j], acc[0][r][j], acc[i][r][j])
			}
		}
	}
	storeTile(f, acc[0])
}

// storeTile adds C where that is asked for, writes the tile and ends the function.
func storeTile(f *function, tile [][2]vec) {
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
