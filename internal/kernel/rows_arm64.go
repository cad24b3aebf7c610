//go:build arm64 && !noasm

package kernel

// whole returns how many of n numbers assembly works on: all, or none in plain Go.
func whole(l level, n int) int {
	if l == levelGo {
		return 0
	}
	return n
}

func dotFast(l level, x, y []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	return dotNEON(n, &x[0], &y[0]), n
}

func squaresFast(l level, x []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	return squaresNEON(n, &x[0]), n
}

func axpyFast(l level, alpha float32, x, y []float32) int {
	n := whole(l, len(x))
	if n > 0 {
		axpyNEON(n, alpha, &x[0], &y[0])
	}
	return n
}

func scaleFast(l level, alpha float32, x []float32) int {
	n := whole(l, len(x))
	if n > 0 {
		scaleNEON(n, alpha, &x[0])
	}
	return n
}

func addFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	if n > 0 {
		addNEON(n, &x[0], &dst[0])
	}
	return n
}

func mulFast(l level, dst, x, y []float32) int {
	n := whole(l, len(dst))
	if n > 0 {
		mulNEON(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func mulAddFast(l level, dst, x, y []float32) int {
	n := whole(l, len(dst))
	if n > 0 {
		mulAddNEON(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func mapFast(l level, f function, dst, x []float32) int {
	n := whole(l, len(x))
	if n == 0 {
		return 0
	}
	switch f {
	case fnExp:
		expNEON(n, &x[0], &dst[0])
	case fnTanh:
		tanhNEON(n, &x[0], &dst[0])
	case fnSigmoid:
		sigmoidNEON(n, &x[0], &dst[0])
	default:
		return 0
	}
	return n
}

func adamWFast(l level, c *[7]float32, p, g, m, v []float32) int {
	n := whole(l, len(p))
	if n > 0 {
		adamwNEON(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	}
	return n
}
