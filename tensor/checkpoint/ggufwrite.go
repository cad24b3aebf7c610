package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// GGUFTensor is a tensor of a GGUF file, under GGUF's name and in its layout.
type GGUFTensor struct {
	Name  string
	Shape []int     // outermost first
	Type  string    // F32, F16, Q8_0 or Q4_0
	Data  []float32 // [Shape]
}

// ggufAlignment is what tensors begin at multiples of, in bytes, where a file says nothing.
const ggufAlignment = 32

// BlockSize is how many numbers of a row a block of a type holds; 1 for types without blocks.
func BlockSize(typ string) int {
	if b, ok := blocks[typ]; ok {
		return b.numbers
	}
	return 1
}

// WriteGGUF writes a GGUF file of version 3. Keys are written in the order of their names, general ones first; their
// values are of type string, bool, uint32, float32, []string, []int32, []float32 or []byte. Tensors are written in their
// order, their numbers rounded to their types. The same content gives the same bytes.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
func WriteGGUF(w io.Writer, keys map[string]any, tensors []GGUFTensor) error {
	le := binary.LittleEndian
	head := le.AppendUint32([]byte("GGUF"), 3)
	head = le.AppendUint64(le.AppendUint64(head, uint64(len(tensors))), uint64(len(keys)))
	for _, name := range ggufOrder(keys) {
		head = appendGGUFText(head, name)
		var err error
		if head, err = appendGGUFValue(head, keys[name]); err != nil {
			return fmt.Errorf("writing GGUF: the key %s: %w", name, err)
		}
	}
	types := map[string]uint32{}
	for number, name := range ggufTypes {
		types[name] = number
	}
	data := make([][]byte, len(tensors))
	at := 0
	for i, t := range tensors {
		var err error
		if data[i], err = t.encode(); err != nil {
			return fmt.Errorf("writing GGUF: tensor %q: %w", t.Name, err)
		}
		head = le.AppendUint32(appendGGUFText(head, t.Name), uint32(len(t.Shape)))
		for _, d := range slices.Backward(t.Shape) {
			head = le.AppendUint64(head, uint64(d))
		}
		head = le.AppendUint64(le.AppendUint32(head, types[t.Type]), uint64(at))
		at += len(data[i]) + padding(len(data[i]))
	}
	head = append(head, make([]byte, padding(len(head)))...)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("writing GGUF: %w", err)
	}
	for _, d := range data {
		if _, err := w.Write(append(d, make([]byte, padding(len(d)))...)); err != nil {
			return fmt.Errorf("writing GGUF: %w", err)
		}
	}
	return nil
}

// padding is how many bytes behind n come before the next tensor.
func padding(n int) int { return (ggufAlignment - n%ggufAlignment) % ggufAlignment }

// ggufOrder sorts names of keys, general ones first: readers look for the architecture there.
func ggufOrder(keys map[string]any) []string {
	general := func(name string) bool { return strings.HasPrefix(name, "general.") }
	return slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		if general(a) != general(b) {
			if general(a) {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

func appendGGUFText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// appendGGUFValue appends the type of a value and the value.
func appendGGUFValue(b []byte, value any) ([]byte, error) {
	le := binary.LittleEndian
	list := func(typ uint32, n int) []byte {
		return le.AppendUint64(le.AppendUint32(le.AppendUint32(b, ggufArray), typ), uint64(n))
	}
	switch v := value.(type) {
	case string:
		return appendGGUFText(le.AppendUint32(b, ggufString), v), nil
	case bool:
		b = le.AppendUint32(b, ggufBool)
		if v {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case uint32:
		return le.AppendUint32(le.AppendUint32(b, ggufUint32), v), nil
	case float32:
		return le.AppendUint32(le.AppendUint32(b, ggufFloat32), math.Float32bits(v)), nil
	case []string:
		b = list(ggufString, len(v))
		for _, s := range v {
			b = appendGGUFText(b, s)
		}
		return b, nil
	case []int32:
		b = list(ggufInt32, len(v))
		for _, n := range v {
			b = le.AppendUint32(b, uint32(n))
		}
		return b, nil
	case []float32:
		b = list(ggufFloat32, len(v))
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
		return b, nil
	case []byte:
		return append(list(ggufUint8, len(v)), v...), nil
	}
	return nil, fmt.Errorf("values of type %T are not written", value)
}

// encode returns the tensor's bytes.
func (t *GGUFTensor) encode() ([]byte, error) {
	if len(t.Shape) == 0 || len(t.Data) != product(t.Shape) {
		return nil, fmt.Errorf("%d numbers of shape %v", len(t.Data), t.Shape)
	}
	switch t.Type {
	case string(safetensors.F32):
		return safetensors.FromFloat32(t.Name, t.Shape, t.Data).Data, nil
	case string(safetensors.F16):
		return safetensors.ToF16(t.Name, t.Shape, t.Data).Data, nil
	}
	b, ok := blocks[t.Type]
	if !ok || b.encode == nil {
		return nil, fmt.Errorf("the type %q is not written", t.Type)
	}
	if t.Shape[len(t.Shape)-1]%b.numbers != 0 {
		return nil, fmt.Errorf("rows of shape %v do not consist of blocks of %d", t.Shape, b.numbers)
	}
	out := make([]byte, len(t.Data)/b.numbers*b.bytes)
	for i := range len(t.Data) / b.numbers {
		b.encode(out[i*b.bytes:(i+1)*b.bytes], t.Data[i*b.numbers:(i+1)*b.numbers])
	}
	return out, nil
}

// ToGGUF gives tensors that have the names and the layout of an architecture of the Hugging Face library those of GGUF:
// what opening such a file undoes. heads and keyHeads are those of queries and keys. Types are F32, for the caller to
// change.
func ToGGUF(architecture string, heads, keyHeads int, tensors []safetensors.Tensor) ([]GGUFTensor, error) {
	a, ok := ggufArchitectures[architecture]
	if !ok {
		return nil, fmt.Errorf("the architecture %q is not one of those in GGUF", architecture)
	}
	out := make([]GGUFTensor, 0, len(tensors))
	for _, t := range tensors {
		name, ok := t.Name, t.Name == ropeFactors
		if !ok {
			name, ok = a.ggufName(t.Name)
		}
		if !ok {
			return nil, fmt.Errorf("GGUF has no name for tensor %q of the architecture %s", t.Name, architecture)
		}
		data, err := t.Float32()
		if err != nil {
			return nil, err
		}
		g := GGUFTensor{Name: name, Shape: slices.Clone(t.Shape), Type: string(safetensors.F32), Data: data}
		switch a.layoutOf(name, len(t.Shape)) {
		case columnsFirst:
			g.Shape = []int{t.Shape[1], t.Shape[0]}
			g.Data = gathered(data, transposed(g.Shape[0], g.Shape[1]))
		case pairsOfQueries:
			g.Data, err = paired(data, t.Shape, heads)
		case pairsOfKeys:
			g.Data, err = paired(data, t.Shape, keyHeads)
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		out = append(out, g)
	}
	return out, nil
}

// ggufName is the reverse of rename.
func (a ggufArchitecture) ggufName(name string) (string, bool) {
	stem, ending, ok := cutLast(name, ".")
	if !ok {
		return "", false
	}
	for gguf, theirs := range a.global {
		if theirs == stem {
			return gguf + "." + ending, true
		}
	}
	number, part, ok := strings.Cut(strings.TrimPrefix(stem, a.layer+"."), ".")
	for gguf, theirs := range a.block {
		if ok && theirs == part && strings.HasPrefix(stem, a.layer+".") {
			return "blk." + number + "." + gguf + "." + ending, true
		}
	}
	return "", false
}

// paired puts the rows of a projection in the order that unpair takes them out of.
func paired(data []float32, shape []int, heads int) ([]float32, error) {
	if heads <= 0 || len(shape) == 0 || shape[0]%(2*heads) != 0 {
		return nil, fmt.Errorf("shape %v does not consist of %d heads", shape, heads)
	}
	half, width := shape[0]/(2*heads), product(shape[1:])
	return gathered(data, &view{
		sizes:   []int{heads, half, 2, width},
		strides: []int{2 * half * width, width, half * width, 1},
	}), nil
}

// gathered are numbers in a view's order.
func gathered(data []float32, v *view) []float32 {
	t := safetensors.FromFloat32("", []int{len(data)}, data)
	t.Data = v.gather(t.Data, 4)
	out, _ := t.Float32() // of F32 there is nothing to go wrong
	return out
}
