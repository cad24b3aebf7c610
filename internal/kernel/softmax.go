package kernel

import "math"

// SoftmaxRows turns each row of x, [rows, cols], into e^(scale·x)/Σ e^(scale·x), in place. If sums is not nil, it
// receives ln Σ e^(scale·x) of each row. scale is not negative.
func SoftmaxRows(x []float32, rows, cols int, scale float32, sums []float32) {
	for r := range rows {
		row := x[r*cols : (r+1)*cols]
		top := scale * Max(row)
		for i, v := range row {
			row[i] = scale*v - top
		}
		Exp(row, row)
		sum := Sum(row)
		Scale(1/sum, row)
		if sums != nil {
			sums[r] = top + float32(math.Log(float64(sum)))
		}
	}
}

// SoftmaxAgain computes from the same x, and from the sums that SoftmaxRows gave, what SoftmaxRows made of it.
func SoftmaxAgain(x []float32, rows, cols int, scale float32, sums []float32) {
	for r := range rows {
		row := x[r*cols : (r+1)*cols]
		for i, v := range row {
			row[i] = scale*v - sums[r]
		}
		Exp(row, row)
	}
}

// SoftmaxGrad turns d, the gradient of a row of SoftmaxRows with the result p, into that of its input:
// scale·p·(d − along), along being Σ d·p.
func SoftmaxGrad(d, p []float32, along, scale float32) {
	p = p[:len(d)]
	for i, v := range d {
		d[i] = scale * p[i] * (v - along)
	}
}
