package train

import (
	"context"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

const (
	// givenWeight is how much a given label counts beside a believed one, where n-grams learn from both.
	givenWeight = 5
	// ofLabels is the share of the head that knows the given labels alone, those of the two views being 1.
	ofLabels = 0.5
)

// coTrain lets n-grams beside the network (model.Config.Wide) learn the labels that the head on its states gives all texts, and
// adds up three linear models whose scores are of one spread: that head, believing, the head of the given labels alone,
// [size], and the n-grams, which err on other texts than the states do: two views (Blum & Mitchell 1998, "Combining Labeled and
// Unlabeled Data with Co-Training"). They teach once: a second lesson would be of labels that the pupil has had a say in.
// The sum is what the model becomes; nothing is fitted to it again.
func (tr *Trainer) coTrain(ctx context.Context, byLabels []float64) error {
	v, m := tr.solver, tr.model
	labelled, n, k := tr.train.Len(), tr.train.Len()+tr.unlabelled.Len(), v.k
	v.scores(v.rows, n, v.theta)
	states := slices.Clone(v.z)
	all := tr.believedSet(states)
	var folds []holdout
	order := permutation(nil, n, tr.config.Seed, 0)
	for f := range wideFolds {
		from, to := n*f/wideFolds, n*(f+1)/wideFolds
		folds = append(folds, holdout{slices.Concat(order[:from], order[to:]), order[from:to]})
	}
	held := tr.heldScores(ctx, all, folds, func(seen []int32) *model.Linear { return m.WideOf(&all.Input, all.Targets.Classes, seen) })
	if err := ctx.Err(); err != nil {
		return err // the scores are not all there
	}
	best, _, _ := chooseCost(&all.Targets, firstRows(n), held, k)
	m.WeighWide(&all.Input, all.Targets.Classes, order)
	grams := newDual(m, m.Linear(), all, tr.loss)
	clear(grams.w)
	clear(grams.b)
	for c := range best + 1 {
		grams.descend(ctx, order, tr.config.costOf(c, wideCosts), tr.config.Seed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v.scores(v.rows, n, byLabels)
	labels := slices.Clone(v.z)
	ofStates, ofGrams, ofGiven := 1/spreadOf(states[labelled*k:], k), 1/spreadOf(held[best][labelled*k:], k), ofLabels/spreadOf(labels[labelled*k:], k)
	sum := make([]float32, (n-labelled)*k)
	for i := range sum {
		at := labelled*k + i
		sum[i] = float32(ofStates*float64(states[at]) + ofGrams*float64(held[best][at]) + ofGiven*float64(labels[at]))
	}
	scale := certainty(sum, k, tr.believedRight(states[labelled*k:], held[best][labelled*k:]))
	for i := range v.theta {
		v.theta[i] = scale * (ofStates*v.theta[i] + ofGiven*byLabels[i])
	}
	for _, values := range [][]float32{grams.w, grams.b} {
		kernel.Scale(float32(scale*ofGrams), values)
	}
	return nil
}

// believedSet is all texts with the labels that the scores, [n, outputs], give them; where there is a given label, it stands.
func (tr *Trainer) believedSet(scores []float32) *Set {
	all, k := &Set{}, tr.solver.k
	for _, set := range []*Set{tr.train, tr.unlabelled} {
		for i := range set.Len() {
			tr.model.AppendExample(&all.Input, &set.Input, i)
			class, weight := int32(kernel.ArgMax(scores[all.Len()*k:(all.Len()+1)*k])), exampleWeight(set.Targets.Weights, i)
			if set == tr.train {
				class, weight = set.Targets.Classes[i], givenWeight*weight
			}
			all.Targets.Classes, all.Targets.Weights = append(all.Targets.Classes, class), append(all.Targets.Weights, weight)
			all.Add()
		}
	}
	return all
}

// believedRight is how often the model may be right: as often as labels held back were guessed rightly, by the rule of
// succession; where none could be held back, as often as the two views agree on texts without labels, [texts, outputs].
func (tr *Trainer) believedRight(states, grams []float32) float64 {
	right, n := 0.0, 0.0
	for _, hit := range tr.state.Believed {
		right, n = right+hit, n+1
	}
	if k := len(tr.model.Labels); n == 0 {
		for at := 0; at < len(states); at += k {
			if kernel.ArgMax(states[at:at+k]) == kernel.ArgMax(grams[at:at+k]) {
				right++
			}
			n++
		}
	}
	return (right + 1) / (n + 2)
}

// spreadOf is the root mean square of scores, [n, k], about the mean of each row.
func spreadOf(scores []float32, k int) float64 {
	square := 0.0
	for i := 0; i < len(scores); i += k {
		row, mean := scores[i:i+k], 0.0
		for _, s := range row {
			mean += float64(s) / float64(k)
		}
		for _, s := range row {
			square += (float64(s) - mean) * (float64(s) - mean)
		}
	}
	return math.Sqrt(max(square/float64(max(len(scores), 1)), 1e-24))
}

// certainty is what scores, [n, k], are to be multiplied by for the mean probability of the likeliest class to be share.
func certainty(scores []float32, k int, share float64) float64 {
	low, high := 1e-3, 1e3
	row := make([]float32, k)
	for range 40 {
		middle, sum := math.Sqrt(low*high), 0.0
		for i := 0; i < len(scores); i += k {
			copy(row, scores[i:i+k])
			kernel.Scale(float32(middle), row)
			kernel.Softmax(row, row)
			sum += float64(kernel.Max(row))
		}
		if sum*float64(k) < share*float64(len(scores)) {
			low = middle
		} else {
			high = middle
		}
	}
	return math.Sqrt(low * high)
}
