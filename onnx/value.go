package onnx

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// value is a tensor while a program runs. Its numbers are in one of the lists, by its type: f for Float (and Float16,
// which is computed in float32), b for Int8 and Uint8, i for all others. A value is never changed once it is made.
type value struct {
	typ   DType
	shape []int
	f     []float32
	i     []int64
	b     []byte

	shared bool // the numbers are another's, or are no longer counted
}

func (v *value) size() int { return volume(v.shape) }

func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// view is v with another shape.
func (v *value) view(shape []int) *value {
	w := *v
	w.shape, w.shared = shape, true
	return &w
}

// weight makes a value of a tensor of the file.
func weight(t *Tensor) *value {
	v := &value{typ: t.Type, shape: make([]int, len(t.Dims))}
	for i, d := range t.Dims {
		v.shape[i] = int(d)
	}
	n := v.size()
	switch t.Type {
	case Float:
		v.f = make([]float32, n)
		for i := range v.f {
			v.f[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*i:]))
		}
	case Float16:
		half := make([]uint16, n)
		for i := range half {
			half[i] = binary.LittleEndian.Uint16(t.Raw[2*i:])
		}
		v.typ, v.f = Float, make([]float32, n)
		kernel.FromF16(v.f, half)
	case Int64:
		v.i = make([]int64, n)
		for i := range v.i {
			v.i[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
		}
	case Int32:
		v.i = make([]int64, n)
		for i := range v.i {
			v.i[i] = int64(int32(binary.LittleEndian.Uint32(t.Raw[4*i:])))
		}
	case Bool:
		v.i = make([]int64, n)
		for i := range v.i {
			v.i[i] = int64(min(t.Raw[i], 1))
		}
	default:
		v.b = t.Raw
	}
	return v
}

// at is number j of a list of 8 bits.
func (v *value) at(j int) int32 {
	if v.typ == Int8 {
		return int32(int8(v.b[j]))
	}
	return int32(v.b[j])
}

// ints returns whole numbers, those of 8 bits included.
func (v *value) ints() ([]int64, error) {
	switch v.typ {
	case Int64, Int32, Bool:
		return v.i, nil
	case Int8, Uint8:
		out := make([]int64, len(v.b))
		for j := range out {
			out[j] = int64(v.at(j))
		}
		return out, nil
	}
	return nil, malformed("fractions where whole numbers belong")
}

// floats returns the numbers of a value that must be fractions.
func (v *value) floats() ([]float32, error) {
	if v.typ != Float {
		return nil, malformed("whole numbers where fractions belong")
	}
	return v.f, nil
}

// axis returns a dimension that may be counted from the end; room is 1 where one behind the last is meant as well.
func axis(a int64, rank, room int) (int, error) {
	if a < 0 {
		a += int64(rank + room)
	}
	if a < 0 || a >= int64(rank+room) {
		return 0, malformed("dimension %d of %d", a, rank)
	}
	return int(a), nil
}

// axes are several dimensions, rising.
func axes(list []int64, rank, room int) ([]int, error) {
	out := make([]int, len(list))
	for i, a := range list {
		var err error
		if out[i], err = axis(a, rank, room); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) != len(out) {
		return nil, malformed("a dimension is named twice in %v", list)
	}
	return out, nil
}

// strides of a row-major layout.
func strides(shape []int) []int {
	out := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = n
		n *= shape[i]
	}
	return out
}

// walk visits the rows (runs of the last dimension) of a tensor of a shape, and tells where each begins in arrays of
// other strides. do gets a place in each of them and the length of the row.
func walk(shape []int, steps [][]int, do func(at []int, n int)) {
	if volume(shape) == 0 {
		return
	}
	last := len(shape) - 1
	at := make([]int, len(steps))
	if last < 0 {
		do(at, 1)
		return
	}
	index := make([]int, last)
	for {
		do(at, shape[last])
		d := last - 1
		for ; d >= 0; d-- {
			index[d]++
			for k, s := range steps {
				at[k] += s[d]
			}
			if index[d] < shape[d] {
				break
			}
			for k, s := range steps {
				at[k] -= s[d] * shape[d]
			}
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// broadcast is the shape of two that go together.
func broadcast(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		at := len(a) - len(b) + i
		switch {
		case out[at] == d || d == 1:
		case out[at] == 1:
			out[at] = d
		default:
			return nil, malformed("shapes %v and %v do not go together", a, b)
		}
	}
	return out, nil
}

// stepsTo are the strides of an array of a shape where it is spread to another.
func stepsTo(shape, to []int) []int {
	out, own := make([]int, len(to)), strides(shape)
	for i, d := range shape {
		if d > 1 {
			out[len(to)-len(shape)+i] = own[i]
		}
	}
	return out
}
