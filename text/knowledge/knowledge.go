// Package knowledge finds in texts what is known beforehand: the entries of lexicons, the names of lists, and what the
// patterns of rules describe.
//
//	base, err := knowledge.Read("sentiment.tsv", "cities.txt", "rules.yaml")
//	for _, m := range base.Find(nil, "苏州的房间很干净") {
//		fmt.Println(base.Categories()[m.Category], m.Start, m.End, m.Weight)
//	}
//
// What is found has a category: that of its line, or the name of its file or rule. Of each category, stretches do not
// overlap; the first and then the longest is taken. Categories do not see each other.
//
// The package knows nothing of models: how they use what is found is said in package model.
package knowledge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Entry is a line of a lexicon or of a list of names.
type Entry struct {
	Text     string  `json:"text"`
	Category string  `json:"category"`
	Weight   float64 `json:"weight,omitempty"`
}

// Rule is a pattern and the category of what it describes.
type Rule struct {
	Category string `json:"category"`
	Pattern  string `json:"pattern"` // as package regexp has it (RE2)
}

// Match is a stretch of a text that is known.
type Match struct {
	Start, End int
	Category   int     // its number in Base.Categories
	Weight     float64 // of the entry; 0 where it has none, and of patterns
	Entry      int     // its number in Base.Entries, -1 of patterns
}

// Base is all that is known. Once made, any number of goroutines may use it.
type Base struct {
	entries    []Entry
	rules      []Rule
	categories []string
	heaviest   []float64 // of each category, the largest absolute weight
	matcher    *Matcher
	number     []int // of each entry: its category
	patterns   []*regexp.Regexp
	ofPattern  []int
}

// maxEntries bounds a base: beyond it a list is no lexicon.
const maxEntries = 2_000_000

// New makes a base. clean, which may be nil, is done to the entries as it is done to the texts, so that they meet.
func New(entries []Entry, rules []Rule, clean func(string) string) (*Base, error) {
	if len(entries) > maxEntries {
		return nil, hint.Errorf("leave out what is rare", "what is known beforehand: %d entries, at most %d are taken", len(entries), maxEntries)
	}
	b := &Base{entries: entries, rules: rules}
	numbers := map[string]int{}
	category := func(name string) int {
		i, ok := numbers[name]
		if !ok {
			i = len(b.categories)
			numbers[name] = i
			b.categories, b.heaviest = append(b.categories, name), append(b.heaviest, 0)
		}
		return i
	}
	phrases := make([]string, len(entries))
	for i, e := range entries {
		if math.IsNaN(e.Weight) || math.IsInf(e.Weight, 0) {
			return nil, fmt.Errorf("what is known beforehand: the weight of %q is %g", e.Text, e.Weight)
		}
		phrases[i] = strings.TrimSpace(e.Text)
		if clean != nil {
			phrases[i] = strings.TrimSpace(clean(e.Text))
		}
		c := category(e.Category)
		b.number = append(b.number, c)
		b.heaviest[c] = max(b.heaviest[c], math.Abs(e.Weight))
	}
	b.matcher = NewMatcher(phrases)
	for _, r := range rules {
		p, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, hint.Wrap(err, wayOfPatterns, "the rule %s", r.Category)
		}
		b.patterns, b.ofPattern = append(b.patterns, p), append(b.ofPattern, category(r.Category))
	}
	return b, nil
}

// Keywords makes a base of phrases without categories; clean is that of New.
func Keywords(phrases []string, clean func(string) string) (*Base, error) {
	entries := make([]Entry, len(phrases))
	for i, p := range phrases {
		if strings.TrimSpace(p) == "" {
			return nil, hint.Errorf("leave it out", "a keyword is empty")
		}
		entries[i] = Entry{Text: p}
	}
	return New(entries, nil, clean)
}

const wayOfPatterns = "write the pattern as Go's package regexp has it (RE2)"

// Pattern compiles a pattern that a user wrote; there is none where it is empty.
func Pattern(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	p, err := regexp.Compile(pattern)
	if err != nil {
		return nil, hint.Wrap(err, wayOfPatterns, "a pattern")
	}
	return p, nil
}

// Categories returns the names of all categories, by number.
func (b *Base) Categories() []string { return b.categories }

// Entries returns the entries that the base was made of.
func (b *Base) Entries() []Entry { return b.entries }

// Rules returns the rules that the base was made of.
func (b *Base) Rules() []Rule { return b.rules }

// Find appends what is known in s, by rising start, then rising end.
func (b *Base) Find(dst []Match, s string) []Match {
	from := len(dst)
	for _, h := range b.matcher.All(nil, s) {
		dst = append(dst, Match{h.Start, h.End, b.number[h.Phrase], b.entries[h.Phrase].Weight, h.Phrase})
	}
	for i, p := range b.patterns {
		for _, at := range p.FindAllStringIndex(s, -1) {
			if at[0] < at[1] {
				dst = append(dst, Match{at[0], at[1], b.ofPattern[i], 0, -1})
			}
		}
	}
	found := dst[from:]
	slices.SortFunc(found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(a.Entry, b.Entry))
	})
	kept, ends := found[:0], make([]int, len(b.categories))
	for _, m := range found {
		if m.Start >= ends[m.Category] {
			kept = append(kept, m)
			ends[m.Category] = m.End
		}
	}
	slices.SortStableFunc(kept, func(a, b Match) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	return dst[:from+len(kept)]
}

// Levels is how many steps of weight Level tells apart on each side of 0.
const Levels = 4

// Level returns how heavy a match is among those of its category, from -Levels to Levels.
func (b *Base) Level(m Match) int {
	if heaviest := b.heaviest[m.Category]; heaviest > 0 {
		return int(math.Round(Levels * m.Weight / heaviest))
	}
	return 0
}

// Weighted tells whether entries of a category have weights.
func (b *Base) Weighted(category int) bool { return b.heaviest[category] > 0 }

type baseJSON struct {
	Entries []Entry `json:"entries,omitempty"`
	Rules   []Rule  `json:"rules,omitempty"`
}

// Content returns all of a base as JSON, which Parse reads.
func (b *Base) Content() []byte {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.Encode(baseJSON{b.entries, b.rules}) // strings and finite numbers always have a form
	return []byte(out.String())
}

// Parse reads what Content has written; clean is as in New.
func Parse(content []byte, clean func(string) string) (*Base, error) {
	var in baseJSON
	if err := json.Unmarshal(content, &in); err != nil {
		return nil, fmt.Errorf("reading what is known beforehand: %w", err)
	}
	return New(in.Entries, in.Rules, clean)
}
