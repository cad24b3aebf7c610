package quant

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Product is a matrix as the product of Up, [rows, Rank], and Down, [Rank, width].
type Product struct {
	Rank     int
	Up, Down Matrix
	width    int
	down     []float32 // Down in floats: every row of the product needs all of it
}

// Factor keeps of a matrix the product of rank that is nearest to it, by its singular value decomposition (Eckart & Young
// 1936). The root of each singular value goes to either side.
func Factor(rows, width, rank int, weights []float32) (*Product, error) {
	if rank < 1 || rank > min(rows, width) || len(weights) != rows*width {
		return nil, fmt.Errorf("factors of rank %d of a matrix of [%d, %d]", rank, rows, width)
	}
	up, down := decompose(rows, width, rank, weights)
	p := &Product{Rank: rank, Up: newBytes(rows, rank, up), Down: newBytes(rank, width, down), width: width}
	p.down = Floats(p.Down, rank, width)
	return p, nil
}

// Kind is LowRank.
func (p *Product) Kind() Kind { return LowRank }

// Row multiplies a row of Up with Down.
func (p *Product) Row(dst []float32, row int) {
	factors := make([]float32, p.Rank)
	p.Up.Row(factors, row)
	clear(dst[:p.width])
	for k, f := range factors {
		kernel.Axpy(f, p.down[k*p.width:(k+1)*p.width], dst[:p.width])
	}
}

// Tensors are those of the two factors.
func (p *Product) Tensors(name string) []safetensors.Tensor {
	return append(p.Up.Tensors(name+".up"), p.Down.Tensors(name+".down")...)
}

func (r *reader) factors(rows, width int) Matrix {
	rank := r.tensor(".down", safetensors.I8, -1, width).Shape[0]
	if r.err == nil && (rank < 1 || rank > min(rows, width)) {
		r.fail("factors of rank %d", rank)
	}
	if r.err != nil {
		return nil
	}
	p := &Product{Rank: rank, width: width}
	name := r.name
	r.name = name + ".up"
	p.Up = r.bytes(rows, rank)
	r.name = name + ".down"
	p.Down = r.bytes(rank, width)
	if r.err == nil {
		p.down = Floats(p.Down, rank, width)
	}
	return p
}
