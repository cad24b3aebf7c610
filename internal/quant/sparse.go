package quant

import (
	"math/bits"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// sparse are the numbers of a matrix that are not zero, as whole numbers with a scale a row, and a bit a number that
// tells where they are.
type sparse struct {
	rows, width int
	bits        []byte // [rows, (width+7)/8], the first number in the lowest bit
	values      []byte // int8, row by row
	scales      []float32
	starts      []int32 // of the rows in values
}

func newSparse(rows, width int, weights []float32) *sparse {
	s := &sparse{rows: rows, width: width, bits: make([]byte, rows*((width+7)/8)), scales: make([]float32, rows)}
	ints := make([]int8, width)
	for i := range rows {
		row := weights[i*width : (i+1)*width]
		s.scales[i] = kernel.QuantizeRow(ints, row)
		for j, q := range ints {
			if q != 0 {
				s.bits[i*((width+7)/8)+j/8] |= 1 << (j % 8)
				s.values = append(s.values, byte(q))
			}
		}
	}
	s.count()
	return s
}

// count finds where rows begin and returns how many values there are.
func (s *sparse) count() int {
	s.starts = make([]int32, s.rows)
	n, bytes := 0, (s.width+7)/8
	for i := range s.rows {
		s.starts[i] = int32(n)
		for _, b := range s.bits[i*bytes : (i+1)*bytes] {
			n += bits.OnesCount8(b)
		}
	}
	return n
}

func (s *sparse) Kind() Kind { return Sparse }

func (s *sparse) Row(dst []float32, row int) {
	bytes, at, scale := (s.width+7)/8, int(s.starts[row]), s.scales[row]
	clear(dst[:s.width])
	for k, b := range s.bits[row*bytes : (row+1)*bytes] {
		for ; b != 0; b &= b - 1 {
			dst[8*k+bits.TrailingZeros8(b)] = scale * float32(int8(s.values[at]))
			at++
		}
	}
}

func (s *sparse) Tensors(name string) []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: name, DType: safetensors.I8, Shape: []int{len(s.values)}, Data: s.values},
		{Name: name + ".bits", DType: safetensors.U8, Shape: []int{s.rows, (s.width + 7) / 8}, Data: s.bits},
		safetensors.FromFloat32(name+".scales", []int{s.rows}, s.scales),
	}
}

func (r *reader) sparse(rows, width int) Matrix {
	s := &sparse{rows: rows, width: width, bits: r.tensor(".bits", safetensors.U8, rows, (width+7)/8).Data, scales: r.floats(".scales", safetensors.F32, rows)}
	if r.err != nil {
		return nil
	}
	if rest := width % 8; rest > 0 {
		for i := range rows {
			if s.bits[(i+1)*((width+7)/8)-1]>>rest != 0 {
				r.fail("row %d has numbers beyond its width of %d", i, width)
				return nil
			}
		}
	}
	s.values = r.tensor("", safetensors.I8, s.count()).Data
	return s
}
