package train

import (
	"context"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/eval"
)

// curveDraws are those of folds and parts.
const curveDraws = 3

// curveShares are the parts of the labels that heads learn from, of those that a fold leaves.
var curveShares = []float64{0.25, 0.5, 1}

// Curve judges heads that are solved from parts of the labels, by the strength that was chosen, on labels that they have not
// seen: the points of a learning curve, after Run and before Finish. Each point is judged on all labels, by way of folds.
// There are none where no head was solved or a class has too few labels.
func (tr *Trainer) Curve(ctx context.Context) ([]eval.CurvePoint, error) {
	v, labelled := tr.solver, tr.train.Len()
	if v == nil || tr.config.Optimizer != "lbfgs" || tr.state.choice() < 0 {
		return nil, nil
	}
	strength := tr.state.strength()
	var points []eval.CurvePoint
	for draw := range uint64(curveDraws) {
		folds := foldsOf(v.targets[:labelled*v.k], v.k, tr.config.Seed+1000*(draw+1))
		right, sizes, judged := make([]int, len(curveShares)), make([]int, len(curveShares)), 0
		for f := range folds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rest := interleave(slices.Concat(slices.Concat(folds[:f]...), slices.Concat(folds[f+1:]...)), v.class)
			judged += len(folds[f])
			for i, share := range curveShares {
				n := max(int(share*float64(len(rest))), 1)
				sizes[i] = n
				v.choose(rest[:n])
				clear(v.theta)
				v.fit(v.theta, strength, roughly)
				_, ok := v.judge(folds[f], v.theta)
				right[i] += ok
			}
		}
		for i := range curveShares {
			if judged > 0 {
				points = append(points, eval.CurvePoint{N: sizes[i], Seed: draw, Value: float64(right[i]) / float64(judged)})
			}
		}
	}
	return points, nil
}

// interleave orders rows so that each beginning holds about as many of every class; within a class they keep their order.
func interleave(rows []int, class func(i int) int) []int {
	seen, turn := map[int]int{}, map[int]int{}
	for _, i := range rows {
		turn[i] = seen[class(i)]
		seen[class(i)]++
	}
	slices.SortStableFunc(rows, func(a, b int) int { return turn[a] - turn[b] })
	return rows
}
