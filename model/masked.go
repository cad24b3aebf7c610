package model

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// tabled is a network whose token embeddings another part may share.
type tabled interface {
	// tokenTable returns the embeddings, [vocabulary, width].
	tokenTable() *nn.Param
	// shareTable makes the network use another's, in place of embeddings of its own; before it is declared.
	shareTable(p *nn.Param)
}

// masked is the head of a masked language model, as BERT has it (Devlin et al. 2019): a layer with norm, and the
// embeddings themselves as the weights of the scores (Press & Wolf 2017, "Using the Output Embedding").
type masked struct {
	dense, denseBias *nn.Param // [width of the embeddings, hidden]; nil where the network has this layer
	gain, shift      *nn.Param // of the norm, [width]
	table, bias      *nn.Param // [vocabulary, width], [vocabulary]
	names            func(id int32) string
}

func newMasked(ps *nn.Params, in shape, table *nn.Param, names func(id int32) string) *masked {
	width := table.Width()
	table.Factor = true
	return &masked{
		dense: ps.Add("head.dense.weight", nn.Xavier, width, in.width), denseBias: ps.Add("head.dense.bias", nn.Zeros, width),
		gain: ps.Add("head.norm.weight", nn.Constant(1), width), shift: ps.Add("head.norm.bias", nn.Zeros, width), table: table, bias: ps.Add("head.out.bias", nn.Zeros, table.Shape[0]), names: names,
	}
}

// transform returns [rows, width of the embeddings].
func (h *masked) transform(t *nn.Tape, x *nn.Var) *nn.Var {
	if h.dense == nil {
		return x // the network has done it
	}
	return t.LayerNorm(t.Linear(x, h.dense, h.denseBias, nn.GELU), h.gain, h.shift, normEpsilon)
}

// Logits is [wanted tokens, vocabulary].
func (h *masked) Logits(t *nn.Tape, hidden Hidden) *nn.Var {
	return t.Linear(h.transform(t, hidden.Dense), h.table, h.bias, nn.Identity)
}

// Loss is that of logits; Model.MaskedLoss is it without them.
func (h *masked) Loss(t *nn.Tape, logits *nn.Var, _ *Input, y *Targets, o Loss) *nn.Var {
	return t.CrossEntropy(logits, y.Classes, nn.CrossEntropy{Smoothing: o.Smoothing})
}

// guesses is how many tokens are named for a place.
const guesses = 100

func (h *masked) Predict(logits *nn.Var, in *Input, i int) Prediction {
	var p Prediction
	for row, at := range in.Wanted {
		if at < in.Tokens.Offsets[i] || at >= in.Tokens.Offsets[i+1] {
			continue
		}
		probabilities := slices.Clone(logits.Row(row))
		kernel.Softmax(probabilities, probabilities)
		var best []Score
		for _, id := range highest(probabilities, guesses) {
			best = append(best, Score{h.names(id), probabilities[id]})
		}
		p.Masks = append(p.Masks, best)
	}
	return p
}

// shownGuesses is how many of them are shown where nobody asks for a number.
const shownGuesses = 5

// topMasks returns the most probable tokens of each mask.
func (p *Prediction) topMasks(top int) [][]Score {
	if top == 0 {
		top = shownGuesses
	}
	masks := make([][]Score, len(p.Masks))
	for i, guesses := range p.Masks {
		masks[i] = guesses[:min(top, len(guesses))]
	}
	return masks
}

// highest returns the places of the n highest numbers, the highest first.
func highest(x []float32, n int) []int32 {
	places := make([]int32, len(x))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(a, b int32) int { return cmp.Or(cmp.Compare(x[b], x[a]), cmp.Compare(a, b)) })
	return places[:min(n, len(places))]
}

// want notes the masks among the tokens that were appended last, from a place on; or of a causal model the last of them.
func (m *Model) want(in *Input, from int) {
	if n := in.Tokens.Tokens(); m.Config.Head == CausalHead && n > from {
		in.Wanted = append(in.Wanted, int32(n-1))
	}
	if m.Config.Head != MaskedHead {
		return
	}
	mask, _ := m.Tokenizer.MaskID()
	for i, id := range in.Tokens.IDs[from:] {
		if id == mask {
			in.Wanted = append(in.Wanted, int32(from+i))
		}
	}
}

// MaskedLoss is the mean of −log p of the tokens targets at the places in.Wanted, for models of head masked; of head
// causal, of the tokens that follow these places. It never holds the scores of the whole vocabulary for all of them.
func (m *Model) MaskedLoss(t *nn.Tape, in *Input, targets []int32) *nn.Var {
	return m.MaskedDraws(t, in, targets, nil)
}

// MaskedDraws is MaskedLoss for those who look at the probabilities of the tokens at each place, in order.
func (m *Model) MaskedDraws(t *nn.Tape, in *Input, targets []int32, look func(place int, probabilities []float32)) *nn.Var {
	h := m.Head.(*masked)
	return t.VocabularyDraws(h.transform(t, m.wanted(t, in)), h.table, h.bias, targets, look)
}

// wanted are the states of the tokens in.Wanted, [wanted tokens, width]. The layer before the scores, where it is the
// network's, sees those alone.
func (m *Model) wanted(t *nn.Tape, in *Input) *nn.Var {
	if e, ok := m.Network.(*pretrained); ok {
		return e.network.Features(t, t.Gather(e.states(t, in), in.Wanted), nil)
	}
	return t.Gather(m.Network.Forward(t, in).Dense, in.Wanted)
}

// MaskScores returns the logarithm of the probability of each candidate at each mask of a text: of all tokens of the
// vocabulary if candidates is nil. It is for those who read an answer out of a sentence with a gap.
func (m *Model) MaskScores(s string, candidates []int32) ([][]float32, error) {
	if m.Config.Head != MaskedHead {
		return nil, hint.Errorf("take what `xiaoyu pretrain` wrote", "filling a gap: the model is no masked language model")
	}
	for _, id := range candidates {
		if id < 0 || int(id) >= m.Vocabulary() {
			return nil, fmt.Errorf("filling a gap: token %d of a vocabulary of %d", id, m.Vocabulary())
		}
	}
	w := m.worker()
	defer m.release(w)
	w.batch.Reset()
	m.Encode(&w.batch, &w.sample, s, "")
	logits, err := m.logits(w, true)
	if err != nil {
		return nil, err
	}
	var all [][]float32
	for row := range w.batch.Wanted {
		scores := slices.Clone(logits.Row(row))
		sum := make([]float32, 1)
		kernel.SoftmaxRows(scores, 1, len(scores), 1, sum)
		for id, v := range logits.Row(row) {
			scores[id] = v - sum[0]
		}
		if candidates != nil {
			chosen := make([]float32, len(candidates))
			for i, id := range candidates {
				chosen[i] = scores[id]
			}
			scores = chosen
		}
		all = append(all, scores)
	}
	return all, nil
}
