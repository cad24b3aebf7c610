package model

import (
	"errors"
	"iter"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// wide is a linear model over n-grams beside a network, whose scores are added to the network's (after Cheng et al.
// 2016, "Wide & Deep Learning for Recommender Systems"). It remembers which words tell what; the network has only to
// learn what they do not. Package train fits it first.
type wide struct {
	ngram
	w, b *nn.Param // [features, outputs], [outputs]
}

func newWide(c *Config) *wide {
	return &wide{ngram: ngram{config: c.NGram, pair: c.Pair, form: c.NGram.Form == "yes"}}
}

// fitWide chooses the n-grams beside the network, if there are any.
func (m *Model) fitWide(examples iter.Seq[Example]) error {
	switch {
	case m.wide == nil:
		return nil
	case examples == nil:
		return errors.New("n-grams beside a network: texts are needed to choose them from")
	}
	return m.wide.Fit(m.recognized(examples))
}

func (m *wide) declare(ps *nn.Params, outputs int) {
	in := m.ngram.declare(ps)
	m.w = ps.AddTable("wide.weight", nn.Zeros, in.width, outputs)
	m.b = ps.Add("wide.bias", nn.Zeros, outputs)
	m.w.Frozen, m.b.Frozen = true, true
}

// logits is [examples, outputs]: those that in gives, or those of its n-grams.
func (m *wide) logits(t *nn.Tape, in *Input) *nn.Var {
	if len(in.Given) > 0 {
		return t.Input(in.Given, in.Wide.Len(), m.w.Width())
	}
	return t.SparseLinear(m.rows(t, in), m.w, m.b)
}

// rows are the weighted n-grams of each example.
func (m *wide) rows(t *nn.Tape, in *Input) *nn.Sparse {
	return m.Forward(t, &Input{Tokens: in.Wide}).Sparse
}

// Linear is what is linear in a model: scores W·x + B of sparse features, [features, outputs] and [outputs].
type Linear struct {
	W, B *nn.Param
	Rows func(t *nn.Tape, in *Input) *nn.Sparse // x of each example
}

// Linear returns the linear part of a model: all of one of family ngram, or the n-grams beside a network (Config.Wide);
// nil where there is none.
func (m *Model) Linear() *Linear {
	if m.wide != nil {
		return &Linear{m.wide.w, m.wide.b, m.wide.rows}
	}
	if _, ok := m.Network.(*ngram); !ok {
		return nil
	}
	return &Linear{m.Params.Get("classifier.weight"), m.Params.Get("classifier.bias"), func(t *nn.Tape, in *Input) *nn.Sparse {
		return m.Network.Forward(t, in).Sparse
	}}
}

// Classifier returns the weights of the head's linear layer over dense states, [outputs, width] and [outputs]; nil where
// the head has none, or where it is the network's own.
func (m *Model) Classifier() (w, b *nn.Param) {
	w, b = m.Params.Get("classifier.weight"), m.Params.Get("classifier.bias")
	if m.width == 0 || m.Config.ownHead() {
		return nil, nil
	}
	return w, b
}

// WideOf returns the linear part beside a network as it would be if of all texts of in only the given ones had a known
// class: n-grams are weighted by what they tell of these. Its weights are of its own, and zero.
func (m *Model) WideOf(in *Input, classes, known []int32) *Linear {
	own := *m.wide
	own.weigh(in, classes, known, len(m.Labels))
	own.idfParam = &nn.Param{Data: own.idf}
	zero := func(p *nn.Param) *nn.Param { return &nn.Param{Shape: p.Shape, Data: make([]float32, p.Size())} }
	return &Linear{zero(own.w), zero(own.b), own.rows}
}

// WeighWide weights the n-grams beside the network anew, by all texts of in and by what they tell of the classes of the
// known ones.
func (m *Model) WeighWide(in *Input, classes, known []int32) {
	m.wide.weigh(in, classes, known, len(m.Labels))
	copy(m.wide.idfParam.Data, m.wide.idf)
}

// weigh sets the weight of each n-gram.
func (m *wide) weigh(in *Input, classes, known []int32, labels int) {
	m.idf = make([]float32, m.features)
	texts, with := make([]int32, m.features), make([]int32, m.features*labels)
	each := func(i int32, visit func(feature int32)) {
		ids := slices.Clone(in.Wide.Sequence(int(i)))
		slices.Sort(ids)
		for _, f := range slices.Compact(ids) {
			visit(f)
		}
	}
	for i := range classes {
		each(int32(i), func(f int32) { texts[f]++ })
	}
	for _, i := range known {
		each(i, func(f int32) { with[int(f)*labels+int(classes[i])]++ })
	}
	for f, n := range texts {
		m.idf[f] = inverse(int32(len(classes)), n)
	}
	if m.favours(labels) {
		m.favourTelling(with, labels)
	}
}
