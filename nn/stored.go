package nn

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
)

// Weights in fewer bits (Param.Stored) serve predictions without being widened as a whole: tables are widened a row at
// a time where they are looked up, matrices once, when Freeze packs them. Their Data is nil. Whoever needs numbers to
// change or to write asks Floats, or Widen for all.

// Store keeps the weights in fewer bits, and only so: Data is nil afterwards, and predictions compute with what was kept.
// Params.Freeze has to follow.
func (p *Param) Store(m quant.Matrix) {
	p.Stored, p.Data, p.packed, p.inner = m, nil, nil, nil
	if !p.Storable() {
		p.Data = p.widened()
	}
}

// Storable tells that predictions read the weights by rows or as a factor of a product, which they can do as they are stored.
func (p *Param) Storable() bool { return !p.Plain && len(p.Shape) > 1 }

// StoredShape is the shape of the matrix that Stored has to be: rows, and the numbers of one.
func (p *Param) StoredShape() (rows, width int) { return p.Shape[0], p.Width() }

// Floats returns the weights in float32: Data, or a widened copy.
func (p *Param) Floats() []float32 {
	if p.Data != nil || p.Stored == nil {
		return p.Data
	}
	return p.widened()
}

func (p *Param) widened() []float32 {
	rows, width := p.StoredShape()
	return quant.Floats(p.Stored, rows, width)
}

// Widen gives every parameter its Data, for what changes or writes weights. Stored stays what it was.
func (ps *Params) Widen() {
	for _, p := range ps.list {
		p.Data = p.Floats()
	}
}

// pack lays a matrix out for products. A product of two is packed as two, so that both are multiplied with.
func (p *Param) pack(precision Precision) {
	p.packed, p.inner = new(kernel.PackedB), nil
	if f, ok := p.Stored.(*quant.Product); ok && p.Data == nil {
		p.inner = new(kernel.PackedB)
		p.inner.PackT(precision, p.Width(), f.Rank, quant.Floats(f.Down, f.Rank, p.Width()), p.Width())
		p.packed.PackT(precision, f.Rank, p.Shape[0], quant.Floats(f.Up, p.Shape[0], f.Rank), f.Rank)
		return
	}
	p.packed.PackT(precision, p.Width(), p.Shape[0], p.Floats(), p.Width())
	if precision == INT8 {
		p.packed.Bound(p.Limit)
	}
	if p.Recurrent || len(p.Shape) == 3 { // multiplied with at each step, or by each sequence of a convolution
		p.packed.Keep()
	}
}

// rowReader gives the rows of a table one at a time.
type rowReader struct {
	table   *Param
	scratch []float32 // nil where rows are views
}

func (p *Param) rows() rowReader {
	if p.Data != nil {
		return rowReader{table: p}
	}
	return rowReader{p, make([]float32, p.Width())}
}

// row is valid until the next one.
func (r rowReader) row(i int) []float32 {
	if r.scratch == nil {
		w := r.table.Width()
		return r.table.Data[i*w : (i+1)*w]
	}
	r.table.Stored.Row(r.scratch, i)
	return r.scratch
}

// Memory is how many bytes predictions keep for the weights. What is packed for products is read in place of what it was
// packed from.
func (p *Param) Memory() int64 {
	switch {
	case p.packed != nil && !p.sparse:
		return p.packed.Memory() + p.inner.Memory()
	case p.Data == nil && p.Stored != nil:
		return quant.Bytes(p.Stored) + p.packed.Memory()
	}
	return 4*int64(len(p.Data)) + p.packed.Memory()
}

// Thin tells that products with the weights may be made with two thin matrices: those of linear layers, and tables. Windows
// and recurrent layers multiply with theirs as a whole.
func (p *Param) Thin() bool { return len(p.Shape) == 2 && !p.Recurrent }
