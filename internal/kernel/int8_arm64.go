//go:build arm64 && !noasm

package kernel

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// Products of INT8 by dot products of four numbers (SDOT). B lies in panels of 8 columns, [k/4][8][4]; columns and rows
// are filled up with zeros.

// dots tells whether they are there: the processor may lack them.
func (p *PackedB) dots() bool { return p.level == levelNEON && cpu.ARM64.HasASIMDDP }

func narrows(level) bool { return false }

func fours(k int) int { return (k + 3) / 4 }

func absMaxFast(l level, x []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	return absMaxNEON(n, &x[0]), n
}

func quantizeFast(l level, dst []int8, x []float32, inverse float32) int {
	n := whole(l, len(x)) &^ 15
	if n > 0 {
		quantizeNEON(n, inverse, &x[0], &dst[0])
	}
	return n
}

// packDots quantises the columns of B.
func (p *PackedB) packDots(k, n int, b []float32, rs, cs int) {
	panels := (n + 7) / 8
	p.ints, p.scales = make([]int8, panels*fours(k)*32), make([]float32, panels*8)
	p.quantizeColumns(b, rs, cs, func(j int, ints []int8) {
		at := j/8*fours(k)*32 + j%8*4
		for i, v := range ints {
			p.ints[at+i/4*32+i%4] = v
		}
	})
}

// intRows are rows of A in whole numbers, with their scales.
type intRows struct {
	ints   []int8
	scales [epilogueRows]float32
}

var intRowsPool = sync.Pool{New: func() any { return new(intRows) }}

// multiplyDots quantises rows of A, and multiplies them eight at a time with panels of B.
func (p *PackedB) multiplyDots(m int, a []float32, lda int, c []float32, ldc int, acc bool) {
	rows := intRowsPool.Get().(*intRows)
	defer intRowsPool.Put(rows)
	stride := 4 * fours(p.k)
	if cap(rows.ints) < epilogueRows*stride {
		rows.ints = make([]int8, epilogueRows*stride)
	}
	for lo := 0; lo < m; lo += epilogueRows {
		count := min(epilogueRows, m-lo)
		for r := range count {
			row := rows.ints[r*stride : (r+1)*stride]
			rows.scales[r] = p.quantizeA(row[:p.k], a[(lo+r)*lda:(lo+r)*lda+p.k])
			clear(row[p.k:])
		}
		for j0 := 0; j0 < p.n; j0 += 8 * blockPanels {
			for r := 0; r < count; r += 8 {
				t := intTile{rows: min(8, count-r), fours: fours(p.k), a: &rows.ints[r*stride], stride: stride, scales: &rows.scales[r], ldc: ldc, acc: acc}
				for j := j0; j < min(p.n, j0+8*blockPanels); j += 8 {
					t.run(p.ints[j*stride:], p.scales[j:], c[(lo+r)*ldc+j:], min(8, p.n-j))
				}
			}
		}
	}
}

// intTile is some rows of A, to be multiplied with panels of B.
type intTile struct {
	rows, fours int
	a           *int8
	stride      int
	scales      *float32
	ldc         int
	acc         bool
}

// run multiplies the rows with one panel of B, of which cols columns count, into C.
func (t *intTile) run(b []int8, columns, c []float32, cols int) {
	if cols == 8 {
		t.neon(&b[0], &columns[0], &c[0], 4*t.ldc, t.acc)
		return
	}
	var whole [8 * 8]float32
	t.neon(&b[0], &columns[0], &whole[0], 4*8, false)
	storeWhole(whole[:], 8, t.rows, c, t.ldc, cols, t.acc)
}

func (t *intTile) neon(b *int8, columns, c *float32, ldc int, accumulate bool) {
	k, a, rs, scales, acc := t.fours, t.a, t.stride, t.scales, 0
	if accumulate {
		acc = 1
	}
	switch t.rows {
	case 1:
		dot1x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 2:
		dot2x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 3:
		dot3x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 4:
		dot4x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 5:
		dot5x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 6:
		dot6x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 7:
		dot7x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	case 8:
		dot8x8NEON(k, a, rs, b, scales, columns, c, ldc, acc)
	}
}
