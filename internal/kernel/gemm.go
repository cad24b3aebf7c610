package kernel

import "sync"

// Precision is that of the factors of a product; A, C and the sums are float32 (of INT8: int32, then scaled).
type Precision uint8

const (
	F32  Precision = iota
	BF16           // both factors rounded to bfloat16
	INT8           // B in whole numbers with a scale a column, A with a scale a row, found as the product runs
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
	if b.tiled() {
		b.multiplyTiles(m, a, lda, 1, c, ldc, &e)
		return
	}
	if e.empty() {
		b.product(m, a, lda, 1, c, ldc, e.Accumulate)
		return
	}
	for lo := 0; lo < m; lo += epilogueRows {
		hi := min(lo+epilogueRows, m)
		b.product(hi-lo, a[lo*lda:], lda, 1, c[lo*ldc:], ldc, false)
		e.apply(lo, hi, b.n, c, ldc)
	}
}

// product computes C = A·B, or C += A·B, in the precision of B. The element of A in row r and column p is a[r*rs+p*cs].
func (p *PackedB) product(m int, a []float32, rs, cs int, c []float32, ldc int, acc bool) {
	switch {
	case p.tiled():
		p.multiplyTiles(m, a, rs, cs, c, ldc, &Epilogue{Accumulate: acc})
	case p.precision == F32:
		p.multiply(m, a, rs, cs, c, ldc, acc)
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
	p := scratch.Get().(*PackedB)
	p.level = current
	p.packAs(prec, k, n, b, rsb, csb)
	p.product(m, a, rsa, csa, c, ldc, acc)
	scratch.Put(p)
}

// PackedB is a matrix B of [k, n] laid out for products, packed once and used many times: panels of as many columns as
// a tile has, each [k][columns], the last one filled up with zeros. Plain Go keeps it row by row, as one panel.
type PackedB struct {
	k, n, panel int
	level       level
	precision   Precision
	data        []float32
	ints        []int8    // of INT8
	scales      []float32 // of INT8, [n]
	tiles       []byte    // of BF16 and INT8 where the processor has tiles, in their place
}

// Rows returns k and Cols returns n of a packed B of [k, n].
func (p *PackedB) Rows() int { return p.k }
func (p *PackedB) Cols() int { return p.n }

// Pack takes B of [k, n]; the memory of an earlier one is reused.
func (p *PackedB) Pack(prec Precision, k, n int, b []float32, ldb int) {
	check("B", b, k, n, ldb)
	p.level = current
	p.packAs(prec, k, n, b, ldb, 1)
}

// PackT takes B as its transpose, [n, k].
func (p *PackedB) PackT(prec Precision, k, n int, b []float32, ldb int) {
	check("B", b, n, k, ldb)
	p.level = current
	p.packAs(prec, k, n, b, 1, ldb)
}

func (p *PackedB) packAs(prec Precision, k, n int, b []float32, rs, cs int) {
	p.precision = prec
	if p.tiled() {
		p.packTiles(k, n, b, rs, cs)
		return
	}
	if prec == INT8 {
		p.packInt8(k, n, b, rs, cs)
		return
	}
	p.pack(k, n, b, rs, cs)
	if prec == BF16 {
		for i, v := range p.data {
			p.data[i] = RoundBF16(v)
		}
	}
}

// pack takes the element in row i and column j from b[i*rs+j*cs].
func (p *PackedB) pack(k, n int, b []float32, rs, cs int) {
	p.k, p.n, p.panel = k, n, panelWidth(p.level, n)
	width := p.panel
	panels := (n + max(width, 1) - 1) / max(width, 1)
	if size := panels * k * width; cap(p.data) < size {
		p.data = make([]float32, size)
	} else {
		p.data = p.data[:size]
	}
	for j := range panels {
		first, cols := j*width, min(width, n-j*width)
		dst := p.data[j*k*width : (j+1)*k*width]
		if cols < width {
			clear(dst)
		}
		if cs == 1 {
			for i := range k {
				copy(dst[i*width:i*width+cols], b[i*rs+first:i*rs+first+cols])
			}
			continue
		}
		packTransposed(dst, width, b[first*cs:], cs, k, cols, rs)
	}
}

// packTransposed copies columns that lie contiguous (rs is 1) into a panel, eight rows of it at a time so that both
// sides stay in cache.
func packTransposed(dst []float32, width int, b []float32, cs, k, cols, rs int) {
	const block = 8
	for i0 := 0; i0 < k; i0 += block {
		rows := min(block, k-i0)
		for c := range cols {
			src := b[c*cs+i0*rs:]
			at := i0*width + c
			if rows == block && rs == 1 {
				s, d := src[:block], dst[at:at+(block-1)*width+1]
				d[0], d[width], d[2*width], d[3*width] = s[0], s[1], s[2], s[3]
				d[4*width], d[5*width], d[6*width], d[7*width] = s[4], s[5], s[6], s[7]
				continue
			}
			for i := range rows {
				dst[at+i*width] = src[i*rs]
			}
		}
	}
}

const (
	blockK      = 512 // rows of B that are multiplied before the next ones: a strip of A of this length stays in L1
	blockPanels = 16  // panels of B that are multiplied by each strip of A in turn: they stay in L2
	maxRows     = 14  // of a tile
)

// strip is a copy of rows of A, for matrices that would thrash the cache where they lie.
type strip [(blockK + 16) * maxRows]float32

var strips = sync.Pool{New: func() any { return new(strip) }}

// multiply computes C = A·B, or C += A·B. The element of A in row r and column p is a[r*rs+p*cs].
func (p *PackedB) multiply(m int, a []float32, rs, cs int, c []float32, ldc int, acc bool) {
	if m == 0 || p.n == 0 {
		return
	}
	if !acc && (p.k == 0 || p.level == levelGo) {
		for i := range m {
			clear(c[i*ldc : i*ldc+p.n])
		}
	}
	if p.k == 0 {
		return
	}
	if p.level == levelGo {
		plainGemm(m, p.n, p.k, a, rs, cs, p.data, p.n, c, ldc)
		return
	}
	rows := tileRows(p.level)
	count := (m + rows - 1) / rows
	blocks := (p.k + blockK - 1) / blockK
	panels := (p.n + p.panel - 1) / p.panel
	// Rows whose distance is a large power of two fall into one set of the cache and push each other out.
	copies := rs%1024 == 0 && rs > 0 && cs == 1 && m > 4
	var buffer *strip
	if copies {
		buffer = strips.Get().(*strip)
		defer strips.Put(buffer)
	}
	for block := range blocks {
		k0, k1 := p.k*block/blocks, p.k*(block+1)/blocks
		for j0 := 0; j0 < panels; j0 += blockPanels {
			for i := range count {
				r0, r1 := m*i/count, m*(i+1)/count
				t := tile{level: p.level, rows: r1 - r0, k: k1 - k0, a: a[r0*rs+k0*cs:], rs: rs, cs: cs, ldc: ldc, acc: acc || block > 0}
				if copies {
					t.copyTo(buffer)
				}
				for j := j0; j < min(j0+blockPanels, panels); j++ {
					t.run(p.data[(j*p.k+k0)*p.panel:], c[r0*ldc+j*p.panel:], min(p.panel, p.n-j*p.panel))
				}
			}
		}
	}
}

// tile is some rows of A, to be multiplied with panels of B.
type tile struct {
	level   level
	rows, k int
	a       []float32
	rs, cs  int
	ldc     int
	acc     bool
}

// copyTo moves the rows of A to buffer, at a distance that is no power of two.
func (t *tile) copyTo(buffer *strip) {
	stride := t.k + 16
	for r := range t.rows {
		copy(buffer[r*stride:r*stride+t.k], t.a[r*t.rs:r*t.rs+t.k])
	}
	t.a, t.rs = buffer[:], stride
}

// storeWhole brings the columns that count from a whole tile, of the given width, into C.
func storeWhole(whole []float32, width, rows int, c []float32, ldc, cols int, acc bool) {
	for r := range rows {
		dst, src := c[r*ldc:r*ldc+cols], whole[r*width:r*width+cols]
		if acc {
			plainAdd(dst, src)
		} else {
			copy(dst, src)
		}
	}
}
