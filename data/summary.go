package data

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Summary tells what a file of examples holds.
type Summary struct {
	Path     string       `json:"path"`
	Rows     int64        `json:"rows"`
	Labels   []LabelCount `json:"labels"`             // most frequent first
	Entities []LabelCount `json:"entities,omitempty"` // labelled stretches by type, most frequent first
	Lengths  [5]int       `json:"lengths"`            // characters of a text: least, quartiles, most
	Chinese  float64      `json:"chinese"`            // share of Chinese among all characters
	Split    [3]int64     `json:"split"`              // rows for training, validation, test after cleaning
	Cleaning CleanReport  `json:"cleaning"`
	First    []Example    `json:"first"` // rows as they stand in the file
	Unit     string       `json:"unit"`  // what Example.Line counts: line, row, record or file
	Notes    []string     `json:"notes,omitempty"`
}

// LabelCount is a label and how many rows have it.
type LabelCount struct {
	Label string `json:"label"`
	Count int64  `json:"count"`
}

const (
	firstRows  = 5
	lengthBins = 1 << 16 // lengths are counted one by one up to here
)

// Summarize reads the whole file once.
func Summarize(ctx context.Context, c *Config, progress func(done, total int64)) (*Summary, error) {
	pass, err := NewPass(c)
	if err != nil {
		return nil, err
	}
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &Summary{Path: r.name(), Unit: cmp.Or(r.unit, "line")}
	labels, types, lengths := map[string]int64{}, map[string]int64{}, make([]int64, lengthBins)
	chinese, all := 0, 0
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if s.Rows++; s.Rows%512 == 0 && progress != nil {
			progress(r.Progress())
		}
		if len(s.First) < firstRows {
			s.First = append(s.First, e)
		}
		if len(labels) < maxLabels || labels[e.Label] > 0 {
			labels[e.Label]++
		}
		for _, x := range e.Entities {
			if len(types) < maxLabels || types[x.Label] > 0 {
				types[x.Label]++
			}
		}
		n, m := text.CountChinese(e.Text)
		chinese, all = chinese+n, all+m
		lengths[min(utf8.RuneCountInString(e.Text), lengthBins-1)]++
		side := c.Split.Side(c.Split.key(&e))
		if pass.Clean(&e) {
			s.Split[side]++
		}
	}
	s.Cleaning, s.Notes = pass.Report, r.Notes()
	s.Chinese = float64(chinese) / float64(max(all, 1))
	for i, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		s.Lengths[i] = quantile(lengths, s.Rows, share)
	}
	s.Labels, s.Entities = counted(labels), counted(types)
	return s, nil
}

// counted lists counts, most frequent first.
func counted(counts map[string]int64) (list []LabelCount) {
	for label, n := range counts {
		list = append(list, LabelCount{label, n})
	}
	sortLabels(list)
	return list
}

// sortLabels puts the most frequent first.
func sortLabels(labels []LabelCount) {
	slices.SortFunc(labels, func(a, b LabelCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
}

// quantile returns the value below which the share of n counted values lies.
func quantile(counts []int64, n int64, share float64) int {
	rank, seen := int64(share*float64(max(n-1, 0))), int64(0)
	for v, c := range counts {
		if seen += c; seen > rank {
			return v
		}
	}
	return 0
}

// Text prints the summary for a terminal.
func (s *Summary) Text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nrows            %10d\n", s.Path, s.Rows)
	fmt.Fprintf(w, "characters      %10d least, %d at a quarter, %d in the middle, %d at three quarters, %d most\n", s.Lengths[0], s.Lengths[1], s.Lengths[2], s.Lengths[3], s.Lengths[4])
	fmt.Fprintf(w, "Chinese         %9.0f%% of the characters\n", 100*s.Chinese)
	fmt.Fprintf(w, "after cleaning  %10d for training, %d for validation, %d for the test, near doubles not considered\n\n", s.Split[Train], s.Split[Validation], s.Split[Test])
	for _, note := range s.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(s.Entities) == 0 || len(s.Labels) > 1 || s.Labels[0].Label != "" {
		printCounts(w, s.Labels)
	}
	if len(s.Entities) > 0 {
		fmt.Fprintln(w, "\nlabelled stretches")
		printCounts(w, s.Entities)
	}
	fmt.Fprintln(w, "\ncleaning")
	s.Cleaning.Text(w)
	fmt.Fprintln(w, "\nfirst rows")
	for _, e := range s.First {
		fmt.Fprintf(w, "  %s %d  [%s]  %s\n", s.Unit, e.Line, firstChars(e.Label, 24), firstChars(strings.Join(strings.Fields(e.Text), " "), 70))
	}
}

// printCounts draws a bar for each label.
func printCounts(w io.Writer, labels []LabelCount) {
	const shown = 30
	most := int64(1)
	for _, l := range labels {
		most = max(most, l.Count)
	}
	for _, l := range labels[:min(len(labels), shown)] {
		name := firstChars(l.Label, 24)
		if name == "" {
			name = "(none)"
		}
		fmt.Fprintf(w, "%s%s %8d  %s\n", name, strings.Repeat(" ", max(26-uniseg.StringWidth(name), 1)), l.Count, strings.Repeat("█", int((30*l.Count+most-1)/most)))
	}
	if len(labels) > shown {
		fmt.Fprintf(w, "… and %d labels more\n", len(labels)-shown)
	}
}
