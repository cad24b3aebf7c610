package data

import (
	"cmp"
	"crypto/sha256"
	"fmt"
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
	Validation float64 `yaml:"validation" json:"validation" doc:"share of the remaining rows that picks the best epoch; in steps of 1/256" default:"0.1" min:"0" max:"0.9"`
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

// splitByTime takes the latest of the rows read so far for the test, and the latest of the others for validation. Times
// are compared as numbers or dates where all of them are, else as text. Rows of one time stay together.
func (l *loader) splitByTime() error {
	rows := l.set.Parts[Train]
	keys, err := timeKeys(l.times)
	if err != nil {
		return hint.Wrap(err, "check data.time", "splitting %s by time", l.config.Path)
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	n := len(rows)
	test := n
	if l.config.Test == "" {
		test = n - int(float64(n)*l.config.Split.Test)
	}
	valid := test - int(float64(test)*l.config.Split.Validation)
	// A border moves back to the first row of its time.
	back := func(at int) int {
		for at > 0 && at < n && keys[order[at-1]] == keys[order[at]] {
			at--
		}
		return at
	}
	test, valid = back(test), back(valid)
	l.set.Parts = [3][]Row{Test: l.set.Parts[Test]}
	for i, row := range order {
		side := Train
		if i >= test {
			side = Test
		} else if i >= valid {
			side = Validation
		}
		l.set.Parts[side] = append(l.set.Parts[side], rows[row])
	}
	l.times = nil
	return nil
}

var timeLayouts = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2", "20060102", "2006年1月2日", time.RFC1123Z, time.RFC1123}

// timeKeys turns times into numbers that sort as they do.
func timeKeys(times []string) ([]float64, error) {
	keys := make([]float64, len(times))
	for i, s := range times {
		s = strings.TrimSpace(s)
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
// what is not seen cannot be learnt. It is the one case in which adding rows can move others. It returns what the
// user should know.
func (d *Set) balance() (notes []string) {
	for class, label := range d.Labels {
		var n [3]int
		for side, part := range d.Parts {
			for _, e := range part {
				if e.Class == class {
					n[side]++
				}
			}
		}
		if n[Train] == 0 {
			for _, side := range []Side{Validation, Test} {
				var stay []Row
				for _, e := range d.Parts[side] {
					if e.Class == class {
						d.Parts[Train] = append(d.Parts[Train], e)
					} else {
						stay = append(stay, e)
					}
				}
				d.Parts[side] = stay
			}
			notes = append(notes, fmt.Sprintf("label %q has %d example(s), all of them used for training: its figures cannot be measured", label, n[Validation]+n[Test]))
		} else if n[Test] == 0 && len(d.Parts[Test]) > 0 {
			notes = append(notes, fmt.Sprintf("label %q has no example in the test part: its figures cannot be measured", label))
		}
	}
	return notes
}
