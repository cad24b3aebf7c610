package model

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Targets are the truths of a batch; which field holds them depends on the head. Beside them, or in their place, stands
// what a teacher says of the examples, a model or whatever else has opinions of them.
type Targets struct {
	Classes []int32       // head class: one an example
	Labels  tensor.Packed // head multilabel: the classes of each example
	Scores  []float32     // head regression, and embedding of scored pairs: one an example
	Tags    tensor.Packed // head tokens: one a token
	Spans   []int32       // head qa: the first and the last token of the answer in each sequence, from its beginning; 0 and 0 for none
	Groups  tensor.Packed // head embedding, without scores: of each sequence of an example; texts of one group mean the same
	Weights nn.Weights    // of the truth of each example in the loss; none where each counts 1. 0 where it is not known

	// Soft is what a teacher says: logits, [examples, outputs] or [tokens, tags], logarithms of probabilities being logits
	// too; for head regression the number itself. Empty where there is no teacher.
	Soft        []float32
	SoftWeights nn.Weights // of what it says of each example; none where each counts 1
	Vectors     []float32  // of each example, in a teacher: [examples, width]; zeros where there is none. Empty without such a teacher
}

// Reset empties the targets and keeps their memory.
func (y *Targets) Reset() {
	y.Classes, y.Scores = y.Classes[:0], y.Scores[:0]
	y.Labels.Reset()
	y.Tags.Reset()
	y.Groups.Reset()
	y.Weights, y.Soft, y.SoftWeights, y.Vectors = y.Weights[:0], y.Soft[:0], y.SoftWeights[:0], y.Vectors[:0]
	y.Spans = y.Spans[:0]
}

// AppendExample copies the truth of example i.
func (y *Targets) AppendExample(from *Targets, i int) {
	row, rows, all := i, 1, 0 // of Soft
	if len(from.Classes) > 0 {
		y.Classes = append(y.Classes, from.Classes[i])
		all = len(from.Classes)
	}
	if len(from.Scores) > 0 {
		y.Scores = append(y.Scores, from.Scores[i])
		all = len(from.Scores)
	}
	if from.Labels.Len() > 0 {
		y.Labels.Append(from.Labels.Sequence(i))
		all = from.Labels.Len()
	}
	if from.Tags.Len() > 0 {
		y.Tags.Append(from.Tags.Sequence(i))
		row, rows, all = int(from.Tags.Offsets[i]), len(from.Tags.Sequence(i)), len(from.Tags.IDs)
	}
	if len(from.Spans) > 0 {
		y.Spans = append(y.Spans, from.Spans[2*i:2*i+2]...)
	}
	if from.Groups.Len() > 0 {
		y.Groups.Append(from.Groups.Sequence(i))
	}
	if len(from.Weights) > 0 {
		y.Weights = append(y.Weights, from.Weights[i])
	}
	if len(from.Soft) > 0 {
		k := len(from.Soft) / all
		y.Soft = append(y.Soft, from.Soft[row*k:(row+rows)*k]...)
	}
	if len(from.SoftWeights) > 0 {
		y.SoftWeights = append(y.SoftWeights, from.SoftWeights[i])
	}
	if len(from.Vectors) > 0 && len(from.Weights) > 0 {
		k := len(from.Vectors) / len(from.Weights)
		y.Vectors = append(y.Vectors, from.Vectors[i*k:(i+1)*k]...)
	}
}

// given returns weights as losses take them: nil where there are none.
func given(w nn.Weights) nn.Weights {
	if len(w) == 0 {
		return nil
	}
	return w
}

// ofTokens gives each token the weight of its example.
func ofTokens(w nn.Weights, offsets []int32) nn.Weights {
	if len(w) == 0 {
		return nil
	}
	var out nn.Weights
	for i, v := range w {
		out = append(out, slices.Repeat(nn.Weights{v}, int(offsets[i+1]-offsets[i]))...)
	}
	return out
}

// distill are the options of the loss against the teacher.
func (y *Targets) distill(o Loss) nn.Distill {
	return nn.Distill{Temperature: o.Temperature, Rows: given(y.SoftWeights)}
}

// withTeacher adds to the loss of the truth that against the teacher, where there is one. Where no truth counts, that of
// the teacher is all.
func (y *Targets) withTeacher(t *nn.Tape, truth, teacher func() *nn.Var) *nn.Var {
	switch {
	case len(y.Soft) == 0:
		return truth()
	case len(y.Weights) > 0 && !slices.ContainsFunc(y.Weights, func(w float32) bool { return w != 0 }):
		return teacher()
	}
	return t.Sum(truth(), teacher(), 1)
}

// softmaxRows returns the softmax of each row of k numbers.
func softmaxRows(rows []float32, k int) []float32 {
	out := make([]float32, len(rows))
	for at := 0; at < len(rows); at += k {
		kernel.Softmax(out[at:at+k], rows[at:at+k])
	}
	return out
}

// leastProbability stands for all that are less: below it, a teacher's certainty tells nothing more.
const leastProbability = 1e-6

// LogProbabilities returns the logarithms of probabilities, as Targets.Soft takes them for one of several classes or tags.
func LogProbabilities(probabilities []float32) []float32 {
	out := make([]float32, len(probabilities))
	for i, p := range probabilities {
		out[i] = float32(math.Log(max(float64(p), leastProbability)))
	}
	return out
}

// LogOdds returns those of probabilities, as Targets.Soft takes them for labels of which any number holds.
func LogOdds(probabilities []float32) []float32 {
	out := make([]float32, len(probabilities))
	for i, p := range probabilities {
		p := min(max(float64(p), leastProbability), 1-leastProbability)
		out[i] = float32(math.Log(p / (1 - p)))
	}
	return out
}
