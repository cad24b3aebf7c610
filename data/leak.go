package data

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// Leak tells how much of a test file is known from the training file: what a model learnt by heart looks like skill
// there.
type Leak struct {
	Train     string        `json:"train"`
	Test      string        `json:"test"`
	TrainRows int           `json:"train_rows"`
	TestRows  int           `json:"test_rows"`
	Threshold float64       `json:"threshold"`
	Rows      int           `json:"rows"` // test rows that have a double of any kind
	Equal     Overlap       `json:"equal"`
	Folded    Overlap       `json:"folded"` // equal but for case, width, punctuation and space
	Near      Overlap       `json:"near"`   // as alike as the threshold
	Group     *GroupOverlap `json:"group,omitempty"`
	Examples  []LeakRow     `json:"examples"`
}

// Overlap counts test rows with a double of one kind and no closer one.
type Overlap struct {
	Rows  int `json:"rows"`
	Same  int `json:"same_label"`
	Other int `json:"other_label"`
}

// GroupOverlap counts the values of Columns.Group that occur on both sides.
type GroupOverlap struct {
	Values   int      `json:"values"`
	TestRows int      `json:"test_rows"`
	Examples []string `json:"examples"`
}

// LeakRow is a test row and its double in the training file.
type LeakRow struct {
	Kind       string  `json:"kind"` // equal, folded or near
	TestLine   int     `json:"test_line"`
	TestLabel  string  `json:"test_label,omitempty"`
	TrainLine  int     `json:"train_line"`
	TrainLabel string  `json:"train_label,omitempty"`
	Same       bool    `json:"same_label"`
	Jaccard    float64 `json:"jaccard"`
	Text       string  `json:"text"`   // of the test row
	Marked     string  `json:"marked"` // what the training row has otherwise
}

// Found tells whether the two files share anything.
func (l *Leak) Found() bool { return l.Rows > 0 || l.Group != nil && l.Group.Values > 0 }

// LeakOptions say what counts as a near double, and how many examples of each kind are kept (−1: all).
type LeakOptions struct {
	Threshold float64
	Examples  int
}

// FindLeaks compares the rows of c.Test with those of c.Path, as they stand in the files.
func FindLeaks(ctx context.Context, c *Config, o LeakOptions, progress func(stage string, done, total int64)) (*Leak, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	reading := func(done, total int64) { progress("reading", done, total) }
	train, err := ReadAll(ctx, c, reading)
	if err != nil {
		return nil, err
	}
	other := *c
	other.Path = c.Test
	tests, err := ReadAll(ctx, &other, reading)
	if err != nil {
		return nil, err
	}
	l := &Leak{Train: c.Path, Test: c.Test, TrainRows: len(train), TestRows: len(tests), Threshold: o.Threshold, Examples: []LeakRow{}}
	f := newLeakFinder(train, o.Threshold)
	if err := f.addAll(ctx, progress); err != nil {
		return nil, err
	}
	for i := range tests {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("looking for leaks: %w", err)
			}
			progress("comparing", int64(i), int64(len(tests)))
		}
		l.count(&tests[i], f, o.Examples)
	}
	progress("comparing", int64(len(tests)), int64(len(tests)))
	slices.SortStableFunc(l.Examples, func(a, b LeakRow) int { return cmp.Compare(a.rank(), b.rank()) })
	if c.Group != "" {
		l.Group = sharedGroups(train, tests)
	}
	return l, nil
}

// leakFinder looks up training rows.
type leakFinder struct {
	rows   []Example
	texts  map[string]int // first row of a text
	folded map[string]int // first row of a folded text
	index  *near.Index
	number []int // row of each text in the index
}

func newLeakFinder(rows []Example, threshold float64) *leakFinder {
	return &leakFinder{rows: rows, texts: map[string]int{}, folded: map[string]int{}, index: near.NewIndex(threshold, len(rows)+1)}
}

func (f *leakFinder) addAll(ctx context.Context, progress func(stage string, done, total int64)) error {
	for i := range f.rows {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("looking for leaks: %w", err)
			}
			progress("indexing", int64(i), int64(len(f.rows)))
		}
		whole := f.rows[i].Whole()
		if _, ok := f.texts[whole]; ok || strings.TrimSpace(whole) == "" {
			continue
		}
		f.texts[whole] = i
		folded := near.Fold(whole)
		if _, ok := f.folded[folded]; ok {
			continue
		}
		f.folded[folded] = i
		if f.index.Add(whole) {
			f.number = append(f.number, i)
		}
	}
	progress("indexing", int64(len(f.rows)), int64(len(f.rows)))
	return nil
}

// find returns the closest training row and how it is alike; "" for none.
func (f *leakFinder) find(text string) (kind string, row int, similarity float64) {
	if i, ok := f.texts[text]; ok {
		return "equal", i, 1
	}
	if i, ok := f.folded[near.Fold(text)]; ok {
		return "folded", i, 1
	}
	if n, s := f.index.Nearest(text); n >= 0 {
		return "near", f.number[n], s
	}
	return "", 0, 0
}

func (l *Leak) count(e *Example, f *leakFinder, examples int) {
	whole := e.Whole()
	kind, row, similarity := f.find(whole)
	if kind == "" {
		return
	}
	l.Rows++
	o := map[string]*Overlap{"equal": &l.Equal, "folded": &l.Folded, "near": &l.Near}[kind]
	o.Rows++
	double := &f.rows[row]
	shown := o.Same
	if e.Agrees(double) {
		o.Same++
	} else {
		shown = o.Other
		o.Other++
	}
	if examples < 0 || shown < examples {
		l.Examples = append(l.Examples, LeakRow{kind, e.Line, e.Target(), double.Line, double.Target(), e.Agrees(double), similarity, firstChars(whole, shownText), near.Marked(whole, double.Whole())})
	}
}

// rank sorts examples: other labels first, then by kind.
func (r *LeakRow) rank() int {
	rank := map[string]int{"equal": 0, "folded": 1, "near": 2}[r.Kind]
	if r.Same {
		rank += 3
	}
	return rank
}

// Target is all that is asked of a row: its label, or its labelled stretches.
func (e *Example) Target() string {
	if len(e.Entities) == 0 {
		return e.Label
	}
	var parts []string
	for _, s := range e.Entities {
		parts = append(parts, s.Label+":"+e.Text[s.Start:s.End])
	}
	return strings.Join(parts, " ")
}

// Agrees tells whether two rows are asked for the same; case does not count in labelled stretches.
func (e *Example) Agrees(o *Example) bool {
	if len(e.Entities) == 0 && len(o.Entities) == 0 {
		return e.Label == o.Label
	}
	return strings.EqualFold(e.Target(), o.Target())
}

func sharedGroups(train, tests []Example) *GroupOverlap {
	known, shared := map[string]bool{}, map[string]bool{}
	for i := range train {
		known[train[i].Group] = train[i].Group != ""
	}
	g := &GroupOverlap{Examples: []string{}}
	for i := range tests {
		if v := tests[i].Group; known[v] {
			g.TestRows++
			if !shared[v] && len(g.Examples) < 5 {
				g.Examples = append(g.Examples, v)
			}
			shared[v] = true
		}
	}
	g.Values = len(shared)
	return g
}

// Text prints the leak for people.
func (l *Leak) Text(w io.Writer) {
	share := func(n int) float64 { return 100 * float64(n) / float64(max(l.TestRows, 1)) }
	fmt.Fprintf(w, "training        %10d rows  %s\ntest            %10d rows  %s\n\n", l.TrainRows, l.Train, l.TestRows, l.Test)
	if !l.Found() {
		fmt.Fprintf(w, "no test row is in the training file, nor nearly (Jaccard ≥ %v)\n", l.Threshold)
		return
	}
	fmt.Fprintf(w, "%-44s %8s %8s  %10s  %11s\n", "test rows with a double in training", "rows", "share", "same label", "other label")
	for _, k := range []struct {
		name string
		o    Overlap
	}{{"equal", l.Equal}, {"equal but for case, width, marks and space", l.Folded}, {fmt.Sprintf("nearly equal (Jaccard ≥ %v)", l.Threshold), l.Near}} {
		fmt.Fprintf(w, "  %-42s %8d %7.2f%%  %10d  %11d\n", k.name, k.o.Rows, share(k.o.Rows), k.o.Same, k.o.Other)
	}
	fmt.Fprintf(w, "  %-42s %8d %7.2f%%\n", "in all", l.Rows, share(l.Rows))
	if g := l.Group; g != nil {
		fmt.Fprintf(w, "  %-42s %8d %7.2f%%  %d values, such as %s\n", "of a group that is in training too", g.TestRows, share(g.TestRows), g.Values, strings.Join(g.Examples, ", "))
	}
	for _, r := range l.Examples {
		labels := cmp.Or(OneLine(r.TestLabel, 40), "–")
		if !r.Same {
			labels += " ≠ " + cmp.Or(OneLine(r.TrainLabel, 40), "–")
		}
		fmt.Fprintf(w, "\n  test line %d, training line %d, %.2f  [%s]\n", r.TestLine, r.TrainLine, r.Jaccard, labels)
		if r.Kind == "equal" {
			fmt.Fprintf(w, "    = %s\n", OneLine(r.Text, 100))
		} else {
			fmt.Fprintf(w, "    ~ %s\n", r.Marked)
		}
	}
}
