package compress

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Parts that are taken out of a network for good are chosen by their first-order importance: how much the loss would change
// if what the part says were a little weaker, |∂L/∂ξ| for a factor ξ of its output, on small batches, which is the sum of
// weight·gradient over the columns that read it (Michel, Levy & Neubig 2019, "Are Sixteen Heads Really Better than One?";
// Molchanov et al. 2019). Without examples, the norm of those columns stands in.

type (
	heads       int
	feedForward int
	layers      int
	units       int
)

func (n heads) String() string       { return "heads=" + itoa(int(n)) }
func (n feedForward) String() string { return "feed_forward=" + itoa(int(n)) }
func (n layers) String() string      { return "layers=" + itoa(int(n)) }
func (n units) String() string       { return "units=" + itoa(int(n)) }

func (n heads) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	p := m.Parts()
	if err := enough(n, int(n), p.Heads, "attention heads", m); err != nil {
		return nil, err
	}
	scores, err := importance(ctx, m, w, func(m *model.Model, columns columnSums) [][]float64 {
		return perLayer(p, ".out.weight", columns, p.Heads)
	})
	if err != nil {
		return nil, err
	}
	return m.Keep(model.Keep{Heads: best(scores, int(n))})
}

func (n feedForward) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	p := m.Parts()
	if err := enough(n, int(n), p.Inner, "feed-forward neurons", m); err != nil {
		return nil, err
	}
	scores, err := importance(ctx, m, w, func(m *model.Model, columns columnSums) [][]float64 {
		return perLayer(p, ".down.weight", columns, p.Inner)
	})
	if err != nil {
		return nil, err
	}
	return m.Keep(model.Keep{Inner: best(scores, int(n))})
}

func (n units) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	p := m.Parts()
	if err := enough(n, int(n), p.Units, "filters or units", m); err != nil {
		return nil, err
	}
	scores, err := importance(ctx, m, w, func(m *model.Model, columns columnSums) [][]float64 { return unitScores(m, p, columns) })
	if err != nil {
		return nil, err
	}
	return m.Keep(model.Keep{Units: best(scores, int(n))})
}

// Apply takes out the layers without which the loss rises least; without examples, every so manieth.
func (n layers) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	p := m.Parts()
	if err := enough(n, int(n), p.Layers, "layers", m); err != nil {
		return nil, err
	}
	scores := make([]float64, p.Layers)
	if w.Set == nil {
		for i := range int(n) { // evenly, the first and the last among them
			scores[i*(p.Layers-1)/max(int(n)-1, 1)] = 1
		}
	} else if err := lossWithout(ctx, m, w, scores); err != nil {
		return nil, err
	}
	kept := best([][]float64{scores}, int(n))[0]
	return m.Keep(model.Keep{Layers: kept})
}

func lossWithout(ctx context.Context, m *model.Model, w *Work, scores []float64) error {
	const examples = 48
	set := some(m, w.Set(m), examples)
	for i := range scores {
		var rest []int
		for l := range scores {
			if l != i {
				rest = append(rest, l)
			}
		}
		without, err := m.Keep(model.Keep{Layers: rest})
		if err != nil {
			scores[i] = math.Inf(1) // it cannot be taken out
			continue
		}
		judged, _, err := train.Evaluate(ctx, without, set, nn.NewTape(nil))
		if err != nil {
			return err
		}
		scores[i] = judged.Loss
	}
	return nil
}

// some is the first examples of a set.
func some(m *model.Model, set *train.Set, n int) *train.Set {
	few := &train.Set{}
	for i := range min(n, set.Len()) {
		m.AppendExample(&few.Input, &set.Input, i)
		few.Targets.AppendExample(&set.Targets, i)
		few.Add()
	}
	return few
}

func enough(move Move, keep, have int, what string, m *model.Model) error {
	switch {
	case have == 0:
		return hint.Errorf("leave the move out, or take a model of another family", "the move %s: a model of family %s has no %s that can be taken out", move, m.Config.Family, what)
	case keep >= have:
		return hint.Errorf(fmt.Sprintf("keep fewer than %d", have), "the move %s: the model has %d %s", move, have, what)
	}
	return nil
}

// best returns the numbers of the n highest scores of each list, rising.
func best(scores [][]float64, n int) [][]int {
	out := make([][]int, len(scores))
	for i, list := range scores {
		for _, at := range largest(list, n) {
			out[i] = append(out[i], int(at))
		}
		slices.Sort(out[i])
	}
	return out
}

// columnSums returns for a weight the sum over each column of weight·gradient, or of squares.
type columnSums func(name string) []float64

// importance adds up what score makes of small batches of examples, each without its sign.
func importance(ctx context.Context, m *model.Model, w *Work, score func(m *model.Model, columns columnSums) [][]float64) ([][]float64, error) {
	sums := func(p *nn.Param, with []float32) []float64 {
		out, width, data := make([]float64, p.Width()), p.Width(), p.Floats()
		for i, v := range data {
			out[i%width] += float64(v) * float64(with[i])
		}
		return out
	}
	if w.Set == nil {
		return score(m, func(name string) []float64 { p := m.Params.Get(name); return sums(p, p.Floats()) }), nil
	}
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range g.Params.All() {
		p.Frozen = p.Frozen && p.Layer == 0
	}
	set := w.Set(g)
	var total [][]float64
	err = train.Gradients(ctx, g, set, 256, 4, func() {
		scores := score(g, func(name string) []float64 { p := g.Params.Get(name); return sums(p, p.Grad) })
		if total == nil {
			total = make([][]float64, len(scores))
			for i := range total {
				total[i] = make([]float64, len(scores[i]))
			}
		}
		for i, list := range scores {
			for j, v := range list {
				total[i][j] += math.Abs(v)
			}
		}
	})
	return total, err
}

// perLayer adds the columns of one weight of each layer up to its parts, of as many columns each.
func perLayer(p model.Parts, end string, columns columnSums, parts int) [][]float64 {
	n := max(p.Layers, 1)
	out := make([][]float64, n)
	for l := range out {
		s := columns(fmt.Sprintf("layers.%d%s", l, end))
		out[l] = make([]float64, parts)
		for i, v := range s {
			out[l][i*parts/len(s)] += v
		}
	}
	return out
}

// unitScores adds up the columns that read each unit.
func unitScores(m *model.Model, p model.Parts, columns columnSums) [][]float64 {
	out := make([][]float64, p.Banks)
	for i := range out {
		out[i] = make([]float64, p.Units)
	}
	add := func(bank int, s []float64) {
		for i := range p.Units {
			out[bank][i] += s[i]
		}
	}
	head := columns("classifier.weight")
	switch m.Config.Family {
	case "cnn":
		for b := range out {
			add(b, head[b*p.Units:])
		}
	case "mlp":
		for b := range out {
			if b+1 < p.Banks {
				add(b, columns(fmt.Sprintf("layers.%d.weight", b+1)))
			} else {
				add(b, head)
			}
		}
	default:
		directions := p.Banks / m.Config.Layers
		names := []string{"", "_reverse"}[:directions]
		for b := range out {
			layer, d := b/directions, b%directions
			add(b, columns(fmt.Sprintf("rnn.weight_hh_l%d%s", layer, names[d])))
			if layer+1 == m.Config.Layers {
				add(b, head[d*p.Units:])
				continue
			}
			for _, name := range names {
				add(b, columns(fmt.Sprintf("rnn.weight_ih_l%d%s", layer+1, name))[d*p.Units:])
			}
		}
	}
	return out
}

// large tells of a matrix or a table that is worth the trouble.
func large(p *nn.Param) bool {
	rows, width := p.StoredShape()
	return p.Storable() && rows >= 2*narrow && width >= 2*narrow && !strings.HasPrefix(p.Name, "classifier.")
}
