//go:build arm64 && !noasm

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

const levelNEON level = 1

var levelNames = [...]string{"go", "neon"}

// missing names what a variant needs and the processor or the system lacks.
func missing(l level) string {
	if l == levelNEON && !cpu.ARM64.HasASIMD {
		return "NEON (Advanced SIMD)"
	}
	return ""
}

// panelWidth is the number of columns of a panel of B: two vectors.
func panelWidth(l level, n int) int { return [...]int{n, 8}[l] }

// tileRows is the number of rows of C that a tile holds in registers.
func tileRows(l level) int { return [...]int{maxRows, 8}[l] }

// stripWidth is the distance between the rows of a strip of A that is packed as its transpose.
func stripWidth(level) int { return 8 }

// inPlace tells that B is used too little to be worth packing, and can be read where it lies: in whole panels, and with
// rows that do not fall into one set of the cache.
func inPlace(l level, m, n, k, ldb int) bool {
	return l == levelGo || n%8 == 0 && m <= 24 && ldb%1024 != 0
}

// run multiplies the rows with cols columns of B, which begin at a panel, into C. The assembly stores whole vectors: the
// last columns go through a tile of their own.
func (t *tile) run(b, c []float32, cols int) {
	acc, panels := 0, cols/8
	if t.acc {
		acc = 1
	}
	if panels > 0 {
		t.panels(panels, &b[0], &c[0], 4*t.ldc, acc, unsafe.SliceData(t.bias))
	}
	if at := 8 * panels; at < cols {
		var whole [8 * 8]float32
		t.panels(1, &b[panels*t.size], &whole[0], 4*8, 0, nil)
		storeWhole(whole[:], 8, t.rows, c[at:], t.ldc, cols-at, t.acc)
		if t.bias != nil {
			for r := range t.rows {
				plainAdd(c[r*t.ldc+at:r*t.ldc+cols], t.bias[at:])
			}
		}
	}
}

func (t *tile) panels(n int, b, c *float32, ldc, acc int, bias *float32) {
	k, a, rs, cs, ldb, size := t.k, &t.a[0], 4*t.rs, 4*t.cs, 4*t.ldb, 4*t.size
	switch t.rows {
	case 1:
		gemm1x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 2:
		gemm2x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 3:
		gemm3x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 4:
		gemm4x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 5:
		gemm5x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 6:
		gemm6x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 7:
		gemm7x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	case 8:
		gemm8x8NEON(k, n, a, rs, cs, b, ldb, size, c, ldc, acc, bias)
	}
}

// copyRows does copyPanels where whole panels can be read.
func copyRows(_ level, k, panels int, src []float32, stride, step, _ int, dst []float32, size int) {
	packNEON(k, panels, &src[0], 4*stride, 4*step, &dst[0], 4*size)
}

// transposeRows writes row c of src, stride apart, as column c of dst, whose rows lie width apart, for the first of k
// columns of src, whose number it returns: whole vectors. There are at least as many columns in dst as are written.
func transposeRows(l level, rows, k int, src []float32, stride int, dst []float32, width int) int {
	if l == levelGo || k < 4 {
		return 0
	}
	for first := 0; first < rows; first += 4 {
		var row [4]int
		for r := range row {
			row[r] = stride * min(first+r, rows-1) // behind the last row it is read again
		}
		transposeNEON(k/4, &src[row[0]], &src[row[1]], &src[row[2]], &src[row[3]], &dst[first], 4*width)
	}
	return k &^ 3
}
