package xiaoyu

import (
	"context"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// What task embedding means: pairs of texts that are more or less similar, or of which each just belongs together.

// encoders hold what differs from the families' presets for task embedding.
var encoders = map[string]map[string]string{"lstm": recurrentEncoder, "gru": recurrentEncoder, "rnn": recurrentEncoder}

var recurrentEncoder = map[string]string{"model.pooling": "mean", "train.batch_size": "64", "train.epochs": "12"}

// unscored tells whether pairs have no scores: those of each row belong together.
func unscored(rows []data.Row) bool { return len(rows) > 0 && math.IsNaN(rows[0].Score) }

// meanings numbers texts such that those that belong together, directly or by way of others, have one number.
type meanings struct {
	of   map[string]int32
	same []int32 // a forest: each number's parent, its own for a root
}

func newMeanings(rows []data.Row) *meanings {
	m := &meanings{of: map[string]int32{}}
	for _, r := range rows {
		m.same[m.find(m.number(r.Text))] = m.find(m.number(r.Pair))
	}
	return m
}

func (m *meanings) number(text string) int32 {
	n, ok := m.of[text]
	if !ok {
		n = int32(len(m.same))
		m.of[text], m.same = n, append(m.same, n)
	}
	return n
}

// find returns the root of n, and halves the way to it for the next time.
func (m *meanings) find(n int32) int32 {
	for m.same[n] != n {
		m.same[n] = m.same[m.same[n]]
		n = m.same[n]
	}
	return n
}

// group is the number of what a text means.
func (m *meanings) group(text string) int32 { return m.find(m.number(text)) }

// encodePair appends a pair of task embedding, and the text that does not belong where there is a column of such.
func (t *training) encodePair(set *train.Set, e *model.Sample, r *data.Row, m *meanings) {
	t.model.Encode(&set.Input, e, r.Text, r.Pair)
	y := &set.Targets
	if !math.IsNaN(r.Score) {
		y.Scores = append(y.Scores, float32(r.Score))
		return
	}
	group := m.group(r.Text)
	groups := []int32{group, group}
	if t.config.Data.Negative != "" {
		prompt, _ := t.model.Prompt("") // the default one, which every model has
		t.model.EncodeText(&set.Input, e, prompt+r.Third)
		set.Input.Each = 3
		if groups = append(groups, group); r.Third != "" { // one of its own group counts as no negative
			groups[2] = m.group(r.Third)
		}
	}
	y.Groups.Append(groups)
}

// embedded are the vectors of pairs of texts, each of length 1.
type embedded struct{ first, second [][]float32 }

// embedRows embeds both texts of each row, also with a model that reads single texts.
func embedRows(ctx context.Context, m *model.Model, rows []data.Row, progress func(done int)) (*embedded, error) {
	prompt, err := m.Prompt("")
	if err != nil {
		return nil, err
	}
	const part = 256
	e := &embedded{}
	for from := 0; from < len(rows); from += part {
		some := rows[from:min(from+part, len(rows))]
		texts := make([]string, 2*len(some))
		for i, r := range some {
			texts[i], texts[len(some)+i] = r.Text, r.Pair
		}
		vectors, err := m.Embed(ctx, texts, prompt)
		if err != nil {
			return nil, err
		}
		for _, v := range vectors {
			similar.Unit(v)
		}
		e.first, e.second = append(e.first, vectors[:len(some)]...), append(e.second, vectors[len(some):]...)
		progress(len(e.first))
	}
	return e, nil
}

// of are the vectors of some of the rows.
func (e *embedded) of(rows []int) *embedded {
	some := &embedded{}
	for _, i := range rows {
		some.first, some.second = append(some.first, e.first[i]), append(some.second, e.second[i])
	}
	return some
}

// judge judges the cosines of pairs with scores, and otherwise at which place the first text of each pair finds the
// second one among those of all rows.
func (e *embedded) judge(rows []data.Row, o eval.Options) (*eval.Report, error) {
	if !unscored(rows) {
		truth, cosines := make([]float64, len(rows)), make([]float64, len(rows))
		for i, r := range rows {
			truth[i], cosines[i] = r.Score, float64(kernel.Dot(e.first[i], e.second[i]))
		}
		return eval.JudgeSimilarity(truth, cosines, o)
	}
	groups, means := make([]int32, len(rows)), newMeanings(rows)
	for i, r := range rows {
		groups[i] = means.group(r.Text)
	}
	queries, candidates, dim := similar.Flat(e.first), similar.Flat(e.second), len(e.first[0])
	found := make([]string, len(rows))
	similar.Each(nil, queries, candidates, dim, func(i int, scores []float32) { found[i] = rows[kernel.ArgMax(scores)].Pair })
	return eval.JudgeRetrieval(eval.RanksOf(nil, queries, candidates, dim, groups), len(rows), found, o)
}

// chooseThreshold chooses, for pairs that are the same (1) or not (0), from which cosine on they count as the same.
func (t *training) chooseThreshold(set *train.Set, predictions []model.Prediction) {
	holds, cosines, both := make([]bool, len(predictions)), make([]float64, len(predictions)), [2]bool{}
	for i, s := range set.Targets.Scores {
		if s != 0 && s != 1 {
			return
		}
		holds[i], cosines[i] = s == 1, predictions[i].Score
		both[int(s)] = true
	}
	if both != [2]bool{true, true} {
		return
	}
	threshold := eval.Threshold(holds, cosines)
	t.model.Config.Thresholds = []float64{threshold}
	t.Note("pairs count as the same from a cosine of %.2f on", threshold)
}
