//go:build arm64 && !noasm

package kernel

import (
	"math"
	"unsafe"
)

// The functions of rows in assembly do all of a row, whatever its length; those named …Fast return how much they did:
// all, or with plain Go nothing.

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

func sumFast(l level, x []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	return sumNEON(n, &x[0]), n
}

func maxFast(l level, x []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return float32(math.Inf(-1)), 0
	}
	return maxNEON(n, &x[0]), n
}

func mapFast(l level, f function, dst, x []float32) int {
	n := whole(l, len(x))
	if n == 0 {
		return 0
	}
	in, out := &x[0], &dst[0]
	switch f {
	case fnExp:
		expNEON(n, in, out)
	case fnTanh:
		tanhNEON(n, in, out)
	case fnSigmoid:
		sigmoidNEON(n, in, out)
	case fnRelu:
		reluNEON(n, in, out)
	case fnGelu:
		geluNEON(n, in, out)
	case fnGeluTanh:
		geluTanhNEON(n, in, out)
	case fnSilu:
		siluNEON(n, in, out)
	}
	return n
}

func slopeFast(l level, f function, dx, dy, v []float32) int {
	n := whole(l, len(dy))
	if n == 0 {
		return 0
	}
	d, in, out := &dy[0], &v[0], &dx[0]
	switch f {
	case fnTanh:
		tanhGradNEON(n, d, in, out)
	case fnSigmoid:
		sigmoidGradNEON(n, d, in, out)
	case fnRelu:
		reluGradNEON(n, d, in, out)
	case fnGelu:
		geluGradNEON(n, d, in, out)
	case fnGeluTanh:
		geluTanhGradNEON(n, d, in, out)
	case fnSilu:
		siluGradNEON(n, d, in, out)
	}
	return n
}

func softmaxFast(l level, dst, x []float32, rows, cols int, scale float32, sums []float32) bool {
	if whole(l, rows*cols) > 0 {
		softmaxNEON(rows, cols, scale, &x[0], &dst[0], unsafe.SliceData(sums))
	}
	return l != levelGo
}

func softmaxAgainFast(l level, x []float32, rows, cols int, scale float32, sums []float32) bool {
	if whole(l, rows*cols) > 0 {
		softmaxAgainNEON(rows, cols, scale, &x[0], &sums[0])
	}
	return l != levelGo
}

func softmaxGradFast(l level, d, p []float32, rows, cols int, scale float32) bool {
	if whole(l, rows*cols) > 0 {
		softmaxGradNEON(rows, cols, scale, &p[0], &d[0])
	}
	return l != levelGo
}

func adamWFast(l level, c *[7]float32, p, g, m, v []float32) int {
	n := whole(l, len(p))
	if n > 0 {
		adamwNEON(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	}
	return n
}

func addBiasFast(l level, x []float32, rows, cols int, bias []float32) bool {
	if whole(l, rows*cols) > 0 {
		addBiasNEON(rows, cols, &x[0], &bias[0])
	}
	return l != levelGo
}

func addColumnsFast(l level, sums, x []float32, rows, cols, stride int) bool {
	if whole(l, rows*cols) > 0 {
		columnSumsNEON(rows, cols, 4*stride, &x[0], &sums[0])
	}
	return l != levelGo
}

func normFast(l level, n *Norm, y, h, x, residual []float32, rows int) bool {
	dim := len(n.Gain)
	if whole(l, rows*dim) == 0 {
		return l != levelGo
	}
	share, in, add, sum, out := 1/float32(dim), &x[0], unsafe.SliceData(residual), unsafe.SliceData(h), &y[0]
	gain, bias, mean, inverse := &n.Gain[0], unsafe.SliceData(n.Bias), unsafe.SliceData(n.Mean), unsafe.SliceData(n.Inverse)
	if bias == nil {
		rmsNormNEON(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	} else {
		layerNormNEON(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	}
	return true
}

func normGradFast(l level, n *Norm, dx, dy, h []float32, rows int, add bool, dgain, dbias []float32) bool {
	dim := len(n.Gain)
	if whole(l, rows*dim) == 0 {
		return l != levelGo
	}
	keep := uint32(0)
	if add {
		keep = ^keep
	}
	share, d, in, out := 1/float32(dim), &dy[0], &h[0], &dx[0]
	gain, mean, inverse, dg, db := &n.Gain[0], unsafe.SliceData(n.Mean), &n.Inverse[0], &dgain[0], unsafe.SliceData(dbias)
	if n.Bias == nil {
		rmsNormGradNEON(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	} else {
		layerNormGradNEON(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	}
	return true
}
