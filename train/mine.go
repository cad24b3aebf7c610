package train

import (
	"context"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// checkPairs refuses settings that a training of head embedding cannot follow.
func checkPairs(m *model.Model, set *Set, c *Config) error {
	scores := set.Targets.Scores
	embeds := m.Config.Head == model.EmbeddingHead
	switch {
	case c.HardNegatives > 0 && (!embeds || len(scores) > 0):
		return hint.Errorf("set train.hard_negatives to 0", "training: hard negatives are for pairs without scores (task embedding)")
	case embeds && c.RDrop > 0:
		return hint.Errorf("set train.r_drop to 0", "training: train.r_drop compares predictions, and task embedding has none")
	case embeds && len(scores) == 0 && slices.Contains([]string{"cosent", "cosine", "contrastive"}, c.Loss):
		return hint.Errorf("name their column with --label, or set train.loss to auto", "training: loss %s is for pairs with scores", c.Loss)
	case embeds && c.Loss == "cosine" && (slices.Min(scores) < -1 || slices.Max(scores) > 1):
		return hint.Errorf("scale the scores, or set train.loss to cosent", "training: loss cosine: scores from %g to %g, but cosines lie between -1 and 1", slices.Min(scores), slices.Max(scores))
	case embeds && c.Loss == "contrastive" && slices.ContainsFunc(scores, func(s float32) bool { return s != 0 && s != 1 }):
		return hint.Errorf("set train.loss to cosent", "training: loss contrastive is for pairs that are the same (1) or not (0)")
	}
	return nil
}

// Vectors embeds all sequences of a set, for a model of head embedding: rows of dim numbers, each of length 1.
func Vectors(ctx context.Context, m *model.Model, set *Set, tape *nn.Tape) (rows []float32, dim int, err error) {
	var batch model.Input
	for from := 0; from < set.Len(); from += evaluated {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		batch.Reset()
		batch.Each = set.Input.Each
		for i := from; i < min(from+evaluated, set.Len()); i++ {
			m.AppendExample(&batch, &set.Input, i)
		}
		tape.Begin(nn.Inference, 0, 0)
		v := m.Forward(tape, &batch)
		rows, dim = append(rows, v.Data...), v.Cols
	}
	unitRows(rows, dim)
	return rows, dim, nil
}

func unitRows(rows []float32, dim int) {
	for i := 0; i < len(rows); i += dim {
		similar.Unit(rows[i : i+dim])
	}
}

// pairRows parts the vectors of a set into those of the first texts and those of the second ones.
func pairRows(rows []float32, dim int, set *Set) (first, second []float32) {
	each := len(rows) / dim / set.Len()
	for i := 0; i < len(rows); i += each * dim {
		first, second = append(first, rows[i:i+dim]...), append(second, rows[i+dim:i+2*dim]...)
	}
	return first, second
}

// groupsOf returns the group of each example's first text.
func groupsOf(y *model.Targets) []int32 {
	groups := make([]int32, y.Groups.Len())
	for i := range groups {
		groups[i] = y.Groups.Sequence(i)[0]
	}
	return groups
}

// maxMined bounds the texts among which hard negatives are looked for; of more, each epoch draws others.
const maxMined = 20_000

// mine finds hard negatives for the epoch that begins: for each example those texts, positives of others, that the
// encoder as it is takes for most similar to the anchor. What comes within Config.NegativeMargin of the positive is
// passed over: it may well mean the same without anybody having said so (Qu et al. 2021, "RocketQA"; Moreira et al.
// 2024, "NV-Retriever"). The first epoch has negatives of the batch alone: a fresh encoder knows nothing of hardness.
func (tr *Trainer) mine(ctx context.Context) error {
	k, s, set := tr.config.HardNegatives, &tr.state, tr.train
	if k == 0 || s.Epoch == 0 || s.Position > 0 {
		return nil
	}
	rows, dim, err := Vectors(ctx, tr.model, set, tr.tape)
	if err != nil {
		return err
	}
	anchors, positives := pairRows(rows, dim, set)
	pool := permutation(nil, set.Len(), tr.config.Seed+2, s.Epoch)
	pool = pool[:min(len(pool), maxMined)]
	slices.Sort(pool)
	candidates := make([]float32, 0, len(pool)*dim)
	for _, i := range pool {
		candidates = append(candidates, positives[int(i)*dim:(int(i)+1)*dim]...)
	}
	groups := groupsOf(&set.Targets)
	s.Negatives = make([]int32, set.Len()*k)
	similar.Each(tr.pool, anchors, candidates, dim, func(q int, scores []float32) {
		own := kernel.Dot(anchors[q*dim:(q+1)*dim], positives[q*dim:(q+1)*dim])
		limit := own - float32(tr.config.NegativeMargin)
		hardest := similar.Best(scores, k, func(c int) bool { return scores[c] <= limit && groups[pool[c]] != groups[q] })
		for n := range k {
			at := (q + (n+1)*7919) % len(pool) // any text, where there are not enough; its group tells if it is none
			if n < len(hardest) {
				at = hardest[n]
			}
			s.Negatives[q*k+n] = pool[at]
		}
	})
	return nil
}

// appendNegatives adds what was mined for example i, the last of the batch: positives of other examples.
func (tr *Trainer) appendNegatives(i int) {
	k, from, y := tr.config.HardNegatives, &tr.train.Input, &tr.train.Targets.Groups
	each := from.Tokens.Len() / tr.train.Len()
	groups := slices.Clone(y.Sequence(i))
	for _, j := range tr.state.Negatives[i*k : (i+1)*k] {
		tr.batch.AppendSequence(from, int(j)*each+1)
		groups = append(groups, y.Sequence(int(j))[1])
	}
	tr.batch.Each = len(groups)
	tr.targets.Groups.Append(groups)
}
