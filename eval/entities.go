package eval

import (
	"cmp"
	"fmt"
	"slices"
)

// Span is an entity: a labelled stretch of an example.
type Span struct {
	Start       int     `json:"start"` // in bytes of the text, or in whatever the caller counts
	End         int     `json:"end"`   // not included
	Label       string  `json:"label"`
	Probability float64 `json:"probability,omitempty"` // of a prediction
}

// The kinds of mistakes with entities.
const (
	Missed   = "missed"   // an entity of the text with which no prediction overlaps
	Spurious = "spurious" // a prediction that overlaps with no entity
	Type     = "type"     // the right stretch, another type
	Bounds   = "bounds"   // they overlap, but not wholly
)

// kinds in the order in which they are listed.
var kinds = []string{Type, Bounds, Missed, Spurious}

// JudgeEntities judges labelled stretches of texts. As in CoNLL-2003 and seqeval, a predicted entity is right when
// start, end and type are those of an entity of the text, and the figures count entities, not examples.
func JudgeEntities(types []string, targets, predicted [][]Span, o Options) (*Report, error) {
	if len(targets) == 0 || len(targets) != len(predicted) {
		return nil, fmt.Errorf("evaluating: %d targets, %d predictions", len(targets), len(predicted))
	}
	r := &Report{Task: Entities, N: len(targets), Labels: types, Errors: map[string]int{}, texts: o.Texts}
	r.show = func(i int) (string, string) { return o.quoteAll(i, targets[i]), o.quoteAll(i, predicted[i]) }
	number := map[string]int{}
	for i, t := range types {
		number[t] = i
	}
	examples := make([][]counts, len(targets))
	var mistakes []Mistake
	for i := range targets {
		row := make([]counts, len(types))
		for _, s := range targets[i] {
			if _, ok := number[s.Label]; !ok {
				return nil, fmt.Errorf("evaluating: example %d has an entity of the unknown type %q", i, s.Label)
			}
		}
		for _, s := range predicted[i] {
			if _, ok := number[s.Label]; !ok {
				return nil, fmt.Errorf("evaluating: a predicted entity of example %d has the unknown type %q", i, s.Label)
			}
		}
		wanted, isWanted := distinct(targets[i])
		found, isFound := distinct(predicted[i])
		for _, s := range wanted {
			row[number[s.Label]].wanted++
		}
		for _, s := range found {
			row[number[s.Label]].predicted++
		}
		var missed, extra []Span
		for _, s := range wanted {
			if isFound[s.place()] {
				row[number[s.Label]].right++
			} else {
				missed = append(missed, s)
			}
		}
		for _, s := range found {
			if !isWanted[s.place()] {
				extra = append(extra, s)
			}
		}
		mistakes = append(mistakes, o.entityMistakes(i, missed, extra)...)
		examples[i] = row
	}
	for _, m := range mistakes {
		r.Errors[m.Kind]++
	}
	r.tally(examples, o)
	r.keepEntityMistakes(mistakes, o)
	return r, nil
}

// place is what makes two entities the same one.
type place struct {
	start, end int
	label      string
}

func (s Span) place() place { return place{s.Start, s.End, s.Label} }

// distinct drops entities that are named twice, and tells which there are.
func distinct(spans []Span) (out []Span, at map[place]bool) {
	at = make(map[place]bool, len(spans))
	for _, s := range spans {
		if !at[s.place()] {
			at[s.place()] = true
			out = append(out, s)
		}
	}
	return out, at
}

// entityMistakes sorts out what went wrong in example i: each missed entity is set beside a prediction of the same
// stretch, or else one that overlaps.
func (o *Options) entityMistakes(i int, missed, extra []Span) []Mistake {
	var out []Mistake
	used := make([]bool, len(extra))
	taken := make([]bool, len(missed))
	match := func(kind string, fits func(a, b Span) bool) {
		for m, a := range missed {
			for e, b := range extra {
				if !taken[m] && !used[e] && fits(a, b) {
					taken[m], used[e] = true, true
					out = append(out, Mistake{Index: i, Kind: kind, Target: o.quote(i, a), Predicted: o.quote(i, b), Probability: b.Probability, Wanted: &a, Found: &b})
				}
			}
		}
	}
	match(Type, func(a, b Span) bool { return a.Start == b.Start && a.End == b.End })
	match(Bounds, func(a, b Span) bool { return a.Start < b.End && b.Start < a.End })
	for m, a := range missed {
		if !taken[m] {
			out = append(out, Mistake{Index: i, Kind: Missed, Target: o.quote(i, a), Predicted: "–", Wanted: &a})
		}
	}
	for e, b := range extra {
		if !used[e] {
			out = append(out, Mistake{Index: i, Kind: Spurious, Target: "–", Predicted: o.quote(i, b), Probability: b.Probability, Found: &b})
		}
	}
	return out
}

// keepEntityMistakes keeps as many of each kind as there is room for, the most confident first.
func (r *Report) keepEntityMistakes(all []Mistake, o Options) {
	byKind := map[string][]Mistake{}
	for _, m := range all {
		byKind[m.Kind] = append(byKind[m.Kind], m)
	}
	for _, list := range byKind {
		slices.SortStableFunc(list, func(a, b Mistake) int { return cmp.Compare(b.Probability, a.Probability) })
	}
	var kept []Mistake
	for n := 0; len(kept) < min(len(all), o.Mistakes); n++ { // one of each kind in turn
		for _, kind := range kinds {
			if n < len(byKind[kind]) && len(kept) < o.Mistakes {
				kept = append(kept, byKind[kind][n])
			}
		}
	}
	slices.SortStableFunc(kept, func(a, b Mistake) int {
		return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
	})
	r.Mistakes = kept
	r.addTexts(o)
}

// quote writes an entity with its words.
func (o *Options) quote(i int, s Span) string {
	if i < len(o.Texts) && s.Start >= 0 && s.End <= len(o.Texts[i]) && s.Start <= s.End {
		return s.Label + " " + o.Texts[i][s.Start:s.End]
	}
	return fmt.Sprintf("%s %d–%d", s.Label, s.Start, s.End)
}

func (o *Options) quoteAll(i int, spans []Span) string {
	out := ""
	for n, s := range spans {
		if n > 0 {
			out += ", "
		}
		out += o.quote(i, s)
	}
	return cmp.Or(out, "–")
}
