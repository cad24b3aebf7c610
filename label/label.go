// Package label looks after labels: which of those that a data set has are probably wrong, and why.
//
// Labels are checked by confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty
// in Dataset Labels"). [CrossValidate] trains a few models, each without a part of the rows, so that every row gets
// probabilities from a model that never saw it. [EstimateNoise] compares them with the labels that the rows have: how
// many rows of one label are another's in truth, class by class, and which rows those are. [Find] does both and gives
// reasons that a person can check: what the model says, what the nearest texts are labelled.
//
//	report, err := label.Find(ctx, rows, names, label.Settings{Folds: 5, …}, nil)
//	for _, d := range report.Doubts { fmt.Println(d.Line, d.Label, d.Suggested, d.Reasons) }
//
// A doubt is no verdict. Where the model is weak, or two labels overlap, rows are doubted that are right.
package label

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Settings say how the models are trained that judge the labels.
type Settings struct {
	Model     model.Config
	Tokenizer text.Config
	Clean     text.CleanConfig
	Train     train.Config // its seed decides on the parts as well
	Folds     int          // models to train, each without a kth of the rows; at least 2
	Neighbors int          // nearest rows that are compared; 0 for none
	Limit     int          // doubts that get reasons; −1 for all
}

// Report is what was found.
type Report struct {
	Rows     int      `json:"rows"`
	Labels   []string `json:"labels"`
	Family   string   `json:"family"`
	Folds    int      `json:"folds"`
	Seed     uint64   `json:"seed"`
	Accuracy float64  `json:"accuracy"` // of the models on rows that they did not see, by the labels that are there
	Noise    *Noise   `json:"noise"`
	Doubts   []Doubt  `json:"doubts"`  // as many as are wrong by estimate, the most doubtful first
	Doubted  int      `json:"doubted"` // how many those are
}

// Doubt is a row whose label is probably wrong.
type Doubt struct {
	Row       int        `json:"-"` // in the rows that were given
	Line      int        `json:"line"`
	Text      string     `json:"text"`
	Pair      string     `json:"pair,omitempty"`
	Label     string     `json:"label"`
	Suggested string     `json:"suggested"`
	Given     float64    `json:"given_probability"`     // of the label that it has
	Other     float64    `json:"suggested_probability"` // of the one that is suggested
	Reasons   []string   `json:"reasons,omitempty"`
	Neighbors []Neighbor `json:"neighbors,omitempty"`
}

// Find ranks the rows whose labels are doubtful. progress, which may be nil, is told of the stage, the work done, and
// the work in all.
func Find(ctx context.Context, rows []data.Row, labels []string, s Settings, progress func(stage string, done, total int64)) (*Report, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	probabilities, err := CrossValidate(ctx, rows, labels, s, func(done, total int64) { progress("training", done, total) })
	if err != nil {
		return nil, err
	}
	given := make([]int, len(rows))
	right := 0
	for i, r := range rows {
		given[i] = r.Class
		if kernel.ArgMax(probabilities[i]) == r.Class {
			right++
		}
	}
	noise := EstimateNoise(labels, given, probabilities)
	report := &Report{Rows: len(rows), Labels: labels, Family: s.Model.Family, Folds: s.Folds, Seed: s.Train.Seed,
		Accuracy: float64(right) / float64(max(len(rows), 1)), Noise: noise, Doubts: []Doubt{}}
	wrong := int(math.Round(noise.Share * float64(len(rows))))
	for _, i := range noise.Rank(given, probabilities) {
		other := bestOther(probabilities[i], given[i])
		if len(report.Doubts) == wrong || probabilities[i][other] <= probabilities[i][given[i]] {
			break
		}
		report.Doubts = append(report.Doubts, Doubt{Row: i, Line: rows[i].Line, Text: rows[i].Text, Pair: rows[i].Pair, Label: labels[given[i]], Suggested: labels[other],
			Given: float64(probabilities[i][given[i]]), Other: float64(probabilities[i][other])})
	}
	report.Doubted = len(report.Doubts)
	explained := report.Doubts
	if s.Limit >= 0 {
		explained = explained[:min(len(explained), s.Limit)]
	}
	return report, explain(ctx, explained, rows, labels, s.Neighbors, progress)
}

// bestOther returns the class of the highest probability but one.
func bestOther(p []float32, but int) int {
	at := -1
	for i, v := range p {
		if i != but && (at < 0 || v > p[at]) {
			at = i
		}
	}
	return at
}

// checkRows refuses what cannot be cross-validated.
func checkRows(rows []data.Row, labels []string, folds int) error {
	switch {
	case folds < 2 || folds > 100:
		return hint.Errorf("choose 2 to 100, such as 5", "looking for doubtful labels: %d folds", folds)
	case len(rows) < 2*folds:
		return hint.Errorf("add examples, or lower the number of folds", "looking for doubtful labels: %d rows are too few for %d folds", len(rows), folds)
	case len(labels) < 2:
		return hint.Errorf("check --label", "looking for doubtful labels: there is one label only")
	}
	return nil
}

// Text prints the report for people, with the first n doubts; −1 for all.
func (r *Report) Text(w io.Writer, n int) {
	fmt.Fprintf(w, "rows            %10d, %d labels\n", r.Rows, len(r.Labels))
	fmt.Fprintf(w, "accuracy        %10.4f of %s on rows that it did not see (%d folds, seed %d)\n", r.Accuracy, r.Family, r.Folds, r.Seed)
	fmt.Fprintf(w, "wrong labels    %9.1f%% by estimate; %d rows are doubted\n", 100*r.Noise.Share, r.Doubted)
	if pairs := r.Noise.Pairs(); len(pairs) > 0 {
		fmt.Fprintln(w, "\nmost often, rows labelled … seem to be …")
		for _, p := range pairs[:min(len(pairs), 10)] {
			fmt.Fprintf(w, "  %6.2f%%  about %4.0f rows  %s → %s\n", 100*p.Share, p.Share*float64(r.Rows), p.Given, p.True)
		}
	}
	shown := r.Doubts
	if n >= 0 {
		shown = shown[:min(len(shown), n)]
	}
	if len(shown) > 0 {
		fmt.Fprintln(w, "\nmost doubtful")
	}
	for _, d := range shown {
		fmt.Fprintf(w, "\n  line %-7d %s\n", d.Line, data.OneLine(d.Text, 100))
		if d.Pair != "" {
			fmt.Fprintf(w, "               %s\n", data.OneLine(d.Pair, 100))
		}
		for _, reason := range d.Reasons {
			fmt.Fprintf(w, "               %s\n", reason)
		}
	}
	if rest := len(r.Doubts) - len(shown); rest > 0 {
		fmt.Fprintf(w, "\n… and %d doubts more\n", rest)
	}
}

// Pair is a cell of the matrix of noise off its diagonal.
type Pair struct {
	Given string  `json:"given"`
	True  string  `json:"true"`
	Share float64 `json:"share"` // of all rows
}

// Pairs lists the pairs of labels that are taken for each other, most frequent first.
func (n *Noise) Pairs() []Pair {
	var pairs []Pair
	for i, row := range n.Joint {
		for j, share := range row {
			if i != j && share > 0 {
				pairs = append(pairs, Pair{n.labels[i], n.labels[j], share})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(b.Share, a.Share) })
	return pairs
}
