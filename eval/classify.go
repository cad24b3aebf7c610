// Package eval judges predictions: it computes figures from targets and predictions alone and knows neither models
// nor data.
//
//	report, err := eval.Classify(labels, targets, probabilities, eval.Options{Texts: texts, Rounds: 1000})
//	report.Text(os.Stdout)          // for the terminal
//	json.Marshal(report)            // for programs
//	report.HTML(w, eval.Facts{…})   // one self-contained page
//
// Figures are those of scikit-learn, with its conventions: a precision, recall or F1 whose denominator is zero is 0,
// and averages run over the labels that occur among targets or predictions.
package eval

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Options say what Classify computes beyond the figures themselves.
type Options struct {
	Texts    []string // of the examples, for the list of mistakes; may be nil
	Mistakes int      // how many of the most confident mistakes are kept
	Rounds   int      // resamples of the bootstrap; 0 for no intervals
	Seed     uint64   // of the bootstrap
	Bins     int      // of the calibration error, 15 if 0
}

// Report is the judgement of a model on a set of examples. Which figures it has depends on Task; Figures lists them.
type Report struct {
	Task           string              `json:"task,omitempty"` // "" for one label a text, else see the constants
	N              int                 `json:"n"`              // examples
	Labels         []string            `json:"labels"`
	Accuracy       float64             `json:"accuracy"` // of sets of labels: all of them right
	MacroPrecision float64             `json:"macro_precision"`
	MacroRecall    float64             `json:"macro_recall"`
	MacroF1        float64             `json:"macro_f1"`
	MicroPrecision float64             `json:"micro_precision"`
	MicroRecall    float64             `json:"micro_recall"`
	MicroF1        float64             `json:"micro_f1"`
	WeightedF1     float64             `json:"weighted_f1"`
	LogLoss        float64             `json:"log_loss"`       // natural logarithm, a mean over examples
	ECE            float64             `json:"ece"`            // expected calibration error, see Bin
	More           map[string]float64  `json:"more,omitempty"` // further figures by name, see Figures
	Intervals      map[string]Interval `json:"intervals,omitempty"`
	PerClass       []Class             `json:"per_class"`
	Confusion      [][]int             `json:"confusion,omitempty"` // [target][prediction]
	Bins           []Bin               `json:"bins,omitempty"`
	Slices         []Slice             `json:"slices,omitempty"`
	Mistakes       []Mistake           `json:"mistakes,omitempty"`
}

// The tasks other than one label a text.
const (
	Sets     = "multilabel"
	Numbers  = "regression"
	Entities = "tokens"
)

// Slice is the judgement of the examples that have one value in one column.
type Slice struct {
	Column string  `json:"column"`
	Value  string  `json:"value"`
	N      int     `json:"n"`
	Main   float64 `json:"main"` // the report's first figure
	Low    float64 `json:"low"`  // of its 95 % interval; equal to Main where none was asked for
	High   float64 `json:"high"`
}

// Class is the judgement of one label.
type Class struct {
	Label     string  `json:"label"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Support   int     `json:"support"` // examples with this target
}

// Interval is a 95 % confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Bin gathers the predictions whose probability lies in a range of equal width (Guo et al. 2017, "On Calibration of
// Modern Neural Networks"): a calibrated model is right as often as it is confident. The calibration error is the mean
// distance of the two, weighted by count.
type Bin struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Count      int     `json:"count"`
	Confidence float64 `json:"confidence"` // mean probability of the predicted label
	Accuracy   float64 `json:"accuracy"`
}

// Mistake is an example that was predicted wrongly.
type Mistake struct {
	Index       int     `json:"index"`
	Text        string  `json:"text,omitempty"`
	Target      string  `json:"target"`
	Predicted   string  `json:"predicted"`
	Probability float64 `json:"probability"` // of the predicted label
}

// Classify judges probabilities, [examples][labels], against targets, the number of the true label of each example.
// The prediction is the most probable label, the first of equals. Rows need not sum to 1 exactly; they are scaled.
func Classify(labels []string, targets []int, probabilities [][]float32, o Options) (*Report, error) {
	if len(targets) == 0 {
		return nil, fmt.Errorf("evaluating: there are no examples")
	}
	if len(targets) != len(probabilities) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(probabilities))
	}
	r := &Report{N: len(targets), Labels: labels, Confusion: make([][]int, len(labels)), More: map[string]float64{}}
	for i := range r.Confusion {
		r.Confusion[i] = make([]int, len(labels))
	}
	predictions, confidences := make([]int, len(targets)), make([]float64, len(targets))
	for i, row := range probabilities {
		if targets[i] < 0 || targets[i] >= len(labels) || len(row) != len(labels) {
			return nil, fmt.Errorf("evaluating: example %d has target %d and %d probabilities, for %d labels", i, targets[i], len(row), len(labels))
		}
		best, sum := 0, 0.0
		for c, p := range row {
			if p < 0 || math.IsNaN(float64(p)) || math.IsInf(float64(p), 0) {
				return nil, fmt.Errorf("evaluating: example %d: label %q has probability %v", i, labels[c], p)
			}
			sum += float64(p)
			if p > row[best] {
				best = c
			}
		}
		if sum == 0 {
			return nil, fmt.Errorf("evaluating: example %d: all probabilities are 0", i)
		}
		predictions[i], confidences[i] = best, float64(row[best])/sum
		r.Confusion[targets[i]][best]++
		r.LogLoss -= math.Log(clip(float64(row[targets[i]])/sum)) / float64(len(targets))
	}
	s := scoresOf(r.Confusion)
	r.Accuracy, r.MicroF1, r.MacroF1, r.WeightedF1 = s.accuracy, s.accuracy, s.macroF1, s.weightedF1
	r.MacroPrecision, r.MacroRecall = s.macroPrecision, s.macroRecall
	r.MicroPrecision, r.MicroRecall = s.accuracy, s.accuracy
	for i, l := range labels {
		r.PerClass = append(r.PerClass, Class{l, s.precision[i], s.recall[i], s.f1[i], s.support[i]})
	}
	r.agreement()
	r.ranking(targets, probabilities)
	r.calibrate(targets, predictions, confidences, cmp.Or(o.Bins, 15))
	r.findMistakes(targets, predictions, confidences, o)
	if o.Rounds > 0 {
		r.bootstrap(o.Rounds, o.Seed)
	}
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

func (r *Report) calibrate(targets, predictions []int, confidences []float64, bins int) {
	r.Bins = make([]Bin, bins)
	for i := range r.Bins {
		r.Bins[i] = Bin{Low: float64(i) / float64(bins), High: float64(i+1) / float64(bins)}
	}
	for i, p := range confidences {
		// Ranges are open below and closed above, as in the paper.
		b := &r.Bins[min(max(int(math.Ceil(p*float64(bins)))-1, 0), bins-1)]
		b.Count++
		b.Confidence += p
		if predictions[i] == targets[i] {
			b.Accuracy++
		}
	}
	for i := range r.Bins {
		b := &r.Bins[i]
		b.Confidence, b.Accuracy = ratio(b.Confidence, float64(b.Count)), ratio(b.Accuracy, float64(b.Count))
		r.ECE += math.Abs(b.Confidence-b.Accuracy) * float64(b.Count) / float64(len(targets))
	}
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

// bootstrap resamples the examples with replacement and takes the 2.5 and 97.5 percentiles of the figures (Efron
// 1979). Only the cell of the confusion matrix counts of an example, so resamples are drawn from its cells.
func (r *Report) bootstrap(rounds int, seed uint64) {
	k := len(r.Labels)
	cells := make([]int32, 0, r.N) // of each example
	for t, row := range r.Confusion {
		for p, n := range row {
			for range n {
				cells = append(cells, int32(t*k+p))
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))
	sample := make([][]int, k)
	for i := range sample {
		sample[i] = make([]int, k)
	}
	var accuracy, macroF1 []float64
	for range rounds {
		for _, row := range sample {
			clear(row)
		}
		for range cells {
			cell := int(cells[rng.Uint64N(uint64(len(cells)))])
			sample[cell/k][cell%k]++
		}
		s := scoresOf(sample)
		accuracy, macroF1 = append(accuracy, s.accuracy), append(macroF1, s.macroF1)
	}
	r.Intervals = map[string]Interval{"accuracy": middle(accuracy), "macro_f1": middle(macroF1)}
}

// middle returns the range of the middle 95 % of x.
func middle(x []float64) Interval {
	slices.Sort(x)
	at := func(q float64) float64 { return x[int(math.Round(q*float64(len(x)-1)))] }
	return Interval{at(0.025), at(0.975)}
}
