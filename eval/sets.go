package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// counts are what precision, recall and F1 follow from.
type counts struct{ right, predicted, wanted int }

func (c counts) precision() float64 { return ratio(float64(c.right), float64(c.predicted)) }
func (c counts) recall() float64    { return ratio(float64(c.right), float64(c.wanted)) }
func (c counts) f1() float64        { return ratio(2*float64(c.right), float64(c.predicted+c.wanted)) }

func (c *counts) add(d counts) {
	c.right += d.right
	c.predicted += d.predicted
	c.wanted += d.wanted
}

// tally fills in the figures that follow from counts by example and label.
func (r *Report) tally(examples [][]counts, o Options) {
	k := len(r.Labels)
	total := make([]counts, k)
	for _, row := range examples {
		for c, n := range row {
			total[c].add(n)
		}
	}
	all, present, support := counts{}, 0.0, 0
	for c, n := range total {
		all.add(n)
		r.PerClass = append(r.PerClass, Class{Label: r.Labels[c], Precision: n.precision(), Recall: n.recall(), F1: n.f1(), Support: n.wanted})
		if n.predicted+n.wanted > 0 {
			present++
		}
		support += n.wanted
		r.MacroPrecision += n.precision()
		r.MacroRecall += n.recall()
		r.MacroF1 += n.f1()
		r.WeightedF1 += n.f1() * float64(n.wanted)
	}
	r.MacroPrecision, r.MacroRecall, r.MacroF1 = ratio(r.MacroPrecision, present), ratio(r.MacroRecall, present), ratio(r.MacroF1, present)
	r.WeightedF1 = ratio(r.WeightedF1, float64(support))
	r.MicroPrecision, r.MicroRecall, r.MicroF1 = all.precision(), all.recall(), all.f1()
	r.outcomes = make([]outcome, len(examples))
	for i, row := range examples {
		sum := &r.outcomes[i].counts // over labels
		for c, n := range row {
			if sum.add(n); n != (counts{}) {
				r.outcomes[i].each = append(r.outcomes[i].each, labelCounts{c, n})
			}
		}
		r.outcomes[i].right = sum.right == sum.predicted && sum.right == sum.wanted
	}
	r.bootstrap(o.Rounds, o.Seed)
}

// checkRow refuses probabilities that are none, or of other labels.
func checkRow(labels []string, row []float32, i int) error {
	if len(row) != len(labels) {
		return fmt.Errorf("evaluating: example %d has %d probabilities, for %d labels", i, len(row), len(labels))
	}
	for c, p := range row {
		if p < 0 || math.IsNaN(float64(p)) || math.IsInf(float64(p), 0) {
			return fmt.Errorf("evaluating: example %d: label %q has probability %v", i, labels[c], p)
		}
	}
	return nil
}

// JudgeSets judges sets of labels: targets and predicted hold the numbers of the labels of each example, probabilities
// [examples][labels] those of every label.
func JudgeSets(labels []string, targets, predicted [][]int, probabilities [][]float32, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predicted) || len(targets) != len(probabilities) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions, %d rows of probabilities", len(targets), len(predicted), len(probabilities))
	}
	r := &Report{Task: Sets, N: len(targets), Labels: labels, More: map[string]float64{}, texts: o.Texts}
	r.show = func(i int) (string, string) { return joined(labels, targets[i]), joined(labels, predicted[i]) }
	examples := make([][]counts, len(targets))
	wrong := 0
	var mistakes []Mistake
	for i := range targets {
		if err := checkRow(labels, probabilities[i], i); err != nil {
			return nil, err
		}
		row := make([]counts, len(labels))
		for _, set := range [][]int{targets[i], predicted[i]} {
			for _, c := range set {
				if c < 0 || c >= len(labels) {
					return nil, fmt.Errorf("evaluating: example %d names label %d of %d", i, c, len(labels))
				}
			}
		}
		for _, c := range targets[i] {
			row[c].wanted = 1
		}
		for _, c := range predicted[i] {
			row[c].predicted = 1
			row[c].right = row[c].wanted
		}
		misses, worst := 0, 0.0
		for c, n := range row {
			if n.predicted != n.wanted {
				misses++
				p := float64(probabilities[i][c])
				if n.wanted == 1 {
					p = 1 - p
				}
				worst = max(worst, p)
			}
		}
		wrong += misses
		if misses == 0 {
			r.Accuracy += 1 / float64(len(targets))
		} else {
			mistakes = append(mistakes, Mistake{Index: i, Target: joined(labels, targets[i]), Predicted: joined(labels, predicted[i]), Probability: worst})
		}
		examples[i] = row
	}
	r.More["hamming_loss"] = ratio(float64(wrong), float64(len(targets)*len(labels)))
	r.rankSets(examples, probabilities)
	r.tally(examples, o)
	for c, t := range o.Thresholds[:min(len(o.Thresholds), len(labels))] {
		r.PerClass[c].Threshold = t
	}
	r.keepMistakes(mistakes, o)
	return r, nil
}

func joined(labels []string, set []int) string {
	var names []string
	for _, c := range set {
		names = append(names, labels[c])
	}
	return cmp.Or(strings.Join(names, ", "), "–")
}

// keepMistakes keeps those of the highest probability.
func (r *Report) keepMistakes(all []Mistake, o Options) {
	slices.SortStableFunc(all, func(a, b Mistake) int { return cmp.Compare(b.Probability, a.Probability) })
	r.Mistakes = all[:min(len(all), o.Mistakes)]
	r.addTexts(o)
}

func (r *Report) addTexts(o Options) {
	for i := range r.Mistakes {
		if m := &r.Mistakes[i]; m.Index < len(o.Texts) {
			m.Text = o.Texts[m.Index]
		}
	}
}
