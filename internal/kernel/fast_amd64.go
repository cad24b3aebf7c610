//go:build amd64 && !noasm

package kernel

import (
	"math"

	"golang.org/x/sys/cpu"
)

const (
	levelAVX2 level = iota + 1
	levelAVX512
	levelVNNI // AVX-512 with dot products of int8
	levelAMX  // and tiles for bf16 and int8
)

var levelNames = [...]string{"go", "avx2", "avx512", "vnni", "amx"}

// missing names what a variant needs and the processor or the system lacks.
func missing(l level) string {
	x := &cpu.X86
	switch {
	case l >= levelAVX2 && !(x.HasAVX2 && x.HasFMA):
		return "AVX2 or FMA"
	case l >= levelAVX512 && !(x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL):
		return "AVX-512 (F, DQ, BW, VL)"
	case l >= levelVNNI && !x.HasAVX512VNNI:
		return "AVX-512 VNNI"
	case l >= levelAMX && !(x.HasAMXTile && x.HasAMXBF16 && x.HasAMXInt8 && x.HasAVX512BF16):
		return "AMX (tiles, bf16, int8) or AVX-512 BF16"
	case l >= levelAMX && !permitTiles():
		return "permission of the system to use the tiles of AMX"
	}
	return ""
}

// dots tells whether products of INT8 run in assembly, which nothing does here so far.
func (*PackedB) dots() bool                                                         { return false }
func (*PackedB) packDots(_, _ int, _ []float32, _, _ int)                           {}
func (*PackedB) multiplyDots(_ int, _ []float32, _ int, _ []float32, _ int, _ bool) {}
func absMaxFast(level, []float32) (float32, int)                                    { return 0, 0 }
func quantizeFast(level, []int8, []float32, float32) int                            { return 0 }

// whole returns how many of n numbers fill whole vectors of a variant; the rest is done in plain Go.
func whole(l level, n int) int { return n &^ [...]int{-1, 7, 15}[min(l, levelAVX512)] }

// constants of the exponential, at the places that gen/rows.go names.
var constants = [...]float32{
	-87.33654, 88.72283, math.Log2E, 0.693145751953125, 1.42860677e-6, float32(math.Inf(1)), 1, 2, -1, math.Float32frombits(0x7fffffff), 0.625,
	1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1,
	-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
}

func dotFast(l level, x, y []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	var sums [16]float32
	if l >= levelAVX512 {
		dotAVX512(n, &x[0], &y[0], &sums[0])
	} else {
		dotAVX2(n, &x[0], &y[0], &sums[0])
	}
	return addLanes(&sums), n
}

func squaresFast(l level, x []float32) (float32, int) {
	n := whole(l, len(x))
	if n == 0 {
		return 0, 0
	}
	var sums [16]float32
	if l >= levelAVX512 {
		squaresAVX512(n, &x[0], &sums[0])
	} else {
		squaresAVX2(n, &x[0], &sums[0])
	}
	return addLanes(&sums), n
}

// addLanes adds up a vector pairwise.
func addLanes(s *[16]float32) float32 {
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			s[i] += s[i+n]
		}
	}
	return s[0]
}

func axpyFast(l level, alpha float32, x, y []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		axpyAVX512(n, alpha, &x[0], &y[0])
	default:
		axpyAVX2(n, alpha, &x[0], &y[0])
	}
	return n
}

func scaleFast(l level, alpha float32, x []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		scaleAVX512(n, alpha, &x[0])
	default:
		scaleAVX2(n, alpha, &x[0])
	}
	return n
}

func addFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		addAVX512(n, &x[0], &dst[0])
	default:
		addAVX2(n, &x[0], &dst[0])
	}
	return n
}

func mulFast(l level, dst, x, y []float32) int {
	n := whole(l, len(dst))
	switch {
	case n == 0:
	case l >= levelAVX512:
		mulAVX512(n, &x[0], &y[0], &dst[0])
	default:
		mulAVX2(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func mulAddFast(l level, dst, x, y []float32) int {
	n := whole(l, len(dst))
	switch {
	case n == 0:
	case l >= levelAVX512:
		mulAddAVX512(n, &x[0], &y[0], &dst[0])
	default:
		mulAddAVX2(n, &x[0], &y[0], &dst[0])
	}
	return n
}

func expFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		expAVX512(n, &x[0], &dst[0], &constants[0])
	default:
		expAVX2(n, &x[0], &dst[0], &constants[0])
	}
	return n
}

func tanhFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		tanhAVX512(n, &x[0], &dst[0], &constants[0])
	default:
		tanhAVX2(n, &x[0], &dst[0], &constants[0])
	}
	return n
}

func sigmoidFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	switch {
	case n == 0:
	case l >= levelAVX512:
		sigmoidAVX512(n, &x[0], &dst[0], &constants[0])
	default:
		sigmoidAVX2(n, &x[0], &dst[0], &constants[0])
	}
	return n
}

func adamWFast(l level, c *[7]float32, p, g, m, v []float32) int {
	n := whole(l, len(p))
	switch {
	case n == 0:
	case l >= levelAVX512:
		adamwAVX512(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	default:
		adamwAVX2(n, &p[0], &g[0], &m[0], &v[0], &c[0])
	}
	return n
}
