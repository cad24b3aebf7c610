package data

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Split says what share of the rows is for which part.
type Split struct {
	Test       float64 `yaml:"test" json:"test" doc:"share of the rows for the final figures, never seen in training; in steps of 1/256" default:"0.2" min:"0" max:"0.9"`
	By         string  `yaml:"by" json:"by,omitempty" doc:"what decides on the side: the text's digest, its group (data.group), or its time (data.time: the latest rows are the test part)" default:"text" enum:"text|group|time"`
	Near       float64 `yaml:"near" json:"near" doc:"near doubles are never on both sides: least similarity (Jaccard, of short runs of characters) of texts that stay together; 0 to let each go where its own digest says" default:"0.8" min:"0" max:"1"`
	Fold       int     `yaml:"-" json:"fold,omitempty"`  // of Folds, from 1: it is the validation part, and the other folds are for training
	Folds      int     `yaml:"-" json:"folds,omitempty"` // into so many parts go the rows that are not of the test part; 0 for no folds
	Validation float64 `yaml:"validation" json:"validation" doc:"share of the remaining rows that picks the best epoch; in steps of 1/256" default:"0.1" min:"0" max:"0.9"`
}

// FoldOf returns the fold of a row, from 1 to k: that of its text's digest, so that equal texts are together.
func FoldOf(r *Row, k int) int {
	h := fnv.New64a()
	h.Write([]byte(r.Text))
	return 1 + int(h.Sum64()>>16%uint64(k))
}

// refold makes one fold of the rows that are not of the test part the validation part.
func (s *Set) refold(c *Split) error {
	if c.Folds == 0 {
		return nil
	}
	rows := slices.Concat(s.Parts[Train], s.Parts[Validation])
	s.Parts[Train], s.Parts[Validation] = nil, nil
	for i := range rows {
		side := Train
		if FoldOf(&rows[i], c.Folds) == c.Fold {
			side = Validation
		}
		s.Parts[side] = append(s.Parts[side], rows[i])
	}
	if len(s.Parts[Train]) == 0 || len(s.Parts[Validation]) == 0 {
		return hint.Errorf("take fewer folds, or add examples", "splitting into %d folds: of %d rows, fold %d leaves none on one side", c.Folds, len(rows), c.Fold)
	}
	return nil
}

// Side is a part of the data.
type Side uint8

// The parts of the data.
const (
	Train Side = iota
	Validation
	Test
)

// String returns the part's name.
func (s Side) String() string { return [...]string{"train", "validation", "test"}[s] }

// Side tells on which side a row lies, by the SHA-256 digest of its text as it stands in the file: test if the first
// byte is below 256·Test (51 for a fifth), else validation if the second is below 256·Validation. So a row keeps its
// side whatever is added to or removed from the file, equal texts are on the same side, and every class is split in
// the same proportion up to chance.
func (s *Split) Side(raw string) Side {
	sum := sha256.Sum256([]byte(raw))
	switch {
	case int(sum[0]) < int(256*s.Test):
		return Test
	case int(sum[1]) < int(256*s.Validation):
		return Validation
	}
	return Train
}

// key is what the digest is taken of.
func (s *Split) key(e *Example) string {
	if s.By == "group" {
		return e.Group
	}
	return e.Text
}

// check refuses a split by a column that is not named.
func (s *Split) check(c *Columns) error {
	switch {
	case s.By == "group" && c.Group == "":
		return hint.Errorf("name the column: --set data.group=COLUMN", "splitting by group: data.group is not set")
	case s.By == "time" && c.Time == "":
		return hint.Errorf("name the column: --set data.time=COLUMN", "splitting by time: data.time is not set")
	}
	return nil
}

// waiting is what decides on the side of a row that has been read.
type waiting struct {
	key  string // what the digest is taken of
	time string
	text string // as it stands in the file: near doubles are looked for in it
}

// place puts the rows read so far on their sides: by digest or by time, and then near doubles together.
func (l *loader) place(ctx context.Context) error {
	rows := l.set.Parts[Train]
	sides, order := make([]Side, len(rows)), make([]int, len(rows))
	for i, w := range l.waiting {
		order[i] = i
		sides[i] = l.config.Split.Side(w.key)
		if sides[i] == Test && l.config.Test != "" || sides[i] == Validation && l.config.Valid != "" {
			sides[i] = Train // these rows come from elsewhere
		}
	}
	if l.config.Split.By == "time" {
		var err error
		if sides, order, err = l.byTime(); err != nil {
			return err
		}
	}
	if l.config.Split.Near > 0 {
		if err := l.joinDoubles(ctx, sides); err != nil {
			return err
		}
	}
	l.set.Parts = [3][]Row{}
	for _, i := range order {
		l.set.Parts[sides[i]] = append(l.set.Parts[sides[i]], rows[i])
	}
	return nil
}

// byTime takes the latest rows for the test, and the latest of the others for validation. Times are compared as numbers
// or dates. Rows of one time stay together. order is that of time.
func (l *loader) byTime() (sides []Side, order []int, err error) {
	n := len(l.waiting)
	keys, err := timeKeys(l.waiting)
	if err != nil {
		return nil, nil, hint.Wrap(err, "check data.time", "splitting %s by time", l.config.Path)
	}
	sides, order = make([]Side, n), make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	test := n
	if l.config.Test == "" {
		test = n - int(float64(n)*l.config.Split.Test)
	}
	valid := test
	if l.config.Valid == "" {
		valid = test - int(float64(test)*l.config.Split.Validation)
	}
	// A border moves back to the first row of its time.
	back := func(at int) int {
		for at > 0 && at < n && keys[order[at-1]] == keys[order[at]] {
			at--
		}
		return at
	}
	test, valid = back(test), back(valid)
	for i, row := range order {
		switch {
		case i >= test:
			sides[row] = Test
		case i >= valid:
			sides[row] = Validation
		}
	}
	return sides, order, nil
}

var timeLayouts = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2", "20060102", "2006年1月2日", time.RFC1123Z, time.RFC1123}

// timeKeys turns times into numbers that sort as they do.
func timeKeys(rows []waiting) ([]float64, error) {
	keys := make([]float64, len(rows))
	for i, w := range rows {
		s := strings.TrimSpace(w.time)
		if v, err := strconv.ParseFloat(s, 64); err == nil && len(s) != 8 {
			keys[i] = v
			continue
		}
		found := false
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, s); err == nil {
				keys[i], found = float64(t.UnixNano())/1e9, true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is neither a date nor a number", s)
		}
	}
	return keys, nil
}

// balance mends what chance did to rare classes: one without any training row gets all its rows for training, since
// what is not seen cannot be learnt. It is the one case in which adding rows can move others; rows of a file of their own
// stay in their part. It notes what the user should know.
func (l *loader) balance() error {
	d := &l.set
	own := [3]bool{Validation: l.config.Valid != "", Test: l.config.Test != ""}
	apart := map[int32]bool{}               // groups of near doubles of which a row was moved
	var untested, untaught, unseen []string // labels
	moved := 0                              // rows that are for training now
	var lost [3]int                         // rows whose label no row teaches
	for class, label := range d.Labels {
		var n [3]int
		for side, part := range d.Parts {
			for _, e := range part {
				if e.Class == class {
					n[side]++
				}
			}
		}
		if n[Train] > 0 {
			if n[Test] == 0 && len(d.Parts[Test]) > 0 {
				untested = append(untested, label)
			}
			continue
		}
		before := moved
		for _, side := range []Side{Validation, Test} {
			if own[side] {
				continue
			}
			d.move(side, func(e *Row) bool {
				apart[e.doubles] = apart[e.doubles] || e.Class == class && e.doubles != 0
				return e.Class == class
			})
			moved += n[side]
		}
		switch {
		case moved > before:
			untaught = append(untaught, label)
		case class >= len(l.config.Known) && n[Validation]+n[Test] > 0:
			unseen = append(unseen, label)
			lost[Validation] += n[Validation]
			lost[Test] += n[Test]
		}
	}
	if len(apart) > 0 { // their near doubles of other classes follow
		for _, side := range []Side{Validation, Test} {
			if !own[side] {
				d.move(side, func(e *Row) bool { return apart[e.doubles] })
			}
		}
	}
	if lost[Test] > 0 && lost[Test] == len(d.Parts[Test]) {
		return hint.Errorf("check --label and --header, which count for all files", "reading %s: none of its labels is in %s", l.config.Test, l.config.Path)
	}
	for _, say := range []struct {
		labels []string
		what   string
	}{
		{untaught, fmt.Sprintf("fell into other parts alone, and their %d rows are used for training: figures of theirs cannot be measured", moved)},
		{untested, "have no example in the test part: figures of theirs cannot be measured"},
		{unseen, fmt.Sprintf("have no example for training: the rows that have them, %d for validation and %d for the test, count as mistakes", lost[Validation], lost[Test])},
	} {
		if len(say.labels) > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("%s %s", someLabels(say.labels), say.what))
		}
	}
	return nil
}

// someLabels names the first of some labels.
func someLabels(labels []string) string {
	const named = 5
	var b strings.Builder
	fmt.Fprintf(&b, "%d label(s) (", len(labels))
	for i, label := range labels[:min(len(labels), named)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(label))
	}
	if len(labels) > named {
		b.WriteString(", …")
	}
	b.WriteString(")")
	return b.String()
}

// move moves rows of a side to the training part.
func (d *Set) move(from Side, which func(e *Row) bool) {
	var stay []Row
	for i := range d.Parts[from] {
		if e := d.Parts[from][i]; which(&e) {
			d.Parts[Train] = append(d.Parts[Train], e)
		} else {
			stay = append(stay, e)
		}
	}
	d.Parts[from] = stay
}
