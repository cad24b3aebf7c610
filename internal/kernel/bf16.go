package kernel

import (
	"math"
	"sync"
)

// RoundBF16 returns x rounded to the nearest bfloat16 number (the upper half of a float32), ties to even; NaN stays NaN.
func RoundBF16(x float32) float32 {
	if x != x {
		return x
	}
	bits := math.Float32bits(x)
	return math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
}

// floats is scratch of any length.
var floats = sync.Pool{New: func() any { return new([]float32) }}

// scratchFloats returns n floats of undefined content; give them back with floats.Put.
func scratchFloats(n int) *[]float32 {
	p := floats.Get().(*[]float32)
	if cap(*p) < n {
		*p = make([]float32, n)
	}
	*p = (*p)[:n]
	return p
}

// roundRow rounds x into dst, which may be x.
func roundRow(l level, dst, x []float32) {
	for i := roundFast(l, dst, x); i < len(x); i++ {
		dst[i] = RoundBF16(x[i])
	}
}

// multiplyBF16 is multiply with A rounded to bfloat16; B was when it was packed.
func (p *PackedB) multiplyBF16(m int, a []float32, rs, cs int, c []float32, ldc int, acc bool) {
	if p.k == 0 {
		p.multiply(m, a, rs, cs, c, ldc, &Epilogue{Accumulate: acc})
		return
	}
	for lo := 0; lo < m; lo += epilogueRows {
		rows := min(epilogueRows, m-lo)
		rounded := scratchFloats(rows * p.k)
		if cs == 1 {
			for r := range rows {
				roundRow(p.level, (*rounded)[r*p.k:], a[(lo+r)*rs:][:p.k])
			}
			p.multiply(rows, *rounded, p.k, 1, c[lo*ldc:], ldc, &Epilogue{Accumulate: acc})
		} else { // A is given as its transpose: rs is 1
			for i := range p.k {
				roundRow(p.level, (*rounded)[i*rows:], a[i*cs+lo:][:rows])
			}
			p.multiply(rows, *rounded, 1, rows, c[lo*ldc:], ldc, &Epilogue{Accumulate: acc})
		}
		floats.Put(rounded)
	}
}
