// Package explain tells which parts of a text made a model decide as it did.
//
// The method is occlusion (Zeiler & Fergus 2014, for text Li et al. 2016): leave a part out, predict again, and see
// how much the evidence for the label shrinks. It asks nothing of the model but predictions, so every family is
// explained alike, and what it tells is true of the model itself and not of an approximation of it. It does not see
// parts that matter only together with others far away.
package explain

import (
	"context"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Word is a part of a text and what it did.
type Word struct {
	Start  int     `json:"start"` // byte offsets into the text
	End    int     `json:"end"`
	Text   string  `json:"text"`
	Weight float64 `json:"weight"` // change of the label's log-odds that the part brings; below 0 it speaks against
}

const (
	maxParts = 160 // longer texts are explained in parts of several tokens
	maxRun   = 3   // parts are left out alone and in runs of up to so many, since what one says its neighbour may repeat
)

// Words explains why m gives a text, or the first of a pair, the probability that it gives to the class; nil for models
// that give none. The words are in the order of
// the text and do not overlap; what no token covers (spaces, characters that cleaning drops) is in none of them.
func Words(ctx context.Context, m *model.Model, q model.Query, class int) ([]Word, error) {
	sample := m.Tokens(q)
	full, s := sample.Text, q.Text
	n := len(full.IDs)
	if n == 0 || class >= len(m.Labels) || m.Config.Head != model.ClassHead && m.Config.Head != model.MultiLabelHead {
		return nil, nil
	}
	size := (n + maxParts - 1) / maxParts // tokens of a part
	parts := (n + size - 1) / size
	type run struct{ from, to int }
	var runs []run
	variants, cut := []*model.Sample{sample}, []model.Query{q}
	for length := 1; length <= min(maxRun, max(parts-1, 1)); length++ {
		for from := 0; from+length <= parts; from++ {
			runs = append(runs, run{from, from + length})
			start, end := full.Spans[from*size].Start, full.Spans[min((from+length)*size, n)-1].End
			variants = append(variants, sample.Without(without(full, from*size, min((from+length)*size, n)), start, end))
			cut = append(cut, model.Query{Text: s[:start] + s[end:], Pair: q.Pair})
		}
	}
	var predictions []model.Prediction
	var err error
	if m.Ensemble != nil { // its members have different tokens, so that the text itself is cut
		predictions, err = m.PredictQueries(ctx, cut)
	} else {
		predictions, err = m.PredictTokens(ctx, variants)
	}
	if err != nil {
		return nil, err
	}
	base := logOdds(predictions[0].Probabilities[class])
	weights, counts := make([]float64, parts), make([]float64, parts)
	for i, r := range runs {
		effect := base - logOdds(predictions[i+1].Probabilities[class])
		for p := r.from; p < r.to; p++ {
			weights[p] += effect / float64(r.to-r.from)
			counts[p]++
		}
	}
	words := make([]Word, parts)
	for p := range words {
		start, end := full.Spans[p*size].Start, full.Spans[min((p+1)*size, n)-1].End
		words[p] = Word{start, end, s[start:end], weights[p] / counts[p]}
	}
	return words, nil
}

// without returns e less the tokens [from, to).
func without(e text.Encoding, from, to int) text.Encoding {
	return text.Encoding{
		IDs:    append(append([]int32(nil), e.IDs[:from]...), e.IDs[to:]...),
		Spans:  append(append([]text.Span(nil), e.Spans[:from]...), e.Spans[to:]...),
		Pieces: append(append([]text.Span(nil), e.Pieces[:from]...), e.Pieces[to:]...),
		Text:   e.Text,
	}
}

// logOdds is log(p/(1-p)), finite for the probabilities that float32 can hold.
func logOdds(p float32) float64 {
	q := min(max(float64(p), 1e-7), 1-1e-7)
	return math.Log(q / (1 - q))
}
