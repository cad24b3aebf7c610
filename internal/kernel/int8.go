package kernel

import (
	"math"
	"sync"
)

// QuantizeRow turns x into whole numbers of [-127, 127] and returns their scale: x ≈ scale·dst. Ties round to even.
// Where x holds infinity or NaN, the scale is NaN.
func QuantizeRow(dst []int8, x []float32) (scale float32) { return quantizeRow(current, dst, x) }

func quantizeRow(l level, dst []int8, x []float32) (scale float32) {
	return quantizeTo(l, dst, x, absMax(l, x), wholeSteps)
}

// absMax returns the largest magnitude of x.
func absMax(l level, x []float32) float32 {
	top, n := absMaxFast(l, x)
	for _, v := range x[n:] {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return top
}

// quantizeTo makes whole numbers of x, where no number is larger than top, which becomes steps.
func quantizeTo(l level, dst []int8, x []float32, top, steps float32) (scale float32) {
	dst = dst[:len(x)]
	scale, inverse := scaleOf(top, steps)
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

// quantizeA makes whole numbers of a row of A.
func (p *PackedB) quantizeA(dst []int8, x []float32) (scale float32) {
	top := p.limit
	if top == 0 {
		top = absMax(p.level, x)
	}
	return quantizeTo(p.level, dst, x, top, p.steps())
}

// Whole numbers reach from -wholeSteps to wholeSteps. Where products are added up in 16 bits (see narrow), those of A reach
// to narrowSteps alone, and those of a column of B may be smaller: of the products that meet in one sum, of four numbers,
// neither the positive nor the negative ones may come to more than narrowSum when A has its largest number, which is
// 2·narrowSteps+1 once it is raised to have no sign.
const (
	wholeSteps  = 127
	narrowSteps = 63
	narrowSum   = math.MaxInt16 / (2*narrowSteps + 1)
)

// steps is the largest whole number of A.
func (p *PackedB) steps() float32 {
	if p.narrow {
		return narrowSteps
	}
	return wholeSteps
}

// scaleOf is that of a row of A whose largest magnitude is top.
func (p *PackedB) scaleOf(top float32) (scale, inverse float32) {
	if p.limit > 0 {
		top = p.limit
	}
	return scaleOf(top, p.steps())
}

// scaleOf returns the scale of whole numbers of which steps stands for top, and what numbers are multiplied
// with to become them: 0 if all are to be 0. What is below 2⁻¹⁰⁰ counts as nothing, for the inverse has to be finite.
func scaleOf(top, steps float32) (scale, inverse float32) {
	switch {
	case top-top != 0:
		return float32(math.NaN()), 0
	case top < 0x1p-100:
		return 0, 0
	}
	return top / steps, steps / top
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
		if p.narrow {
			p.scales[j] = narrowColumn(p.level, ints, column, p.scales[j])
		}
		put(j, ints)
	}
}

// narrowColumn makes the whole numbers of a column of B smaller, as far as they would overflow; few columns do.
func narrowColumn(l level, ints []int8, column []float32, scale float32) float32 {
	for sum := narrowest(ints); sum > narrowSum; sum = narrowest(ints) {
		scale = quantizeTo(l, ints, column, scale*wholeSteps*float32(sum)/(narrowSum-2), wholeSteps)
	}
	return scale
}

// narrowest returns the largest sum of the numbers of one sign among four that meet in a sum of 16 bits: two pairs, four
// places apart.
func narrowest(ints []int8) (most int) {
	for i := 0; i < len(ints); i += 2 {
		if i%8 >= 4 {
			continue
		}
		var positive, negative int
		for _, at := range [4]int{i, i + 1, i + 4, i + 5} {
			if at >= len(ints) {
				break
			}
			if v := int(ints[at]); v > 0 {
				positive += v
			} else {
				negative -= v
			}
		}
		most = max(most, positive, negative)
	}
	return most
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
