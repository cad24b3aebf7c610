package pretrain

import (
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Masked is the objective of a masked language model (Devlin et al. 2019, "BERT").
type Masked struct {
	model *model.Model
	masks *masker
	in    model.Input
}

// NewMasked trains m, of head masked.
func NewMasked(m *model.Model, c Config) (*Masked, error) {
	if m.Config.Head != model.MaskedHead {
		return nil, hint.Errorf("begin from a masked language model", "pretraining: the model has the head %q, not %q", m.Config.Head, model.MaskedHead)
	}
	masks, err := masksFor(m, c.Mask)
	if err != nil {
		return nil, err
	}
	masks.keep, masks.swap = bertShare, bertShare
	return &Masked{model: m, masks: masks}, nil
}

func masksFor(m *model.Model, rate float64) (*masker, error) {
	mask, ok := m.Tokenizer.MaskID()
	if !ok {
		return nil, hint.Errorf("take another base, or pretrain from fresh weights", "pretraining: the tokenizer has no [MASK]")
	}
	return newMasker(m.Tokenizer, mask, rate), nil
}

// Params are those of the model.
func (o *Masked) Params() []*nn.Params { return []*nn.Params{o.model.Params} }

// Loss is the mean of −log p of the hidden tokens.
func (o *Masked) Loss(t *nn.Tape, b *corpus.Batch, random *rand.Rand) Loss {
	targets := read(&o.in, b, o.masks, random)
	loss := o.model.MaskedLoss(t, &o.in, targets)
	return Loss{loss, float64(loss.Data[0]) * float64(len(targets)), len(targets)}
}

// read makes in the batch b with tokens hidden, and returns these.
func read(in *model.Input, b *corpus.Batch, masks *masker, random *rand.Rand) (targets []int32) {
	in.Reset()
	in.Tokens.IDs, in.Tokens.Offsets = append(in.Tokens.IDs, b.IDs...), append(in.Tokens.Offsets, b.Offsets...)
	in.Wanted, targets = masks.hide(in.Tokens.IDs, b, random)
	return targets
}

// Replaced is the objective of ELECTRA (Clark et al. 2020): a small masked language model, the generator, puts tokens
// into a text, and the model tells which ones. Every token teaches it something, and not only those that were hidden.
type Replaced struct {
	model, generator *model.Model
	masks            *masker
	hidden, shown    model.Input // what the generator reads, and the model: the tape needs both until its backward
	truth            model.Targets
}

// replacedWeight is that of the model's loss beside the generator's, the paper's.
const replacedWeight = 50

// NewReplaced trains m, of head replaced.
func NewReplaced(m *model.Model, c Config) (*Replaced, error) {
	if m.Config.Head != model.ReplacedHead {
		return nil, hint.Errorf("begin from a model that tells replaced tokens", "pretraining: the model has the head %q, not %q", m.Config.Head, model.ReplacedHead)
	}
	masks, err := masksFor(m, c.Mask)
	if err != nil {
		return nil, err
	}
	generator, err := m.Generator(c.Generator, c.Seed)
	if err != nil {
		return nil, err
	}
	return &Replaced{model: m, generator: generator, masks: masks}, nil
}

// Params are those of the model and of the generator.
func (o *Replaced) Params() []*nn.Params { return []*nn.Params{o.model.Params, o.generator.Params} }

// Loss is the generator's and, weighted, the model's. Misses are the generator's.
func (o *Replaced) Loss(t *nn.Tape, b *corpus.Batch, random *rand.Rand) Loss {
	targets := read(&o.hidden, b, o.masks, random)
	in, places := &o.shown, o.hidden.Wanted
	in.Reset()
	in.Tokens.IDs, in.Tokens.Offsets = append(in.Tokens.IDs, b.IDs...), append(in.Tokens.Offsets, b.Offsets...)
	guessed := o.generator.MaskedDraws(t, &o.hidden, targets, func(i int, probabilities []float32) {
		in.Tokens.IDs[places[i]] = draw(probabilities, random.Float32())
	})
	o.truth.Reset()
	for at, id := range in.Tokens.IDs {
		if id != b.IDs[at] {
			o.truth.Labels.Append([]int32{0})
		} else {
			o.truth.Labels.Append(nil)
		}
	}
	told := o.model.Head.Loss(t, o.model.Forward(t, in), in, &o.truth, model.Loss{})
	return Loss{t.Sum(guessed, told, replacedWeight), float64(guessed.Data[0]) * float64(len(targets)), len(targets)}
}

// draw returns the place at which the sum of probabilities passes p.
func draw(probabilities []float32, p float32) int32 {
	sum := float32(0)
	for i, v := range probabilities {
		if sum += v; p < sum {
			return int32(i)
		}
	}
	return int32(len(probabilities) - 1)
}
