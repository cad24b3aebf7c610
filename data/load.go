package data

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Row is a cleaned example with the number of its label.
type Row struct {
	Text  string
	Pair  string
	Class int
	Line  int
}

// Set is a data set in memory, cleaned and split.
type Set struct {
	Labels []string // sorted; by class number
	Parts  [3][]Row // by Side
	Report CleanReport
	Digest string   // of the file's content: "sha256:…"
	Notes  []string // what the user should know about the data
}

// Load reads, cleans and splits the files of c. progress, which may be nil, is told of bytes read.
func Load(ctx context.Context, c *Config, progress func(done, total int64)) (*Set, error) {
	if c.Path == "" {
		return nil, hint.Errorf("set data.path in xiaoyu.yaml or pass --data FILE", "reading the data: no file is named")
	}
	if c.Label == "" {
		return nil, hint.Errorf("set data.label or pass --label COLUMN", "reading %s: no column of labels is named", c.Path)
	}
	l := loader{config: c, pass: NewPass(c), classes: map[string]int{}, progress: progress}
	err := l.read(ctx, c.Path, func(raw string) Side {
		side := c.Split.Side(raw)
		if side == Test && c.Test != "" { // the test rows come from elsewhere
			side = Train
		}
		return side
	})
	if err == nil && c.Test != "" {
		err = l.read(ctx, c.Test, func(string) Side { return Test })
	}
	if err != nil {
		return nil, err
	}
	return l.finish()
}

// loader collects examples.
type loader struct {
	config   *Config
	pass     *Pass
	classes  map[string]int // by label, in the order of appearance
	set      Set
	progress func(done, total int64)
}

func (l *loader) read(ctx context.Context, path string, side func(raw string) Side) error {
	r, err := Open(ctx, path, l.config.Columns)
	if err != nil {
		return err
	}
	defer r.Close()
	n := 0
	for e, err := range r.All() {
		if err != nil {
			return err
		}
		at := side(e.Text)
		if n++; n%512 == 0 && l.progress != nil {
			l.progress(r.Progress())
		}
		if !l.pass.Clean(&e) {
			continue
		}
		class, ok := l.classes[e.Label]
		if !ok {
			class = len(l.classes)
			l.classes[e.Label] = class
			l.set.Labels = append(l.set.Labels, e.Label)
			if class == maxLabels {
				return hint.Errorf("check --label: is it a column of free text?", "reading %s: more than %d different labels in column %q", path, maxLabels, l.config.Label)
			}
		}
		l.set.Parts[at] = append(l.set.Parts[at], Row{e.Text, e.Pair, class, e.Line})
	}
	if l.progress != nil {
		l.progress(r.Progress())
	}
	digest, err := DigestFile(path)
	l.set.Digest = joinDigests(l.set.Digest, digest)
	return err
}

// maxLabels is beyond what any classifier here is made for: a column with more is no column of labels.
const maxLabels = 10_000

func (l *loader) finish() (*Set, error) {
	s := &l.set
	s.Report = l.pass.Report
	if s.Report.Out == 0 {
		return nil, hint.Errorf("check --text and --label, and the cleaning steps", "reading %s: none of the %d rows is left after cleaning (%d empty, %d without a label)", l.config.Path, s.Report.In, s.Report.Empty, s.Report.Unlabelled)
	}
	l.sortLabels()
	if len(s.Labels) < 2 {
		return nil, hint.Errorf("a classifier needs two labels: check --label, or add examples of another", "reading %s: all %d rows have the label %q", l.config.Path, s.Report.Out, s.Labels[0])
	}
	s.Notes = s.balance()
	if s.Report.Conflicts > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d texts occur with different labels; the first label was kept", s.Report.Conflicts))
	}
	if len(s.Parts[Test]) == 0 {
		s.Notes = append(s.Notes, "the test part is empty: the model is judged on what it was chosen by")
	}
	return s, nil
}

// sortLabels numbers the labels in their sorted order, numbers by value.
func (l *loader) sortLabels() {
	s := &l.set
	slices.SortFunc(s.Labels, func(a, b string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil {
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
	renumber := make([]int, len(s.Labels))
	for i, label := range s.Labels {
		renumber[l.classes[label]] = i
	}
	for side := range s.Parts {
		for i := range s.Parts[side] {
			s.Parts[side][i].Class = renumber[s.Parts[side][i].Class]
		}
	}
}

// Counts returns how many rows of each class a part has.
func (s *Set) Counts(side Side) []int {
	counts := make([]int, len(s.Labels))
	for _, r := range s.Parts[side] {
		counts[r.Class]++
	}
	return counts
}

// DigestFile returns the SHA-256 digest of a file as "sha256:…"; "" for standard input, which cannot be read again.
func DigestFile(path string) (string, error) {
	if path == "-" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("computing the digest of %s: %w", path, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("computing the digest of %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func joinDigests(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
