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

// Var is a value on a tape: a matrix of [Rows, Cols] in row-major order, and the gradient of the loss with respect
// to it while training. It lives until the tape's next Begin.
type Var struct {
	Rows, Cols int
	Data       []float32
	Grad       []float32 // nil in inference
}

// Row returns row i of the data.
func (v *Var) Row(i int) []float32 { return v.Data[i*v.Cols : (i+1)*v.Cols] }

// Tape records a forward pass. It belongs to one goroutine; its operations spread over its pool of workers.
type Tape struct {
	arena    tensor.Arena
	pool     *parallel.Pool
	mode     Mode
	seed     uint64 // of dropout, for this step
	streams  uint64 // dropout masks drawn in this step
	backward []func()
	vars     []*Var
	used     int // of vars
	packs    []*kernel.PackedB
	packed   int // packs in use
}

// NewTape returns a tape whose operations run on pool; nil means the calling goroutine alone.
func NewTape(pool *parallel.Pool) *Tape { return &Tape{pool: pool} }

// Begin starts a pass and takes back the memory of the one before. The dropout masks of a training pass follow from
// seed and step alone, so that a resumed training draws the same.
func (t *Tape) Begin(mode Mode, seed uint64, step int) {
	t.arena.Reset()
	t.mode = mode
	t.seed = mix(seed ^ mix(uint64(step)))
	t.streams = 0
	clear(t.backward)
	t.backward = t.backward[:0]
	t.used, t.packed = 0, 0
}

// Backward adds the gradient of loss, a single number, to the gradients of all parameters it came from.
func (t *Tape) Backward(loss *Var) {
	if loss.Rows != 1 || loss.Cols != 1 {
		panic(fmt.Sprintf("nn: backward from a [%d, %d] value, not from a loss", loss.Rows, loss.Cols))
	}
	loss.Grad[0] = 1
	t.BackwardFrom()
}

// BackwardFrom runs the recorded backwards after the caller has set the gradients of some values himself.
func (t *Tape) BackwardFrom() {
	for i := len(t.backward) - 1; i >= 0; i-- {
		t.backward[i]()
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
func (t *Tape) Bytes() int64 { return t.arena.Bytes() }

func (t *Tape) training() bool { return t.mode == Training }

// record remembers how to propagate gradients through the operation that was just done.
func (t *Tape) record(backward func()) { t.backward = append(t.backward, backward) }

// value returns a new value of undefined content, with a zero gradient while training.
func (t *Tape) value(rows, cols int) *Var { return t.wrap(t.arena.Raw(rows*cols), rows, cols) }

func (t *Tape) wrap(data []float32, rows, cols int) *Var {
	if t.used == len(t.vars) {
		t.vars = append(t.vars, new(Var))
	}
	v := t.vars[t.used]
	t.used++
	*v = Var{Rows: rows, Cols: cols, Data: data}
	if t.training() {
		v.Grad = t.arena.Floats(rows * cols)
	}
	return v
}

// pack returns scratch for a packed matrix that lives until the next Begin.
func (t *Tape) pack() *kernel.PackedB {
	if t.packed == len(t.packs) {
		t.packs = append(t.packs, new(kernel.PackedB))
	}
	p := t.packs[t.packed]
	t.packed++
	return p
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
