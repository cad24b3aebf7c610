package kernel

import "unsafe"

// PackedB is a matrix B of [k, n] laid out for products, packed once and used many times: panels of as many columns as
// a tile has, each [k][columns]; what lies behind the columns of the last one is undefined. Plain Go keeps it row by
// row, as one panel.
type PackedB struct {
	k, n      int
	panel     int // columns of a panel
	row, size int // distances between the rows of a panel, and between panels
	level     level
	precision Precision
	data      []float32
	ints      []int8    // of INT8
	scales    []float32 // of INT8, [n]
	limit     float32   // of INT8: see Bound
	narrow    bool      // of INT8: products are added up in 16 bits; see narrowSteps
	tiles     []byte    // of BF16 and INT8 where the processor has tiles, in their place
	parts     []byte    // of F32 where it has tiles, beside data, if Keep was called
	wild      bool      // of F32: a number that has no parts is there
}

// Rows returns k and Cols returns n of a packed B of [k, n].
func (p *PackedB) Rows() int { return p.k }
func (p *PackedB) Cols() int { return p.n }

// Precision returns that of the products with a packed B.
func (p *PackedB) Precision() Precision { return p.precision }

// Memory is how many bytes a packed B takes, 0 for nil.
func (p *PackedB) Memory() int64 {
	if p == nil {
		return 0
	}
	return int64(4*len(p.data) + len(p.ints) + 4*len(p.scales) + len(p.tiles) + len(p.parts))
}

// Bound gives the whole numbers of all rows of A, in products of INT8, one scale, by which they reach from -limit to limit:
// A has no larger numbers. 0 stands for a scale a row, that of its largest number.
func (p *PackedB) Bound(limit float32) { p.limit = limit }

// Bounded returns what Bound was told.
func (p *PackedB) Bounded() float32 { return p.limit }

// Pack takes B of [k, n]; the memory of an earlier one is reused.
func (p *PackedB) Pack(prec Precision, k, n int, b []float32, ldb int) {
	p.Reserve(prec, k, n)
	p.Fill(0, p.Parts(), b, ldb)
}

// PackT takes B as its transpose, [n, k].
func (p *PackedB) PackT(prec Precision, k, n int, b []float32, ldb int) {
	p.Reserve(prec, k, n)
	p.FillT(0, p.Parts(), b, ldb)
}

// Reserve makes room for B of [k, n], to be packed by Fill or FillT in parts, by several workers at once.
func (p *PackedB) Reserve(prec Precision, k, n int) { p.reserve(current, prec, k, n) }

// Keep says that a packed B stays as it is for many products of 17 rows and more: what each of these would make of it
// for itself is made once, where the variant in use has such a thing, and kept until B is packed anew.
func (p *PackedB) Keep() { p.keepParts() }

// partColumns are the columns of a part: whole panels of every variant.
const partColumns = 64

// Parts returns how many parts there are to fill.
func (p *PackedB) Parts() int {
	if p.level == levelGo || p.precision == INT8 {
		return 1
	}
	return (p.n + partColumns - 1) / partColumns
}

// Fill packs the parts [lo, hi) of B.
func (p *PackedB) Fill(lo, hi int, b []float32, ldb int) {
	check("B", b, p.k, p.n, ldb)
	p.fillParts(lo, hi, b, ldb, 1)
}

// FillT is Fill with B given as its transpose, [n, k].
func (p *PackedB) FillT(lo, hi int, b []float32, ldb int) {
	check("B", b, p.n, p.k, ldb)
	p.fillParts(lo, hi, b, 1, ldb)
}

func (p *PackedB) fillParts(lo, hi int, b []float32, rs, cs int) {
	if p.Parts() == 1 {
		p.fill(0, p.n, b, rs, cs)
	} else {
		p.fill(lo*partColumns, min(hi*partColumns, p.n), b, rs, cs)
	}
}

// packAs takes the element in row i and column j from b[i*rs+j*cs], where one of the distances is 1.
func (p *PackedB) packAs(prec Precision, k, n int, b []float32, rs, cs int) {
	p.reserve(p.level, prec, k, n)
	p.fill(0, n, b, rs, cs)
}

func (p *PackedB) reserve(l level, prec Precision, k, n int) {
	p.level, p.precision, p.k, p.n = l, prec, k, n
	p.parts = p.parts[:0]
	p.narrow = p.narrow || prec == INT8 && narrows(l)
	switch {
	case p.tiled():
		p.reserveTiles()
	case prec != INT8:
		width := panelWidth(l, n)
		p.panel, p.row, p.size = width, width, k*width+gap
		p.data = alignedFloats(p.data, (n+width-1)/max(width, 1)*p.size)
	}
}

// fill packs the columns [lo, hi), whole panels but at the end.
func (p *PackedB) fill(lo, hi int, b []float32, rs, cs int) {
	switch {
	case p.precision == INT8 && !p.tiled():
		p.packInt8(p.k, p.n, b, rs, cs)
		return
	case p.n == 0 || p.k == 0 || lo == hi:
		return
	case p.tiled():
		p.fillTiles(lo, hi, b, rs, cs)
		return
	}
	width := p.panel
	data := p.data[lo/width*p.size : (hi+width-1)/width*p.size]
	if cs == 1 {
		copyPanels(p.level, p.k, hi-lo, b[lo:], rs, width, width, data, p.size)
	} else {
		for j := lo; j < hi; j += width {
			transposePanel(p.level, min(width, hi-j), p.k, b[j*cs:], cs, data[(j-lo)/width*p.size:], width)
		}
	}
	if p.precision == BF16 {
		roundRow(p.level, data, data)
	}
}

// alignedFloats returns n numbers, from x if there is room, that begin at a line of the cache.
func alignedFloats(x []float32, n int) []float32 {
	if cap(x) >= n {
		return x[:n]
	}
	const line = 16
	x = make([]float32, n+line)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(x)))/4) & (line - 1)
	return x[skip : skip+n : skip+n]
}

// copyPanels copies k rows of n numbers, stride apart, into panels of step columns, whose rows lie width apart, and which
// lie size apart.
func copyPanels(l level, k, n int, src []float32, stride, step, width int, dst []float32, size int) {
	panels, whole := (n+step-1)/step, 0
	if reach := (panels-1)*step + width; l != levelGo && len(src) >= reach { // assembly reads whole panels of a row
		if whole = k; stride > 0 {
			whole = min(k, (len(src)-reach)/stride+1)
		}
		copyRows(l, whole, panels, src, stride, step, width, dst, size)
	}
	for i := whole; i < k; i++ {
		for j := range panels {
			first, cols := j*step, min(step, n-j*step)
			copy(dst[j*size+i*width:][:cols], src[i*stride+first:][:cols])
		}
	}
}

// transposePanel writes rows of k numbers, stride apart, as columns of a panel, whose rows lie width apart: eight of them at
// a time, so that both sides stay in cache.
func transposePanel(l level, rows, k int, src []float32, stride int, dst []float32, width int) {
	const block = 8
	for i := transposeRows(l, rows, k, src, stride, dst, width); i < k; i += block {
		n := min(block, k-i)
		for c := range rows {
			for j, v := range src[c*stride+i:][:n] {
				dst[(i+j)*width+c] = v
			}
		}
	}
}
