package kernel

// Dot returns Σ x·y.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	s, n := dotFast(current, x, y)
	return s + plainDot(x[n:], y[n:])
}

// block is how many numbers are added up in single precision, in the lanes of a few vectors.
const block = 4096

// Sum returns Σ x. Blocks of it are added up in double precision.
func Sum(x []float32) float32 {
	s := 0.0
	for len(x) > 0 {
		part := x[:min(block, len(x))]
		sum, n := sumFast(current, part)
		s += float64(sum) + plainSum(part[n:])
		x = x[len(part):]
	}
	return float32(s)
}

// SumSquares returns Σ x². Blocks of it are added up in double precision.
func SumSquares(x []float32) float64 {
	s := 0.0
	for len(x) > 0 {
		part := x[:min(block, len(x))]
		sum, n := squaresFast(current, part)
		s += float64(sum) + plainSquares(part[n:])
		x = x[len(part):]
	}
	return s
}

// Max returns the largest number, -Inf of none, NaN if one is NaN.
func Max(x []float32) float32 {
	m, n := maxFast(current, x)
	return max(m, plainMax(x[n:]))
}

// ArgMax returns the place of the largest number, the first of equals; 0 of none.
func ArgMax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// Axpy computes y += alpha·x.
func Axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	n := axpyFast(current, alpha, x, y)
	plainAxpy(alpha, x[n:], y[n:])
}

// ShortAxpy is Axpy for rows that are often short, such as those of two or three labels: there, choosing a variant costs
// more than the work.
func ShortAxpy(alpha float32, x, y []float32) {
	if len(x) > 8 {
		Axpy(alpha, x, y)
		return
	}
	for i, v := range x {
		y[i] += alpha * v
	}
}

// Scale computes x *= alpha.
func Scale(alpha float32, x []float32) {
	n := scaleFast(current, alpha, x)
	plainScale(alpha, x[n:])
}

// Add computes dst += x.
func Add(dst, x []float32) {
	dst = dst[:len(x)]
	n := addFast(current, dst, x)
	plainAdd(dst[n:], x[n:])
}

// Mul computes dst = x·y.
func Mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := mulFast(current, dst, x, y)
	plainMul(dst[n:], x[n:], y[n:])
}

// MulAdd computes dst += x·y.
func MulAdd(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := mulAddFast(current, dst, x, y)
	plainMulAdd(dst[n:], x[n:], y[n:])
}

// AddBias adds bias, [cols], to every row of x, [rows, cols].
func AddBias(x []float32, rows, cols int, bias []float32) {
	x, bias = x[:rows*cols], bias[:cols]
	if !addBiasFast(current, x, rows, cols, bias) {
		for r := range rows {
			Add(x[r*cols:(r+1)*cols], bias)
		}
	}
}

// AddColumns adds to sums, [cols], the sum of all rows of x, [rows, cols], which lie stride numbers apart: the gradient
// of a bias.
func AddColumns(sums, x []float32, rows, cols, stride int) {
	if rows == 0 || cols == 0 {
		return
	}
	x, sums = x[:(rows-1)*stride+cols], sums[:cols]
	if !addColumnsFast(current, sums, x, rows, cols, stride) {
		for r := range rows {
			Add(sums, x[r*stride:r*stride+cols])
		}
	}
}

// MaxColumns lets the rows of x, [rows, cols], which lie stride numbers apart, compete: best, [cols], keeps the larger of
// itself and each row, and from, [cols], the number of that row, counted from first; the first of equals stays.
func MaxColumns(best []float32, from []int32, x []float32, rows, stride int, first int32) {
	cols := len(best)
	if rows == 0 || cols == 0 {
		return
	}
	from, x = from[:cols], x[:(rows-1)*stride+cols]
	if maxColumnsFast(current, best, from, x, rows, stride, first) {
		return
	}
	for r := range rows {
		for c, v := range x[r*stride : r*stride+cols] {
			if v > best[c] {
				best[c], from[c] = v, first+int32(r)
			}
		}
	}
}

// HasNonFinite tells whether x holds an infinity or a NaN.
func HasNonFinite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return true
		}
	}
	return false
}
