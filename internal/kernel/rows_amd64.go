//go:build amd64 && !noasm

package kernel

import (
	"math"
	"unsafe"
)

// The functions of rows in assembly do all of a row, whatever its length; those named …Fast return how much they did:
// all, or with plain Go nothing.

func dotFast(l level, x, y []float32) (float32, int) {
	switch {
	case l == levelGo || len(x) == 0:
		return 0, 0
	case l >= levelAVX512:
		return dotAVX512(len(x), &x[0], &y[0]), len(x)
	}
	return dotAVX2(len(x), &x[0], &y[0]), len(x)
}

func squaresFast(l level, x []float32) (float32, int) {
	switch {
	case l == levelGo || len(x) == 0:
		return 0, 0
	case l >= levelAVX512:
		return squaresAVX512(len(x), &x[0]), len(x)
	}
	return squaresAVX2(len(x), &x[0]), len(x)
}

func sumFast(l level, x []float32) (float32, int) {
	switch {
	case l == levelGo || len(x) == 0:
		return 0, 0
	case l >= levelAVX512:
		return sumAVX512(len(x), &x[0]), len(x)
	}
	return sumAVX2(len(x), &x[0]), len(x)
}

func maxFast(l level, x []float32) (float32, int) {
	switch {
	case l == levelGo || len(x) == 0:
		return float32(math.Inf(-1)), 0
	case l >= levelAVX512:
		return maxAVX512(len(x), &x[0]), len(x)
	}
	return maxAVX2(len(x), &x[0]), len(x)
}

func axpyFast(l level, alpha float32, x, y []float32) int {
	n := len(x)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		axpyAVX512(n, alpha, &x[0], &y[0])
	default:
		axpyAVX2(n, alpha, &x[0], &y[0])
	}
	return n
}

func scaleFast(l level, alpha float32, x []float32) int {
	n := len(x)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		scaleAVX512(n, alpha, &x[0])
	default:
		scaleAVX2(n, alpha, &x[0])
	}
	return n
}

func addFast(l level, dst, x []float32) int {
	n := len(x)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		addAVX512(n, &x[0], &dst[0])
	default:
		addAVX2(n, &x[0], &dst[0])
	}
	return n
}

func mulFast(l level, dst, x, y []float32) int {
	n := len(x)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		mulAVX512(n, &x[0], &y[0], &dst[0])
	default:
		mulAVX2(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func mulAddFast(l level, dst, x, y []float32) int {
	n := len(x)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		mulAddAVX512(n, &x[0], &y[0], &dst[0])
	default:
		mulAddAVX2(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func adamWFast(l level, c *[7]float32, p, g, m, v []float32) int {
	n := len(p)
	switch {
	case l == levelGo || n == 0:
		return 0
	case l >= levelAVX512:
		adamwAVX512(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	default:
		adamwAVX2(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	}
	return n
}

func mapFast(l level, f function, dst, x []float32) int {
	n := len(x)
	if l == levelGo || n == 0 {
		return 0
	}
	in, out := &x[0], &dst[0]
	if l >= levelAVX512 {
		switch f {
		case fnExp:
			expAVX512(n, in, out)
		case fnTanh:
			tanhAVX512(n, in, out)
		case fnSigmoid:
			sigmoidAVX512(n, in, out)
		case fnRelu:
			reluAVX512(n, in, out)
		case fnGelu:
			geluAVX512(n, in, out)
		case fnGeluTanh:
			geluTanhAVX512(n, in, out)
		case fnSilu:
			siluAVX512(n, in, out)
		}
		return n
	}
	switch f {
	case fnExp:
		expAVX2(n, in, out)
	case fnTanh:
		tanhAVX2(n, in, out)
	case fnSigmoid:
		sigmoidAVX2(n, in, out)
	case fnRelu:
		reluAVX2(n, in, out)
	case fnGelu:
		geluAVX2(n, in, out)
	case fnGeluTanh:
		geluTanhAVX2(n, in, out)
	case fnSilu:
		siluAVX2(n, in, out)
	}
	return n
}

func slopeFast(l level, f function, dx, dy, v []float32) int {
	n := len(dy)
	if l == levelGo || n == 0 {
		return 0
	}
	d, in, out := &dy[0], &v[0], &dx[0]
	if l >= levelAVX512 {
		switch f {
		case fnTanh:
			tanhGradAVX512(n, d, in, out)
		case fnSigmoid:
			sigmoidGradAVX512(n, d, in, out)
		case fnRelu:
			reluGradAVX512(n, d, in, out)
		case fnGelu:
			geluGradAVX512(n, d, in, out)
		case fnGeluTanh:
			geluTanhGradAVX512(n, d, in, out)
		case fnSilu:
			siluGradAVX512(n, d, in, out)
		}
		return n
	}
	switch f {
	case fnTanh:
		tanhGradAVX2(n, d, in, out)
	case fnSigmoid:
		sigmoidGradAVX2(n, d, in, out)
	case fnRelu:
		reluGradAVX2(n, d, in, out)
	case fnGelu:
		geluGradAVX2(n, d, in, out)
	case fnGeluTanh:
		geluTanhGradAVX2(n, d, in, out)
	case fnSilu:
		siluGradAVX2(n, d, in, out)
	}
	return n
}

func softmaxFast(l level, dst, x []float32, rows, cols int, scale float32, sums []float32) bool {
	switch {
	case l == levelGo:
		return false
	case rows == 0 || cols == 0:
	case l >= levelAVX512:
		softmaxAVX512(rows, cols, scale, &x[0], &dst[0], unsafe.SliceData(sums))
	default:
		softmaxAVX2(rows, cols, scale, &x[0], &dst[0], unsafe.SliceData(sums))
	}
	return true
}

func softmaxAgainFast(l level, x []float32, rows, cols int, scale float32, sums []float32) bool {
	switch {
	case l == levelGo:
		return false
	case rows == 0 || cols == 0:
	case l >= levelAVX512:
		softmaxAgainAVX512(rows, cols, scale, &x[0], &sums[0])
	default:
		softmaxAgainAVX2(rows, cols, scale, &x[0], &sums[0])
	}
	return true
}

func softmaxGradFast(l level, d, p []float32, rows, cols int, scale float32) bool {
	switch {
	case l == levelGo:
		return false
	case rows == 0 || cols == 0:
	case l >= levelAVX512:
		softmaxGradAVX512(rows, cols, scale, &p[0], &d[0])
	default:
		softmaxGradAVX2(rows, cols, scale, &p[0], &d[0])
	}
	return true
}

func addBiasFast(l level, x []float32, rows, cols int, bias []float32) bool {
	switch {
	case l == levelGo:
		return false
	case rows == 0 || cols == 0:
	case l >= levelAVX512:
		addBiasAVX512(rows, cols, &x[0], &bias[0])
	default:
		addBiasAVX2(rows, cols, &x[0], &bias[0])
	}
	return true
}

func addColumnsFast(l level, sums, x []float32, rows, cols, stride int) bool {
	switch {
	case l == levelGo:
		return false
	case l >= levelAVX512:
		columnSumsAVX512(rows, cols, 4*stride, &x[0], &sums[0])
	default:
		columnSumsAVX2(rows, cols, 4*stride, &x[0], &sums[0])
	}
	return true
}

func normFast(l level, n *Norm, y, h, x, residual []float32, rows int) bool {
	dim := len(n.Gain)
	if l == levelGo || rows == 0 || dim == 0 {
		return l != levelGo
	}
	share, in, add, sum, out := 1/float32(dim), &x[0], unsafe.SliceData(residual), unsafe.SliceData(h), &y[0]
	gain, bias, mean, inverse := &n.Gain[0], unsafe.SliceData(n.Bias), unsafe.SliceData(n.Mean), unsafe.SliceData(n.Inverse)
	switch {
	case bias == nil && l >= levelAVX512:
		rmsNormAVX512(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	case bias == nil:
		rmsNormAVX2(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	case l >= levelAVX512:
		layerNormAVX512(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	default:
		layerNormAVX2(rows, dim, share, n.Eps, in, add, sum, out, gain, bias, mean, inverse)
	}
	return true
}

func normGradFast(l level, n *Norm, dx, dy, h []float32, rows int, add bool, dgain, dbias []float32) bool {
	dim := len(n.Gain)
	if l == levelGo || rows == 0 || dim == 0 {
		return l != levelGo
	}
	keep := uint32(0)
	if add {
		keep = ^keep
	}
	share, d, in, out := 1/float32(dim), &dy[0], &h[0], &dx[0]
	gain, mean, inverse, dg, db := &n.Gain[0], unsafe.SliceData(n.Mean), &n.Inverse[0], &dgain[0], unsafe.SliceData(dbias)
	switch {
	case n.Bias == nil && l >= levelAVX512:
		rmsNormGradAVX512(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	case n.Bias == nil:
		rmsNormGradAVX2(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	case l >= levelAVX512:
		layerNormGradAVX512(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	default:
		layerNormGradAVX2(rows, dim, share, keep, d, in, gain, mean, inverse, out, dg, db)
	}
	return true
}

func maxColumnsFast(l level, best []float32, from []int32, x []float32, rows, stride int, first int32) bool {
	switch {
	case l == levelGo:
		return false
	case l >= levelAVX512:
		maxRowsAVX512(rows, len(best), 4*stride, uint32(first), &x[0], &best[0], &from[0])
	default:
		maxRowsAVX2(rows, len(best), 4*stride, uint32(first), &x[0], &best[0], &from[0])
	}
	return true
}

func dropoutFast(l level, d Dropout, dst, src []float32, first uint32, add bool) bool {
	keep := uint32(0)
	if add {
		keep = ^keep
	}
	switch {
	case l == levelGo:
		return false
	case len(src) == 0:
	case l >= levelAVX512:
		dropoutAVX512(len(src), first, uint32(d.Key), uint32(d.Key>>32), d.Limit, d.Scale, keep, &src[0], &dst[0])
	default:
		dropoutAVX2(len(src), first, uint32(d.Key), uint32(d.Key>>32), d.Limit, d.Scale, keep, &src[0], &dst[0])
	}
	return true
}
