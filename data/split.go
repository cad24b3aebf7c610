package data

import (
	"crypto/sha256"
	"fmt"
)

// Split says what share of the rows is for which part.
type Split struct {
	Test       float64 `yaml:"test" json:"test" doc:"share of the rows for the final figures, never seen in training; in steps of 1/256" default:"0.2" min:"0" max:"0.9"`
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
