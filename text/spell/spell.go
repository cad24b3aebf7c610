// Package spell proposes corrections of misspellings from a corpus's own statistics.
//
// A misspelling is a noisy channel's work (Kernighan, Church and Gale 1990): somebody meant a word, and a key, an input
// method or an eye made another of it. Which one was meant is the candidate for which
//
//	P(candidate in this context) · P(what stands there | candidate)
//
// is largest, and it is an error at all if that exceeds the probability that what stands there was meant. The contexts
// are those of the corpus: a 4-gram model of characters for Chinese, neighbouring words for English. The channel knows
// slips of fingers on a keyboard (one edit, transpositions included) and, for Chinese, characters that sound or look
// alike (package hanzi). No dictionary of English is needed: a rare word that is one slip away from a frequent one, in
// the frequent one's company, is a slip.
//
// [Propose] returns proposals with a confidence, how often they were seen, and examples. They are for a person to look
// through; [Result.Content] writes them as text.ParseSpelling reads them.
package spell

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Options say what is looked for.
type Options struct {
	MaxChars int     // of the corpus that are looked at, a Chinese one counting as four, for what its statistics take (some 60 MB a million); 0 for 20 million
	Least    float64 // confidence below which nothing is proposed
	Examples int     // of each proposal; 0 for three
	Progress func(stage string, done, total int64)
}

// Proposal is a correction and what speaks for it.
type Proposal struct {
	text.Correction
	Kind     string   `json:"kind"`        // "one edit", or a kind of hanzi.Confusion
	Count    int      `json:"count"`       // times that the wrong form occurs
	Rights   int      `json:"right_count"` // times that the right one does
	Examples []string `json:"examples"`    // places, marked: [-wrong-]{+right+}
}

// Result is what was found, most sure first.
type Result struct {
	Texts      int64      `json:"texts"`
	Characters int64      `json:"characters"`
	Cut        bool       `json:"cut"` // the corpus was longer than MaxChars
	Proposals  []Proposal `json:"proposals"`
}

// Propose looks for misspellings in texts, which should be clean already.
func Propose(ctx context.Context, texts iter.Seq2[string, error], o Options) (*Result, error) {
	o.MaxChars = cmp.Or(o.MaxChars, 20_000_000)
	o.Examples = cmp.Or(o.Examples, 3)
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	r := &Result{}
	var corpus []string
	weight := 0
	for s, err := range texts {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if weight >= o.MaxChars {
			r.Cut = true
			break
		}
		corpus = append(corpus, s)
		r.Texts++
		han, _ := text.CountChinese(s)
		chars := utf8.RuneCountInString(s)
		r.Characters += int64(chars)
		weight += chars + 3*han
	}
	english, err := proposeEnglish(ctx, corpus, &o)
	if err != nil {
		return nil, err
	}
	chinese, err := proposeChinese(ctx, corpus, &o)
	if err != nil {
		return nil, err
	}
	r.Proposals = consistent(append(english, chinese...))
	return r, nil
}

// consistent sorts proposals and leaves out those that contradict surer ones: what one calls wrong must not stand in
// what another calls right.
func consistent(list []Proposal) []Proposal {
	slices.SortFunc(list, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(math.Round(100*b.Confidence), math.Round(100*a.Confidence)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Wrong, b.Wrong), cmp.Compare(a.Right, b.Right))
	})
	wrong, right := map[string]bool{}, map[string]bool{}
	return slices.DeleteFunc(list, func(p Proposal) bool {
		parts := stretches(p.Right)
		if wrong[p.Wrong] || right[p.Wrong] || slices.ContainsFunc(parts, func(s string) bool { return wrong[s] }) {
			return true
		}
		wrong[p.Wrong] = true
		for _, s := range parts {
			right[s] = true
		}
		return false
	})
}

// stretches returns a word of letters, or all stretches of characters of Chinese.
func stretches(s string) []string {
	if first, _ := utf8.DecodeRuneInString(s); isLetter(first) {
		return []string{s}
	}
	var out []string
	for from := range s {
		for to, r := range s[from:] {
			out = append(out, s[from:from+to+utf8.RuneLen(r)])
		}
	}
	return out
}

// Content returns the table, as text.ParseSpelling reads it: wrong, right, confidence, and for people the count, the
// kind and an example.
func (r *Result) Content() []byte {
	var b strings.Builder
	b.WriteString("# wrong\tright\tconfidence\tcount\tkind\texample\n# Edit this: take lines out, change them, add your own (wrong, tab, right).\n")
	for _, p := range r.Proposals {
		example := ""
		if len(p.Examples) > 0 {
			example = strings.Join(strings.Fields(p.Examples[0]), " ")
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%s\t%s\n", p.Wrong, p.Right, strconv.FormatFloat(p.Confidence, 'f', 3, 64), p.Count, p.Kind, example)
	}
	return []byte(b.String())
}

// Text prints the first proposals for people.
func (r *Result) Text(w io.Writer, shown int) {
	fmt.Fprintf(w, "texts            %10d   %d characters\nproposals        %10d\n", r.Texts, r.Characters, len(r.Proposals))
	if r.Cut {
		fmt.Fprintln(w, "the data goes on; --max-chars looks at more of it")
	}
	if len(r.Proposals) == 0 {
		return
	}
	fmt.Fprintln(w, "\nconfidence  count  right  kind           correction")
	for _, p := range r.Proposals[:min(shown, len(r.Proposals))] {
		fmt.Fprintf(w, "%10.3f %6d %6d  %-13s  %s → %s\n", p.Confidence, p.Count, p.Rights, p.Kind, p.Wrong, p.Right)
		for _, e := range p.Examples[:min(1, len(p.Examples))] {
			fmt.Fprintf(w, "            %s\n", e)
		}
	}
	if len(r.Proposals) > shown {
		fmt.Fprintf(w, "… and %d more\n", len(r.Proposals)-shown)
	}
}

// confidence turns the logarithm of odds into a probability.
func confidence(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// example shows a place in a text: a little before it, the correction marked, a little after.
func example(s string, at text.Span, right string) string {
	const around = 16 // characters
	from, to := at.Start, at.End
	for n := 0; n < around && from > 0; n++ {
		_, size := utf8.DecodeLastRuneInString(s[:from])
		from -= size
	}
	for n := 0; n < around && to < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[to:])
		to += size
	}
	marked := s[from:at.Start] + "[-" + s[at.Start:at.End] + "-]{+" + right + "+}" + s[at.End:to]
	return strings.Join(strings.Fields(marked), " ")
}
