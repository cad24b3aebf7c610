//go:build arm64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

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

// inPlace tells that B can be read where it lies: the assembly wants it packed.
func inPlace(l level, _, _, _ int) bool { return l == levelGo }

// run multiplies the rows with cols columns of B, which begin at a panel, into C.
func (t *tile) run(b, c []float32, cols int) {
	for at := 0; at < cols; at += 8 {
		t.runPanel(b[at/8*t.size:], c[at:], min(8, cols-at))
	}
	if t.bias != nil {
		for r := range t.rows {
			plainAdd(c[r*t.ldc:r*t.ldc+cols], t.bias)
		}
	}
}

// runPanel multiplies the rows with one panel of B, of which cols columns count. The assembly stores whole vectors: the
// last panel goes through a tile of its own.
func (t *tile) runPanel(b, c []float32, cols int) {
	if cols == 8 {
		acc := 0
		if t.acc {
			acc = 1
		}
		t.neon(&b[0], &c[0], 4*t.ldc, acc)
		return
	}
	var whole [8 * 8]float32
	t.neon(&b[0], &whole[0], 4*8, 0)
	storeWhole(whole[:], 8, t.rows, c, t.ldc, cols, t.acc)
}

func (t *tile) neon(b, c *float32, ldc, acc int) {
	k, a, rs, cs := t.k, &t.a[0], 4*t.rs, 4*t.cs
	switch t.rows {
	case 1:
		gemm1x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 2:
		gemm2x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 3:
		gemm3x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 4:
		gemm4x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 5:
		gemm5x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 6:
		gemm6x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 7:
		gemm7x8NEON(k, a, rs, cs, b, c, ldc, acc)
	case 8:
		gemm8x8NEON(k, a, rs, cs, b, c, ldc, acc)
	}
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

func copyRows(level, int, int, []float32, int, int, int, []float32, int) int { return 0 }
func transposeRows(level, int, int, []float32, int, []float32, int) int      { return 0 }
