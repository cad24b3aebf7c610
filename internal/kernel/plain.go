package kernel

import "math"

// The plain twins: what every variant computes, and what runs where there is no other.

// plainGemm adds A·B to C; the element of A in row r and column p is a[r*rs+p*cs]. Four rows of B at a time, so that C
// is read and written a quarter as often.
func plainGemm(m, n, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int) {
	for i := range m {
		row, out := a[i*rs:], c[i*ldc:i*ldc+n]
		p := 0
		for ; p+4 <= k; p += 4 {
			v0, v1, v2, v3 := row[p*cs], row[(p+1)*cs], row[(p+2)*cs], row[(p+3)*cs]
			b0, b1, b2, b3 := b[p*ldb:][:n], b[(p+1)*ldb:][:n], b[(p+2)*ldb:][:n], b[(p+3)*ldb:][:n]
			for j := range out {
				out[j] += v0*b0[j] + v1*b1[j] + v2*b2[j] + v3*b3[j]
			}
		}
		for ; p < k; p++ {
			plainAxpy(row[p*cs], b[p*ldb:p*ldb+n], out)
		}
	}
}

func plainDot(x, y []float32) float32 {
	y = y[:len(x)]
	s := float32(0)
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func plainSquares(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func plainAxpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

func plainAdd(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += v
	}
}

func plainScale(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func plainMul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func plainMulAdd(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] += x[i] * y[i]
	}
}

func plainSum(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func plainMax(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}
