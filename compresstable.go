package xiaoyu

import (
	"fmt"
	"io"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// Text prints the steps as a table, and what the last one changed.
func (c *Compressed) Text(w io.Writer) {
	figure := c.Steps[0].Figure
	fmt.Fprintf(w, "%-22s %9s %11s %9s", "", "size", "parameters", "memory")
	if figure != "" {
		fmt.Fprintf(w, "  %9s %-15s %9s %9s %9s %8s", figure, "95 %", "agreement", "p50", "p99", "texts/s")
	}
	fmt.Fprintln(w)
	for _, s := range c.Steps {
		name := s.Move
		if name == "" {
			name = "original"
		}
		fmt.Fprintf(w, "%-22s %9s %11s %9s", name, size.Bytes(s.Bytes), size.Count(s.Parameters), size.Bytes(s.Memory))
		if figure != "" {
			fmt.Fprintf(w, "  %9.4f %-15s %9.4f %6.3g ms %6.3g ms %8.0f", s.Value, fmt.Sprintf("%.3f – %.3f", s.Interval.Low, s.Interval.High), s.Agreement, s.Median, s.Slow, s.Speed)
		}
		fmt.Fprintln(w)
	}
	first, last := &c.Steps[0], &c.Steps[len(c.Steps)-1]
	fmt.Fprintf(w, "\n%.3g times smaller", float64(first.Bytes)/math.Max(float64(last.Bytes), 1))
	if figure != "" {
		fmt.Fprintf(w, ", one text %.3g times as fast, %+.2f points of %s on %d rows", first.Median/math.Max(last.Median, 1e-9), 100*(last.Value-first.Value), figure, c.Judged)
	}
	fmt.Fprintln(w)
	last.changes(w, first)
}

// changes tells of the labels and the examples whose answer became another.
func (s *CompressStep) changes(w io.Writer, first *CompressStep) {
	if s.Comparison == nil {
		return
	}
	if len(s.Classes) == len(first.Classes) && len(s.Classes) > 0 {
		fmt.Fprintf(w, "\n%-20s %8s %8s %8s\n", "F1 of", "was", "is", "")
		for i, k := range s.Classes {
			fmt.Fprintf(w, "%-20s %8.4f %8.4f %+8.4f\n", k.Label, first.Classes[i].F1, k.F1, k.F1-first.Classes[i].F1)
		}
	}
	for _, label := range s.Collapsed {
		fmt.Fprintf(w, "the label %s is never said any more\n", label)
	}
	fmt.Fprintf(w, "\n%d answers became wrong, %d right; McNemar's exact test: p = %.3g\n", s.Comparison.OnlyA, s.Comparison.OnlyB, s.Comparison.McNemar)
	for i, d := range s.Comparison.Differ {
		if i == 6 {
			break
		}
		text := []rune(d.Text)
		if len(text) > 40 {
			text = append(text[:40], '…')
		}
		fmt.Fprintf(w, "  is %s; was %s, now %s: %s\n", d.Target, d.A, d.B, string(text))
	}
}
