package weak

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Report is what labelling a file brought.
type Report struct {
	Rows      int              `json:"rows"`
	Covered   int              `json:"covered"` // on which a function votes
	Gold      int              `json:"gold"`    // with a label of their own
	Written   int              `json:"written"`
	Labels    []LabelReport    `json:"labels"`
	Functions []FunctionReport `json:"functions"`
	Repeats   []string         `json:"repeats,omitempty"`           // functions that repeat others, and count less for it
	Accuracy  *float64         `json:"accuracy,omitempty"`          // of the model, on covered rows with a label of their own
	Majority  *float64         `json:"majority_accuracy,omitempty"` // of the majority vote on those, a tie being right in part
}

// LabelReport is what is known of a label.
type LabelReport struct {
	Label     string  `json:"label"`
	Balance   float64 `json:"balance"`   // how frequent it is, by estimate
	Likeliest int     `json:"likeliest"` // covered rows of which it is the likeliest label
}

// FunctionReport is what is known of a function.
type FunctionReport struct {
	Name      string   `json:"name"`
	Votes     []string `json:"votes"`     // the labels that it votes for
	Coverage  float64  `json:"coverage"`  // share of the rows on which it votes
	Overlaps  float64  `json:"overlaps"`  // share of the rows on which it and another vote
	Conflicts float64  `json:"conflicts"` // share of the rows on which it and another vote for different labels
	Estimated *float64 `json:"estimated_accuracy,omitempty"`
	Empirical *float64 `json:"empirical_accuracy,omitempty"` // by the labels of the rows that have one
	Judged    int      `json:"judged"`                       // votes on such rows
	Weight    float64  `json:"weight"`                       // 1, or less for one that repeats others
}

// NewReport sums up the votes on rows. gold holds the number of each row's own label, Abstain for none.
func NewReport(v *Voter, m *Model, votes [][]int16, gold []int16) *Report {
	r := &Report{Rows: len(votes)}
	for c, l := range v.Labels {
		r.Labels = append(r.Labels, LabelReport{Label: l, Balance: m.Balance[c]})
	}
	r.Functions = make([]FunctionReport, len(v.Functions))
	voted := make([]map[int16]bool, len(v.Functions))
	hits := make([]float64, len(v.Functions))
	for j, f := range v.Functions {
		r.Functions[j] = FunctionReport{Name: f.Name, Weight: m.Weights[j]}
		voted[j] = map[int16]bool{}
	}
	var right, majority float64
	judged := 0
	for i, row := range votes {
		p, ok := m.Probabilities(row)
		if gold[i] != Abstain {
			r.Gold++
		}
		if !ok {
			continue
		}
		r.Covered++
		best := likeliest(p)
		r.Labels[best].Likeliest++
		r.countRow(row, gold[i], voted, hits)
		if gold[i] != Abstain {
			judged++
			if best == int(gold[i]) {
				right++
			}
			majority += share(row, gold[i])
		}
	}
	n := max(float64(r.Rows), 1)
	for j := range r.Functions {
		f := &r.Functions[j]
		for c, l := range v.Labels {
			if voted[j][int16(c)] {
				f.Votes = append(f.Votes, l)
			}
		}
		f.Coverage, f.Overlaps, f.Conflicts = f.Coverage/n, f.Overlaps/n, f.Conflicts/n
		if a := m.Accuracy(j); len(voted[j]) > 0 && !math.IsNaN(a) {
			f.Estimated = &a
		}
		if f.Judged > 0 {
			a := hits[j] / float64(f.Judged)
			f.Empirical = &a
		}
	}
	for _, pair := range m.Repeats {
		r.Repeats = append(r.Repeats, fmt.Sprintf("%s and %s", v.Functions[pair[0]].Name, v.Functions[pair[1]].Name))
	}
	if judged > 0 {
		a, b := right/float64(judged), majority/float64(judged)
		r.Accuracy, r.Majority = &a, &b
	}
	return r
}

// countRow adds the votes on one row to the figures of the functions.
func (r *Report) countRow(row []int16, gold int16, voted []map[int16]bool, hits []float64) {
	for j, x := range row {
		if x == Abstain {
			continue
		}
		f := &r.Functions[j]
		f.Coverage++
		voted[j][x] = true
		overlap, conflict := 0.0, 0.0
		for i, y := range row {
			if i != j && y != Abstain {
				overlap = 1
				if y != x {
					conflict = 1
				}
			}
		}
		f.Overlaps, f.Conflicts = f.Overlaps+overlap, f.Conflicts+conflict
		if gold != Abstain {
			f.Judged++
			if x == gold {
				hits[j]++
			}
		}
	}
}

// likeliest returns the number of the largest probability.
func likeliest(p []float64) int {
	best := 0
	for c := range p {
		if p[c] > p[best] {
			best = c
		}
	}
	return best
}

// share is how right the majority vote of a row is: 1 if gold has most votes, a part if others have as many.
func share(row []int16, gold int16) float64 {
	counts := map[int16]int{}
	most := 0
	for _, x := range row {
		if x != Abstain {
			counts[x]++
			most = max(most, counts[x])
		}
	}
	tied := 0
	for _, n := range counts {
		if n == most {
			tied++
		}
	}
	if counts[gold] < most {
		return 0
	}
	return 1 / float64(tied)
}

// Text prints the report for people.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%d rows, %d of them with votes (%.1f %%), %d with a label of their own\n\n", r.Rows, r.Covered, 100*float64(r.Covered)/max(float64(r.Rows), 1), r.Gold)
	width := 8
	for _, f := range r.Functions {
		width = max(width, len([]rune(f.Name)))
	}
	fmt.Fprintf(w, "%-*s %9s %9s %9s %9s %9s %7s  %s\n", width, "function", "coverage", "overlaps", "conflicts", "estimated", "empirical", "weight", "votes for")
	for _, f := range r.Functions {
		fmt.Fprintf(w, "%-*s %8.1f%% %8.1f%% %8.1f%% %9s %9s %7.2f  %s\n", width, f.Name, 100*f.Coverage, 100*f.Overlaps, 100*f.Conflicts, figure(f.Estimated), figure(f.Empirical), f.Weight, cmp.Or(strings.Join(f.Votes, ", "), "(nothing)"))
	}
	fmt.Fprintln(w)
	for _, l := range slices.Clone(r.Labels) {
		fmt.Fprintf(w, "%-*s %8.1f%% of the texts by estimate, the likeliest label of %d rows\n", width, l.Label, 100*l.Balance, l.Likeliest)
	}
	if len(r.Repeats) > 0 {
		fmt.Fprintf(w, "\nrepeat each other, and count less for it: %s\n", strings.Join(r.Repeats, "; "))
	}
	if r.Accuracy != nil {
		fmt.Fprintf(w, "\naccuracy on rows with a label of their own: %.4f, of the majority vote %.4f\n", *r.Accuracy, *r.Majority)
	}
}

func figure(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *v)
}
