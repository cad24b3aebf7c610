package data

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// Pass is one cleaning of a stream of examples, and what it counted.
type Pass struct {
	cleaner *text.Cleaner
	rows    Rows
	task    string
	seen    digestSet
	near    *near.Index // nil without rows.near_duplicates
	Report  CleanReport
}

// NewPass returns a pass with the steps of c, whose files it reads.
func NewPass(c *Config) (*Pass, error) {
	if err := c.Rows.check(); err != nil {
		return nil, err
	}
	if err := c.Clean.ReadFiles(); err != nil {
		return nil, err
	}
	p := &Pass{cleaner: text.NewCleaner(c.Clean), rows: c.Rows, task: c.Task, Report: CleanReport{Changed: map[string]int64{}}}
	if c.Rows.NearDoubles > 0 {
		p.near = near.NewIndex(c.Rows.NearDoubles, 0)
	}
	return p, nil
}

func (r *Rows) check() error {
	for _, l := range r.Languages {
		if !slices.Contains(text.Languages(), l) {
			return hint.Errorf("use codes among "+strings.Join(text.Languages(), ", "), "data.rows.languages: unknown language %q", l)
		}
	}
	return nil
}

// Clean changes the texts of e and tells whether the row stays.
func (p *Pass) Clean(e *Example) (keep bool) {
	p.Report.In++
	raw := e.Text
	if p.task != Tags && p.task != Answers { // the places of its entities are those in the text as it is; the model cleans for itself
		p.cleanText(&e.Text, e.Line)
	}
	for _, s := range []*string{&e.Pair, &e.Third} {
		if *s != "" {
			p.cleanText(s, e.Line)
		}
	}
	count := p.fault(e, raw)
	if count == nil {
		count = p.double(e)
	}
	if count != nil {
		*count++
		p.dropped(count, e)
		return false
	}
	p.Report.Out++
	return true
}

// fault returns the count of the reason to drop a row, nil if there is none, and cuts a text that is too long. raw is the
// text before it was cleaned.
func (p *Pass) fault(e *Example, raw string) *int64 {
	r := &p.Report
	chars := utf8.RuneCountInString(e.Text)
	switch {
	case p.rows.Unlabelled && e.Label == "" && p.task != Tags && p.task != MultiLabel:
		return &r.Unlabelled
	case p.rows.Empty && e.Text == "":
		return &r.Empty
	case chars < p.rows.MinChars:
		return &r.Short
	case p.rows.MaxSymbols > 0 && symbols(e.Text) > p.rows.MaxSymbols:
		return &r.Symbols
	case len(p.rows.Languages) > 0 && !p.wantedLanguage(e.Text) && !p.wantedLanguage(raw): // stop words tell, markup misleads
		return &r.Language
	case p.rows.MaxChars > 0 && chars > p.rows.MaxChars:
		if p.rows.DropLong {
			return &r.Long
		}
		r.Long++
		e.Text = firstChars(e.Text, p.rows.MaxChars)
		e.Entities = slices.DeleteFunc(slices.Clone(e.Entities), func(s Entity) bool { return s.End > len(e.Text) })
	}
	return nil
}

// wantedLanguage tells whether a text is in one of the languages that are kept, or in none at all.
func (p *Pass) wantedLanguage(s string) bool {
	language := text.Language(s)
	return language == "" || slices.Contains(p.rows.Languages, language)
}

// symbols is the share of characters that are neither letters, digits, marks nor white space.
func symbols(s string) float64 {
	odd, all := 0, 0
	for _, r := range s {
		all++
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) {
			odd++
		}
	}
	return float64(odd) / float64(max(all, 1))
}

// double returns the count of the kind of double that a row is, nil if it is none; it is remembered for later ones.
func (p *Pass) double(e *Example) *int64 {
	r := &p.Report
	if p.rows.Duplicates {
		switch p.seen.insert(digest64(e.Text+"\x00"+e.Pair+e.Third), uint16(digest64(e.Label))) {
		case differs:
			r.Conflicts++
			return &r.Duplicates
		case present:
			return &r.Duplicates
		case full:
			r.Forgotten++
		}
	}
	if p.near != nil {
		whole := e.Whole()
		if number, _ := p.near.Nearest(whole); number >= 0 {
			return &r.Near
		}
		if !p.near.Add(whole) && whole != "" {
			r.Forgotten++
		}
	}
	return nil
}

func (p *Pass) cleanText(s *string, line int) {
	before := *s
	after, changes := p.cleaner.Clean(before)
	if changes == 0 {
		return
	}
	*s = after
	for i, name := range text.Steps() {
		if !changes.Has(i) {
			continue
		}
		p.Report.Changed[name]++
		if p.Report.Changed[name] <= examplesPerStep {
			p.changed(name, line, before, after)
		}
	}
}

// All cleans a stream.
func (p *Pass) All(examples iter.Seq2[Example, error]) iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		for e, err := range examples {
			if err != nil {
				yield(e, err)
				return
			}
			if p.Clean(&e) && !yield(e, nil) {
				return
			}
		}
	}
}
