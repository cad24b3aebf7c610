//go:build amd64 && !noasm

package kernel

// lanes returns the numbers that a vector holds.
func lanes(l level) int { return [...]int{1, 8, 16}[min(l, levelAVX512)] }

// panelWidth is the number of columns of a panel of B: two vectors.
func panelWidth(l level, n int) int { return [...]int{n, 16, 32}[min(l, levelAVX512)] }

// tileRows is the number of rows of C that a tile holds in registers.
func tileRows(l level) int { return [...]int{maxRows, 6, 14}[min(l, levelAVX512)] }

// stripWidth is the distance between the rows of a strip of A that is packed as its transpose.
func stripWidth(l level) int { return lanes(l) }

// inPlace tells that B is used too little to be worth packing, or is split anyway, and can be read where it lies: in whole
// vectors, and with rows that do not fall into one set of the cache.
func inPlace(l level, m, n, k, ldb int) bool {
	p := PackedB{level: l, k: k, n: n}
	return l == levelGo || n%lanes(l) == 0 && (p.splits(m) || m <= 42 && ldb%1024 != 0)
}

// run multiplies the rows with cols columns of B, which begin at a panel, into C.
func (t *tile) run(b, c []float32, cols int) {
	v := lanes(t.level)
	panels, rest := cols/(2*v), cols%(2*v)
	if panels > 0 {
		t.panels(panels, &b[0], &c[0], v, 0)
	}
	at := panels * 2 * v
	switch {
	case rest > v:
		t.panels(1, &b[panels*t.size], &c[at], rest-v, at)
	case rest > 0:
		t.narrow(&b[panels*t.size], &c[at], rest, at)
	}
}

// panels multiplies with whole panels, or one of which the last vector counts for last lanes alone. They begin at column
// at of the bias.
func (t *tile) panels(n int, b, c *float32, last, at int) {
	acc, bias := t.options(at)
	if t.level >= levelAVX512 {
		gemmAVX512(t.rows, t.k, n, &t.a[0], 4*t.rs, 4*t.cs, b, 4*t.ldb, 4*t.size, c, 4*t.ldc, last, acc, bias)
	} else {
		gemmAVX2(t.rows, t.k, n, &t.a[0], 4*t.rs, 4*t.cs, b, 4*t.ldb, 4*t.size, c, 4*t.ldc, last, acc, bias)
	}
}

// narrow multiplies with the first vector of a panel.
func (t *tile) narrow(b, c *float32, last, at int) {
	acc, bias := t.options(at)
	if t.level >= levelAVX512 {
		gemmNarrowAVX512(t.rows, t.k, 1, &t.a[0], 4*t.rs, 4*t.cs, b, 4*t.ldb, 4*t.size, c, 4*t.ldc, last, acc, bias)
	} else {
		gemmNarrowAVX2(t.rows, t.k, 1, &t.a[0], 4*t.rs, 4*t.cs, b, 4*t.ldb, 4*t.size, c, 4*t.ldc, last, acc, bias)
	}
}

func (t *tile) options(at int) (acc int, bias *float32) {
	if t.acc {
		acc = 1
	}
	if t.bias != nil {
		bias = &t.bias[at]
	}
	return acc, bias
}

// copyRows does copyPanels where whole panels can be read; they are one or two vectors wide.
func copyRows(l level, k, panels int, src []float32, stride, step, width int, dst []float32, size int) {
	switch {
	case l >= levelAVX512 && width == 32:
		packAVX512(k, panels, &src[0], 4*stride, 4*step, &dst[0], 4*size)
	case l >= levelAVX512:
		packNarrowAVX512(k, panels, &src[0], 4*stride, 4*step, &dst[0], 4*size)
	case width == 16:
		packAVX2(k, panels, &src[0], 4*stride, 4*step, &dst[0], 4*size)
	default:
		packNarrowAVX2(k, panels, &src[0], 4*stride, 4*step, &dst[0], 4*size)
	}
}

// transposeRows writes row c of src, stride apart, as column c of dst, whose rows lie width apart, for the first
// of k columns of src, whose number it returns: whole vectors. There are at least as many columns in dst as are written.
func transposeRows(l level, rows, k int, src []float32, stride int, dst []float32, width int) int {
	v := lanes(l)
	if l == levelGo || k < v {
		return 0
	}
	for first := 0; first < rows; first += v {
		var offsets [16]int
		for r := range v {
			offsets[r] = 4 * stride * min(first+r, rows-1) // behind the last row it is read again
		}
		transposeBlocks(l, k/v, src, &offsets, dst[first:], width)
		if k%v > 0 { // once more, so that the last block ends with the row
			transposeBlocks(l, 1, src[k-v:], &offsets, dst[(k-v)*width+first:], width)
		}
	}
	return k
}

func transposeBlocks(l level, blocks int, src []float32, offsets *[16]int, dst []float32, width int) {
	if l >= levelAVX512 {
		transposeAVX512(blocks, &src[0], offsets, &dst[0], 4*width)
	} else {
		transposeAVX2(blocks, &src[0], offsets, &dst[0], 4*width)
	}
}
