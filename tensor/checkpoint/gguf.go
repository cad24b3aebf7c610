package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// ggufTypes are the tensor types that are read; ggufForeign are others that files have.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
var (
	ggufTypes = map[uint32]string{
		0: string(safetensors.F32), 1: string(safetensors.F16), 2: "Q4_0", 8: "Q8_0", 14: "Q6_K",
		24: string(safetensors.I8), 25: string(safetensors.I16), 26: string(safetensors.I32), 27: string(safetensors.I64),
		28: string(safetensors.F64), 30: string(safetensors.BF16),
	}
	ggufForeign = map[uint32]string{
		3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 15: "Q8_K",
		16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
		29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
	}
)

// ggufReader reads the head of a GGUF file: a counted list of keys with values, then a counted list of tensors.
type ggufReader struct {
	data []byte
	at   int
	err  error // the first failure; what is read after it is zero
}

// ggufTensor is a tensor as the head describes it.
type ggufTensor struct {
	name   string
	dims   []int64 // innermost first
	typ    uint32
	offset uint64
}

// parseGGUF adds the tensors and the keys of a GGUF file.
func (s *Set) parseGGUF(_ string, data []byte) error {
	r := &ggufReader{data: data, at: len("GGUF")}
	version := r.uint32()
	if r.err == nil && (version < 2 || version > 3) {
		return hint.Errorf("convert it again by a llama.cpp of 2024 or later", "its version is %d; 2 and 3 are read", version)
	}
	tensors, keys := r.uint64(), r.uint64()
	for range keys {
		name := r.text()
		value := r.value(r.uint32(), 0)
		if r.err != nil {
			break
		}
		s.metadata[name] = value
	}
	var all []ggufTensor
	for range tensors {
		t := ggufTensor{name: r.text()}
		dims := r.uint32()
		if dims > 4 {
			r.fail("tensor %q has %d dimensions", t.name, dims)
		}
		for range min(dims, 4) {
			t.dims = append(t.dims, int64(r.uint64()))
		}
		t.typ, t.offset = r.uint32(), r.uint64()
		if r.err != nil {
			break
		}
		all = append(all, t)
	}
	if r.err != nil {
		return r.err
	}
	alignment := int64(32)
	if v, ok := s.metadata["general.alignment"]; ok {
		if alignment, ok = v.(int64); !ok || alignment <= 0 || alignment > 1<<20 {
			return malformed("its alignment is %v", v)
		}
	}
	begin := min((int64(r.at)+alignment-1)/alignment*alignment, int64(len(data)))
	for _, t := range all {
		if err := s.addGGUF(t, data[begin:]); err != nil {
			return fmt.Errorf("tensor %q: %w", t.name, err)
		}
	}
	return s.renameGGUF()
}

// addGGUF checks a tensor's place and adds it.
func (s *Set) addGGUF(t ggufTensor, data []byte) error {
	dtype, ok := ggufTypes[t.typ]
	if !ok {
		name := ggufForeign[t.typ]
		if name == "" {
			name = fmt.Sprint("number ", t.typ)
		}
		return hint.Errorf("take an edition of the model in F32, F16, BF16, Q8_0 or Q4_0", "its type %s is not read", name)
	}
	dims := make([]int64, 0, len(t.dims))
	for i := len(t.dims) - 1; i >= 0; i-- {
		dims = append(dims, t.dims[i])
	}
	block := block{numbers: 1, bytes: safetensors.DType(dtype).Size()}
	if b, ok := blocks[dtype]; ok {
		block = b
	}
	if t.offset > uint64(len(data)) {
		return malformed("it begins behind the end of the file")
	}
	data = data[t.offset:]
	shape, elements, err := checkShape(dims, max(1, len(data)/block.bytes*block.numbers))
	if err != nil {
		return malformed("%w", err)
	}
	if block.numbers > 1 && (len(shape) == 0 || shape[len(shape)-1]%block.numbers != 0) {
		return malformed("rows of shape %v do not consist of blocks of %d", dims, block.numbers)
	}
	size := elements / block.numbers * block.bytes
	if size > len(data) { // a single number, which every limit allows
		return malformed("shape %v is larger than what the file holds", dims)
	}
	return s.add(t.name, &tensor{dtype: dtype, shape: shape, stored: data[:size:size]})
}

func (r *ggufReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = malformed(format, args...)
	}
}

// take returns the next n bytes, nil if they are not there.
func (r *ggufReader) take(n uint64) []byte {
	if rest := max(0, len(r.data)-r.at); r.err == nil && n > uint64(rest) {
		r.fail("it ends within its head, at byte %d", len(r.data))
	}
	if r.err != nil {
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

// little reads an unsigned number of n bytes.
func (r *ggufReader) little(n uint64) uint64 {
	var b [8]byte
	copy(b[:], r.take(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *ggufReader) uint32() uint32 { return uint32(r.little(4)) }
func (r *ggufReader) uint64() uint64 { return r.little(8) }
func (r *ggufReader) text() string   { return string(r.take(r.uint64())) }

// The types of values.
const (
	ggufUint8 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

// value reads a value of a type. Lists within lists are read, and dropped: nothing in use has them.
func (r *ggufReader) value(typ uint32, depth int) any {
	switch typ {
	case ggufBool:
		return r.little(1) != 0
	case ggufString:
		return r.text()
	case ggufFloat32:
		return float64(math.Float32frombits(r.uint32()))
	case ggufFloat64:
		return math.Float64frombits(r.uint64())
	case ggufArray:
		return r.array(depth + 1)
	}
	return r.integer(typ)
}

func (r *ggufReader) integer(typ uint32) any {
	switch typ {
	case ggufUint8:
		return int64(r.little(1))
	case ggufInt8:
		return int64(int8(r.little(1)))
	case ggufUint16:
		return int64(r.little(2))
	case ggufInt16:
		return int64(int16(r.little(2)))
	case ggufUint32:
		return int64(r.little(4))
	case ggufInt32:
		return int64(int32(r.little(4)))
	case ggufUint64, ggufInt64:
		return int64(r.little(8))
	}
	r.fail("a value has the unknown type %d", typ)
	return nil
}

// array reads a list as a slice of its values' Go type.
func (r *ggufReader) array(depth int) any {
	typ, n := r.uint32(), r.uint64()
	if depth > 3 {
		r.fail("lists within lists within lists")
	}
	if n > uint64(len(r.data)-r.at) { // every value has a byte at least
		r.fail("a list of %d values in a file of %d bytes", n, len(r.data))
	}
	if r.err != nil {
		return nil
	}
	switch typ {
	case ggufBool:
		return valuesOf[bool](r, typ, n)
	case ggufString:
		return valuesOf[string](r, typ, n)
	case ggufFloat32, ggufFloat64:
		return valuesOf[float64](r, typ, n)
	case ggufArray:
		for range n {
			r.array(depth + 1)
		}
		return nil
	}
	return valuesOf[int64](r, typ, n)
}

// valuesOf reads n values of a type whose Go type is T.
func valuesOf[T any](r *ggufReader, typ uint32, n uint64) []T {
	var out []T
	for range n {
		v, ok := r.value(typ, 0).(T)
		if r.err != nil || !ok {
			return nil
		}
		out = append(out, v)
	}
	return out
}
