//go:build wasm && simd128 && !noasm

package kernel

import "unsafe"

// The functions of vectors stand in a module of their own, that export/web/simd128 writes and the page of an export
// brings in: Go has no such instructions for WebAssembly. Only programs with the tag simd128 ask for it.

const levelSIMD128 level = 1

var levelNames = [...]string{"go", "simd128"}

func missing(level) string { return "" }

// panelWidth is the number of columns of a panel of B: two vectors.
func panelWidth(l level, n int) int { return [...]int{n, 8}[l] }

// tileRows is the number of rows of C that a tile holds in registers.
func tileRows(l level) int { return [...]int{maxRows, 4}[l] }

// stripWidth is the distance between the rows of a strip of A that is packed as its transpose.
func stripWidth(level) int { return 4 }

func inPlace(l level, m, n, _, _ int) bool { return l == levelGo || n%8 == 0 && m <= 16 }

//go:wasmimport simd128 gemm1x8
func gemm1x8(k, panels int32, a unsafe.Pointer, rs, cs int32, b unsafe.Pointer, ldb, size int32, c unsafe.Pointer, ldc, acc int32, bias unsafe.Pointer)

//go:wasmimport simd128 gemm2x8
func gemm2x8(k, panels int32, a unsafe.Pointer, rs, cs int32, b unsafe.Pointer, ldb, size int32, c unsafe.Pointer, ldc, acc int32, bias unsafe.Pointer)

//go:wasmimport simd128 gemm3x8
func gemm3x8(k, panels int32, a unsafe.Pointer, rs, cs int32, b unsafe.Pointer, ldb, size int32, c unsafe.Pointer, ldc, acc int32, bias unsafe.Pointer)

//go:wasmimport simd128 gemm4x8
func gemm4x8(k, panels int32, a unsafe.Pointer, rs, cs int32, b unsafe.Pointer, ldb, size int32, c unsafe.Pointer, ldc, acc int32, bias unsafe.Pointer)

// run multiplies the rows with cols columns of B, which begin at a panel, into C. Whole vectors are stored: the last
// columns go through a tile of their own.
func (t *tile) run(b, c []float32, cols int) {
	panels := cols / 8
	if panels > 0 {
		t.panels(panels, &b[0], &c[0], t.ldc, t.acc, unsafe.SliceData(t.bias))
	}
	if at := 8 * panels; at < cols {
		var whole [4 * 8]float32
		t.panels(1, &b[panels*t.size], &whole[0], 8, false, nil)
		storeWhole(whole[:], 8, t.rows, c[at:], t.ldc, cols-at, t.acc)
		if t.bias != nil {
			for r := range t.rows {
				plainAdd(c[r*t.ldc+at:r*t.ldc+cols], t.bias[at:])
			}
		}
	}
}

func (t *tile) panels(n int, b, c *float32, ldc int, acc bool, bias *float32) {
	add := int32(0)
	if acc {
		add = 1
	}
	k, panels, rs, cs, ldb, size, ldc4 := int32(t.k), int32(n), int32(4*t.rs), int32(4*t.cs), int32(4*t.ldb), int32(4*t.size), int32(4*ldc)
	pa, pb, pc, pbias := unsafe.Pointer(&t.a[0]), unsafe.Pointer(b), unsafe.Pointer(c), unsafe.Pointer(bias)
	switch t.rows {
	case 1:
		gemm1x8(k, panels, pa, rs, cs, pb, ldb, size, pc, ldc4, add, pbias)
	case 2:
		gemm2x8(k, panels, pa, rs, cs, pb, ldb, size, pc, ldc4, add, pbias)
	case 3:
		gemm3x8(k, panels, pa, rs, cs, pb, ldb, size, pc, ldc4, add, pbias)
	case 4:
		gemm4x8(k, panels, pa, rs, cs, pb, ldb, size, pc, ldc4, add, pbias)
	}
}

// copyRows does copyPanels where whole panels can be read.
func copyRows(_ level, k, panels int, src []float32, stride, step, width int, dst []float32, size int) {
	for i := range k {
		for j := range panels {
			copy(dst[j*size+i*width:][:width], src[i*stride+j*step:])
		}
	}
}
