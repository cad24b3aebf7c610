package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"

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

// CleanReport counts what cleaning did.
type CleanReport struct {
	In         int64            `json:"in"`              // rows read
	Out        int64            `json:"out"`             // rows kept
	Changed    map[string]int64 `json:"changed"`         // texts changed, by step
	Empty      int64            `json:"empty"`           // dropped
	Unlabelled int64            `json:"unlabelled"`      // dropped
	Short      int64            `json:"short"`           // dropped
	Long       int64            `json:"long"`            // cut, or dropped
	Duplicates int64            `json:"duplicates"`      // dropped
	Conflicts  int64            `json:"conflicts"`       // of the duplicates, those whose label differed from the first
	Near       int64            `json:"near_duplicates"` // dropped
	Forgotten  int64            `json:"forgotten"`       // texts that were too many to be remembered for later duplicates
	Examples   []Change         `json:"examples"`        // of texts changed, a few for each step
}

// Change is a text before and after cleaning.
type Change struct {
	Step   string `json:"step"`
	Line   int    `json:"line"`
	Before string `json:"before"`
	After  string `json:"after"`
}

const (
	examplesPerStep = 3
	exampleChars    = 120
)

// NewPass returns a pass with the steps of c.
func NewPass(c *Config) *Pass {
	p := &Pass{cleaner: text.NewCleaner(c.Clean), rows: c.Rows, task: c.Task, Report: CleanReport{Changed: map[string]int64{}}}
	if c.Rows.NearDoubles > 0 {
		p.near = near.NewIndex(c.Rows.NearDoubles, 0)
	}
	return p
}

// Clean changes the texts of e and tells whether the row stays.
func (p *Pass) Clean(e *Example) (keep bool) {
	r := &p.Report
	r.In++
	if p.task != Tags { // the places of its entities are those in the text as it is; the model cleans for itself
		p.cleanText(&e.Text, e.Line)
	}
	if e.Pair != "" {
		p.cleanText(&e.Pair, e.Line)
	}
	chars := utf8.RuneCountInString(e.Text)
	switch {
	case p.rows.Unlabelled && e.Label == "" && p.task != Tags && p.task != MultiLabel:
		r.Unlabelled++
		return false
	case p.rows.Empty && e.Text == "":
		r.Empty++
		return false
	case chars < p.rows.MinChars:
		r.Short++
		return false
	case p.rows.MaxChars > 0 && chars > p.rows.MaxChars:
		r.Long++
		if p.rows.DropLong {
			return false
		}
		e.Text = firstChars(e.Text, p.rows.MaxChars)
		e.Entities = slices.DeleteFunc(slices.Clone(e.Entities), func(s Entity) bool { return s.End > len(e.Text) })
	}
	if p.rows.Duplicates {
		switch p.seen.insert(digest64(e.Text+"\x00"+e.Pair), uint16(digest64(e.Label))) {
		case differs:
			r.Conflicts++
			fallthrough
		case present:
			r.Duplicates++
			return false
		case full:
			r.Forgotten++
		}
	}
	if p.near != nil {
		whole := e.whole()
		if number, _ := p.near.Nearest(whole); number >= 0 {
			r.Near++
			return false
		}
		if !p.near.Add(whole) && whole != "" {
			r.Forgotten++
		}
	}
	r.Out++
	return true
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
			p.Report.Examples = append(p.Report.Examples, Change{name, line, firstChars(before, exampleChars), firstChars(after, exampleChars)})
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

// Text prints the report for people.
func (r *CleanReport) Text(w io.Writer) {
	fmt.Fprintf(w, "rows read       %10d\nrows kept       %10d\n", r.In, r.Out)
	for _, name := range text.Steps() {
		if n := r.Changed[name]; n > 0 {
			fmt.Fprintf(w, "  changed by %-12s %8d\n", name, n)
		}
	}
	for _, c := range []struct {
		what string
		n    int64
	}{{"dropped: empty", r.Empty}, {"dropped: no label", r.Unlabelled}, {"dropped: too short", r.Short}, {"cut or dropped: too long", r.Long},
		{"dropped: duplicates", r.Duplicates}, {"  with another label", r.Conflicts}, {"dropped: near duplicates", r.Near}, {"not remembered", r.Forgotten}} {
		if c.n > 0 {
			fmt.Fprintf(w, "  %-24s %7d\n", c.what, c.n)
		}
	}
	for _, e := range r.Examples {
		fmt.Fprintf(w, "  line %d, %s:\n    - %q\n    + %q\n", e.Line, e.Step, e.Before, e.After)
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

// digest64 is the first half of a digest's first half: enough to tell tens of millions of texts apart.
func digest64(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.LittleEndian.Uint64(sum[:])
}

// digestSet remembers digests and a mark of each in ten bytes, up to a bound.
type digestSet struct {
	keys  []uint64 // 0 is free
	marks []uint16
	n     int
}

type insertion uint8

const (
	added insertion = iota
	present
	differs // present with another mark
	full    // the set takes no more
)

// maxDigests bounds the memory of a digestSet to 84 MB: six million texts are remembered.
const maxDigests = 1 << 23

func (s *digestSet) insert(key uint64, mark uint16) insertion {
	key |= 1 // 0 marks a free slot
	if 4*(s.n+1) > 3*len(s.keys) && len(s.keys) < maxDigests {
		s.grow()
	}
	at := s.slot(key)
	switch {
	case s.keys[at] == key && s.marks[at] == mark:
		return present
	case s.keys[at] == key:
		return differs
	case 4*(s.n+1) > 3*len(s.keys):
		return full
	}
	s.keys[at], s.marks[at] = key, mark
	s.n++
	return added
}

func (s *digestSet) slot(key uint64) uint64 {
	mask := uint64(len(s.keys) - 1)
	at := key >> 1 & mask
	for s.keys[at] != 0 && s.keys[at] != key {
		at = (at + 1) & mask
	}
	return at
}

func (s *digestSet) grow() {
	old := *s
	n := max(1<<12, 2*len(old.keys))
	s.keys, s.marks = make([]uint64, n), make([]uint16, n)
	for i, key := range old.keys {
		if key != 0 {
			at := s.slot(key)
			s.keys[at], s.marks[at] = key, old.marks[i]
		}
	}
}
