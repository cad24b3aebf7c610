package kernel

import "sync"

// Precision is that of the factors of a product; A, C and the sums are float32 (of INT8: int32, then scaled).
type Precision uint8

const (
	F32  Precision = iota
	BF16           // both factors rounded to bfloat16
	INT8           // B in whole numbers with a scale a column, A with a scale a row, found as the product runs; of 8 bits, but those of A have 7 where there is AVX2 alone
)

var precisionNames = [...]string{"f32", "bf16", "int8"}

// String returns f32, bf16 or int8.
func (p Precision) String() string { return precisionNames[p] }

// GemmNN computes C = A·B, or C += A·B if acc, for A of [m, k], B of [k, n] and C of [m, n], all row-major with the
// given distances between rows, in precision F32 or BF16. Rows of A may overlap (lda < k).
func GemmNN(prec Precision, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	check("A", a, m, k, lda)
	check("B", b, k, n, ldb)
	product(prec, m, n, k, a, lda, 1, b, ldb, 1, c, ldc, acc)
}

// GemmNT is GemmNN with B given as its transpose, [n, k].
func GemmNT(prec Precision, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	check("A", a, m, k, lda)
	check("B", b, n, k, ldb)
	product(prec, m, n, k, a, lda, 1, b, 1, ldb, c, ldc, acc)
}

// GemmTN is GemmNN with A given as its transpose, [k, m].
func GemmTN(prec Precision, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	check("A", a, k, m, lda)
	check("B", b, k, n, ldb)
	product(prec, m, n, k, a, 1, lda, b, ldb, 1, c, ldc, acc)
}

// GemmPacked is GemmNN with a packed B, which gives k, n and the precision, and an epilogue.
func GemmPacked(m int, a []float32, lda int, b *PackedB, c []float32, ldc int, e Epilogue) {
	check("A", a, m, b.k, lda)
	check("C", c, m, b.n, ldc)
	if e.Pre != nil {
		check("Pre", e.Pre, m, b.n, ldc)
	}
	c = e.direct(c)
	switch {
	case b.precision == F32:
		b.multiply(m, a, lda, 1, c, ldc, &e)
		return
	case b.tiled():
		b.multiplyTiles(m, a, lda, 1, c, ldc, &e)
		return
	}
	if e.empty() {
		b.product(m, a, lda, 1, c, ldc, e.Accumulate)
		return
	}
	for lo := 0; lo < m; lo += epilogueRows {
		hi := min(lo+epilogueRows, m)
		b.product(hi-lo, a[lo*lda:], lda, 1, c[lo*ldc:], ldc, e.Accumulate)
		e.apply(lo, hi, b.n, c, ldc)
	}
}

// product computes C = A·B, or C += A·B, in the precision of B. The element of A in row r and column p is a[r*rs+p*cs].
func (p *PackedB) product(m int, a []float32, rs, cs int, c []float32, ldc int, acc bool) {
	switch {
	case p.tiled():
		p.multiplyTiles(m, a, rs, cs, c, ldc, &Epilogue{Accumulate: acc})
	case p.precision == F32:
		p.multiply(m, a, rs, cs, c, ldc, &Epilogue{Accumulate: acc})
	case p.precision == BF16:
		p.multiplyBF16(m, a, rs, cs, c, ldc, acc)
	default:
		p.multiplyInt8(m, a, rs, c, ldc, acc)
	}
}

func check(name string, x []float32, rows, cols, stride int) {
	if rows < 0 || cols < 0 || stride < 0 || rows > 0 && cols > 0 && (rows-1)*stride+cols > len(x) {
		panic("kernel: matrix " + name + " is larger than its slice")
	}
}

// scratch holds packed matrices of products whose B is used once.
var scratch = sync.Pool{New: func() any { return new(PackedB) }}

// product multiplies matrices whose elements lie rs apart along a column and cs along a row.
func product(prec Precision, m, n, k int, a []float32, rsa, csa int, b []float32, rsb, csb int, c []float32, ldc int, acc bool) {
	check("C", c, m, n, ldc)
	if m == 0 || n == 0 {
		return
	}
	if prec == F32 && csb == 1 && inPlace(current, m, n, k, rsb) {
		width := panelWidth(current, n)
		p := PackedB{k: k, n: n, panel: width, row: rsb, size: width, level: current, data: b}
		p.multiply(m, a, rsa, csa, c, ldc, &Epilogue{Accumulate: acc})
		return
	}
	p := scratch.Get().(*PackedB)
	p.level, p.precision = current, prec
	if prec == F32 || rsa == 1 && p.tiled() {
		p.productInBlocks(prec, m, n, k, a, rsa, csa, b, rsb, csb, c, ldc, acc)
	} else {
		p.packAs(prec, k, n, b, rsb, csb)
		p.product(m, a, rsa, csa, c, ldc, acc)
	}
	scratch.Put(p)
}

// productInBlocks packs as much of B at once as stays in L2 while it is multiplied.
func (p *PackedB) productInBlocks(prec Precision, m, n, k int, a []float32, rsa, csa int, b []float32, rsb, csb int, c []float32, ldc int, acc bool) {
	width := blockPanels * panelWidth(p.level, n)
	if rsa == 1 {
		width = max(n, 1) // A is copied: once for all columns
	}
	depth := blockK
	if prec != F32 {
		depth /= 2 // all columns of B at once have to stay there
	}
	blocks := max(1, (k+depth-1)/depth)
	for j := 0; j < n; j += width {
		for block := range blocks {
			k0, k1 := k*block/blocks, k*(block+1)/blocks
			p.packAs(prec, k1-k0, min(width, n-j), b[min(k0*rsb+j*csb, len(b)):], rsb, csb)
			p.product(m, a[min(k0*csa, len(a)):], rsa, csa, c[j:], ldc, acc || block > 0)
		}
	}
}

// multiply computes C = A·B with an epilogue. The element of A in row r and column p is a[r*rs+p*cs].
func (p *PackedB) multiply(m int, a []float32, rs, cs int, c []float32, ldc int, e *Epilogue) {
	if m == 0 || p.n == 0 {
		return
	}
	if p.k == 0 || p.level == levelGo {
		if !e.Accumulate {
			for i := range m {
				clear(c[i*ldc : i*ldc+p.n])
			}
		}
		if p.k > 0 {
			plainGemm(m, p.n, p.k, a, rs, cs, p.data, p.row, c, ldc)
		}
		e.apply(0, m, p.n, c, ldc)
		return
	}
	if p.splits(m) {
		p.multiplySplit(m, a, rs, cs, c, ldc, e)
		return
	}
	w := walk{p: p, m: m, a: a, rs: rs, cs: cs, c: c, ldc: ldc, e: e}
	w.run()
}
