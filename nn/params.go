package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
)

// Param is a named weight array and its gradient.
type Param struct {
	Name   string
	Shape  []int
	Data   []float32 // row-major
	Grad   []float32 // nil until Params.AllocateGradients, and of weights that are not trained
	Rows   *RowSet   // for tables of which a batch touches a few rows: the rows whose gradient is not zero
	Frozen bool      // not trained
	Factor bool      // of a table: a layer multiplies with it as well, as one that scores the vocabulary does
	Still  int       // of a table: the first rows that are not trained
	Decay  bool      // weight decay applies: true for matrices, false for biases, norms and embeddings
	Rate   float32   // its learning rate, relative to the training's; 0 is 1
	Layer  int       // in a deep network: 1 for embeddings, from 2 on for layers, the lowest first; 0 for heads and for networks without layers

	Changes []*LowRank // of a matrix that a linear layer multiplies with: added to it

	Stored quant.Matrix // in fewer bits, for predictions; Data may be nil then: see stored.go
	Plain  bool         // read number by number, not by rows or as a factor of a product
	Limit  float32      // of a linear layer: with INT8, its inputs are whole numbers of one scale, from -Limit to Limit; 0: of a scale a row
	Fake   *Fake        // training computes as if it were in fewer bits: see fakequant.go

	Recurrent bool // multiplied with step by step

	init   Init
	sparse bool
	unset  bool            // nothing has flowed into Grad since ZeroGradients, which has not cleared it either; see Gradient
	packed *kernel.PackedB // transposed, for inference; see Params.Freeze
	inner  *kernel.PackedB // before it, where Stored is a product of two
}

// Gradient returns the gradient to add to, which is zero until something flows into it.
func (p *Param) Gradient() []float32 {
	g, fresh := p.gradient()
	if fresh {
		clear(g)
	}
	return g
}

// gradient returns the gradient, and whether it has to be set and not added to: its content is undefined then.
func (p *Param) gradient() (g []float32, fresh bool) {
	fresh, p.unset = p.unset, false
	return p.Grad, fresh
}

// touch notes that all rows of a table have a gradient: it served as the weights of a layer.
func (p *Param) touch() {
	if p.Rows == nil {
		return
	}
	for r := p.Still; r < p.Shape[0]; r++ {
		p.Rows.Insert(int32(r))
	}
}

// Size returns the number of weights.
func (p *Param) Size() int { return size(p.Shape) }

// Width returns the number of weights of one row, the product of all dimensions but the first.
func (p *Param) Width() int { return size(p.Shape[1:]) }

// Params is the set of a network's weights. They lie in one allocation, in the order in which they were added, so
// that an optimiser is one loop. Use: Add all, then Allocate (fresh weights) or Bind each (weights from a file).
type Params struct {
	list       []*Param
	byName     map[string]*Param
	data, grad []float32
}

// Init fills fresh weights from uniform random numbers in [0, 1).
type Init func(w []float32, shape []int, uniform func() float64)

// Add declares a weight array of the given shape, for example "classifier.weight" of [labels, hidden]. Names are
// unique; weight decay is on for arrays of two or more dimensions.
func (ps *Params) Add(name string, init Init, shape ...int) *Param {
	if ps.byName == nil {
		ps.byName = map[string]*Param{}
	}
	if ps.byName[name] != nil {
		panic("nn: parameter " + name + " declared twice")
	}
	p := &Param{Name: name, Shape: shape, Decay: len(shape) > 1, init: init}
	ps.list = append(ps.list, p)
	ps.byName[name] = p
	return p
}

// AddTable declares a table of rows of which a batch touches a few, as an embedding: its gradient is kept by rows
// and optimisers update only those. Weight decay is off.
func (ps *Params) AddTable(name string, init Init, rows, width int) *Param {
	p := ps.Add(name, init, rows, width)
	p.sparse, p.Decay = true, false
	return p
}

// All returns the parameters in the order of declaration.
func (ps *Params) All() []*Param { return ps.list }

// Get returns the parameter of that name, or nil.
func (ps *Params) Get(name string) *Param { return ps.byName[name] }

// Count returns the number of weights of all parameters.
func (ps *Params) Count() int {
	n := 0
	for _, p := range ps.list {
		n += p.Size()
	}
	return n
}

// Layers returns the highest Param.Layer.
func (ps *Params) Layers() int {
	top := 0
	for _, p := range ps.list {
		top = max(top, p.Layer)
	}
	return top
}

// Lowest returns the lowest Param.Layer of which something is trained; above all layers where nothing is.
func (ps *Params) Lowest() int {
	lowest := math.MaxInt
	for _, p := range ps.list {
		if p.Layer > 0 && !p.Frozen {
			lowest = min(lowest, p.Layer)
		}
	}
	return lowest
}

// Dense returns the number of weights that take part in every pass, which tables' do not.
func (ps *Params) Dense() int {
	n := 0
	for _, p := range ps.list {
		if !p.sparse {
			n += p.Size()
		}
	}
	return n
}

// Allocate gives every parameter its memory and fresh weights, which follow from seed and the parameter's name: they
// do not change when another parameter is added.
func (ps *Params) Allocate(seed uint64) {
	ps.data = make([]float32, ps.Count())
	at := 0
	for _, p := range ps.list {
		p.Data = ps.data[at : at+p.Size() : at+p.Size()]
		at += p.Size()
		ps.Draw(p, seed)
	}
}

// Draw gives one parameter fresh weights, those that Allocate would give it.
func (ps *Params) Draw(p *Param, seed uint64) {
	clear(p.Data)
	state := seed
	for _, c := range []byte(p.Name) {
		state = mix(state ^ uint64(c))
	}
	p.init(p.Data, p.Shape, func() float64 {
		state = mix(state)
		return float64(state>>11) / (1 << 53)
	})
}

// Bind uses data, which may be read-only memory of a mapped file, as the weights of the named parameter.
func (ps *Params) Bind(name string, shape []int, data []float32) error {
	p := ps.byName[name]
	switch {
	case p == nil:
		return fmt.Errorf("weight %q: the network has none of that name", name)
	case !slices.Equal(p.Shape, shape):
		return fmt.Errorf("weight %q: shape %v in the file, the network needs %v", name, shape, p.Shape)
	case len(data) != p.Size():
		return fmt.Errorf("weight %q: %d numbers for shape %v", name, len(data), shape)
	}
	p.Data = data
	return nil
}

// AllocateGradients prepares for training. Frozen weights of layers stay where they are, in a mapped file if they were
// bound to one, and get no gradients; all others lie in memory of their own from now on.
func (ps *Params) AllocateGradients() {
	ps.Widen()
	n := 0
	for _, p := range ps.list {
		if p.trainable() {
			n += p.Size()
		}
	}
	move := len(ps.data) != n
	if move {
		ps.data = make([]float32, n)
	}
	ps.grad = make([]float32, n)
	at := 0
	for _, p := range ps.list {
		p.packed, p.inner, p.Stored = nil, nil, nil
		if !p.trainable() {
			p.Grad, p.Rows = nil, nil
			continue
		}
		from, to := at, at+p.Size()
		if at = to; move {
			copy(ps.data[from:to], p.Data)
			p.Data = ps.data[from:to:to]
		}
		p.Grad = ps.grad[from:to:to]
		if p.sparse {
			p.Rows = NewRowSet(p.Shape[0])
		}
	}
}

// DropGradients lets go of what AllocateGradients has made, when a training has ended.
func (ps *Params) DropGradients() {
	ps.grad = nil
	for _, p := range ps.list {
		p.Grad, p.Rows = nil, nil
	}
}

// trainable tells whether a weight may change in a training: what is frozen outside of layers (a scale, a model beside
// the network) is fitted by other means.
func (p *Param) trainable() bool { return !p.Frozen || p.Layer == 0 }

// Values returns the weights that may change, as one slice in the order of declaration: all of them, or after
// AllocateGradients those that have gradients; nil when they are bound to a file.
func (ps *Params) Values() []float32 { return ps.data }

// Remove takes parameters out of the set. Their weights stay as they are.
func (ps *Params) Remove(gone ...*Param) {
	ps.list = slices.DeleteFunc(ps.list, func(p *Param) bool { return slices.Contains(gone, p) })
	for _, p := range gone {
		delete(ps.byName, p.Name)
	}
	ps.data, ps.grad = nil, nil
}

// ZeroGradients makes all gradients zero: of tables the rows that were touched, and of matrices when they are asked
// for, since most are set by one product.
func (ps *Params) ZeroGradients() {
	for _, p := range ps.list {
		if p.Rows == nil {
			if p.unset = len(p.Shape) > 1; !p.unset {
				clear(p.Grad)
			}
			continue
		}
		w := p.Width()
		for _, r := range p.Rows.List() {
			clear(p.Grad[int(r)*w : (int(r)+1)*w])
		}
		p.Rows.Reset()
	}
}

// Precision is that of matrix products: F32, BF16 or INT8 (see kernel.Precision). Sums, activations and norms are
// float32 in each.
type Precision = kernel.Precision

const (
	F32  = kernel.F32
	BF16 = kernel.BF16
	INT8 = kernel.INT8
)

// ParsePrecision returns the precision of that name: f32, bf16 or int8.
func ParsePrecision(name string) (Precision, error) {
	for p := F32; p <= INT8; p++ {
		if p.String() == name {
			return p, nil
		}
	}
	return F32, fmt.Errorf("unknown precision %q; there are f32, bf16 and int8", name)
}

// smallest is the least number of rows and of columns of a matrix that is worth less than float32: what is smaller,
// such as a layer of a few labels, costs no time and decides much.
const smallest = 16

// Freeze packs the matrices that layers multiply with, for predictions in a precision. Call it when no weight will
// change any more; the parameters are then safe for any number of tapes at once.
func (ps *Params) Freeze(precision Precision) {
	for _, p := range ps.list {
		if len(p.Shape) < 2 || p.sparse && !p.Factor {
			continue
		}
		use := precision
		if p.Shape[0] < smallest || p.Width() < smallest {
			use = F32
		}
		p.pack(use)
	}
}

// Reduced tells that predictions multiply with the matrix in less than float32; see Params.Freeze.
func (p *Param) Reduced() bool { return p.packed != nil && p.packed.Precision() != F32 }

// RowSet is a set of row numbers that is cleared in the time of its members.
type RowSet struct {
	list   []int32
	member []bool
}

// NewRowSet returns an empty set of rows out of [0, rows).
func NewRowSet(rows int) *RowSet { return &RowSet{member: make([]bool, rows)} }

// Insert adds a row.
func (s *RowSet) Insert(row int32) {
	if !s.member[row] {
		s.member[row] = true
		s.list = append(s.list, row)
	}
}

// List returns the rows in the order of insertion, a view.
func (s *RowSet) List() []int32 { return s.list }

// Reset empties the set.
func (s *RowSet) Reset() {
	for _, r := range s.list {
		s.member[r] = false
	}
	s.list = s.list[:0]
}

// Zeros leaves weights at 0.
func Zeros([]float32, []int, func() float64) {}

// Constant fills weights with c.
func Constant(c float32) Init {
	return func(w []float32, _ []int, _ func() float64) {
		for i := range w {
			w[i] = c
		}
	}
}

// Uniform draws from [-bound, bound).
func Uniform(bound float64) Init {
	return func(w []float32, _ []int, uniform func() float64) {
		for i := range w {
			w[i] = float32((2*uniform() - 1) * bound)
		}
	}
}

// Normal draws from a normal distribution of mean 0 (Box–Muller).
func Normal(deviation float64) Init {
	return func(w []float32, _ []int, uniform func() float64) {
		for i := range w {
			r := math.Sqrt(-2 * math.Log(1-uniform()))
			w[i] = float32(deviation * r * math.Cos(2*math.Pi*uniform()))
		}
	}
}

// Kaiming draws uniformly with variance gain²/fan-in (He et al. 2015); fan-in is the product of all dimensions but
// the first.
func Kaiming(gain float64) Init {
	return func(w []float32, shape []int, uniform func() float64) {
		Uniform(gain*math.Sqrt(3/float64(max(size(shape[1:]), 1))))(w, shape, uniform)
	}
}

// Xavier draws uniformly with variance 2/(fan-in + fan-out) (Glorot & Bengio 2010).
func Xavier(w []float32, shape []int, uniform func() float64) {
	in, out := size(shape[1:]), shape[0]
	Uniform(math.Sqrt(6/float64(max(in+out, 1))))(w, shape, uniform)
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
