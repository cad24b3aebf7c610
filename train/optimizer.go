package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Optimizer changes weights along their gradients. Tables (nn.Params.AddTable) are updated lazily: rows without a
// gradient in a step keep their weights and moments, as PyTorch's SparseAdam does it.
type Optimizer interface {
	// Step updates all parameters that are not frozen. step counts from 0.
	Step(pool *parallel.Pool, step int, rate float64)
	// State is the optimiser's memory, by name; a checkpoint saves and restores it in place.
	State() map[string][]float32
}

// NewOptimizer returns the optimiser that c names, for parameters whose gradients are allocated.
func NewOptimizer(c Config, params *nn.Params) Optimizer {
	n := len(params.Values())
	if c.Optimizer == "sgd" {
		return &sgd{params: params, momentum: float32(c.Momentum), decay: float32(c.WeightDecay), velocity: make([]float32, n)}
	}
	return &adam{
		params: params, decoupled: c.Optimizer == "adamw", decay: float32(c.WeightDecay),
		m: make([]float32, n), v: make([]float32, n),
	}
}

// adam is Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), in PyTorch's order of operations.
type adam struct {
	params    *nn.Params
	decoupled bool
	decay     float32
	m, v      []float32 // moments, in the order of the parameters' weights
}

const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

func (a *adam) State() map[string][]float32 {
	return map[string][]float32{"adam.m": a.m, "adam.v": a.v}
}

func (a *adam) Step(pool *parallel.Pool, step int, rate float64) {
	base := kernel.AdamW{
		Beta1: beta1, Beta2: beta2, Eps: epsilon,
		Correction1: float32(1 - math.Pow(beta1, float64(step+1))),
		Correction2: float32(1 - math.Pow(beta2, float64(step+1))),
	}
	each(a.params, pool, func(p *nn.Param, at, lo, hi int) {
		k := base
		k.LR = float32(rate) * relative(p)
		g := p.Grad[lo:hi]
		if p.Decay && a.decay > 0 {
			if a.decoupled {
				k.WeightDecay = a.decay
			} else {
				kernel.Axpy(a.decay, p.Data[lo:hi], g)
			}
		}
		k.Step(p.Data[lo:hi], g, a.m[at+lo:at+hi], a.v[at+lo:at+hi])
	})
}

// sgd is stochastic gradient descent with momentum as PyTorch has it: v = μ·v + g, w = w − rate·v, with coupled
// weight decay.
type sgd struct {
	params          *nn.Params
	momentum, decay float32
	velocity        []float32
}

func (s *sgd) State() map[string][]float32 { return map[string][]float32{"sgd.velocity": s.velocity} }

func (s *sgd) Step(pool *parallel.Pool, _ int, rate float64) {
	each(s.params, pool, func(p *nn.Param, at, lo, hi int) {
		g, v := p.Grad[lo:hi], s.velocity[at+lo:at+hi]
		if p.Decay && s.decay > 0 {
			kernel.Axpy(s.decay, p.Data[lo:hi], g)
		}
		kernel.Scale(s.momentum, v)
		kernel.Add(v, g)
		kernel.Axpy(-float32(rate)*relative(p), v, p.Data[lo:hi])
	})
}

// relative is p's learning rate as a multiple of the training's.
func relative(p *nn.Param) float32 { return cmp.Or(p.Rate, 1) }

// each calls update for ranges [lo, hi) of every trained parameter's weights that have a gradient; at is where the
// parameter begins among the values of params.
func each(params *nn.Params, pool *parallel.Pool, update func(p *nn.Param, at, lo, hi int)) {
	at := 0
	for _, p := range params.All() {
		switch {
		case p.Grad == nil:
			continue
		case p.Frozen:
		case p.Rows == nil:
			pool.For(p.Size(), 1<<14, func(lo, hi int) { update(p, at, lo, hi) })
		default:
			w, rows := p.Width(), p.Rows.List()
			pool.For(len(rows), 1+(1<<12)/w, func(lo, hi int) {
				for _, r := range rows[lo:hi] {
					update(p, at, int(r)*w, int(r+1)*w)
				}
			})
		}
		at += p.Size()
	}
}

// pieces are all gradients, in parts that workers share. Sums over them have one order for any number of workers.
type pieces struct {
	list [][]float32
	sums []float64
}

// pieceSize is the most numbers of a piece.
const pieceSize = 1 << 15

// collect lists the gradients of the parameters that are trained.
func (g *pieces) collect(params ...*nn.Params) {
	g.list = g.list[:0]
	for _, ps := range params {
		g.add(ps)
	}
}

func (g *pieces) add(params *nn.Params) {
	for _, p := range params.All() {
		switch {
		case p.Frozen:
		case p.Rows == nil:
			for grad := range slices.Chunk(p.Gradient(), pieceSize) {
				g.list = append(g.list, grad)
			}
		default:
			w := p.Width()
			for _, r := range p.Rows.List() {
				g.list = append(g.list, p.Grad[int(r)*w:int(r+1)*w])
			}
		}
	}
}

// each calls f for every piece.
func (g *pieces) each(pool *parallel.Pool, f func(i int, piece []float32)) {
	pool.For(len(g.list), 8, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f(i, g.list[i])
		}
	})
}

// norm returns the Euclidean norm of all gradients together.
func (g *pieces) norm(pool *parallel.Pool) float64 {
	g.sums = append(g.sums[:0], make([]float64, len(g.list))...)
	g.each(pool, func(i int, piece []float32) { g.sums[i] = kernel.SumSquares(piece) })
	sum := 0.0
	for _, s := range g.sums {
		sum += s
	}
	return math.Sqrt(sum)
}

// clip shortens the gradients to a norm of limit, as PyTorch's clip_grad_norm_ does it, given their norm.
func (g *pieces) clip(pool *parallel.Pool, norm, limit float64) {
	if limit <= 0 || norm <= limit {
		return
	}
	g.scale(pool, float32(limit/(norm+1e-6)))
}

func (g *pieces) scale(pool *parallel.Pool, factor float32) {
	g.each(pool, func(_ int, piece []float32) { kernel.Scale(factor, piece) })
}
