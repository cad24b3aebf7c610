package quant

import (
	"encoding/binary"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// halves are numbers of 16 bits.
type halves struct {
	kind        Kind
	rows, width int
	data        []byte
}

func newHalves(kind Kind, rows, width int, weights []float32) *halves {
	return &halves{kind, rows, width, toHalves(kind, weights)}
}

// toHalves rounds to 16 bits. What is beyond the largest half becomes that one.
func toHalves(kind Kind, weights []float32) []byte {
	const most = 65504
	words := make([]uint16, len(weights))
	if kind == BF16 {
		kernel.ToBF16(words, weights)
	} else {
		bounded := make([]float32, len(weights))
		for i, v := range weights {
			bounded[i] = min(max(v, -most), most)
		}
		kernel.ToF16(words, bounded)
	}
	data := make([]byte, 0, 2*len(words))
	for _, w := range words {
		data = binary.LittleEndian.AppendUint16(data, w)
	}
	return data
}

func (h *halves) Kind() Kind { return h.kind }

func (h *halves) dtype() safetensors.DType {
	if h.kind == BF16 {
		return safetensors.BF16
	}
	return safetensors.F16
}

func (h *halves) Row(dst []float32, row int) {
	t := safetensors.Tensor{DType: h.dtype(), Data: h.data[2*row*h.width : 2*(row+1)*h.width]}
	values, err := t.Float32()
	if err == nil {
		copy(dst, values)
	}
}

func (h *halves) Tensors(name string) []safetensors.Tensor {
	return []safetensors.Tensor{{Name: name, DType: h.dtype(), Shape: []int{h.rows, h.width}, Data: h.data}}
}

func (r *reader) halves(kind Kind, rows, width int) Matrix {
	h := &halves{kind: kind, rows: rows, width: width}
	t := r.tensor("", h.dtype(), rows, width)
	h.data = t.Data
	if r.err == nil {
		if err := t.CheckFinite(); err != nil {
			r.fail("%v", err)
		}
	}
	return h
}
