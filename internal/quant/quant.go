// Package quant holds matrices of weights in fewer bits than float32 has: halves, whole numbers with a scale a row or a
// group, codes of centroids, zeros left out, products of two thin matrices. Rows are widened one at a time, where they
// are looked up; what is multiplied as a whole is widened once, when it is packed for that.
//
//	m, err := quant.Encode(quant.Int4, rows, width, weights)
//	m.Row(dst, 7)                                   // the seventh row, in float32
//	tensors := m.Tensors("embeddings.weight")       // as a file keeps it
//	m, err = quant.Read(quant.Int4, "embeddings.weight", rows, width, file.Tensor)
package quant

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Kind is how numbers are kept.
type Kind string

const (
	F16     Kind = "f16"      // IEEE 754 halves
	BF16    Kind = "bf16"     // the upper halves of float32
	Int8    Kind = "int8"     // whole numbers of [-127, 127], a scale a row
	Int4    Kind = "int4"     // whole numbers of [-8, 7], a scale for each Group of a row
	PQ      Kind = "pq"       // product quantisation (Jégou et al. 2011): of each part of a row, the number of a centroid
	Sparse  Kind = "sparse"   // numbers that are not zero, as Int8, and a bit a number that tells where they are
	LowRank Kind = "low_rank" // a product of two matrices, each kept as Int8
)

// Kinds returns the names of all.
func Kinds() []Kind { return []Kind{F16, BF16, Int8, Int4, PQ, Sparse, LowRank} }

// Group is how many numbers of a row share a scale of Int4.
const Group = 32

// Matrix is a matrix of [rows, width].
type Matrix interface {
	Kind() Kind
	// Row writes the numbers of a row to dst, which has the width's length.
	Row(dst []float32, row int)
	// Tensors returns what a file keeps, under names that begin with name.
	Tensors(name string) []safetensors.Tensor
}

// Encode keeps weights, [rows, width], as Kind. PQ cuts rows into parts of two numbers (EncodePQ chooses), LowRank keeps a
// quarter of the full rank (Factor chooses).
func Encode(kind Kind, rows, width int, weights []float32) (Matrix, error) {
	if rows < 1 || width < 1 || len(weights) != rows*width {
		return nil, fmt.Errorf("encoding %d numbers as a matrix of [%d, %d]", len(weights), rows, width)
	}
	for i, v := range weights {
		if v-v != 0 {
			return nil, fmt.Errorf("encoding a matrix of [%d, %d]: number %d is %v", rows, width, i, v)
		}
	}
	switch kind {
	case F16, BF16:
		return newHalves(kind, rows, width, weights), nil
	case Int8:
		return newBytes(rows, width, weights), nil
	case Int4:
		return newNibbles(rows, width, weights), nil
	case PQ:
		return EncodePQ(rows, width, min(2, width), weights)
	case Sparse:
		return newSparse(rows, width, weights), nil
	case LowRank:
		return Factor(rows, width, max(1, min(rows, width)/4), weights)
	}
	return nil, fmt.Errorf("unknown kind of weights %q; there are %v", kind, Kinds())
}

// Round writes to dst what weights, [rows, width], become as Kind; where they cannot, because a number is none, they stay.
func Round(kind Kind, rows, width int, dst, weights []float32) {
	m, err := Encode(kind, rows, width, weights)
	if err != nil {
		copy(dst, weights) // the loss that follows tells
		return
	}
	for i := range rows {
		m.Row(dst[i*width:(i+1)*width], i)
	}
}

// Read takes the matrix that Tensors gave to a file, which get reads. It refuses tensors that are missing, of other types
// or shapes, or hold what is no number. The matrix may be a view of the file's memory.
func Read(kind Kind, name string, rows, width int, get func(string) (safetensors.Tensor, bool)) (Matrix, error) {
	if rows < 1 || width < 1 {
		return nil, fmt.Errorf("weight %q: a matrix of [%d, %d]", name, rows, width)
	}
	r := reader{name: name, get: get}
	var m Matrix
	switch kind {
	case F16, BF16:
		m = r.halves(kind, rows, width)
	case Int8:
		m = r.bytes(rows, width)
	case Int4:
		m = r.nibbles(rows, width)
	case PQ:
		m = r.codes(rows, width)
	case Sparse:
		m = r.sparse(rows, width)
	case LowRank:
		m = r.factors(rows, width)
	default:
		r.fail("unknown kind of weights %q", kind)
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// Floats widens a matrix of [rows, width].
func Floats(m Matrix, rows, width int) []float32 {
	out := make([]float32, rows*width)
	for i := range rows {
		m.Row(out[i*width:(i+1)*width], i)
	}
	return out
}

// Bytes is what the tensors of a matrix take in a file, without their names.
func Bytes(m Matrix) int64 {
	n := int64(0)
	for _, t := range m.Tensors("") {
		n += int64(len(t.Data))
	}
	return n
}

// reader reads the tensors of a matrix; the first fault is kept.
type reader struct {
	name string
	get  func(string) (safetensors.Tensor, bool)
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("weight %q: "+format, append([]any{r.name}, args...)...)
	}
}

// tensor returns the data of a tensor of that type and shape; a length of -1 stands for any.
func (r *reader) tensor(end string, dtype safetensors.DType, shape ...int) safetensors.Tensor {
	t, ok := r.get(r.name + end)
	fits := ok && t.DType == dtype && len(t.Shape) == len(shape)
	for i := range shape {
		fits = fits && (shape[i] < 0 || t.Shape[i] == shape[i])
	}
	if !fits {
		r.fail("its tensor %q is missing, or is not %s of %v", r.name+end, dtype, shape)
		return safetensors.Tensor{Shape: make([]int, len(shape))}
	}
	return t
}

// floats returns the numbers of a tensor of 16 or 32 bits, which must be finite.
func (r *reader) floats(end string, dtype safetensors.DType, shape ...int) []float32 {
	t := r.tensor(end, dtype, shape...)
	if r.err != nil {
		return nil
	}
	values, err := t.Float32()
	if err != nil {
		r.fail("%v", err)
	}
	if slices.ContainsFunc(values, func(v float32) bool { return v-v != 0 }) {
		r.fail("its tensor %q holds what is no number", r.name+end)
	}
	return values
}

// nearest rounds to the nearest whole number, ties to even.
func nearest(x float32) float32 { return float32(math.RoundToEven(float64(x))) }
