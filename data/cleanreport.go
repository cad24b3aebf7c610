package data

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// CleanReport counts what cleaning did.
type CleanReport struct {
	In         int64            `json:"in"`              // rows read
	Out        int64            `json:"out"`             // rows kept
	Changed    map[string]int64 `json:"changed"`         // texts changed, by step
	Empty      int64            `json:"empty"`           // dropped
	Unlabelled int64            `json:"unlabelled"`      // dropped
	Short      int64            `json:"short"`           // dropped
	Long       int64            `json:"long"`            // cut, or dropped
	Symbols    int64            `json:"symbols"`         // dropped: too many symbols
	Language   int64            `json:"language"`        // dropped: in another language
	Duplicates int64            `json:"duplicates"`      // dropped
	Conflicts  int64            `json:"conflicts"`       // of the duplicates, those whose label differed from the first
	Near       int64            `json:"near_duplicates"` // dropped
	Forgotten  int64            `json:"forgotten"`       // texts that were too many to be remembered for later duplicates
	Examples   []Change         `json:"examples"`        // of texts changed and rows dropped, a few for each step
}

// Change is a text before and after cleaning, or a text whose row was dropped.
type Change struct {
	Step   string `json:"step"` // of text.Steps, or a key of CleanReport
	Line   int    `json:"line"`
	Before string `json:"before"`
	After  string `json:"after,omitempty"`
	Marked string `json:"marked,omitempty"` // what this step did: [-gone-]{+come+}
}

const (
	examplesPerStep = 3
	exampleChars    = 120
)

// drops are the reasons to drop a row, as they are told.
func (r *CleanReport) drops() []struct {
	key, what string
	n         *int64
} {
	return []struct {
		key, what string
		n         *int64
	}{
		{"empty", "dropped: empty", &r.Empty}, {"unlabelled", "dropped: no label", &r.Unlabelled}, {"short", "dropped: too short", &r.Short},
		{"long", "cut or dropped: too long", &r.Long}, {"symbols", "dropped: too many symbols", &r.Symbols}, {"language", "dropped: another language", &r.Language},
		{"duplicates", "dropped: duplicates", &r.Duplicates}, {"conflicts", "  with another label", &r.Conflicts}, {"near_duplicates", "dropped: near duplicates", &r.Near},
		{"forgotten", "not remembered", &r.Forgotten},
	}
}

// dropped keeps a row as an example of the reason that count counts.
func (p *Pass) dropped(count *int64, e *Example) {
	if *count > examplesPerStep {
		return
	}
	for _, d := range p.Report.drops() {
		if d.n == count {
			p.Report.Examples = append(p.Report.Examples, Change{Step: d.key, Line: e.Line, Before: firstChars(e.Text, exampleChars)})
		}
	}
}

// changed keeps a text as an example of a step.
func (p *Pass) changed(step string, line int, before, after string) {
	change := Change{step, line, firstChars(before, exampleChars), firstChars(after, exampleChars), ""}
	for _, stage := range p.cleaner.Trace(before) {
		if stage.Step == step {
			change.Marked = marked(&stage)
			break
		}
	}
	p.Report.Examples = append(p.Report.Examples, change)
}

// marked shows what a step did, from a little before its first change on: [-gone-]{+come+}.
func marked(s *text.Stage) string {
	const lead, most = 24, 160 // characters
	from := s.Changes[0].Start
	for n := 0; n < lead && from > 0; n++ {
		_, size := utf8.DecodeLastRuneInString(s.Before[:from])
		from -= size
	}
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	at := from
	for i := 0; i < len(s.Changes) && b.Len() < most; i++ {
		gone, come := "", s.Changes[i].With
		b.WriteString(s.Before[at:s.Changes[i].Start])
		at = s.Changes[i].Start
		for ; i+1 < len(s.Changes) && s.Changes[i+1].Start == s.Changes[i].End; i++ { // neighbours are one change
			come += s.Changes[i+1].With
		}
		gone, at = s.Before[at:s.Changes[i].End], s.Changes[i].End
		b.WriteString("[-" + shortened(gone) + "-]")
		if come != "" {
			b.WriteString("{+" + shortened(come) + "+}")
		}
	}
	rest := firstChars(s.Before[at:], lead)
	b.WriteString(rest)
	if at+len(rest) < len(s.Before) {
		b.WriteString("…")
	}
	return visible(b.String())
}

func shortened(s string) string {
	const most = 40
	if short := firstChars(s, most); short != s {
		return short + "…"
	}
	return s
}

// visible shows line ends, tabs, what has no shape and bytes that are no text as Go writes them.
func visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r) || r == '\u200d' || r == '\ufe0f': // the two that join emoji
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// Text prints the report for people: each step, and under it what it did to a few texts.
func (r *CleanReport) Text(w io.Writer) {
	fmt.Fprintf(w, "rows read                 %10d\nrows kept                 %10d\n", r.In, r.Out)
	for _, name := range text.Steps() {
		if n := r.Changed[name]; n > 0 {
			fmt.Fprintf(w, "changed by %-15s%10d\n", name, n)
			r.examples(w, name)
		}
	}
	for _, d := range r.drops() {
		if *d.n > 0 {
			fmt.Fprintf(w, "%-26s%10d\n", d.what, *d.n)
			r.examples(w, d.key)
		}
	}
}

func (r *CleanReport) examples(w io.Writer, step string) {
	for _, e := range r.Examples {
		switch {
		case e.Step != step:
		case e.Marked != "":
			fmt.Fprintf(w, "    line %d: %s\n", e.Line, e.Marked)
		default:
			fmt.Fprintf(w, "    line %d: %s\n", e.Line, visible(shortened(e.Before)))
		}
	}
}

// firstChars returns the first n characters of s.
func firstChars(s string, n int) string {
	for at := range s {
		if n == 0 {
			return s[:at]
		}
		n--
	}
	return s
}
