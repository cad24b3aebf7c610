// Package constraint holds rules that bind what a model says: what must hold whatever it finds probable, because somebody
// knows it. A rule has a name, by which a prediction tells that the rule decided it.
//
//	rules:
//	  - {name: refund, pattern: '退款', label: bad}                   # this label wherever the pattern is found
//	  - {name: calm, keywords: [谢谢], unless: '不', forbid: [angry]}   # never this one
//	  - {name: one mood, exclusive: [good, bad]}                      # of several labels, at most one of these
//	  - {name: refund is money, when: refund, label: money}           # and one that follows from another
//	  - {name: cities, entities: cities.txt, label: LOC}              # of stretches: each entry is labelled so
//	  - {name: codes, pattern: '[A-Z]{2}\d{4}', forbid: ['*']}         # and this is never a part of any
//	  - {name: titles, after: LOC, forbid: [PER]}                     # no PER right behind a LOC
//
// How a rule binds is the affair of package model; here they are read, checked, and looked for in texts.
package constraint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text/knowledge"
)

// Rule binds predictions. It applies where its condition is found (one of pattern, keywords and entities), where a label
// holds (When), behind a stretch of a type (After), or always (Exclusive).
type Rule struct {
	Name     string   `yaml:"name" json:"name"`
	Pattern  string   `yaml:"pattern" json:"pattern,omitempty"`
	Keywords []string `yaml:"keywords" json:"keywords,omitempty"`
	Entities string   `yaml:"entities" json:"-"` // file of entries, which become Keywords
	Unless   string   `yaml:"unless" json:"unless,omitempty"`
	When     string   `yaml:"when" json:"when,omitempty"`
	After    string   `yaml:"after" json:"after,omitempty"`

	Label     string   `yaml:"label" json:"label,omitempty"`   // must hold
	Forbid    []string `yaml:"forbid" json:"forbid,omitempty"` // may not; "*" are all
	Exclusive []string `yaml:"exclusive" json:"exclusive,omitempty"`

	base    *knowledge.Base
	pattern *regexp.Regexp
	unless  *regexp.Regexp
}

// Conditional tells whether a rule applies where something is found in the text.
func (r *Rule) Conditional() bool { return r.Pattern != "" || len(r.Keywords) > 0 }

// All stands for all labels in Forbid.
const All = "*"

// Forbids tells whether a rule forbids a label.
func (r *Rule) Forbids(label string) bool {
	return slices.Contains(r.Forbid, label) || slices.Contains(r.Forbid, All)
}

// Set is a file of rules.
type Set struct {
	Rules []Rule `yaml:"rules" json:"rules"`
}

const way = "see the section on constraints in docs/guide.md for the form of the file"

// Read reads a file of rules and the lists that they name, which lie beside it unless their paths are absolute. clean,
// which may be nil, is done to keywords as it is done to texts.
func Read(path string, clean func(string) string) (*Set, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, "check the path", "reading the rules that bind predictions")
	}
	return Parse(content, path, clean)
}

// prepare checks the rules and makes them ready to be looked for.
func (s *Set) prepare(file string, clean func(string) string) error {
	if len(s.Rules) == 0 {
		return hint.Errorf(way, "reading %s: it has no rules", file)
	}
	names := map[string]bool{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Name == "" {
			r.Name = fmt.Sprintf("rule %d", i+1)
		}
		if names[r.Name] {
			return hint.Errorf("give each rule a name of its own", "reading %s: there are two rules %q", file, r.Name)
		}
		names[r.Name] = true
		if err := r.prepare(file, clean); err != nil {
			return hint.Wrap(err, hint.Way(err), "reading %s: %s", file, r.Name)
		}
	}
	return nil
}

func (r *Rule) prepare(file string, clean func(string) string) (err error) {
	if r.Entities != "" {
		path := r.Entities
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return hint.Wrap(err, "check the path", "its list of names")
		}
		entries, err := knowledge.ParseEntries(content, path)
		if err != nil {
			return err
		}
		if len(r.Keywords) > 0 {
			return hint.Errorf("choose one", "it has keywords and entities")
		}
		for _, e := range entries {
			r.Keywords = append(r.Keywords, e.Text)
		}
		r.Entities = ""
	}
	conditions := 0
	for _, given := range []bool{r.Pattern != "", len(r.Keywords) > 0, r.When != "", r.After != "", len(r.Exclusive) > 0} {
		if given {
			conditions++
		}
	}
	switch {
	case conditions != 1:
		return hint.Errorf("give it one of pattern, keywords, entities, when, after and exclusive", "it has %d conditions", conditions)
	case len(r.Exclusive) == 1 || len(r.Exclusive) > 0 && (r.Label != "" || len(r.Forbid) > 0):
		return hint.Errorf("list two labels or more, and nothing else", "exclusive says that at most one of several labels holds")
	case len(r.Exclusive) > 0:
	case (r.Label == "") == (len(r.Forbid) == 0):
		return hint.Errorf("give it label: … or forbid: […]", "it must either imply a label or forbid some")
	case r.After != "" && r.Label != "":
		return hint.Errorf("give it forbid: […]", "after says what may not follow")
	case r.Unless != "" && !r.Conditional():
		return hint.Errorf("leave unless out", "unless belongs to patterns, keywords and entities")
	}
	if r.pattern, err = knowledge.Pattern(r.Pattern); err == nil {
		r.unless, err = knowledge.Pattern(r.Unless)
	}
	if err != nil || len(r.Keywords) == 0 {
		return err
	}
	r.base, err = knowledge.Keywords(r.Keywords, clean)
	return err
}

// Content returns the rules as JSON, which Parse reads; lists of names are in it.
func (s *Set) Content() []byte {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.Encode(s) // strings always have a form
	return []byte(out.String())
}

// Unpack reads what Content has written.
func Unpack(content []byte, clean func(string) string) (*Set, error) {
	s := &Set{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("reading the rules that bind predictions: %w", err)
	}
	return s, s.prepare("the package's rules", clean)
}

// Hit is a stretch of a text in which the condition of a rule is found.
type Hit struct {
	Rule       int // its number
	Start, End int // in bytes
}

// Find appends where conditions are found, rule by rule, each from left to right. unless speaks of the whole text.
func (s *Set) Find(dst []Hit, text string) []Hit {
	var found []knowledge.Match
	for i := range s.Rules {
		r := &s.Rules[i]
		if !r.Conditional() || r.unless != nil && r.unless.MatchString(text) {
			continue
		}
		if r.pattern != nil {
			for _, at := range r.pattern.FindAllStringIndex(text, -1) {
				if at[0] < at[1] {
					dst = append(dst, Hit{i, at[0], at[1]})
				}
			}
			continue
		}
		found = r.base.Find(found[:0], text)
		for _, m := range found {
			dst = append(dst, Hit{i, m.Start, m.End})
		}
	}
	return dst
}

// Check tells which label of the rules is none of labels. spans tells that labels are of stretches of a text, several that
// any number of labels may hold: some kinds of rules are for the one or the other alone.
func (s *Set) Check(labels []string, spans, several bool) error {
	for i := range s.Rules {
		r := &s.Rules[i]
		for _, l := range slices.Concat([]string{r.Label, r.When, r.After}, r.Forbid, r.Exclusive) {
			if l == "" || l == All || slices.Contains(labels, l) {
				continue
			}
			hinted := "the labels are " + strings.Join(labels[:min(len(labels), 20)], ", ")
			if near := hint.Nearest(l, labels); near != "" {
				hinted = "did you mean " + near + "? " + hinted
			}
			return hint.Errorf(hinted, "the rule %s names the label %q, which there is not", r.Name, l)
		}
		switch {
		case r.After != "" && !spans:
			return hint.Errorf("leave it out", "the rule %s: after is for labels of stretches (task tokens)", r.Name)
		case (r.When != "" || len(r.Exclusive) > 0) && !several:
			return hint.Errorf("leave it out", "the rule %s: when and exclusive are for several labels a text (task multilabel)", r.Name)
		case slices.Contains(r.Forbid, All) && !spans:
			return hint.Errorf("list the labels", "the rule %s: a text without a label is none", r.Name)
		}
	}
	return nil
}
