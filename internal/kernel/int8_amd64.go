//go:build !noasm

package kernel

import (
	"math"
	"sync"
	"unsafe"
)

// Products of INT8 by instructions that add up several products, four with VNNI, twice two with AVX2 (see gen/ints.go). B
// lies in panels, [k/4][columns][4], filled up with zeros to whole groups. A panel begins with the sums of nothing: A is
// raised to have no sign, so that each column begins with that many times its sum, negated.

// dots tells whether they are there.
func (p *PackedB) dots() bool { return p.level >= levelAVX2 }

// narrows tells whether they add up products in 16 bits.
func narrows(l level) bool { return l >= levelAVX2 && l < levelVNNI }

// dotShape is how products are laid out.
type dotShape struct {
	width int // columns of a panel of B
	rows  int // of a tile
	group int // products of a step
	raise int // of A
}

func dotShapeOf(l level) dotShape {
	if l >= levelVNNI {
		return dotShape{width: 32, rows: 14, group: 4, raise: 128}
	}
	return dotShape{width: 16, rows: 4, group: 8, raise: 64}
}

func (d dotShape) groups(k int) int { return (k + d.group - 1) / d.group }

// size is the length of a panel in bytes.
func (d dotShape) size(k int) int { return 4*d.width + d.groups(k)*d.width*d.group }

// packDots quantises the columns of B.
func (p *PackedB) packDots(k, n int, b []float32, rs, cs int) {
	d := dotShapeOf(p.level)
	panels, size := (n+d.width-1)/d.width, d.size(k)
	p.ints, p.scales = make([]int8, panels*size), make([]float32, panels*d.width)
	p.quantizeColumns(b, rs, cs, func(j int, ints []int8) {
		panel, c := p.ints[j/d.width*size:(j/d.width+1)*size], j%d.width
		sum := 0
		for i, v := range ints {
			panel[4*(d.width+i/4*d.width+c)+i%4] = v
			sum += int(v)
		}
		*(*int32)(unsafe.Pointer(&panel[4*c])) = int32(-d.raise * sum)
	})
}

// intRows are rows of A in whole numbers, with their scales.
type intRows struct {
	data             []byte
	scales, inverses [dotRows]float32
}

const dotRows = 84 // rows of A that are quantised at once: whole tiles of both kinds

var intRowsPool = sync.Pool{New: func() any { return new(intRows) }}

// multiplyDots quantises rows of A, and multiplies those of a tile at a time with panels of B.
func (p *PackedB) multiplyDots(m int, a []float32, lda int, c []float32, ldc int, acc bool) {
	d := dotShapeOf(p.level)
	rows := intRowsPool.Get().(*intRows)
	defer intRowsPool.Put(rows)
	stride := (p.k+63)/64*64 + 64 // whole chunks of 64, and a distance that is no power of two
	rows.data = aligned(rows.data, min(m, dotRows)*stride)
	size, groups := d.size(p.k), d.groups(p.k)
	for lo := 0; lo < m; lo += dotRows {
		count := min(dotRows, m-lo)
		rows.quantize(p, count, a[lo*lda:], lda, stride)
		for r := 0; r < count; r += d.rows {
			t := intTile{level: p.level, rows: min(d.rows, count-r), groups: groups, a: &rows.data[r*stride], stride: stride, size: size, scales: &rows.scales[r], ldc: ldc, acc: flag(acc)}
			t.run(p.ints, p.scales, c[(lo+r)*ldc:], d.width, p.n)
		}
	}
}

// quantize makes whole numbers of rows of A as the kernel of p's level wants them.
func (q *intRows) quantize(p *PackedB, rows int, a []float32, lda, stride int) {
	k := p.k
	if p.level >= levelVNNI {
		q.findScales(p, rows, a, lda)
		quantizeRows(rows, (k+63)/64, &a[0], 4*lda, &q.inverses[0], &q.data[0], stride, 64, tailOf64(k), 0x80808080, order64)
		return
	}
	for r := range rows {
		q.scales[r] = p.raiseRow(q.data[r*stride:][:k], a[r*lda:r*lda+k])
	}
}

// raiseRow is quantizeA for AVX2.
func (p *PackedB) raiseRow(dst []byte, x []float32) (scale float32) {
	const raise = 64
	top := p.limit
	if top == 0 {
		top = absMax(p.level, x)
	}
	scale, inverse := scaleOf(top, p.steps())
	n := len(x) &^ 31
	if n > 0 {
		quantizeAVX2(n, inverse, &x[0], (*int8)(unsafe.Pointer(&dst[0])), &rowOrder[0], raise)
	}
	for i := n; i < len(x); i++ {
		dst[i] = byte(raise + int(math.RoundToEven(float64(x[i]*inverse))))
	}
	return scale
}

// findScales finds those of rows of A with AVX-512.
func (q *intRows) findScales(p *PackedB, rows int, a []float32, lda int) {
	absMaxRows(rows, (p.k+63)/64, &a[0], 4*lda, tailOf64(p.k), &q.scales[0])
	for r, top := range q.scales[:rows] {
		q.scales[r], q.inverses[r] = p.scaleOf(top)
	}
}

// tailOf64 is the mask of the numbers in the last 64 of k.
func tailOf64(k int) uint64 { return 1<<((k-1)%64+1) - 1 }

// chunkOrder undoes what packing four vectors of 16 numbers of 32 bits into one of bytes does to their order, and rowOrder
// for vectors of 8.
var (
	chunkOrder = [16]uint32{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}
	rowOrder   = [8]uint32{0, 4, 1, 5, 2, 6, 3, 7}
)

var order64 = (*byte)(unsafe.Pointer(&chunkOrder[0]))

func absMaxFast(l level, x []float32) (top float32, n int) {
	switch {
	case len(x) == 0:
	case l >= levelAVX512:
		absMaxRows(1, (len(x)+63)/64, &x[0], 0, tailOf64(len(x)), &top)
		n = len(x)
	case l >= levelAVX2:
		if n = len(x) &^ 7; n > 0 {
			top = absMaxAVX2(n, &x[0])
		}
	}
	return top, n
}

func quantizeFast(l level, dst []int8, x []float32, inverse float32) (n int) {
	switch {
	case l >= levelAVX512:
		if n = len(x) &^ 63; n > 0 {
			quantizeRows(1, n/64, &x[0], 0, &inverse, (*byte)(unsafe.Pointer(&dst[0])), 0, 64, tailOf64(n), 0, order64)
		}
	case l >= levelAVX2:
		if n = len(x) &^ 31; n > 0 {
			quantizeAVX2(n, inverse, &x[0], &dst[0], &rowOrder[0], 0)
		}
	}
	return n
}

// intTile is some rows of A, to be multiplied with panels of B.
type intTile struct {
	level        level
	rows, groups int
	a            *byte
	stride, size int
	scales       *float32
	ldc, acc     int
}

// run multiplies the rows with the panels of B, of the given width, into n columns of C.
func (t *intTile) run(b []int8, columns, c []float32, width, n int) {
	whole := n / width
	if whole > 0 {
		t.panels(whole, &b[0], &columns[0], &c[0], width/2)
	}
	at := whole * width
	switch rest := n - at; {
	case rest > width/2:
		t.panels(1, &b[whole*t.size], &columns[at], &c[at], rest-width/2)
	case rest > 0 && t.level >= levelVNNI:
		intsNarrowVNNI(t.rows, t.groups, 1, t.a, t.stride, &b[whole*t.size], t.size, t.scales, &columns[at], &c[at], 4*t.ldc, rest, t.acc, nil)
	case rest > 0:
		intsNarrowAVX2(t.rows, t.groups, 1, t.a, t.stride, &b[whole*t.size], t.size, t.scales, &columns[at], &c[at], 4*t.ldc, rest, t.acc, nil)
	}
}

func (t *intTile) panels(n int, b *int8, columns, c *float32, last int) {
	if t.level >= levelVNNI {
		intsVNNI(t.rows, t.groups, n, t.a, t.stride, b, t.size, t.scales, columns, c, 4*t.ldc, last, t.acc, nil)
	} else {
		intsAVX2(t.rows, t.groups, n, t.a, t.stride, b, t.size, t.scales, columns, c, 4*t.ldc, last, t.acc, nil)
	}
}
