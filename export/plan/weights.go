package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Matrix is a weight of [rows, columns].
type Matrix struct {
	Name          string // of the parameter
	Rows, Columns int
	Floats        []float32 // nil where there are whole numbers
	Whole         []int8    // nil where there are floats
	Scales        []float32 // of each row of Whole; with ByColumn of each column
	ByColumn      bool
	Codes         *Codes // in place of both
}

// Codes are numbers of centroids (product quantisation): a row is cut into parts, and each part is one of Each centroids.
type Codes struct {
	Part, Each int
	Data       []byte    // [rows, parts]
	Centroids  []float32 // [parts, each, part]
}

// Numbers is how many weights the matrix stands for.
func (m *Matrix) Numbers() int { return m.Rows * m.Columns }

// Matrix returns the weight of that name, nil if there is none.
func (p *Plan) Matrix(name string) *Matrix {
	for _, m := range p.Matrices {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// weights lays the parameters out. Vectors stay floats: biases, and what is looked up by feature.
func (p *Plan) weights() error {
	if p.Family() == "ngram" {
		if err := p.grams(); err != nil {
			return err
		}
	}
	for _, q := range p.Model.Params.All() {
		if p.Matrix(q.Name) != nil || q.Name == "ngram.idf" {
			continue
		}
		rows, columns := 1, q.Size()
		if len(q.Shape) > 1 {
			rows = q.Shape[0]
			columns = q.Size() / rows
		}
		m := &Matrix{Name: q.Name, Rows: rows, Columns: columns, Floats: q.Floats()}
		if p.Int8 && len(q.Shape) > 1 {
			m.round(p.Family() == "dwcnn" && q.Plain)
		}
		p.Matrices = append(p.Matrices, m)
	}
	for _, m := range p.Matrices {
		if i := slices.IndexFunc(m.Floats, func(v float32) bool { return v-v != 0 }); i >= 0 {
			return fmt.Errorf("weight %q: number %d is %v", m.Name, i, m.Floats[i])
		}
	}
	return nil
}

// round turns floats into whole numbers from -127 to 127 times a scale for each row, or for each column.
func (m *Matrix) round(byColumn bool) {
	m.ByColumn, m.Scales = byColumn, make([]float32, m.Rows)
	if byColumn {
		m.Scales = make([]float32, m.Columns)
	}
	scale := func(i int) *float32 {
		if byColumn {
			return &m.Scales[i%m.Columns]
		}
		return &m.Scales[i/m.Columns]
	}
	for i, v := range m.Floats {
		*scale(i) = max(*scale(i), v, -v)
	}
	for i := range m.Scales {
		m.Scales[i] = max(m.Scales[i]/127, 1e-30)
	}
	m.Whole = make([]int8, len(m.Floats))
	for i, v := range m.Floats {
		m.Whole[i] = int8(math.RoundToEven(float64(v / *scale(i))))
	}
	m.Floats = nil
}

// Grams is how n-grams are found and what they count.
type Grams struct {
	Width  int    // bytes of a fingerprint
	Counts []byte // features of each bucket; a power of two of them
	First  []uint32
	Prints []byte
	// Values of features, where they have some: float32, or whole numbers times a scale.
	Floats []float32
	Whole  []uint16
	Scale  float32
}

// bucketStride is how many buckets have a number of their own in Grams.First.
const bucketStride = 64

// grams lays out the table of n-grams, and the weights in its order.
func (p *Plan) grams() error {
	t, err := p.Model.GramTable()
	if err != nil {
		return err
	}
	g := &Grams{Width: t.Width, Counts: t.Counts, Prints: t.Prints}
	n := uint32(0)
	for i, c := range t.Counts {
		if i%bucketStride == 0 {
			g.First = append(g.First, n)
		}
		n += uint32(c)
	}
	p.Grams = g
	if w := p.Model.Config.NGram.Weighting; w == "nb" || w == "tfidf" {
		g.values(pick(p.Model.Params.Get("ngram.idf").Floats(), 1, t.Order), p.Int8)
	}
	w := p.Model.Params.Get("classifier.weight")
	m := &Matrix{Name: w.Name, Rows: len(t.Order), Columns: w.Width()}
	if w.Stored != nil && w.Stored.Kind() == quant.PQ && straight(t.Order) {
		m.Codes = codesOf(w)
	} else {
		m.Floats = pick(w.Floats(), w.Width(), t.Order)
		if p.Int8 {
			m.round(true)
		}
	}
	p.Matrices = append(p.Matrices, m)
	return nil
}

// values keeps what features count.
func (g *Grams) values(floats []float32, whole bool) {
	if !whole {
		g.Floats = floats
		return
	}
	g.Scale = max(slices.Max(floats)/math.MaxUint16, 1e-30)
	for _, v := range floats {
		g.Whole = append(g.Whole, uint16(math.RoundToEven(float64(max(v, 0)/g.Scale))))
	}
}

// pick returns rows in another order.
func pick(data []float32, width int, order []int32) []float32 {
	out := make([]float32, 0, len(order)*width)
	for _, i := range order {
		out = append(out, data[int(i)*width:int(i+1)*width]...)
	}
	return out
}

func straight(order []int32) bool {
	for i, v := range order {
		if int(v) != i {
			return false
		}
	}
	return true
}

// codesOf reads the codes of a weight that is kept as product quantisation.
func codesOf(w *nn.Param) *Codes {
	c := &Codes{}
	for _, t := range w.Stored.Tensors("") {
		switch t.DType {
		case safetensors.U8:
			c.Data = t.Data
		default:
			c.Each, c.Part = t.Shape[1], t.Shape[2]
			c.Centroids, _ = t.Float32() // a matrix that was read holds what it says
		}
	}
	return c
}
