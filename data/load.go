package data

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Row is a cleaned example with its label as a number.
type Row struct {
	Text     string
	Pair     string
	Third    string   // see Columns.Negative
	Class    int      // of task class
	Labels   []int32  // of task multilabel, rising
	Score    float64  // of task regression and embedding; of the latter NaN where pairs have no scores
	Entities []Entity // of task tokens; of task qa where the answers are
	Answers  []string // of task qa: all that count as right; none where the text does not answer the question
	Line     int
	Slices   []string  // values of Columns.Slices
	Opinion  *Opinion  // of a teacher; nil for none
	Vector   []float32 // of the text, in a teacher; nil for none
	NoTruth  bool      // the label is not known; what stands in its place is the teacher's answer
	soft     map[string]float64
	doubles  int32 // number of the group of near doubles, from 1; 0 for none
}

// Opinion is what a teacher says of a text beside its label or in its place.
type Opinion struct {
	Logits []float32   // of each label; of each tag of each token for task tokens; the number itself for task regression
	Places []text.Span // of the tokens, for task tokens, in bytes of the text
}

// Set is a data set in memory, cleaned and split.
type Set struct {
	Task       string
	Separator  string   // between labels of one text
	Labels     []string // sorted; by class number. Types of entities for task tokens, "score" for regression, "similarity" or none for embedding
	Parts      [3][]Row // by Side
	Report     CleanReport
	Digest     string   // of the file's content: "sha256:…"
	Notes      []string // what the user should know about the data
	Unlabelled []Row    // rows of Config.Path without a label, of task class
	Together   Together // near doubles that the split keeps on one side
}

// Load reads, cleans and splits the files of c. progress, which may be nil, is told of bytes read.
func Load(ctx context.Context, c *Config, progress func(done, total int64)) (*Set, error) {
	if c.Path == "" {
		return nil, hint.Errorf("set data.path in xiaoyu.yaml or pass --data FILE", "reading the data: no file is named")
	}
	if c.Label == "" && c.Task != Tags && c.Task != Similarity && c.Task != Answers {
		return nil, hint.Errorf("set data.label or pass --label COLUMN", "reading %s: no column of labels is named", c.Path)
	}
	pass, err := NewPass(c)
	if err != nil {
		return nil, err
	}
	l := loader{config: c, pass: pass, classes: map[string]int{}, progress: progress}
	l.set.Task, l.set.Separator = cmp.Or(c.Task, Classes), cmp.Or(c.Separator, "|")
	for i, label := range c.Known {
		l.classes[label] = i
	}
	l.set.Labels = slices.Clone(c.Known)
	if err := c.Split.check(&c.Columns); err != nil {
		return nil, err
	}
	err = l.read(ctx, c.Path, Train)
	if err == nil {
		err = l.place(ctx)
	}
	if err == nil && c.Valid != "" {
		err = l.read(ctx, c.Valid, Validation)
	}
	if err == nil && c.Test != "" {
		before := l.pass.Report.Duplicates + l.pass.Report.Near
		if err = l.read(ctx, c.Test, Test); err == nil {
			err = l.warnOfLeaks(ctx, l.pass.Report.Duplicates+l.pass.Report.Near-before)
		}
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
	waiting  []waiting      // of each row of c.Path, then of each row of c.Valid and of c.Test
	set      Set
	progress func(done, total int64)
}

// read appends the rows of a file to a part.
func (l *loader) read(ctx context.Context, path string, side Side) error {
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
		w := waiting{l.config.Split.key(&e), e.Time, e.Whole()}
		if l.set.Task == Answers {
			w.text = e.Text // questions about one text stay together
		}
		if n++; n%512 == 0 && l.progress != nil {
			l.progress(r.Progress())
		}
		if l.config.Soft && e.Probabilities != nil {
			e.settle(l.config)
		}
		if !l.pass.Clean(&e) {
			if side == Train && l.set.Task == Classes && e.Label == "" && e.Text != "" {
				l.set.Unlabelled = append(l.set.Unlabelled, Row{Text: e.Text, Pair: e.Pair, Line: e.Line, NoTruth: true})
			}
			continue
		}
		row, err := l.row(&e)
		if err == nil {
			err = l.soften(&row, &e)
		}
		if err != nil {
			return err
		}
		l.set.Parts[side] = append(l.set.Parts[side], row)
		l.waiting = append(l.waiting, w)
	}
	if l.progress != nil {
		l.progress(r.Progress())
	}
	l.set.Notes = append(l.set.Notes, r.Notes()...)
	digest, err := DigestFile(path)
	l.set.Digest = joinDigests(l.set.Digest, digest)
	return err
}

// row turns an example's label into numbers.
func (l *loader) row(e *Example) (Row, error) {
	row := Row{Text: e.Text, Pair: e.Pair, Third: e.Third, Line: e.Line, Slices: e.Slices}
	var err error
	switch l.set.Task {
	case MultiLabel:
		for _, label := range SplitLabels(e.Label, l.set.Separator) {
			class, err := l.class(label)
			if err != nil {
				return row, err
			}
			row.Labels = append(row.Labels, int32(class))
		}
	case Scores:
		if row.Score, err = ParseScore(e.Label); err != nil {
			return row, hint.Wrap(err, "check --label, or the task", "reading %s: line %d", l.config.Path, e.Line)
		}
	case Similarity:
		if row.Score = math.NaN(); l.config.Label != "" {
			if row.Score, err = ParseScore(e.Label); err != nil {
				return row, hint.Wrap(err, "check --label; pass --label \"\" where the two texts of each row belong together", "reading %s: line %d", l.config.Path, e.Line)
			}
		}
	case Tags:
		row.Entities = e.Entities
		for _, s := range e.Entities {
			if _, err := l.class(s.Label); err != nil {
				return row, err
			}
		}
	case Answers:
		row.Answers, row.Entities = e.answers()
	default:
		row.Class, err = l.class(e.Label)
	}
	return row, err
}

// ParseScore reads a label of task regression.
func ParseScore(label string) (float64, error) {
	v, err := strconv.ParseFloat(label, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no number", label)
	}
	return v, nil
}

// SplitLabels returns the labels of one text, without empty ones.
func SplitLabels(joined, separator string) []string {
	var labels []string
	for _, s := range strings.Split(joined, separator) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(labels, s) {
			labels = append(labels, s)
		}
	}
	return labels
}

// class returns the number of a label, in the order of appearance.
func (l *loader) class(label string) (int, error) {
	class, ok := l.classes[label]
	if !ok {
		class = len(l.classes)
		if class == maxLabels {
			return 0, hint.Errorf("check --label: is it a column of free text?", "reading %s: more than %d different labels in column %q", l.config.Path, maxLabels, l.config.Label)
		}
		l.classes[label] = class
		l.set.Labels = append(l.set.Labels, label)
	}
	return class, nil
}

// maxLabels is beyond what any classifier here is made for: a column with more is no column of labels.
const maxLabels = 10_000

func (l *loader) finish() (*Set, error) {
	s := &l.set
	s.Report = l.pass.Report
	if err := s.refold(&l.config.Split); err != nil {
		return nil, err
	}
	if s.Report.Out == 0 {
		return nil, hint.Errorf("check --text and --label, and the cleaning steps", "reading %s: none of the %d rows is left after cleaning (%d empty, %d without a label)", l.config.Path, s.Report.In, s.Report.Empty, s.Report.Unlabelled)
	}
	l.sortLabels()
	if err := l.checkAnswers(); err != nil {
		return nil, err
	}
	switch {
	case s.Task == Scores:
		s.Labels = []string{"score"}
	case s.Task == Similarity && l.config.Label != "":
		s.Labels = []string{"similarity"}
	case s.Task == Tags && len(s.Labels) == 0:
		return nil, hint.Errorf("give CoNLL columns, or JSON lines whose label is a list of [start, end, label]", "reading %s: none of the %d texts has a labelled stretch", l.config.Path, s.Report.Out)
	case s.Task == MultiLabel && len(s.Labels) == 0:
		return nil, hint.Errorf("check --label", "reading %s: none of the %d texts has a label", l.config.Path, s.Report.Out)
	case s.Task == Classes && len(s.Labels) < 2:
		return nil, hint.Errorf("a classifier needs two labels: check --label, or add examples of another", "reading %s: all %d rows have the label %q", l.config.Path, s.Report.Out, s.Labels[0])
	}
	if s.Task == Classes {
		if err := l.balance(); err != nil {
			return nil, err
		}
	}
	if s.Report.Conflicts > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d texts occur with different labels; the first label was kept", s.Report.Conflicts))
	}
	if len(s.Parts[Test]) == 0 {
		s.Notes = append(s.Notes, "the test part is empty: the model is judged on what it was chosen by")
	}
	return s, nil
}

// sortLabels numbers the labels in their sorted order, numbers by value, after those that were known before.
func (l *loader) sortLabels() {
	s := &l.set
	slices.SortFunc(s.Labels[len(l.config.Known):], func(a, b string) int {
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
			row := &s.Parts[side][i]
			if s.Task == Classes {
				row.Class = renumber[row.Class]
			}
			for j, c := range row.Labels {
				row.Labels[j] = int32(renumber[c])
			}
			slices.Sort(row.Labels)
			s.opine(row)
		}
	}
}

// example is the inverse of loader.row.
func (s *Set) example(r Row) Example {
	e := Example{Text: r.Text, Pair: r.Pair, Third: r.Third, Entities: r.Entities, Answers: r.Answers, Line: r.Line, Slices: r.Slices}
	switch s.Task {
	case MultiLabel:
		var labels []string
		for _, c := range r.Labels {
			labels = append(labels, s.Labels[c])
		}
		e.Label = strings.Join(labels, s.Separator)
	case Scores, Similarity:
		if len(s.Labels) == 0 {
			break
		}
		e.Label = strconv.FormatFloat(r.Score, 'g', -1, 64)
	case Classes:
		e.Label = s.Labels[r.Class]
	}
	return e
}

// DigestFile returns the SHA-256 digest of a file, or of the texts of a folder, as "sha256:…"; "" for standard input, which cannot be read again.
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
	if info, err := f.Stat(); err == nil && info.IsDir() {
		if err := digestFolder(path, h); err != nil {
			return "", fmt.Errorf("computing the digest of %s: %w", path, err)
		}
	} else if _, err := io.Copy(h, f); err != nil {
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
