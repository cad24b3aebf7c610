package kernel

import (
	"math"
	"sync"
)

// QuantizeRow turns x into whole numbers of [-127, 127] and returns their scale: x ≈ scale·dst. Ties round to even.
// Where x holds infinity or NaN, the scale is NaN.
func QuantizeRow(dst []int8, x []float32) (scale float32) { return quantizeRow(current, dst, x) }

func quantizeRow(l level, dst []int8, x []float32) (scale float32) {
	dst = dst[:len(x)]
	top, n := absMaxFast(l, x)
	for _, v := range x[n:] {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return quantizeTo(l, dst, x, top)
}

// quantizeTo is quantizeRow where no number of x is larger than top.
func quantizeTo(l level, dst []int8, x []float32, top float32) (scale float32) {
	dst = dst[:len(x)]
	scale, inverse := scaleOf(top)
	if inverse == 0 {
		clear(dst)
		return scale
	}
	n := quantizeFast(l, dst, x, inverse)
	for i := n; i < len(x); i++ {
		dst[i] = int8(math.RoundToEven(float64(x[i] * inverse)))
	}
	return scale
}

// quantizeA is quantizeRow of a row of A.
func (p *PackedB) quantizeA(dst []int8, x []float32) (scale float32) {
	if p.limit > 0 {
		return quantizeTo(p.level, dst, x, p.limit)
	}
	return quantizeRow(p.level, dst, x)
}

// scaleOf is that of a row of A whose largest magnitude is top.
func (p *PackedB) scaleOf(top float32) (scale, inverse float32) {
	if p.limit > 0 {
		top = p.limit
	}
	return scaleOf(top)
}

// scaleOf returns the scale of whole numbers whose largest magnitude stands for top, and what numbers are multiplied
// with to become them: 0 if all are to be 0. What is below 2⁻¹⁰⁰ counts as nothing, for the inverse has to be finite.
func scaleOf(top float32) (scale, inverse float32) {
	switch {
	case top-top != 0:
		return float32(math.NaN()), 0
	case top < 0x1p-100:
		return 0, 0
	}
	return top / 127, 127 / top
}

// packInt8 keeps each column of B as a row of whole numbers with a scale.
func (p *PackedB) packInt8(k, n int, b []float32, rs, cs int) {
	if p.dots() {
		p.packDots(k, n, b, rs, cs)
		return
	}
	p.ints, p.scales = make([]int8, n*k), make([]float32, n)
	p.quantizeColumns(b, rs, cs, func(j int, ints []int8) { copy(p.ints[j*k:], ints) })
}

// quantizeColumns makes whole numbers of each column of B, keeps its scale, and has put lay them out.
func (p *PackedB) quantizeColumns(b []float32, rs, cs int, put func(j int, ints []int8)) {
	column, ints := make([]float32, p.k), make([]int8, p.k)
	for j := range p.n {
		for i := range column {
			column[i] = b[i*rs+j*cs]
		}
		p.scales[j] = quantizeRow(p.level, ints, column)
		put(j, ints)
	}
}

var int8Rows = sync.Pool{New: func() any { return new([]int8) }}

// multiplyInt8 quantises each row of A and multiplies whole numbers.
func (p *PackedB) multiplyInt8(m int, a []float32, lda int, c []float32, ldc int, acc bool) {
	if p.dots() && p.k > 0 {
		p.multiplyDots(m, a, lda, c, ldc, acc)
		return
	}
	buffer := int8Rows.Get().(*[]int8)
	defer int8Rows.Put(buffer)
	if cap(*buffer) < p.k {
		*buffer = make([]int8, p.k)
	}
	row := (*buffer)[:p.k]
	for r := range m {
		scale := p.quantizeA(row, a[r*lda:r*lda+p.k])
		out := c[r*ldc : r*ldc+p.n]
		for j := range out {
			sum := int32(0)
			for i, w := range p.ints[j*p.k : (j+1)*p.k] {
				sum += int32(w) * int32(row[i])
			}
			v := float32(float32(sum) * (scale * p.scales[j])) // rounded, or compilers may add C in one step with the product
			if acc {
				v += out[j]
			}
			out[j] = v
		}
	}
}
