package kernel

import "math"

// Softmax computes dst = eˣ/Σeˣ of one row; dst may be x.
func Softmax(dst, x []float32) { softmaxRows(dst, x, 1, len(x), 1, nil) }

// SoftmaxRows turns each row of x, [rows, cols], into e^(scale·x)/Σ e^(scale·x), in place. If sums is not nil, it
// receives ln Σ e^(scale·x) of each row. scale is not negative.
func SoftmaxRows(x []float32, rows, cols int, scale float32, sums []float32) {
	softmaxRows(x, x, rows, cols, scale, sums)
}

func softmaxRows(dst, x []float32, rows, cols int, scale float32, sums []float32) {
	dst, x = dst[:rows*cols], x[:rows*cols]
	if sums != nil {
		sums = sums[:rows]
	}
	if !softmaxFast(current, dst, x, rows, cols, scale, sums) {
		plainSoftmax(dst, x, rows, cols, scale, sums)
	}
}

func plainSoftmax(dst, x []float32, rows, cols int, scale float32, sums []float32) {
	for r := range rows {
		row, out := x[r*cols:(r+1)*cols], dst[r*cols:(r+1)*cols]
		top := scale * plainMax(row)
		for i, v := range row {
			out[i] = scale*v - top
		}
		Exp(out, out)
		sum := Sum(out)
		Scale(1/sum, out)
		if sums != nil {
			sums[r] = top + float32(math.Log(float64(sum)))
		}
	}
}

// SoftmaxAgain computes from the same x, and from the sums that SoftmaxRows gave, what SoftmaxRows made of it.
func SoftmaxAgain(x []float32, rows, cols int, scale float32, sums []float32) {
	x, sums = x[:rows*cols], sums[:rows]
	if !softmaxAgainFast(current, x, rows, cols, scale, sums) {
		plainSoftmaxAgain(x, rows, cols, scale, sums)
	}
}

func plainSoftmaxAgain(x []float32, rows, cols int, scale float32, sums []float32) {
	for r := range rows {
		row := x[r*cols : (r+1)*cols]
		for i, v := range row {
			row[i] = scale*v - sums[r]
		}
		Exp(row, row)
	}
}

// SoftmaxGrad turns d, the gradient of the result p of SoftmaxRows, [rows, cols], into that of its input:
// scale·p·(d − Σ d·p), the sum being over the row.
func SoftmaxGrad(d, p []float32, rows, cols int, scale float32) {
	d, p = d[:rows*cols], p[:rows*cols]
	if !softmaxGradFast(current, d, p, rows, cols, scale) {
		plainSoftmaxGrad(d, p, rows, cols, scale)
	}
}

func plainSoftmaxGrad(d, p []float32, rows, cols int, scale float32) {
	for r := range rows {
		row, probs := d[r*cols:(r+1)*cols], p[r*cols:(r+1)*cols]
		along := Dot(row, probs)
		for i, v := range row {
			row[i] = scale * probs[i] * (v - along)
		}
	}
}
