package train

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

const (
	// ofNetwork is the share of a network that learnt pseudo-labels in the sum with the n-grams, theirs being 1.
	ofNetwork = 2
	// spreadOn is on how many texts both are brought to one spread.
	spreadOn = 1000
)

// PseudoLabels returns what another model, which reads the same tokens, is to learn of a trained one: all texts with the
// scores that the model gives them (Lee 2013, "Pseudo-Label"), of the texts without labels a sample of at most so many, those
// from elsewhere last. A label that somebody gave counts 1-weight beside the model's opinion.
func (tr *Trainer) PseudoLabels(ctx context.Context, pupil *model.Model, elsewhere *Set, most int, weight float32) (*Set, error) {
	out := &Set{}
	for _, from := range []*Set{tr.train, tr.unlabelled, elsewhere} {
		known, chosen := from == tr.train, permutation(nil, from.Len(), tr.config.Seed, 0)
		if !known {
			chosen = chosen[:min(most, len(chosen))]
			most -= len(chosen)
		}
		scores, err := tr.scoresOf(ctx, tr.model, from, chosen)
		if err != nil {
			return nil, err
		}
		in, y, k := textsAlone(&from.Input), &out.Targets, len(tr.model.Labels)
		for at, i := range chosen {
			said := scores[at*k : (at+1)*k]
			class, soft := int32(kernel.ArgMax(said)), float32(1)
			if known {
				class, soft = from.Targets.Classes[i], weight
			}
			pupil.AppendExample(&out.Input, in, int(i))
			y.Classes, y.Soft = append(y.Classes, class), append(y.Soft, said...)
			y.Weights, y.SoftWeights = append(y.Weights, 1-soft), append(y.SoftWeights, soft)
			out.Add()
		}
	}
	return out, nil
}

// Adopt gives the model the network and the head of a pupil that has learnt its pseudo-labels, and weighs the n-grams
// beside it anew: the scores of both have one spread on texts without labels, and their sum is as sure as it may be.
func (tr *Trainer) Adopt(ctx context.Context, pupil *model.Model) error {
	m, k := tr.model, len(tr.model.Labels)
	some := permutation(nil, tr.unlabelled.Len(), tr.config.Seed, 1)
	some = some[:min(spreadOn, len(some))]
	network, err := tr.scoresOf(ctx, pupil, tr.unlabelled, some)
	if err != nil {
		return err
	}
	grams := tr.gramScores(some)
	ofStates, ofGrams := ofNetwork/spreadOf(network, k), 1/spreadOf(grams, k)
	sum := make([]float32, len(network))
	for i := range sum {
		sum[i] = float32(ofStates*float64(network[i]) + ofGrams*float64(grams[i]))
	}
	scale := certainty(sum, k, tr.believedRight(network, grams))
	m.Config.Normalize = pupil.Config.Normalize
	tr.best, tr.average = nil, nil // weights of the network as it was
	if err := m.Inherit(pupil); err != nil {
		return err
	}
	w, b := m.Classifier()
	pw, pb := pupil.Classifier()
	copy(w.Data, pw.Data)
	copy(b.Data, pb.Data)
	wide := m.Linear()
	for values, by := range map[*nn.Param]float64{w: ofStates, b: ofStates, wide.W: ofGrams, wide.B: ofGrams} {
		kernel.Scale(float32(scale*by), values.Data)
	}
	return nil
}

// textsAlone is a batch without what was computed of it beforehand.
func textsAlone(in *model.Input) *model.Input {
	out := *in
	out.States, out.Given = nil, nil
	return &out
}

// scoresOf is what a model says of some examples of a set, [examples, outputs]: the trained one from states that are known.
func (tr *Trainer) scoresOf(ctx context.Context, m *model.Model, set *Set, some []int32) ([]float32, error) {
	in, tape := &set.Input, nn.NewTape(tr.pool)
	if m != tr.model {
		in = textsAlone(in)
	}
	var scores []float32
	var batch model.Input
	for from := 0; from < len(some); from += evaluated {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch.Reset()
		for _, i := range some[from:min(from+evaluated, len(some))] {
			m.AppendExample(&batch, in, int(i))
		}
		tape.Begin(nn.Inference, 0, 0)
		scores = append(scores, m.Forward(tape, &batch).Data...)
	}
	return scores, nil
}

// gramScores is what the n-grams beside the network say of some texts without labels, [texts, outputs].
func (tr *Trainer) gramScores(some []int32) []float32 {
	set, texts := &Set{}, textsAlone(&tr.unlabelled.Input)
	for _, i := range some {
		tr.model.AppendExample(&set.Input, texts, int(i))
		set.Targets.Classes = append(set.Targets.Classes, 0)
		set.Add()
	}
	d := newDual(tr.model, tr.model.Linear(), set, tr.loss)
	var scores []float32
	for i := range some {
		from, to := d.rows.Offsets[i], d.rows.Offsets[i+1]
		d.score(d.rows.Index[from:to], d.rows.Value[from:to])
		scores = append(scores, d.scores...)
	}
	return scores
}
