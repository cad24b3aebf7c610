package quant

import (
	"math"
	"unsafe"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// bytes are whole numbers of [-127, 127] with a scale a row, symmetric about 0: what the int8 products multiply. A row
// that is widened and quantised again is the same.
type bytes struct {
	rows, width int
	data        []byte // int8
	scales      []float32
}

func newBytes(rows, width int, weights []float32) *bytes {
	b := &bytes{rows: rows, width: width, data: make([]byte, rows*width), scales: make([]float32, rows)}
	for i := range rows {
		b.scales[i] = kernel.QuantizeRow(signed(b.data[i*width:(i+1)*width]), weights[i*width:(i+1)*width])
	}
	return b
}

// signed sees bytes as whole numbers of [-128, 127].
func signed(data []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(data))), len(data))
}

func (b *bytes) Kind() Kind { return Int8 }

func (b *bytes) Row(dst []float32, row int) {
	scale := b.scales[row]
	for i, q := range signed(b.data[row*b.width : (row+1)*b.width]) {
		dst[i] = scale * float32(q)
	}
}

func (b *bytes) Tensors(name string) []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: name, DType: safetensors.I8, Shape: []int{b.rows, b.width}, Data: b.data},
		safetensors.FromFloat32(name+".scales", []int{b.rows}, b.scales),
	}
}

func (r *reader) bytes(rows, width int) Matrix {
	return &bytes{rows, width, r.tensor("", safetensors.I8, rows, width).Data, r.floats(".scales", safetensors.F32, rows)}
}

// nibbles are whole numbers of [-8, 7], two a byte, the first in the lower half; each group of a row has a scale, a half.
type nibbles struct {
	rows, width int
	data        []byte // [rows, (width+1)/2], each number + 8
	scales      []byte // halves, [rows, groups]
	wide        []float32
}

func groups(width int) int { return (width + Group - 1) / Group }

func newNibbles(rows, width int, weights []float32) *nibbles {
	n, each := &nibbles{rows: rows, width: width}, groups(width)
	scales := make([]float32, rows*each)
	for i := range scales {
		row, first := i/each, i%each*Group
		scales[i] = groupScale(weights[row*width+first : row*width+min(first+Group, width)])
	}
	n.setScales(toHalves(F16, scales))
	bytes := (width + 1) / 2
	n.data = make([]byte, rows*bytes)
	for row := range rows {
		for i, v := range weights[row*width : (row+1)*width] {
			q := byte(toNibble(v, n.wide[row*each+i/Group]) + 8)
			n.data[row*bytes+i/2] |= q << (i % 2 * 4)
		}
	}
	return n
}

func (n *nibbles) setScales(data []byte) {
	n.scales = data
	n.wide, _ = safetensors.Tensor{DType: safetensors.F16, Data: data}.Float32()
}

// toNibble is the whole number that stands for v.
func toNibble(v, scale float32) float32 {
	if scale == 0 {
		return 0
	}
	return min(max(nearest(v/scale), -8), 7)
}

// groupScale chooses the scale with the least squared error among some that begin with the one by which the number of
// the largest magnitude becomes -8.
func groupScale(x []float32) float32 {
	top := float32(0)
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(float64(top)) {
			top = v
		}
	}
	best, least := float32(0), math.Inf(1)
	for _, divisor := range []float32{-8, -7.5, -7, -8.5, -9, -10, 7} {
		scale, sum := top/divisor, 0.0
		for _, v := range x {
			d := float64(v - scale*toNibble(v, scale))
			sum += d * d
		}
		if sum < least {
			best, least = scale, sum
		}
	}
	return best
}

func (n *nibbles) Kind() Kind { return Int4 }

func (n *nibbles) Row(dst []float32, row int) {
	bytes, each := (n.width+1)/2, groups(n.width)
	data, scales := n.data[row*bytes:(row+1)*bytes], n.wide[row*each:(row+1)*each]
	for i := range n.width {
		q := int(data[i/2]>>(i%2*4)&15) - 8
		dst[i] = scales[i/Group] * float32(q)
	}
}

func (n *nibbles) Tensors(name string) []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: name, DType: safetensors.U8, Shape: []int{n.rows, (n.width + 1) / 2}, Data: n.data},
		{Name: name + ".scales", DType: safetensors.F16, Shape: []int{n.rows, groups(n.width)}, Data: n.scales},
	}
}

func (r *reader) nibbles(rows, width int) Matrix {
	n := &nibbles{rows: rows, width: width, data: r.tensor("", safetensors.U8, rows, (width+1)/2).Data}
	n.wide = r.floats(".scales", safetensors.F16, rows, groups(width))
	n.scales = r.tensor(".scales", safetensors.F16, rows, groups(width)).Data
	return n
}
