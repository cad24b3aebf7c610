//go:build amd64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

// wholeVectors returns how many of n numbers fill whole vectors; plain Go converts the rest.
func wholeVectors(l level, n int) int {
	switch {
	case l == levelGo:
		return 0
	case l >= levelAVX512:
		return n &^ 15
	}
	return n &^ 7
}

func fromBF16Fast(l level, dst []float32, src []uint16) int {
	n := wholeVectors(l, len(src))
	switch {
	case n == 0:
		return 0
	case l >= levelAVX512:
		fromBF16AVX512(n, &src[0], &dst[0])
	default:
		fromBF16AVX2(n, &src[0], &dst[0])
	}
	return n
}

func toBF16Fast(l level, dst []uint16, src []float32) int {
	n := wholeVectors(l, len(src))
	switch {
	case n == 0:
		return 0
	case l >= levelAVX512:
		toBF16AVX512(n, &src[0], &dst[0])
	default:
		toBF16AVX2(n, &src[0], &dst[0])
	}
	return n
}

func fromF16Fast(l level, dst []float32, src []uint16) int {
	n := wholeVectors(l, len(src))
	switch {
	case n == 0 || !cpu.X86.HasF16C:
		return 0
	case l >= levelAVX512:
		fromF16AVX512(n, &src[0], &dst[0])
	default:
		fromF16AVX2(n, &src[0], &dst[0])
	}
	return n
}

func toF16Fast(l level, dst []uint16, src []float32) int {
	n := wholeVectors(l, len(src))
	switch {
	case n == 0 || !cpu.X86.HasF16C:
		return 0
	case l >= levelAVX512:
		toF16AVX512(n, &src[0], &dst[0])
	default:
		toF16AVX2(n, &src[0], &dst[0])
	}
	return n
}
