package spell

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// examples finds places of proposals in a corpus.
type examples struct {
	corpus []string
	most   int
}

func newExamples(corpus []string, most int) *examples { return &examples{corpus, most} }

// fill gives each proposal the first places where its wrong form stands, in one pass over the corpus.
func (e *examples) fill(list []Proposal) {
	byFirst := map[rune][]*Proposal{}
	for i := range list {
		r, _ := utf8.DecodeRuneInString(list[i].Wrong)
		byFirst[r] = append(byFirst[r], &list[i])
	}
	for _, s := range e.corpus {
		before := ' '
		for at, r := range s {
			inside := isLetter(before)
			before = unicode.ToLower(r)
			if inside && isLetter(before) {
				continue
			}
			for _, p := range byFirst[before] {
				if len(p.Examples) < e.most && startsWith(s[at:], p.Wrong) {
					p.Examples = append(p.Examples, example(s, text.Span{Start: at, End: at + len(p.Wrong)}, p.Right))
				}
			}
		}
	}
}

// startsWith tells whether s begins with a form, in any case, and no letter follows letters.
func startsWith(s, form string) bool {
	if len(s) < len(form) || !strings.EqualFold(s[:len(form)], form) {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(form)
	next, _ := utf8.DecodeRuneInString(s[len(form):])
	return !isLetter(last) || !isLetter(next)
}

func isLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
