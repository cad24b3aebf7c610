package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// SpanLoss returns the mean over sequences, and over both ends, of the cross-entropy of the first and the last token of
// an answer (Devlin et al. 2019, sections 4.2 and 4.3). Of logits, [tokens, 2] packed by offsets, column 0 scores a token
// as the first and column 1 as the last. Sequence i can choose among the tokens from contexts[2i] to contexts[2i+1] (not
// included), and its own first, which stands for no answer; targets[2i] and targets[2i+1] are the right ones. All count
// from the beginning of the sequence. examples are the weights of the sequences, as in CrossEntropy.
func (t *Tape) SpanLoss(logits *Var, offsets, contexts, targets []int32, examples Weights) *Var {
	n := max(len(offsets)-1, 0)
	if logits.Cols != 2 || len(contexts) != 2*n || len(targets) != 2*n {
		panic(fmt.Sprintf("nn: %d contexts and %d targets for %d sequences, logits %d wide", len(contexts), len(targets), n, logits.Cols))
	}
	var scores, probabilities []float32
	choices := func(i int) (base, lo, hi int) { // the first token is a choice of its own
		return int(offsets[i]), max(int(contexts[2*i]), 1), int(contexts[2*i+1])
	}
	total := 0.0
	var grads []float32 // of the logits, before the scale of the loss
	if t.training() {
		grads = t.arena.Floats(len(logits.Data))
	}
	for i := range n {
		base, lo, hi := choices(i)
		if offsets[i] == offsets[i+1] {
			continue
		}
		weight := examples.of(i) / float64(2*n)
		for end := range 2 {
			scores = append(scores[:0], logits.Data[2*base+end])
			for p := lo; p < hi; p++ {
				scores = append(scores, logits.Data[2*(base+p)+end])
			}
			right := int(targets[2*i+end])
			if right != 0 && (right < lo || right >= hi) {
				panic(fmt.Sprintf("nn: target %d of sequence %d is not among %d to %d", right, i, lo, hi))
			}
			at := 0
			if right > 0 {
				at = 1 + right - lo
			}
			miss := logSumExp(scores) - float64(scores[at])
			total += weight * miss
			if grads == nil {
				continue
			}
			probabilities = append(probabilities[:0], scores...)
			kernel.Softmax(probabilities, probabilities)
			probabilities[at] = float32(math.Expm1(-miss))
			grads[2*base+end] += float32(weight) * probabilities[0]
			for p := lo; p < hi; p++ {
				grads[2*(base+p)+end] += float32(weight) * probabilities[1+p-lo]
			}
		}
	}
	loss := t.value(1, 1)
	loss.Data[0] = float32(total)
	if t.training() {
		t.record(loss, nil, func() { kernel.Axpy(loss.Grad[0], grads, logits.Gradient()) })
	}
	return loss
}
