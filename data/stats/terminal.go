package stats

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/xiaoyu-slm/xiaoyu/data"
)

const (
	shownLabels   = 20
	shownFrequent = 20
	barWidth      = 24
)

// Text prints the report for a terminal.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nrows            %10d\n", r.Path, r.Rows)
	r.Chars.text(w, "characters")
	r.Words.text(w, "words")
	v := &r.Vocabulary
	fmt.Fprintf(w, "vocabulary      %10d different words of %d; %d occur once; Zipf's slope %.2f\n", v.Types, v.Tokens, v.Once, v.Slope)
	fmt.Fprintf(w, "languages       %10s\n", r.languages())
	fmt.Fprintf(w, "equal texts     %10d rows too many, %d of them with another label\n", r.Doubles.Equal, r.Doubles.Conflicts)
	if d := r.Doubles.Near; d != nil {
		fmt.Fprintf(w, "near doubles    %10d rows too many, in %d groups (Jaccard ≥ %v), %d groups with different labels\n", d.Rows-d.Kept, d.Groups, d.Threshold, d.Conflicts)
	}
	fmt.Fprintln(w, "\ncharacters of a text")
	r.Chars.bars(w)
	if r.Numbers != nil {
		fmt.Fprintf(w, "\nlabels are numbers: %.4g least, %.4g in the middle, %.4g most, %.4g on average\n", r.Numbers.Least, r.Numbers.Median, r.Numbers.Most, r.Numbers.Mean)
		r.Numbers.bars(w)
	}
	r.labelsText(w)
	fmt.Fprintln(w, "\nscripts")
	for _, s := range r.Scripts {
		fmt.Fprintf(w, "  %s %6.2f%%  %9d characters in %d rows\n", padded(s.Name, 32), 100*s.Share, s.Chars, s.Rows)
	}
	fmt.Fprint(w, "\nfrequent words\n ")
	for _, c := range v.Frequent[:min(len(v.Frequent), shownFrequent)] {
		fmt.Fprintf(w, " %s (%d)", c.Word, c.Count)
	}
	fmt.Fprintln(w)
	r.Entities.text(w)
	if len(r.Repeated) > 0 {
		fmt.Fprintln(w, "\nsentences that many rows have")
		for _, s := range r.Repeated[:min(len(r.Repeated), 5)] {
			fmt.Fprintf(w, "  %6d rows, such as line %-6d %s\n", s.Rows, s.Lines[0], data.OneLine(s.Text, 70))
		}
	}
	r.suspiciousText(w)
}

func (r *Report) languages() string {
	codes := slices.SortedFunc(maps.Keys(r.Language), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Language[b], r.Language[a]), cmp.Compare(a, b))
	})
	var parts []string
	for i, c := range codes {
		if i == 6 || i > 0 && 1000*r.Language[c] < r.Rows {
			break
		}
		parts = append(parts, fmt.Sprintf("%s %.1f%%", cmp.Or(c, "none"), 100*float64(r.Language[c])/float64(max(r.Rows, 1))))
	}
	return strings.Join(parts, ", ")
}

func (d *Distribution) text(w io.Writer, name string) {
	fmt.Fprintf(w, "%-15s %10.0f in the middle; quarters %.0f and %.0f, 95%% at most %.0f, 99%% %.0f, least %.0f, most %.0f, mean %.1f\n", name, d.Median, d.Q1, d.Q3, d.P95, d.P99, d.Least, d.Most, d.Mean)
}

func (d *Distribution) bars(w io.Writer) {
	most := 1
	for _, b := range d.Bins {
		most = max(most, b.Count)
	}
	for i, b := range d.Bins {
		end := fmt.Sprintf("%.5g", b.High)
		if i == len(d.Bins)-1 {
			end = fmt.Sprintf("%.5g, the most", b.High)
		}
		fmt.Fprintf(w, "  %8.5g – %-16s %8d  %s\n", b.Low, end, b.Count, bar(b.Count, most))
	}
}

func bar(n, most int) string { return strings.Repeat("█", (barWidth*n+most-1)/most) }

func (r *Report) labelsText(w io.Writer) {
	if len(r.Labels) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%d labels\n", len(r.Labels))
	for _, l := range r.Labels[:min(len(r.Labels), shownLabels)] {
		var words []string
		for _, word := range l.Words[:min(len(l.Words), 6)] {
			words = append(words, word.Word)
		}
		fmt.Fprintf(w, "  %s %8d %5.1f%%  %5.0f characters  %s\n", padded(cmp.Or(data.OneLine(l.Label, 24), "(none)"), 26), l.Rows, 100*l.Share, l.Chars, strings.Join(words, " "))
	}
	if rest := len(r.Labels) - shownLabels; rest > 0 {
		fmt.Fprintf(w, "  … and %d labels more\n", rest)
	}
}

func (e *Entities) text(w io.Writer) {
	if e == nil {
		return
	}
	fmt.Fprintf(w, "\n%d labelled stretches in %d rows\n", e.Count, e.Rows)
	for _, t := range e.Types {
		var words []string
		for _, f := range t.Frequent[:min(len(t.Frequent), 5)] {
			words = append(words, data.OneLine(f.Word, 20))
		}
		fmt.Fprintf(w, "  %s %8d, %d different, %.1f characters, longest %d  %s\n", padded(t.Type, 12), t.Count, t.Different, t.Chars, t.Longest, strings.Join(words, ", "))
	}
	for i, a := range e.Ambiguous[:min(len(e.Ambiguous), 5)] {
		if i == 0 {
			fmt.Fprintln(w, "  of several types:")
		}
		fmt.Fprintf(w, "    %s  %s\n", padded(data.OneLine(a.Text, 20), 22), a.list())
	}
}

// list names the types of a stretch, the most frequent first.
func (a *Ambiguous) list() string {
	types := slices.SortedFunc(maps.Keys(a.Types), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.Types[y], a.Types[x]), cmp.Compare(x, y))
	})
	var parts []string
	for _, t := range types {
		parts = append(parts, fmt.Sprintf("%s %d", t, a.Types[t]))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) suspiciousText(w io.Writer) {
	if len(r.Kinds) == 0 {
		fmt.Fprintln(w, "\nno suspicious rows")
		return
	}
	fmt.Fprintln(w, "\nsuspicious rows")
	const shown = 3
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "  %-16s %6d\n", k.Kind, k.Rows)
		n := 0
		for _, s := range r.Suspicious {
			if s.Kind != k.Kind {
				continue
			}
			if n++; n > shown {
				break
			}
			fmt.Fprintf(w, "    line %-7d %s\n      %s\n", s.Line, s.Reason, data.OneLine(s.Text, 90))
		}
	}
}

// padded fills a text up to a width, in columns of a terminal.
func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(width-uniseg.StringWidth(s), 1))
}
