package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Classify judges probabilities, [examples][labels], against targets, the number of the true label of each example.
// The prediction is the most probable label, the first of equals. Rows need not sum to 1 exactly; they are scaled.
func Classify(labels []string, targets []int, probabilities [][]float32, o Options) (*Report, error) {
	if len(targets) == 0 {
		return nil, fmt.Errorf("evaluating: there are no examples")
	}
	if len(targets) != len(probabilities) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(probabilities))
	}
	r := &Report{N: len(targets), Labels: labels, Confusion: make([][]int, len(labels)), More: map[string]float64{}, texts: o.Texts, outcomes: make([]outcome, len(targets))}
	r.show = func(i int) (string, string) { return labels[r.outcomes[i].target], labels[r.outcomes[i].predicted] }
	for i := range r.Confusion {
		r.Confusion[i] = make([]int, len(labels))
	}
	predictions := make([]int, len(targets))
	confidences, sums := make([]float64, len(targets)), make([]float64, len(targets))
	for i, row := range probabilities {
		if targets[i] < 0 || targets[i] >= len(labels) {
			return nil, fmt.Errorf("evaluating: example %d has target %d, for %d labels", i, targets[i], len(labels))
		}
		if err := checkRow(labels, row, i); err != nil {
			return nil, err
		}
		best, sum := 0, 0.0
		for c, p := range row {
			sum += float64(p)
			if p > row[best] {
				best = c
			}
		}
		if sum == 0 {
			return nil, fmt.Errorf("evaluating: example %d: all probabilities are 0", i)
		}
		sums[i], predictions[i], confidences[i] = sum, best, float64(row[best])/sum
		r.Confusion[targets[i]][best]++
		r.LogLoss -= math.Log(clip(float64(row[targets[i]])/sum)) / float64(len(targets))
		r.outcomes[i] = outcome{right: best == targets[i], target: int32(targets[i]), predicted: int32(best)}
	}
	s := scoresOf(r.Confusion)
	r.Accuracy, r.MicroF1, r.MacroF1, r.WeightedF1 = s.accuracy, s.accuracy, s.macroF1, s.weightedF1
	r.MacroPrecision, r.MacroRecall = s.macroPrecision, s.macroRecall
	r.MicroPrecision, r.MicroRecall = s.accuracy, s.accuracy
	for i, l := range labels {
		r.PerClass = append(r.PerClass, Class{Label: l, Precision: s.precision[i], Recall: s.recall[i], F1: s.f1[i], Support: s.support[i]})
	}
	r.agreement()
	r.rankClasses(targets, probabilities, sums)
	r.Bins, r.ECE = reliability(targets, predictions, confidences, cmp.Or(o.Bins, 15))
	r.beforeScaling(targets, predictions, probabilities, o)
	r.findMistakes(targets, predictions, confidences, o)
	r.bootstrap(o.Rounds, o.Seed)
	return r, nil
}

// clip keeps a probability off 0 by the precision of double numbers, as scikit-learn does for the logarithm.
func clip(p float64) float64 {
	const eps = 0x1p-52
	return min(max(p, eps), 1-eps)
}

// scores are the figures that follow from a confusion matrix.
type scores struct {
	accuracy, macroPrecision, macroRecall, macroF1, weightedF1 float64
	precision, recall, f1                                      []float64
	support                                                    []int
}

func scoresOf(confusion [][]int) scores {
	k := len(confusion)
	s := scores{precision: make([]float64, k), recall: make([]float64, k), f1: make([]float64, k), support: make([]int, k)}
	predicted := make([]int, k)
	total, right := 0, 0
	for t, row := range confusion {
		for p, n := range row {
			predicted[p] += n
			s.support[t] += n
			total += n
		}
		right += row[t]
	}
	present := 0.0
	for c := range k {
		hits := float64(confusion[c][c])
		s.precision[c] = ratio(hits, float64(predicted[c]))
		s.recall[c] = ratio(hits, float64(s.support[c]))
		s.f1[c] = ratio(2*hits, float64(predicted[c]+s.support[c]))
		if predicted[c]+s.support[c] > 0 {
			present++
		}
		s.macroPrecision += s.precision[c]
		s.macroRecall += s.recall[c]
		s.macroF1 += s.f1[c]
		s.weightedF1 += s.f1[c] * float64(s.support[c])
	}
	s.macroPrecision = ratio(s.macroPrecision, present)
	s.macroRecall = ratio(s.macroRecall, present)
	s.macroF1 = ratio(s.macroF1, present)
	s.weightedF1 = ratio(s.weightedF1, float64(total))
	s.accuracy = ratio(float64(right), float64(total))
	return s
}

// ratio is a/b, and 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (r *Report) findMistakes(targets, predictions []int, confidences []float64, o Options) {
	var wrong []int
	for i := range targets {
		if targets[i] != predictions[i] {
			wrong = append(wrong, i)
		}
	}
	slices.SortFunc(wrong, func(a, b int) int {
		return cmp.Or(cmp.Compare(confidences[b], confidences[a]), cmp.Compare(a, b))
	})
	for _, i := range wrong[:min(len(wrong), o.Mistakes)] {
		m := Mistake{Index: i, Target: r.Labels[targets[i]], Predicted: r.Labels[predictions[i]], Probability: confidences[i]}
		if i < len(o.Texts) {
			m.Text = o.Texts[i]
		}
		r.Mistakes = append(r.Mistakes, m)
	}
}
