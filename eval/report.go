// Package eval judges predictions: it computes figures from targets and predictions alone and knows neither models
// nor data.
//
//	report, err := eval.Classify(labels, targets, probabilities, eval.Options{Texts: texts, Rounds: 1000})
//	report.Text(os.Stdout)          // for the terminal
//	json.Marshal(report)            // for programs
//	report.HTML(w, eval.Page{…})    // one self-contained page
//
// Figures are those of scikit-learn, with its conventions: a precision, recall or F1 whose denominator is zero is 0,
// and averages run over the labels that occur among targets or predictions.
package eval

// Options say what is computed beyond the figures themselves.
type Options struct {
	Texts    []string // of the examples, for the list of mistakes; may be nil
	Mistakes int      // how many of the most confident mistakes are kept
	Rounds   int      // resamples of the bootstrap; 0 for no intervals
	Seed     uint64   // of the bootstrap
	Bins     int      // of the calibration error, 15 if 0

	Temperature float64   // that the probabilities of classes were made with, see Temperature; 0 if not known
	Thresholds  []float64 // of labels that are chosen one by one, see Threshold; they are shown, not applied
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
	Before         *Uncalibrated       `json:"before,omitempty"` // where a temperature was chosen
	Errors         map[string]int      `json:"errors,omitempty"` // of entities: how many of each kind of Mistake
	Curves         []RankCurve         `json:"-"`                // see RankCurve
	Speed          float64             `json:"-"`                // texts a second, if the caller has measured it

	outcomes []outcome                              // of each example
	show     func(i int) (target, predicted string) // writes out an example's target and prediction
	texts    []string
}

// outcome is the judgement of one example: what resampling and comparing need to know of it.
type outcome struct {
	right             bool  // wholly
	target, predicted int32 // of classes
	counts                  // of labels or entities
	each              []labelCounts
	truth, guess      float64 // of numbers
}

// labelCounts are those of one label of an example.
type labelCounts struct {
	label int
	counts
}

// The tasks other than one label a text.
const (
	Sets       = "multilabel"
	Numbers    = "regression"
	Entities   = "tokens"
	Similarity = "embedding"
	Answered   = "qa"
)

// Slice is the judgement of the examples that have one value in one column.
type Slice struct {
	Column string  `json:"column"`
	Value  string  `json:"value"`
	N      int     `json:"n"`
	Main   float64 `json:"main"` // the report's first figure
	Low    float64 `json:"low"`  // of its 95 % interval; equal to Main where none was asked for
	High   float64 `json:"high"`
	Few    bool    `json:"few,omitempty"` // fewer than FewExamples: chance weighs more than the model
}

// FewExamples is how many examples a slice needs to be taken at its word.
const FewExamples = 30

// AsSlice is what a report of the examples of one value comes to in the report of all.
func (r *Report) AsSlice(column, value string) Slice {
	s := Slice{Column: column, Value: value, N: r.N, Few: r.N < FewExamples}
	if f := r.Figures(); len(f) > 0 {
		s.Main, s.Low, s.High = f[0].Value, f[0].Value, f[0].Value
		if i, ok := r.Intervals[f[0].Key]; ok {
			s.Low, s.High = i.Low, i.High
		}
	}
	return s
}

// Class is the judgement of one label.
type Class struct {
	Label     string  `json:"label"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Support   int     `json:"support"`             // examples with this target
	Threshold float64 `json:"threshold,omitempty"` // from which probability on the label holds
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
	Probability float64 `json:"probability"`      // of the predicted label or entity; of numbers the absolute error
	Kind        string  `json:"kind,omitempty"`   // of entities: missed, spurious, type or bounds
	Wanted      *Span   `json:"wanted,omitempty"` // of entities: the one of the text
	Found       *Span   `json:"found,omitempty"`  // of entities: the predicted one
}
