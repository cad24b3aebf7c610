package data

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Part tells what lies on one side of a split.
type Part struct {
	Side   string         `json:"side"`
	File   string         `json:"file,omitempty"`
	Rows   int            `json:"rows"`
	Share  float64        `json:"share"`
	Labels map[string]int `json:"labels,omitempty"` // rows of each label, or labelled stretches of each type
}

// Describe tells what lies on each side. files are the paths that WriteParts returned, or nil.
func (d *Set) Describe(files []string) []Part {
	total := 0
	for _, rows := range d.Parts {
		total += len(rows)
	}
	var parts []Part
	for side, rows := range d.Parts {
		p := Part{Side: Side(side).String(), Rows: len(rows), Share: float64(len(rows)) / float64(max(total, 1)), Labels: map[string]int{}}
		if side < len(files) {
			p.File = files[side]
		}
		for _, r := range rows {
			switch d.Task {
			case Classes:
				p.Labels[d.Labels[r.Class]]++
			case MultiLabel:
				for _, l := range r.Labels {
					p.Labels[d.Labels[l]]++
				}
			case Tags:
				for _, s := range r.Entities {
					p.Labels[s.Label]++
				}
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// PartsText prints how the labels are spread over the sides.
func PartsText(w io.Writer, parts []Part) {
	const shown = 20
	var labels []LabelCount
	total := map[string]int64{}
	for _, p := range parts {
		for label, n := range p.Labels {
			total[label] += int64(n)
		}
	}
	for label, n := range total {
		labels = append(labels, LabelCount{label, n})
	}
	if len(labels) == 0 {
		return
	}
	sortLabels(labels)
	fmt.Fprintf(w, "\n%-26s", "label")
	for _, p := range parts {
		fmt.Fprintf(w, " %18s", p.Side)
	}
	fmt.Fprintln(w)
	for _, l := range labels[:min(shown, len(labels))] {
		name := firstChars(l.Label, 24)
		fmt.Fprint(w, name, strings.Repeat(" ", max(26-uniseg.StringWidth(name), 1)))
		for _, p := range parts {
			fmt.Fprintf(w, " %8d (%5.1f %%)", p.Labels[l.Label], 100*float64(p.Labels[l.Label])/float64(max(l.Count, 1)))
		}
		fmt.Fprintln(w)
	}
	if len(labels) > shown {
		fmt.Fprintf(w, "… and %d labels more\n", len(labels)-shown)
	}
}
