package eval

import (
	"cmp"
	"fmt"
	"math/rand/v2"
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
		r.PerClass = append(r.PerClass, Class{r.Labels[c], n.precision(), n.recall(), n.f1(), n.wanted})
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
	if o.Rounds == 0 {
		return
	}
	sums := make([]counts, len(examples)) // over labels
	for i, row := range examples {
		for _, n := range row {
			sums[i].add(n)
		}
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x5851f42d4c957f2d))
	var f1 []float64
	for range o.Rounds {
		var c counts
		for range sums {
			c.add(sums[rng.IntN(len(sums))])
		}
		f1 = append(f1, c.f1())
	}
	r.Intervals = map[string]Interval{"micro_f1": middle(f1)}
}

// JudgeSets judges sets of labels: targets and predicted hold the numbers of the labels of each example, probabilities
// [examples][labels] those of every label.
func JudgeSets(labels []string, targets, predicted [][]int, probabilities [][]float32, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predicted) || len(targets) != len(probabilities) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions, %d rows of probabilities", len(targets), len(predicted), len(probabilities))
	}
	r := &Report{Task: Sets, N: len(targets), Labels: labels, More: map[string]float64{}}
	examples := make([][]counts, len(targets))
	wrong := 0
	var mistakes []Mistake
	for i := range targets {
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
	r.More["hamming_loss"] = float64(wrong) / float64(len(targets)*len(labels))
	r.tally(examples, o)
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
	for i := range r.Mistakes {
		if m := &r.Mistakes[i]; m.Index < len(o.Texts) {
			m.Text = o.Texts[m.Index]
		}
	}
}

// Span is an entity: a labelled stretch of an example.
type Span struct {
	Start, End  int
	Label       string
	Probability float64 // of a prediction
}

// JudgeEntities judges labelled stretches of texts. As in CoNLL-2003 and seqeval, a predicted entity is right when
// start, end and type are those of an entity of the text, and the figures count entities, not examples.
func JudgeEntities(types []string, targets, predicted [][]Span, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predicted) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(predicted))
	}
	r := &Report{Task: Entities, N: len(targets), Labels: types}
	number := map[string]int{}
	for i, t := range types {
		number[t] = i
	}
	examples := make([][]counts, len(targets))
	var mistakes []Mistake
	type key struct {
		start, end int
		label      string
	}
	for i := range targets {
		row := make([]counts, len(types))
		left := map[key]bool{}
		for _, s := range targets[i] {
			c, ok := number[s.Label]
			if !ok {
				return nil, fmt.Errorf("evaluating: example %d has an entity of the unknown type %q", i, s.Label)
			}
			if k := (key{s.Start, s.End, s.Label}); !left[k] {
				left[k] = true
				row[c].wanted++
			}
		}
		for _, s := range predicted[i] {
			c, ok := number[s.Label]
			if !ok {
				return nil, fmt.Errorf("evaluating: a predicted entity of example %d has the unknown type %q", i, s.Label)
			}
			row[c].predicted++
			if k := (key{s.Start, s.End, s.Label}); left[k] {
				delete(left, k)
				row[c].right++
			} else {
				mistakes = append(mistakes, Mistake{Index: i, Target: "–", Predicted: o.quote(i, s), Probability: s.Probability})
			}
		}
		for _, s := range targets[i] {
			if k := (key{s.Start, s.End, s.Label}); left[k] {
				delete(left, k)
				mistakes = append(mistakes, Mistake{Index: i, Target: o.quote(i, s), Predicted: "–"})
			}
		}
		examples[i] = row
	}
	r.tally(examples, o)
	r.keepMistakes(mistakes, o)
	return r, nil
}

// quote writes an entity with its words.
func (o *Options) quote(i int, s Span) string {
	if i < len(o.Texts) && s.Start >= 0 && s.End <= len(o.Texts[i]) && s.Start <= s.End {
		return s.Label + " " + o.Texts[i][s.Start:s.End]
	}
	return fmt.Sprintf("%s %d–%d", s.Label, s.Start, s.End)
}
