package eval

import (
	"fmt"
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
)

// JudgeSimilarity judges the cosines of pairs of texts by how similar they are in truth: by order (Spearman) first,
// since a cosine has no scale of its own. Where the truth is 0 or 1, ranking figures join; o.Thresholds may hold the
// cosine from which on a pair counts as the same, and then accuracy and F1 join too. Where all truths or all cosines are
// equal, there is no order, and its correlation is 0.
func JudgeSimilarity(truth, cosines []float64, o Options) (*Report, error) {
	numbers := o
	numbers.Rounds = 0
	r, err := JudgeNumbers(truth, cosines, numbers)
	if err != nil {
		return nil, err
	}
	r.Task, r.Labels = Similarity, []string{"similarity"}
	maps.DeleteFunc(r.More, func(key string, _ float64) bool { return key != "spearman" && key != "pearson" })
	if _, ok := r.More["spearman"]; !ok {
		r.More["spearman"] = 0
	}
	if !constant(truth) && !slices.ContainsFunc(truth, func(v float64) bool { return v != 0 && v != 1 }) {
		r.judgeSame(truth, cosines, o.Thresholds)
	}
	r.bootstrap(o.Rounds, o.Seed)
	return r, nil
}

// judgeSame adds the figures of pairs that are the same (1) or not (0).
func (r *Report) judgeSame(truth, cosines, thresholds []float64) {
	holds := make([]bool, len(truth))
	for i, v := range truth {
		holds[i] = v == 1
	}
	r.More["roc_auc"], r.More["pr_auc"] = ROCAUC(holds, cosines), AveragePrecision(holds, cosines)
	if len(thresholds) != 1 {
		return
	}
	var c counts
	for i, same := range holds {
		found := cosines[i] >= thresholds[0]
		r.outcomes[i].right = found == same
		if same {
			c.wanted++
		}
		if found {
			c.predicted++
		}
		if same && found {
			c.right++
		}
	}
	wrong := c.predicted + c.wanted - 2*c.right
	r.More["pair_accuracy"], r.More["pair_f1"] = 1-float64(wrong)/float64(len(truth)), c.f1()
}

// RanksOf returns at which place, from 1, each query finds the candidate that belongs to it, query i's being candidate
// i, by the inner products of rows of dim numbers. Any candidate of the same group (nil for none) belongs to it as well,
// the first of them counts; a candidate that scores the same comes before it.
func RanksOf(pool *parallel.Pool, queries, candidates []float32, dim int, groups []int32) []int {
	ranks := make([]int, len(queries)/dim)
	similar.Each(pool, queries, candidates, dim, func(q int, scores []float32) {
		belongs := func(c int) bool { return c == q || groups != nil && groups[c] == groups[q] }
		best := scores[q]
		for c, s := range scores {
			if s > best && belongs(c) {
				best = s
			}
		}
		ranks[q] = 1
		for c, s := range scores {
			if s >= best && !belongs(c) {
				ranks[q]++
			}
		}
	})
	return ranks
}

// RecallAt is the share of the queries that find what belongs to them at place k or before.
func RecallAt(ranks []int, k int) float64 {
	found := 0
	for _, r := range ranks {
		if r <= k {
			found++
		}
	}
	return ratio(float64(found), float64(len(ranks)))
}

// MeanReciprocalRank is the mean of 1/rank.
func MeanReciprocalRank(ranks []int) float64 {
	sum := 0.0
	for _, r := range ranks {
		sum += 1 / float64(r)
	}
	return ratio(sum, float64(len(ranks)))
}

// JudgeRetrieval judges at which place queries find what belongs to them (see RanksOf), among so many candidates.
// found holds the text at the first place, for the list of mistakes.
func JudgeRetrieval(ranks []int, candidates int, found []string, o Options) (*Report, error) {
	if len(ranks) == 0 || len(found) != len(ranks) {
		return nil, fmt.Errorf("evaluating: %d ranks, %d texts found", len(ranks), len(found))
	}
	r := &Report{Task: Similarity, N: len(ranks), Labels: []string{"similarity"}, More: map[string]float64{}, texts: o.Texts}
	r.show = func(i int) (string, string) { return "rank 1", fmt.Sprintf("rank %d", ranks[i]) }
	for key, k := range map[string]int{"recall_at_1": 1, "recall_at_5": 5, "recall_at_10": 10} {
		if k < candidates {
			r.More[key] = RecallAt(ranks, k)
		}
	}
	r.More["mrr"] = MeanReciprocalRank(ranks)
	var mistakes []Mistake
	for i, rank := range ranks {
		r.outcomes = append(r.outcomes, outcome{right: rank == 1, truth: 1, guess: 1 / float64(rank)})
		if rank > 1 {
			mistakes = append(mistakes, Mistake{Index: i, Target: "rank 1", Predicted: fmt.Sprintf("rank %d, after %s", rank, found[i]), Probability: 1 - 1/float64(rank)})
		}
	}
	r.keepMistakes(mistakes, o)
	r.bootstrap(o.Rounds, o.Seed)
	return r, nil
}

// similarityMeasures are what is resampled of scored pairs, or of ranks.
func (r *Report) similarityMeasures(named func(key string, lower bool, of func([]int32) float64) measure) []measure {
	if _, ranked := r.More["mrr"]; ranked {
		return []measure{
			named("mrr", false, func(examples []int32) float64 {
				guess := make([]float64, len(examples))
				for n, i := range examples {
					guess[n] = r.outcomes[i].guess
				}
				return mean(guess)
			}),
			named("recall_at_1", false, r.share),
		}
	}
	measures := []measure{named("spearman", false, r.correlation(Spearman)), named("pearson", false, r.correlation(Pearson))}
	if _, ok := r.More["pair_accuracy"]; ok {
		measures = append(measures, named("pair_accuracy", false, r.share))
	}
	return measures
}
