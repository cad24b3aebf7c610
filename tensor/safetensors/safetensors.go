// Package safetensors reads and writes weights in the safetensors format
// (https://huggingface.co/docs/safetensors): eight bytes of header length, a JSON header that names each tensor's
// type, shape and place, then the numbers, little-endian, without gaps.
//
//	f, err := safetensors.Open("model.safetensors")
//	w, ok := f.Tensor("classifier.weight")
//	data, err := w.Float32() // a view of the mapped file
//
// Open maps the file and checks all of it that can be checked before anything is used: a file from a stranger can be
// refused, but not crash the program, read beyond its end, or make it allocate more than the file's size.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unsafe"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/mapfile"
)

// DType is the type of a tensor's numbers, as the format spells it.
type DType string

// The types that are read and written.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

var sizes = map[DType]int{F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1, Bool: 1}

// Size returns the bytes of one number, 0 for a type that is not known.
func (d DType) Size() int { return sizes[d] }

// ErrMalformed is the cause of every error about a file's content.
var ErrMalformed = errors.New("malformed safetensors file")

// maxHeader is the reference implementation's bound on the header, in bytes.
const maxHeader = 100_000_000

// Tensor is a named array. Data holds its numbers in row-major order, little-endian; it is a view of the mapped file
// if the tensor was read, and must not be changed then.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// File is an open file. Its tensors are valid until Close.
type File struct {
	tensors  []Tensor // in the order of their data
	index    map[string]int
	metadata map[string]string
	unmap    func() error
}

// Open maps the file at path and checks it.
func Open(path string) (*File, error) {
	data, unmap, err := mapfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	f, err := Parse(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), unmap())
	}
	f.unmap = unmap
	return f, nil
}

// Parse reads a file's content. The tensors are views of data.
func Parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%w: %d bytes hold no header", ErrMalformed, len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrMalformed, n, len(data))
	}
	f := &File{index: map[string]int{}, metadata: map[string]string{}}
	data, header := data[8+n:], data[8:8+n]
	all, err := f.parseHeader(header, int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for i, t := range all {
		t.Data = data[t.from:t.to:t.to]
		f.index[t.Name] = i
		f.tensors = append(f.tensors, t.Tensor)
	}
	return f, nil
}

// Check reads the header of a file of size bytes and checks it as Parse does, without reading the numbers. A header of more
// than most bytes is refused. It returns how many tensors there are.
func Check(r io.Reader, size int64, most int) (tensors int, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, fmt.Errorf("%w: %d bytes hold no header", ErrMalformed, size)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader || n > uint64(max(size-8, 0)) {
		return 0, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrMalformed, n, size)
	}
	if n > uint64(most) {
		return 0, fmt.Errorf("%w: a header of %d bytes, more than %d", ErrMalformed, n, most)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, fmt.Errorf("reading the header: %w", err)
	}
	all, err := (&File{}).parseHeader(header, size-8-int64(n))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return len(all), nil
}

// placed is a tensor with the place of its numbers behind the header, in bytes.
type placed struct {
	Tensor
	from, to int64
}

// entry is one tensor in the header.
type entry struct {
	DType   DType   `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// parseHeader returns the tensors of a file with so many bytes of numbers, in the order of their data.
func (f *File) parseHeader(header []byte, data int64) (all []placed, err error) {
	fields, err := object(header)
	if err != nil {
		return nil, err
	}
	if raw, ok := fields["__metadata__"]; ok {
		if err := json.Unmarshal(raw, &f.metadata); err != nil {
			return nil, fmt.Errorf("__metadata__: %w", err)
		}
		delete(fields, "__metadata__")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var e entry
		decoder := json.NewDecoder(bytes.NewReader(fields[name]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		shape, bytes, err := e.check()
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		from, to := e.Offsets[0], e.Offsets[1]
		if from < 0 || to < from || to > data || to-from != bytes {
			return nil, fmt.Errorf("tensor %q: bytes %d to %d do not hold %d bytes of a buffer of %d", name, from, to, bytes, data)
		}
		all = append(all, placed{Tensor{name, e.DType, shape, nil}, from, to})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	end := int64(0)
	for _, t := range all {
		if t.from != end {
			return nil, fmt.Errorf("tensor %q begins at byte %d, the one before ends at %d", t.Name, t.from, end)
		}
		end = t.to
	}
	if end != data {
		return nil, fmt.Errorf("%d bytes belong to no tensor", data-end)
	}
	return all, nil
}

// check returns the shape and the number of bytes that it needs.
func (e *entry) check() (shape []int, bytes int64, err error) {
	size, ok := sizes[e.DType]
	if !ok {
		return nil, 0, fmt.Errorf("unknown type %q", e.DType)
	}
	if len(e.Offsets) != 2 {
		return nil, 0, fmt.Errorf("data_offsets has %d numbers, not 2", len(e.Offsets))
	}
	bytes = int64(size)
	for _, d := range e.Shape {
		if d < 0 {
			return nil, 0, fmt.Errorf("negative shape %v", e.Shape)
		}
		if d > 0 && bytes > math.MaxInt64/d || d > math.MaxInt {
			return nil, 0, fmt.Errorf("shape %v overflows", e.Shape)
		}
		bytes *= d
		shape = append(shape, int(d))
	}
	return shape, bytes, nil
}

// object splits a JSON object into its fields, refusing a name that stands twice, which encoding/json would let pass.
func object(data []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the header is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("the header is not a JSON object")
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("tensor %q stands twice", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		fields[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if rest := bytes.TrimLeft(data[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the header's object", len(rest))
	}
	return fields, nil
}

// Names returns the names of all tensors in the order of their data.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return Tensor{}, false
	}
	return f.tensors[i], true
}

// Metadata returns the file's free text entries.
func (f *File) Metadata() map[string]string { return f.metadata }

// Close unmaps the file.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap = nil
	return unmap()
}

// Float32 returns the numbers of an F32, F16 or BF16 tensor: for F32 that lies aligned in memory a view, else a copy.
func (t Tensor) Float32() ([]float32, error) {
	switch t.DType {
	case F32:
		n := len(t.Data) / 4
		if n == 0 {
			return []float32{}, nil
		}
		if littleEndian && uintptr(unsafe.Pointer(&t.Data[0]))%4 == 0 {
			return unsafe.Slice((*float32)(unsafe.Pointer(&t.Data[0])), n), nil
		}
		out := make([]float32, n)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return out, nil
	case BF16, F16:
		out, words := make([]float32, len(t.Data)/2), t.words()
		if t.DType == BF16 {
			kernel.FromBF16(out, words)
		} else {
			kernel.FromF16(out, words)
		}
		return out, nil
	}
	return nil, fmt.Errorf("tensor %q holds %s, not floating-point numbers of 16 or 32 bits", t.Name, t.DType)
}

// Numbers is Float32 for F64, rounded, and for I8 too, as they stand.
func (t Tensor) Numbers() ([]float32, error) {
	switch t.DType {
	case F64:
		out := make([]float32, len(t.Data)/8)
		for i := range out {
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
		return out, nil
	case I8:
		out := make([]float32, len(t.Data))
		for i, b := range t.Data {
			out[i] = float32(int8(b))
		}
		return out, nil
	}
	return t.Float32()
}

// Integers returns the numbers of an I32 or I64 tensor.
func (t Tensor) Integers() ([]int64, error) {
	if t.DType != I32 && t.DType != I64 {
		return nil, fmt.Errorf("tensor %q holds %s, not whole numbers of 32 or 64 bits", t.Name, t.DType)
	}
	size := t.DType.Size()
	out := make([]int64, len(t.Data)/size)
	for i := range out {
		if size == 4 {
			out[i] = int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		} else {
			out[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
		}
	}
	return out, nil
}

// words returns the data in words of 16 bits: a view where it lies aligned in memory, else a copy.
func (t Tensor) words() []uint16 {
	n := len(t.Data) / 2
	if n > 0 && littleEndian && uintptr(unsafe.Pointer(&t.Data[0]))%2 == 0 {
		return unsafe.Slice((*uint16)(unsafe.Pointer(&t.Data[0])), n)
	}
	out := make([]uint16, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(t.Data[2*i:])
	}
	return out
}

// CheckFinite reports the first number of a floating-point tensor that is infinite or not a number.
func (t Tensor) CheckFinite() error {
	data, err := t.Float32()
	if err != nil {
		return err
	}
	for i, v := range data {
		if v-v != 0 {
			return fmt.Errorf("tensor %q: number %d is %v", t.Name, i, v)
		}
	}
	return nil
}

// FromFloat32 returns a tensor whose data is a view of values.
func FromFloat32(name string, shape []int, values []float32) Tensor {
	t := Tensor{Name: name, DType: F32, Shape: shape}
	if len(values) == 0 {
		return t
	}
	if littleEndian {
		t.Data = unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values))
		return t
	}
	t.Data = make([]byte, 0, 4*len(values))
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}

// Narrow returns a tensor of a smaller floating-point type, F16 or BF16, and whether that loses nothing: each number
// widened again is what it was, to the bit.
func Narrow(to DType, name string, shape []int, values []float32) (Tensor, bool) {
	words, back := make([]uint16, len(values)), make([]float32, len(values))
	switch to {
	case F16:
		kernel.ToF16(words, values)
		kernel.FromF16(back, words)
	case BF16:
		kernel.ToBF16(words, values)
		kernel.FromBF16(back, words)
	default:
		return Tensor{}, false
	}
	for i, v := range values {
		if math.Float32bits(v) != math.Float32bits(back[i]) {
			return Tensor{}, false
		}
	}
	return fromWords(to, name, shape, words), true
}

// ToF16 returns a tensor of type F16 with the numbers nearest to values.
func ToF16(name string, shape []int, values []float32) Tensor {
	words := make([]uint16, len(values))
	kernel.ToF16(words, values)
	return fromWords(F16, name, shape, words)
}

func fromWords(dtype DType, name string, shape []int, words []uint16) Tensor {
	t := Tensor{Name: name, DType: dtype, Shape: shape, Data: make([]byte, 0, 2*len(words))}
	for _, w := range words {
		t.Data = binary.LittleEndian.AppendUint16(t.Data, w)
	}
	return t
}

// littleEndian tells that this machine keeps numbers as the format does.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()
