package checkpoint

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// tensor is one array of a checkpoint: the bytes that a file holds, and how they are to be read.
type tensor struct {
	dtype  string // a safetensors type, or the name of a block type
	shape  []int
	stored []byte
	view   *view  // where the numbers lie in stored, if not in row-major order from its beginning
	scale  *scale // what stored whole numbers stand for, if they are quantised weights
}

// view walks over stored numbers in another order: number (i, j, …) lies at offset + i·strides[0] + j·strides[1] + ….
// Its sizes may divide a tensor's shape further; their product is the same. All are in numbers, not bytes.
type view struct {
	offset         int
	sizes, strides []int
}

// transposed is the view of a matrix [rows, columns] that is stored as [columns, rows].
func transposed(rows, columns int) *view {
	return &view{sizes: []int{rows, columns}, strides: []int{1, rows}}
}

// isRowMajor tells whether the view is the stored order itself.
func (v *view) isRowMajor() bool {
	step := 1
	for i := len(v.sizes) - 1; i >= 0; i-- {
		if v.sizes[i] != 1 && v.strides[i] != step {
			return false
		}
		step *= v.sizes[i]
	}
	return true
}

// gather copies numbers of size bytes in the view's order.
func (v *view) gather(stored []byte, size int) []byte {
	out := make([]byte, 0, size*product(v.sizes))
	var walk func(axis, at int)
	walk = func(axis, at int) {
		switch {
		case axis == len(v.sizes):
			out = append(out, stored[at*size:(at+1)*size]...)
		case axis == len(v.sizes)-1 && v.strides[axis] == 1:
			out = append(out, stored[at*size:(at+v.sizes[axis])*size]...)
		default:
			for i := range v.sizes[axis] {
				walk(axis+1, at+i*v.strides[axis])
			}
		}
	}
	if cap(out) > 0 {
		walk(0, v.offset)
	}
	return out
}

// bytes is the size of the tensor's numbers as they are stored.
func (t *tensor) bytes() int {
	if t.view != nil {
		return product(t.view.sizes) * safetensors.DType(t.dtype).Size()
	}
	return len(t.stored)
}

// plain returns the tensor in row-major order, blocks widened.
func (t *tensor) plain(name string) safetensors.Tensor {
	out := safetensors.Tensor{Name: name, DType: safetensors.DType(t.dtype), Shape: t.shape, Data: t.stored}
	if block, ok := blocks[t.dtype]; ok {
		out = safetensors.FromFloat32(name, t.shape, block.widen(t.stored))
	} else if t.scale != nil {
		out = safetensors.FromFloat32(name, t.shape, t.scale.widen(out))
	}
	if v := t.view; v != nil {
		size := out.DType.Size()
		if v.isRowMajor() {
			out.Data = out.Data[v.offset*size : (v.offset+product(v.sizes))*size]
		} else {
			out.Data = v.gather(out.Data, size)
		}
	}
	return out
}

// float32 returns the numbers in row-major order.
func (t *tensor) float32(name string) ([]float32, error) {
	return t.plain(name).Numbers()
}

// product is the number of elements of a shape that has been checked.
func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// checkShape returns the number of elements of a shape as a file gives it; no more than limit, which is at most
// what the file could hold.
func checkShape(dims []int64, limit int) (shape []int, elements int, err error) {
	elements = 1
	empty := false
	for _, d := range dims {
		if d < 0 {
			return nil, 0, fmt.Errorf("a negative dimension in shape %v", dims)
		}
		empty = empty || d == 0
	}
	for _, d := range dims {
		shape = append(shape, int(d))
		if empty {
			continue
		}
		if d > int64(limit/elements) {
			return nil, 0, fmt.Errorf("shape %v is larger than what the file holds", dims)
		}
		elements *= int(d)
	}
	if empty {
		elements = 0
	}
	return shape, elements, nil
}
