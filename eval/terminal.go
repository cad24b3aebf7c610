package eval

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Text prints the report for a terminal.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%-22s %9d\n", "examples", r.N)
	for _, f := range r.Figures() {
		line := fmt.Sprintf("%-22s %9.4f", f.Name, f.Value)
		if i, ok := r.Intervals[f.Key]; ok {
			line += fmt.Sprintf("   95%% %.4f – %.4f", i.Low, i.High)
		}
		fmt.Fprintln(w, line)
	}
	if len(r.PerClass) > 0 {
		r.labelsText(w)
	}
	if len(r.Slices) > 0 {
		fmt.Fprintf(w, "\n%s  %s  examples\n", pad("slice", 32), pad(r.Figures()[0].Name, 10))
		for _, s := range r.Slices[:min(len(r.Slices), 30)] {
			few := ""
			if s.Few {
				few = "  few"
			}
			fmt.Fprintf(w, "%s  %-10.4f  %8d  95%% %.4f – %.4f%s\n", pad(s.Column+" = "+s.Value, 32), s.Main, s.N, s.Low, s.High, few)
		}
	}
	if r.Before != nil {
		fmt.Fprintf(w, "\n%-22s %9.2f   calibration error %.4f → %.4f, log loss %.4f → %.4f\n", "temperature", r.Before.Temperature, r.Before.ECE, r.ECE, r.Before.LogLoss, r.LogLoss)
	}
	if len(r.Errors) > 0 {
		fmt.Fprintf(w, "\nmistakes  %d of the wrong type, %d with wrong bounds, %d missed, %d spurious\n", r.Errors[Type], r.Errors[Bounds], r.Errors[Missed], r.Errors[Spurious])
	}
	if len(r.Mistakes) > 0 {
		title := "most confident mistakes"
		if r.Task == Numbers || r.Task == Similarity {
			title = "largest errors"
		}
		fmt.Fprintf(w, "\n%s\n", title)
		shown, ofKind := 0, map[string]int{}
		for _, m := range r.Mistakes {
			if ofKind[m.Kind]++; shown == 8 || m.Kind == "" && shown == 5 || m.Kind != "" && ofKind[m.Kind] > 2 {
				continue
			}
			shown++
			if r.Task == "" {
				fmt.Fprintf(w, "  %3.0f %%  %s, is %s: %s\n", 100*m.Probability, m.Predicted, m.Target, truncate(m.Text, 60))
				continue
			}
			kind := ""
			if m.Kind != "" {
				kind = pad(m.Kind, 8) + "  "
			}
			fmt.Fprintf(w, "  %s%s, is %s: %s\n", kind, truncate(m.Predicted, 40), truncate(m.Target, 40), truncate(m.Text, 60))
		}
	}
}

func (r *Report) labelsText(w io.Writer) {
	width := 8
	for _, c := range r.PerClass {
		width = min(max(width, uniseg.StringWidth(c.Label)), 28)
	}
	fmt.Fprintf(w, "\n%s  precision  recall      F1  examples\n", pad("label", width))
	for _, c := range r.PerClass {
		fmt.Fprintf(w, "%s  %9.4f  %6.4f  %6.4f  %8d\n", pad(c.Label, width), c.Precision, c.Recall, c.F1, c.Support)
	}
	if r.Confusion != nil && len(r.Labels) <= 12 {
		r.confusionText(w, width)
	}
}

func (r *Report) confusionText(w io.Writer, width int) {
	fmt.Fprintf(w, "\n%s ", pad("is \\ predicted", max(width, 14)))
	for _, l := range r.Labels {
		fmt.Fprintf(w, " %s", pad(truncate(l, 9), 9))
	}
	fmt.Fprintln(w)
	for t, row := range r.Confusion {
		fmt.Fprintf(w, "%s ", pad(r.Labels[t], max(width, 14)))
		for _, n := range row {
			fmt.Fprintf(w, " %-9d", n)
		}
		fmt.Fprintln(w)
	}
}

// pad fills s with spaces to a width in terminal cells, of which a Chinese character takes two, or cuts it.
func pad(s string, width int) string {
	s = truncate(s, width)
	return s + strings.Repeat(" ", width-uniseg.StringWidth(s))
}

// truncate cuts s to a width in terminal cells and puts it on one line.
func truncate(s string, width int) string {
	s = strings.Join(strings.Fields(s), " ")
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > width-1 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}
