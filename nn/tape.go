// Package nn holds the differentiable operations that networks are made of, on packed sequences without padding.
//
// A [Tape] is the state of one worker: it owns the memory of a forward pass and, while training, remembers the
// backward of each operation. Weights are shared and live apart in [Params]. A network is plain Go that calls
// operations in order:
//
//	t.Begin(nn.Training, seed, step)
//	x := t.Embedding(emb, batch.IDs)               // [tokens, dim]
//	h := t.ConvMax(x, batch.Offsets, convs, nn.ReLU) // [sequences, filters]
//	y := t.Linear(h, w, b, nn.Identity)            // [sequences, labels]
//	loss := t.CrossEntropy(y, targets, nn.CrossEntropy{})
//	t.Backward(loss)                               // gradients are in the parameters now
//
// Prediction is the same code after Begin([Inference], 0, 0): nothing is recorded, dropout does nothing, and memory is reused
// from call to call. Every operation is one forward with its hand-written backward directly beside it; each is
// checked against finite differences and against PyTorch's results.
//
// Operations panic on shapes that do not fit, which only a faulty network can cause: whatever comes from outside is
// checked before it gets here (tensor.Packed.Check, model loading).
package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Mode says what a pass is for.
type Mode uint8

const (
	Inference Mode = iota // no gradients, no dropout
	Training              // gradients are recorded
)

// Var is a value on a tape: a matrix of [Rows, Cols] in row-major order, and in the backward pass the gradient of the
// loss with respect to it. It lives until the tape's next Begin; the gradient of what an operation made, until that
// operation's backward has used it.
type Var struct {
	Rows, Cols int
	Data       []float32
	Grad       []float32 // nil until something flows back
	tape       *Tape
}

// Gradient returns the gradient to add to: zeros at first.
func (v *Var) Gradient() []float32 {
	g, fresh := v.gradient()
	if fresh {
		clear(g)
	}
	return g
}

// gradient returns the gradient, and whether this is the first to flow into it: then its content is undefined, and has
// to be set and not added to.
func (v *Var) gradient() (g []float32, fresh bool) {
	if v.Grad == nil {
		v.Grad, fresh = v.tape.gradients.take(len(v.Data)), true
	}
	return v.Grad, fresh
}

// addGradient adds g.
func (v *Var) addGradient(g []float32) {
	sum, fresh := v.gradient()
	v.tape.pool.For(len(g), 1<<15, func(lo, hi int) {
		if fresh {
			copy(sum[lo:hi], g[lo:hi])
		} else {
			kernel.Add(sum[lo:hi], g[lo:hi])
		}
	})
}

// passGradient adds v's gradient, which is not used any more, to x's, or makes it x's.
func (v *Var) passGradient(x *Var) {
	if x.Grad == nil {
		x.Grad, v.Grad = v.Grad, nil
	} else {
		x.addGradient(v.Grad)
	}
}

// Row returns row i of the data.
func (v *Var) Row(i int) []float32 { return v.Data[i*v.Cols : (i+1)*v.Cols] }

// Tape records a forward pass. It belongs to one goroutine; its operations spread over its pool of workers.
type Tape struct {
	// Precision of the products while training; Params.Freeze decides it for prediction.
	Precision kernel.Precision
	// Recompute lets a training pass keep no more than the ends of the parts of a network: see Checkpoint.
	Recompute bool
	// Watch, where it is not nil, sees what enters each linear layer in inference.
	Watch func(w *Param, x []float32)
	// Whole leaves dropout out while training: gradients are those of what the network says when it predicts.
	Whole bool

	arena     tensor.Arena
	pool      *parallel.Pool
	mode      Mode
	still     bool
	seed      uint64   // of dropout, for this step
	streams   uint64   // dropout masks drawn in this step
	fakes     []*Param // see Fakes
	nodes     []node
	vars      []*Var
	used      int // of vars
	gradients buffers
	packs     reused[kernel.PackedB]
	attends   reused[attention]
	cached    reused[cachedAttention]
	norms     reused[layerNorm]
	sparses   reused[Sparse]
	convs     reused[convForward]
	runs      reused[recurrence]
}

// node is an operation of a training pass: its results and its backward.
type node struct {
	results  [2]*Var
	backward func()
}

// NewTape returns a tape whose operations run on pool; nil means the calling goroutine alone.
func NewTape(pool *parallel.Pool) *Tape { return &Tape{pool: pool} }

// Use makes operations run on another pool, nil for the calling goroutine alone. Call it between passes.
func (t *Tape) Use(pool *parallel.Pool) { t.pool = pool }

// Begin starts a pass and takes back the memory of the one before. The dropout masks of a training pass follow from
// seed and step alone, so that a resumed training draws the same.
func (t *Tape) Begin(mode Mode, seed uint64, step int) {
	t.arena.Reset()
	if t.unfake(); mode == Training {
		t.fake()
	}
	t.mode, t.still = mode, false
	t.seed = mix(seed ^ mix(uint64(step)))
	t.streams = 0
	clear(t.nodes)
	t.nodes = t.nodes[:0]
	t.dropVars(0)
	for _, n := range t.inUse() {
		*n = 0
	}
}

// dropVars forgets the values from the n-th on.
func (t *Tape) dropVars(n int) {
	for _, v := range t.vars[n:t.used] {
		t.gradients.put(v.Grad)
		v.Grad = nil
	}
	t.used = n
}

// Backward adds the gradient of loss, a single number, to the gradients of all parameters it came from.
func (t *Tape) Backward(loss *Var) {
	if loss.Rows != 1 || loss.Cols != 1 {
		panic(fmt.Sprintf("nn: backward from a [%d, %d] value, not from a loss", loss.Rows, loss.Cols))
	}
	loss.Gradient()[0] = 1
	t.BackwardFrom()
}

// BackwardFrom runs the recorded backwards after the caller has set the gradients of some values himself. Operations
// whose results have no gradient are passed over.
func (t *Tape) BackwardFrom() {
	t.backwardTo(0)
	t.unfake()
}

// backwardTo runs the backwards of the operations from number first on.
func (t *Tape) backwardTo(first int) {
	for i := len(t.nodes) - 1; i >= first; i-- {
		n := &t.nodes[i]
		if n.results[0].Grad == nil && (n.results[1] == nil || n.results[1].Grad == nil) {
			continue
		}
		for _, v := range n.results {
			if v != nil {
				v.Gradient()
			}
		}
		n.backward()
		for _, v := range n.results {
			if v != nil {
				t.gradients.put(v.Grad)
				v.Grad = nil
			}
		}
	}
}

// Input puts data from outside on the tape, without copying. Its gradient is computed while training.
func (t *Tape) Input(data []float32, rows, cols int) *Var {
	if len(data) != rows*cols {
		panic(fmt.Sprintf("nn: input of %d numbers is not [%d, %d]", len(data), rows, cols))
	}
	return t.wrap(data, rows, cols)
}

// Bytes returns the scratch memory that the tape holds.
func (t *Tape) Bytes() int64 { return t.arena.Bytes() + t.gradients.bytes() }

func (t *Tape) training() bool { return t.mode == Training && !t.still }

// record remembers how to propagate gradients through the operation that made y, and perhaps a second result.
func (t *Tape) record(y, second *Var, backward func()) {
	t.nodes = append(t.nodes, node{[2]*Var{y, second}, backward})
}

// value returns a new value of undefined content.
func (t *Tape) value(rows, cols int) *Var { return t.wrap(t.arena.Raw(rows*cols), rows, cols) }

func (t *Tape) wrap(data []float32, rows, cols int) *Var {
	if t.used == len(t.vars) {
		t.vars = append(t.vars, new(Var))
	}
	v := t.vars[t.used]
	t.used++
	*v = Var{Rows: rows, Cols: cols, Data: data, tape: t}
	return v
}

// replacing returns a copy of x to be changed, or in inference a value in x's place.
func (t *Tape) replacing(x *Var) *Var {
	if !t.training() {
		return t.wrap(x.Data, x.Rows, x.Cols)
	}
	y := t.value(x.Rows, x.Cols)
	copy(y.Data, x.Data)
	return y
}

// serial tells that there is one worker. Operations then call their loop as it is: a function handed to other
// goroutines would have to be allocated.
func (t *Tape) serial() bool { return t.pool.Workers() == 1 }

// Mark returns the present place in the tape's memory, for Rewind.
func (t *Tape) Mark() tensor.Mark { return t.arena.Mark() }

// Rewind frees in inference what was made since the mark, so that one layer after the other works in the same memory,
// still in cache. While training it does nothing: the backward needs it all.
func (t *Tape) Rewind(m tensor.Mark) {
	if !t.training() {
		t.arena.Rewind(m)
	}
}

// Still makes what follows work as in inference, also while training, until it is called with false: nothing is
// recorded, and no gradient flows below. It is for the part of a network of which nothing is trained.
func (t *Tape) Still(on bool) { t.still = on }

// Ints returns a copy of x that lives until the next Begin.
func (t *Tape) Ints(x []int32) []int32 {
	out := t.arena.RawInts(len(x))
	copy(out, x)
	return out
}

// Zeros returns n zeros that live until the next Begin.
func (t *Tape) Zeros(n int) []int32 { return t.arena.Ints(n) }

// Positions returns the place of each token in its sequence, [tokens].
func (t *Tape) Positions(offsets []int32) []int32 {
	if len(offsets) == 0 {
		return nil
	}
	places := t.arena.RawInts(int(offsets[len(offsets)-1]))
	for s := range len(offsets) - 1 {
		for i := offsets[s]; i < offsets[s+1]; i++ {
			places[i] = i - offsets[s]
		}
	}
	return places
}

// reused are objects that live until the next Begin and serve again after it.
type reused[T any] struct {
	list []*T
	used int
}

func (r *reused[T]) next() *T {
	if r.used == len(r.list) {
		r.list = append(r.list, new(T))
	}
	r.used++
	return r.list[r.used-1]
}

// inUse tells how many reused objects of each kind are in use.
func (t *Tape) inUse() [7]*int {
	return [...]*int{&t.packs.used, &t.attends.used, &t.cached.used, &t.norms.used, &t.sparses.used, &t.convs.used, &t.runs.used}
}

// grain returns how many rows make a part worth handing to another worker, where a row costs so many operations.
func grain(opsPerRow int) int { return 1 + (1<<17)/max(opsPerRow, 1) }

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters nearby numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
