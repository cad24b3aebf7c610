package compress

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// sparsity lets a share of each large matrix become zero, those of the smallest magnitude, while it trains: at first many,
// then ever fewer, along a cubic (Zhu & Gupta 2017, "To prune, or not to prune"), over the first two thirds of the steps; the
// rest is for the others to make up for it.
type sparsity float64

func (s sparsity) String() string { return "sparsity=" + strconv.FormatFloat(float64(s), 'g', -1, 64) }

const sparseEpochs = 2

func (s sparsity) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	var chosen []*nn.Param
	for _, p := range g.Params.All() {
		if large(p) {
			chosen = append(chosen, p)
		}
	}
	if w.Heal == nil {
		return nil, needsData(s.String())
	}
	masks := make([][]bool, len(chosen)) // what has become zero
	err = w.Heal(ctx, g, sparseEpochs, func(step, steps int) {
		const every = 10
		renew := step%every == 0 || step == steps
		for i, p := range chosen {
			if renew {
				masks[i] = smallestOf(p.Data, s.at(float64(step)/float64(max(steps, 1))))
			}
			for j, zero := range masks[i] {
				if zero {
					p.Data[j] = 0
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return g, g.Store(g.Precision(), func(p *nn.Param) quant.Kind {
		if slices.Contains(chosen, p) {
			return quant.Sparse
		}
		return ""
	})
}

// at is the share that is zero when so much of the training is done.
func (s sparsity) at(done float64) float64 {
	left := 1 - min(done*1.5, 1)
	return float64(s) * (1 - left*left*left)
}

// smallestOf marks a share of numbers, those of the smallest magnitude.
func smallestOf(data []float32, share float64) []bool {
	magnitudes := make([]float32, len(data))
	for i, v := range data {
		magnitudes[i] = float32(math.Abs(float64(v)))
	}
	n := int(share * float64(len(data)))
	mask := make([]bool, len(data))
	if n == 0 {
		return mask
	}
	sorted := slices.Clone(magnitudes)
	slices.Sort(sorted)
	limit := sorted[n-1]
	for i, v := range magnitudes {
		mask[i] = v <= limit
	}
	return mask
}

// aware trains as if weights were of fewer bits already, and what they are multiplied with of 8: see nn.Fake.
type aware struct {
	epochs float64
	kind   quant.Kind
}

func (a aware) String() string {
	bits := "8"
	if a.kind == quant.Int4 {
		bits = "4"
	}
	return "qat" + bits + "=" + strconv.FormatFloat(a.epochs, 'g', -1, 64)
}

func (a aware) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	if w.Heal == nil {
		return nil, needsData(a.String())
	}
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		if weights(a.kind).of(p) != a.kind {
			continue
		}
		rows, width := p.StoredShape()
		p.Fake = &nn.Fake{Inputs: true, Round: func(dst, src []float32) { quant.Round(a.kind, rows, width, dst, src) }}
		if old := m.Params.Get(p.Name); old != nil {
			p.Limit = old.Limit // within which inputs are to stay
		}
	}
	// The last weights count: what the validation part would judge are the exact ones.
	if err := w.Heal(ctx, g, a.epochs, func(int, int) {}); err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		p.Fake = nil
	}
	return weights(a.kind).Apply(ctx, g, w)
}

// rank keeps large matrices as products of two. It is for the end: what trains further is whole again.
type rank float64

func (r rank) String() string { return "rank=" + strconv.FormatFloat(float64(r), 'g', -1, 64) }

func (r rank) Apply(_ context.Context, m *model.Model, _ *Work) (*model.Model, error) {
	g, err := copyOf(m)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		rows, width := p.StoredShape()
		k := max(int(math.Round(float64(r)*float64(min(rows, width)))), 1)
		if !large(p) || !p.Thin() || k*(rows+width) >= rows*width {
			continue
		}
		product, err := quant.Factor(rows, width, k, p.Floats())
		if err != nil {
			return nil, err
		}
		p.Store(product)
	}
	g.SetPrecision(g.Precision())
	return g, nil
}

// distilled is heal with the original for a teacher.
type distilled float64

func (d distilled) String() string {
	return "distill=" + strconv.FormatFloat(float64(d), 'g', -1, 64)
}

func (d distilled) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	if w.Distill == nil {
		return nil, needsData(d.String())
	}
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	return g, w.Distill(ctx, g, float64(d))
}
