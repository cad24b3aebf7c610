package kernel

import "math"

// FromBF16 widens bfloat16 numbers, the upper halves of float32 numbers, into dst.
func FromBF16(dst []float32, src []uint16) {
	dst = dst[:len(src)]
	for i := fromBF16Fast(current, dst, src); i < len(src); i++ {
		dst[i] = math.Float32frombits(uint32(src[i]) << 16)
	}
}

// ToBF16 rounds src into dst as RoundBF16 does.
func ToBF16(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	for i := toBF16Fast(current, dst, src); i < len(src); i++ {
		bits := math.Float32bits(RoundBF16(src[i])) >> 16
		if v := src[i]; v != v {
			bits |= 1 << 6 // the upper half alone may look like an infinity
		}
		dst[i] = uint16(bits)
	}
}

// FromF16 widens IEEE 754 binary16 numbers into dst.
func FromF16(dst []float32, src []uint16) {
	dst = dst[:len(src)]
	for i := fromF16Fast(current, dst, src); i < len(src); i++ {
		dst[i] = halfToFloat(src[i])
	}
}

// ToF16 rounds src to the nearest IEEE 754 binary16 numbers, ties to even; beyond 65,504 that is an infinity.
func ToF16(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	for i := toF16Fast(current, dst, src); i < len(src); i++ {
		dst[i] = floatToHalf(src[i])
	}
}

func halfToFloat(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero or subnormal: fraction·2⁻²⁴
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

func floatToHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, size := uint16(bits>>16)&0x8000, bits&^(1<<31)
	switch {
	case size > 255<<23:
		return sign | 0x7e00 // NaN
	case size >= math.Float32bits(65520):
		return sign | 0x7c00
	case size < 113<<23: // below 2⁻¹⁴, the smallest normal number
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(size))*(1<<24)))
	}
	return sign | uint16((size-112<<23+0xfff+size>>13&1)>>13)
}
