package main

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// embedding are sentence embeddings by the shape of all-MiniLM-L6-v2, with fresh weights, of real texts in batches of
// 32: the mean of the last states.
func (b *bench) embedding(set string, threads int) ([]*contender, error) {
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	n, d := networks["b"], c.sorted(realBatches, 32)
	var all []*contender
	var exact [][]float32
	for _, precision := range b.precisions(true) {
		m, err := n.newModel(c.tok, []string{"a", "b"}, 1)
		if err != nil {
			return nil, err
		}
		if err := freeze(m, precision); err != nil {
			return nil, err
		}
		e := newEmbedder(m, d, threads)
		vectors := e.all()
		if exact == nil {
			exact = vectors
		}
		all = append(all, &contender{precision: precision, mode: fmt.Sprintf("least cosine to f32 %.4f", least(vectors, exact)),
			run: timed(realBatches, e.next), close: e.pool.Close})
	}
	s := b.spec("infer", n, c.tok.VocabSize(), d, realBatches)
	s.Embedder = true
	all, err = b.with(all, s, "peer_ort.py", threads, []string{"plain", "fused"}, []string{"f32", "int8"})
	if err != nil {
		return nil, err
	}
	return b.with(all, s, "peer_torch.py", threads, []string{"eager"}, b.torchPrecisions())
}

// embedder computes the states of batches in turn.
type embedder struct {
	model  *model.Model
	tape   *nn.Tape
	pool   *parallel.Pool
	inputs []model.Input
	at     int
}

func newEmbedder(m *model.Model, d *batches, threads int) *embedder {
	pool := parallel.New(threads)
	e := &embedder{model: m, tape: nn.NewTape(pool), pool: pool, inputs: make([]model.Input, len(d.ids))}
	for i, batch := range d.ids {
		for _, ids := range batch {
			e.inputs[i].Tokens.Append(ids)
		}
	}
	return e
}

func (e *embedder) states() *nn.Var {
	e.tape.Begin(nn.Inference, 0, 0)
	in := &e.inputs[e.at%len(e.inputs)]
	e.at++
	return e.model.Network.Forward(e.tape, in).Dense
}

func (e *embedder) next() error {
	e.states()
	return nil
}

// all returns the embeddings of all texts.
func (e *embedder) all() [][]float32 {
	var vectors [][]float32
	for range e.inputs {
		h := e.states()
		for i := range h.Rows {
			vectors = append(vectors, append([]float32(nil), h.Row(i)...))
		}
	}
	return vectors
}

// least returns the smallest cosine between vectors of the same text.
func least(x, y [][]float32) float64 {
	found := 1.0
	for i := range x {
		found = min(found, float64(kernel.Dot(x[i], y[i]))/math.Sqrt(kernel.SumSquares(x[i])*kernel.SumSquares(y[i])))
	}
	return found
}
