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
	tiles     []byte    // of BF16 and INT8 where the processor has tiles, in their place
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
		roundRow(p.level, p.data, p.data)
	}
}

// pack takes the element in row i and column j from b[i*rs+j*cs], where one of the distances is 1.
func (p *PackedB) pack(k, n int, b []float32, rs, cs int) {
	width := panelWidth(p.level, n)
	p.k, p.n, p.panel, p.row, p.size = k, n, width, width, k*width+gap
	if n == 0 || k == 0 {
		return
	}
	p.data = alignedFloats(p.data, (n+width-1)/width*p.size)
	if cs == 1 {
		copyPanels(p.level, k, n, b, rs, width, width, p.data, p.size)
		return
	}
	for j := 0; j < n; j += width {
		transposePanel(p.level, min(width, n-j), k, b[j*cs:], cs, p.data[j/width*p.size:], width)
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
	panels := (n + step - 1) / step
	for i := copyRows(l, k, panels, src, stride, step, width, dst, size); i < k; i++ {
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
