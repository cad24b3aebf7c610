//go:build !noasm

package kernel

// roundFast does RoundBF16 for the first numbers of x, whose number it returns; dst may be x.
func roundFast(l level, dst, x []float32) int {
	if l < levelAVX2 {
		return 0
	}
	n := len(x) &^ (lanes(l) - 1)
	switch {
	case n == 0:
	case l >= levelAVX512:
		roundAVX512(n, &x[0], &dst[0])
	default:
		roundAVX2(n, &x[0], &dst[0])
	}
	return n
}
