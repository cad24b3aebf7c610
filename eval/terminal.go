package eval

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Text prints the report for a terminal.
func (r *Report) Text(w io.Writer) {
	figure := func(name, key string, v float64) {
		line := fmt.Sprintf("%-18s %7.4f", name, v)
		if i, ok := r.Intervals[key]; ok {
			line += fmt.Sprintf("   95%% %.4f – %.4f", i.Low, i.High)
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%-18s %7d\n", "examples", r.N)
	figure("accuracy", "accuracy", r.Accuracy)
	figure("F1 (macro)", "macro_f1", r.MacroF1)
	figure("F1 (weighted)", "", r.WeightedF1)
	figure("precision (macro)", "", r.MacroPrecision)
	figure("recall (macro)", "", r.MacroRecall)
	figure("log loss", "", r.LogLoss)
	figure("calibration error", "", r.ECE)

	width := 8
	for _, c := range r.PerClass {
		width = min(max(width, uniseg.StringWidth(c.Label)), 28)
	}
	fmt.Fprintf(w, "\n%s  precision  recall      F1  examples\n", pad("label", width))
	for _, c := range r.PerClass {
		fmt.Fprintf(w, "%s  %9.4f  %6.4f  %6.4f  %8d\n", pad(c.Label, width), c.Precision, c.Recall, c.F1, c.Support)
	}
	if len(r.Labels) <= 12 {
		r.confusionText(w, width)
	}
	if len(r.Mistakes) > 0 {
		fmt.Fprintln(w, "\nmost confident mistakes")
		for _, m := range r.Mistakes[:min(len(r.Mistakes), 5)] {
			fmt.Fprintf(w, "  %3.0f %%  %s, is %s: %s\n", 100*m.Probability, m.Predicted, m.Target, truncate(m.Text, 60))
		}
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
