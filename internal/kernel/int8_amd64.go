//go:build !noasm

package kernel

import (
	"sync"
	"unsafe"
)

// Products of INT8 by instructions that add up several products: four of 8 bits with VNNI, two of 16 bits with AVX2 (see
// gen/ints.go). B lies in panels, [k/group][columns][group], filled up with zeros; with VNNI a panel begins with the sums
// of nothing: A is raised by 128 there, so that each column begins with -128 times its sum.

// dots tells whether they are there.
func (p *PackedB) dots() bool { return p.level >= levelAVX2 }

// dotShape returns how many columns a panel of B has, how many rows a tile, how many products are added at once, and how
// many bytes a panel begins with.
func dotShape(l level) (width, rows, group, head int) {
	if l >= levelVNNI {
		return 32, 14, 4, 4 * 32
	}
	return 16, 6, 2, 0
}

func (p *PackedB) dotGroups(group int) int { return (p.k + group - 1) / group }

// packDots quantises the columns of B.
func (p *PackedB) packDots(k, n int, b []float32, rs, cs int) {
	width, _, group, head := dotShape(p.level)
	panels := (n + width - 1) / width
	size := head + p.dotGroups(group)*width*group
	p.ints, p.scales = make([]int8, panels*size), make([]float32, panels*width)
	p.quantizeColumns(b, rs, cs, func(j int, ints []int8) {
		panel, c := p.ints[j/width*size:(j/width+1)*size], j%width
		sum := int32(0)
		for i, v := range ints {
			panel[head+(i/group*width+c)*group+i%group] = v
			sum += int32(v)
		}
		if head > 0 {
			*(*int32)(unsafe.Pointer(&panel[4*c])) = -128 * sum
		}
	})
}

// intRows are rows of A in whole numbers, with their scales.
type intRows struct {
	data             []byte
	row              []int8
	scales, inverses [dotRows]float32
}

const dotRows = 84 // rows of A that are quantised at once: whole tiles of both kinds

var intRowsPool = sync.Pool{New: func() any { return new(intRows) }}

// multiplyDots quantises rows of A, and multiplies those of a tile at a time with panels of B.
func (p *PackedB) multiplyDots(m int, a []float32, lda int, c []float32, ldc int, acc bool) {
	width, tile, group, head := dotShape(p.level)
	rows := intRowsPool.Get().(*intRows)
	defer intRowsPool.Put(rows)
	stride := (p.k+63)/64*256/group + 64 // whole chunks of 64, and a distance that is no power of two
	rows.data = aligned(rows.data, min(m, dotRows)*stride)
	size := head + p.dotGroups(group)*width*group
	for lo := 0; lo < m; lo += dotRows {
		count := min(dotRows, m-lo)
		rows.quantize(p, count, a[lo*lda:], lda, stride)
		for r := 0; r < count; r += tile {
			t := intTile{level: p.level, rows: min(tile, count-r), groups: p.dotGroups(group), a: &rows.data[r*stride], stride: stride, size: size, scales: &rows.scales[r], ldc: ldc, acc: flag(acc)}
			t.run(p.ints, p.scales, c[(lo+r)*ldc:], width, p.n)
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
	if n := (k + 15) / 16 * 16; len(q.row) < n {
		q.row = make([]int8, n)
	}
	for r := range rows {
		q.scales[r] = p.quantizeA(q.row[:k], a[r*lda:r*lda+k])
		clear(q.row[k:min(k+15, len(q.row))])
		widenAVX2((k+15)/16*16, &q.row[0], (*int16)(unsafe.Pointer(&q.data[r*stride])))
	}
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
			quantizeAVX2(n, inverse, &x[0], &dst[0], &rowOrder[0])
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
