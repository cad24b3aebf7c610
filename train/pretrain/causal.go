package pretrain

import (
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Causal is the objective of a language model that writes (Bengio et al. 2003): at each token, the one that follows.
type Causal struct {
	model   *model.Model
	in      model.Input
	targets []int32
}

// NewCausal trains m, of head causal.
func NewCausal(m *model.Model) (*Causal, error) {
	if m.Config.Head != model.CausalHead {
		return nil, hint.Errorf("begin from a causal language model", "pretraining: the model has the head %q, not %q", m.Config.Head, model.CausalHead)
	}
	return &Causal{model: m}, nil
}

// Params are those of the model.
func (o *Causal) Params() []*nn.Params { return []*nn.Params{o.model.Params} }

// Loss is the mean of −log p of each token after the first of its sequence; nothing is drawn.
func (o *Causal) Loss(t *nn.Tape, b *corpus.Batch, _ *rand.Rand) Loss {
	o.in.Reset()
	o.in.Tokens.IDs, o.in.Tokens.Offsets = append(o.in.Tokens.IDs, b.IDs...), append(o.in.Tokens.Offsets, b.Offsets...)
	o.targets = o.targets[:0]
	for s := range b.Len() {
		for at := b.Offsets[s]; at+1 < b.Offsets[s+1]; at++ {
			o.in.Wanted = append(o.in.Wanted, at)
			o.targets = append(o.targets, b.IDs[at+1])
		}
	}
	loss := o.model.MaskedLoss(t, &o.in, o.targets)
	return Loss{loss, float64(loss.Data[0]) * float64(len(o.targets)), len(o.targets)}
}
