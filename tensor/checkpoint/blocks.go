package checkpoint

import (
	"encoding/binary"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// block is a GGUF type that keeps weights in blocks, a few bits each and a scale (or several) beside them.
// https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h has the layouts.
type block struct {
	numbers, bytes int
	decode         func(out []float32, in []byte)
	encode         func(out []byte, in []float32) // nil: not written
}

var blocks = map[string]block{
	"Q4_0": {32, 18, decodeQ4_0, encodeQ4_0},
	"Q8_0": {32, 34, decodeQ8_0, encodeQ8_0},
	"Q6_K": {256, 210, decodeQ6K, nil},
}

// widen returns the weights of whole blocks.
func (b block) widen(stored []byte) []float32 {
	out := make([]float32, len(stored)/b.bytes*b.numbers)
	for i := range len(stored) / b.bytes {
		b.decode(out[i*b.numbers:(i+1)*b.numbers], stored[i*b.bytes:(i+1)*b.bytes])
	}
	return out
}

// half reads a binary16 number.
func half(b []byte) float32 {
	var out [1]float32
	kernel.FromF16(out[:], []uint16{binary.LittleEndian.Uint16(b)})
	return out[0]
}

// putHalf writes a binary16 number.
func putHalf(b []byte, x float32) {
	var out [1]uint16
	kernel.ToF16(out[:], []float32{x})
	binary.LittleEndian.PutUint16(b, out[0])
}

// inverse is 1/d, and 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// decodeQ4_0 reads a scale and 16 bytes: their low halves are the first 16 numbers, their high halves the last 16,
// each of them 8 too large.
func decodeQ4_0(out []float32, in []byte) {
	d := half(in)
	for i, b := range in[2:] {
		out[i] = float32(int(b&15)-8) * d
		out[i+16] = float32(int(b>>4)-8) * d
	}
}

// encodeQ4_0 rounds to 16 steps of which the lowest, -8, is the number of the largest magnitude. Files of llama.cpp have
// the same bytes: numbers are divided by the scale before that is rounded, and half a step goes up.
func encodeQ4_0(out []byte, in []float32) {
	top := float32(0)
	for _, v := range in {
		if math.Abs(float64(v)) > math.Abs(float64(top)) {
			top = v
		}
	}
	d := top / -8
	putHalf(out, d)
	id := inverse(d)
	step := func(v float32) byte { return byte(min(15, int8(float32(v*id)+8.5))) }
	for i := range 16 {
		out[2+i] = step(in[i]) | step(in[i+16])<<4
	}
}

// decodeQ8_0 reads a scale and 32 signed bytes.
func decodeQ8_0(out []float32, in []byte) {
	d := half(in)
	for i, b := range in[2:] {
		out[i] = float32(int8(b)) * d
	}
}

// encodeQ8_0 rounds to 255 steps, half a step away from zero, as llama.cpp does.
func encodeQ8_0(out []byte, in []float32) {
	top := float32(0)
	for _, v := range in {
		top = max(top, float32(math.Abs(float64(v))))
	}
	d := top / 127
	putHalf(out, d)
	id := inverse(d)
	for i, v := range in {
		out[2+i] = byte(int8(math.Round(float64(v * id))))
	}
}

// decodeQ6K reads 256 numbers of 6 bits, each of them 32 too large: 128 bytes of low halves, 64 bytes with the upper
// two bits, 16 signed scales, and a scale of those. It goes in two halves of 128 numbers, each in four rows of 32.
// Q4_0 files have the output matrix in this type.
func decodeQ6K(out []float32, in []byte) {
	low, high, scales, d := in[:128], in[128:192], in[192:208], half(in[208:])
	for h := range 2 {
		for i := range 128 {
			row, column := i/32, i%32
			bits := low[64*h+32*(row%2)+column] >> (4 * (row / 2)) & 15
			bits |= high[32*h+column] >> (2 * row) & 3 << 4
			s := float32(int8(scales[8*h+i/16]))
			out[128*h+i] = d * s * float32(int(bits)-32)
		}
	}
}
