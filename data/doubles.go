package data

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// DoublesOptions say what near doubles are, and which of a group stays.
type DoublesOptions struct {
	Threshold float64   // least Jaccard similarity, see package near
	Keep      string    // "first" of a group, or the "longest", marks and spaces not counted; "" is first
	Examples  int       // groups that are described; -1 for all
	By        *Likeness // nil for Jaccard
}

// Likeness is a measure of how alike texts are, in place of the short character runs that they share.
type Likeness struct {
	Name string // as "cosine"
	// Groups returns the texts that are at least so alike, by their numbers: each group in order, the groups by their first.
	Groups func(ctx context.Context, texts []string, threshold float64, progress func(done, total int64)) ([][]int32, error)
	Of     func(i, j int32) float64 // of two of these texts
}

// Doubles are the near doubles of a file.
type Doubles struct {
	Path      string         `json:"path"`
	Measure   string         `json:"measure"`
	Threshold float64        `json:"threshold"`
	Rows      int            `json:"rows"`
	Kept      int            `json:"kept"`      // rows without near doubles
	Equal     int            `json:"equal"`     // of the rows that go, those equal to the one that stays, but for case, punctuation and space
	Groups    int            `json:"groups"`    // of two rows or more
	InGroups  int            `json:"in_groups"` // rows of those
	Largest   int            `json:"largest"`   // rows of the largest group
	Conflicts int            `json:"conflicts"` // groups whose rows have different labels
	Examples  []DoublesGroup `json:"examples"`  // largest first, conflicts before others
	Work      near.Work      `json:"work"`

	examples []Example
	kept     []bool
	likeness func(i, j int32) float64 // nil for Jaccard
}

// DoublesGroup is a group of near doubles, the row that stays first.
type DoublesGroup struct {
	Size    int         `json:"size"`
	Members []DoubleRow `json:"members"` // a few of them
}

// DoubleRow is a row of a group.
type DoubleRow struct {
	Line    int     `json:"line"`
	Label   string  `json:"label,omitempty"`
	Text    string  `json:"text"`
	Jaccard float64 `json:"jaccard"`          // to the row that stays: below the threshold where a chain leads there
	Cosine  float64 `json:"cosine,omitempty"` // the same, where that is the measure
	Marked  string  `json:"marked"`           // the differences from the row that stays
}

const (
	shownMembers = 6   // rows of a group that are described
	shownText    = 300 // characters
)

// FindDoubles reads the rows of c.Path as they stand and groups their near doubles. All texts are in memory at once.
// progress is told of the stage, what is done, and what there is in all.
func FindDoubles(ctx context.Context, c *Config, o DoublesOptions, progress func(stage string, done, total int64)) (*Doubles, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	examples, err := ReadAll(ctx, c, func(done, total int64) { progress("reading", done, total) })
	if err != nil {
		return nil, err
	}
	return Group(ctx, c.Path, examples, o, progress)
}

// Group is FindDoubles for examples that were read from path.
func Group(ctx context.Context, path string, examples []Example, o DoublesOptions, progress func(stage string, done, total int64)) (*Doubles, error) {
	d := &Doubles{Path: path, Measure: "Jaccard", Threshold: o.Threshold, Rows: len(examples), examples: examples}
	texts := make([]string, d.Rows)
	for i := range d.examples {
		texts[i] = d.examples[i].Whole()
	}
	groups, err := d.group(ctx, texts, o, func(done, total int64) { progress("comparing", done, total) })
	if err != nil {
		return nil, err
	}
	d.Groups, d.Kept = len(groups), d.Rows
	d.kept = make([]bool, d.Rows)
	for i := range d.kept {
		d.kept[i] = true
	}
	conflicts := make([]bool, len(texts)) // by the first row of a group
	for _, g := range groups {
		d.InGroups += len(g)
		d.Largest = max(d.Largest, len(g))
		if o.Keep == "longest" {
			best, length := 0, 0
			for i, id := range g {
				if n := utf8.RuneCountInString(near.Fold(texts[id])); n > length {
					best, length = i, n
				}
			}
			g[0], g[best] = g[best], g[0]
		}
		stays := near.Fold(texts[g[0]])
		for _, id := range g[1:] {
			d.kept[id] = false
			d.Kept--
			if near.Fold(texts[id]) == stays {
				d.Equal++
			}
		}
		if d.conflict(g) {
			d.Conflicts++
			conflicts[g[0]] = true
		}
	}
	d.describe(groups, conflicts, o.Examples)
	return d, nil
}

// group finds the groups by the measure that is asked for.
func (d *Doubles) group(ctx context.Context, texts []string, o DoublesOptions, progress func(done, total int64)) ([][]int32, error) {
	if o.By != nil {
		d.Measure, d.likeness = o.By.Name, o.By.Of
		return o.By.Groups(ctx, texts, o.Threshold, progress)
	}
	found, err := near.Groups(ctx, texts, near.Options{Threshold: o.Threshold, Progress: progress})
	if err != nil {
		return nil, err
	}
	d.Work = found.Work
	return found.Groups, nil
}

// ReadAll reads the examples of c.Path as they stand.
func ReadAll(ctx context.Context, c *Config, progress func(done, total int64)) ([]Example, error) {
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []Example
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if out = append(out, e); len(out)%512 == 0 && progress != nil {
			progress(r.Progress())
		}
	}
	if progress != nil {
		progress(r.Progress())
	}
	return out, nil
}

// Whole is all that is written in a row: the text, or both texts of a pair.
func (e *Example) Whole() string {
	if e.Pair == "" {
		return e.Text
	}
	return e.Text + "\n" + e.Pair
}

func (d *Doubles) conflict(group []int32) bool {
	return slices.ContainsFunc(group, func(i int32) bool { return !d.examples[i].Agrees(&d.examples[group[0]]) })
}

// describe shows the first rows of n groups; conflicts tells by their first row which have different labels.
func (d *Doubles) describe(groups [][]int32, conflicts []bool, n int) {
	order := slices.Clone(groups)
	rank := func(g []int32) int {
		if conflicts[g[0]] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b []int32) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(len(b), len(a)))
	})
	if n >= 0 {
		order = order[:min(n, len(order))]
	}
	d.Examples = []DoublesGroup{}
	for _, g := range order {
		out := DoublesGroup{Size: len(g)}
		// Rows of another label and of another text say more than the hundredth copy.
		seen := map[string]bool{}
		for _, id := range g {
			e := &d.examples[id]
			key := e.Target() + "\x00" + e.Whole()
			if seen[key] && len(g) > shownMembers {
				continue
			}
			seen[key] = true
			out.Members = append(out.Members, d.row(id, g[0]))
			if len(out.Members) == shownMembers {
				break
			}
		}
		d.Examples = append(d.Examples, out)
	}
}

func (d *Doubles) row(id, stays int32) DoubleRow {
	e := &d.examples[id]
	a, b := d.examples[stays].Whole(), e.Whole()
	row := DoubleRow{Line: e.Line, Label: e.Target(), Text: firstChars(b, shownText), Jaccard: near.Jaccard(a, b), Marked: near.Marked(a, b)}
	if d.likeness != nil {
		row.Cosine = d.likeness(id, stays)
	}
	return row
}

// Write writes the rows that stay: see WriteFile.
func (d *Doubles) Write(path string) error {
	return WriteFile(path, func(yield func(Example, error) bool) {
		for i, e := range d.examples {
			if d.kept[i] && !yield(e, nil) {
				return
			}
		}
	})
}

// Text prints the doubles for people.
func (d *Doubles) Text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nrows            %10d\n", d.Path, d.Rows)
	fmt.Fprintf(w, "groups          %10d of near doubles (%s ≥ %v), with %d rows, the largest with %d\n", d.Groups, d.Measure, d.Threshold, d.InGroups, d.Largest)
	fmt.Fprintf(w, "too many        %10d, %d of them equal but for case, punctuation and space\n", d.Rows-d.Kept, d.Equal)
	fmt.Fprintf(w, "rows left       %10d\n", d.Kept)
	if d.Conflicts > 0 {
		fmt.Fprintf(w, "labels differ   %10d groups\n", d.Conflicts)
	}
	for _, g := range d.Examples {
		fmt.Fprintf(w, "\n%d rows", g.Size)
		if len(g.Members) < g.Size {
			fmt.Fprintf(w, ", %d of them shown", len(g.Members))
		}
		fmt.Fprintln(w)
		for i, m := range g.Members {
			alike := m.Jaccard
			if d.likeness != nil {
				alike = m.Cosine
			}
			what := fmt.Sprintf("%.2f  %s", alike, m.Marked)
			if i == 0 {
				what = "stays " + OneLine(m.Text, 100)
			}
			fmt.Fprintf(w, "  line %-7d %s%s\n", m.Line, bracketed(m.Label), what)
		}
	}
	if rest := d.Groups - len(d.Examples); rest > 0 {
		fmt.Fprintf(w, "\n… and %d groups more\n", rest)
	}
}

// OneLine is the beginning of a text on one line, as lists for people show it: chars characters at most.
func OneLine(s string, chars int) string {
	s = strings.Join(strings.Fields(s), " ")
	if short := firstChars(s, chars); len(short) < len(s) {
		return short + "…"
	}
	return s
}

func bracketed(label string) string {
	if label == "" {
		return ""
	}
	return "[" + firstChars(label, 24) + "]  "
}

// CheckThreshold refuses a similarity that no two texts can have.
func CheckThreshold(threshold float64) error {
	if !(threshold > 0 && threshold <= 1) {
		return hint.Errorf("give a similarity above 0 and up to 1, such as 0.8", "a threshold of %v", threshold)
	}
	return nil
}
