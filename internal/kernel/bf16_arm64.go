//go:build arm64 && !noasm

package kernel

// roundFast rounds the first numbers of a row, and returns how many.
func roundFast(l level, dst, x []float32) int {
	n := whole(l, len(x))
	if n > 0 {
		roundNEON(n, &x[0], &dst[0])
	}
	return n
}
