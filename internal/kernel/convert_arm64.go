//go:build arm64 && !noasm

package kernel

func fromBF16Fast(l level, dst []float32, src []uint16) int {
	n := whole(l, len(src)) &^ 3
	if n > 0 {
		fromBF16NEON(n, &src[0], &dst[0])
	}
	return n
}

func toBF16Fast(l level, dst []uint16, src []float32) int {
	n := whole(l, len(src)) &^ 3
	if n > 0 {
		toBF16NEON(n, &src[0], &dst[0])
	}
	return n
}

func fromF16Fast(l level, dst []float32, src []uint16) int {
	n := whole(l, len(src)) &^ 3
	if n > 0 {
		fromF16NEON(n, &src[0], &dst[0])
	}
	return n
}

func toF16Fast(l level, dst []uint16, src []float32) int {
	n := whole(l, len(src)) &^ 3
	if n > 0 {
		toF16NEON(n, &src[0], &dst[0])
	}
	return n
}
