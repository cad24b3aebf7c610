// Package stats describes a file of examples before anything is learnt from it: lengths, labels, vocabulary, scripts,
// doubles, labelled stretches, and the rows that a person should look at, each with its line and the reason.
//
//	report, err := stats.Compute(ctx, &config.Data, stats.Options{Threshold: 0.8, Listed: 20}, nil)
//	report.Text(os.Stdout)
//	report.HTML(file, "reviews")
//
// All texts are in memory while it works; data.Summarize is the quick look that streams.
package stats

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// Options say what is looked for.
type Options struct {
	Threshold float64 // least Jaccard similarity of near doubles; 0 leaves them out
	Listed    int     // suspicious rows of one kind that are listed, and groups of near doubles; −1 for all
}

// Report is what a file holds.
type Report struct {
	Path       string         `json:"path"`
	Rows       int            `json:"rows"`
	Chars      Distribution   `json:"characters"` // of a text
	Words      Distribution   `json:"words"`
	Labels     []Label        `json:"labels,omitempty"`  // most frequent first
	Numbers    *Distribution  `json:"numbers,omitempty"` // where the labels are numbers of many values
	Vocabulary Vocabulary     `json:"vocabulary"`
	Scripts    []Script       `json:"scripts"` // most frequent first
	Doubles    Doubles        `json:"doubles"`
	Entities   *Entities      `json:"entities,omitempty"`
	Repeated   []Stretch      `json:"repeated"`   // sentences that many rows have
	Kinds      []KindCount    `json:"kinds"`      // of suspicious rows
	Suspicious []Suspicion    `json:"suspicious"` // by kind and line
	Language   map[string]int `json:"languages"`  // rows by language
}

// Label is a label and what is typical of its texts.
type Label struct {
	Label string      `json:"label"`
	Rows  int         `json:"rows"`
	Share float64     `json:"share"`
	Chars float64     `json:"characters"`      // mean of its texts
	Words []WordScore `json:"words,omitempty"` // that speak for it
}

// Doubles counts texts that occur more than once.
type Doubles struct {
	Equal     int           `json:"equal"`     // rows whose text stands in an earlier row
	Conflicts int           `json:"conflicts"` // of those, with another label than the first
	Near      *data.Doubles `json:"near,omitempty"`
}

// Distribution describes numbers.
type Distribution struct {
	Least  float64 `json:"least"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	Most   float64 `json:"most"`
	Mean   float64 `json:"mean"`
	Bins   []Bin   `json:"bins"` // of equal width up to the 99th percentile; the last one holds all above
}

// Bin counts the values from Low up to High; the last has no upper end: its High is the greatest value.
type Bin struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Count int     `json:"count"`
}

// collector gathers what the rows tell.
type collector struct {
	ctx      context.Context
	config   *data.Config
	options  Options
	rows     []data.Example
	tagged   bool // rows have labelled stretches, not labels
	words    *wordCounter
	report   *Report
	progress func(stage string, done, total int64)
}

// Compute reads the file of c as it stands. progress, which may be nil, is told of the stage, the work done, and the
// work in all.
func Compute(ctx context.Context, c *data.Config, o Options, progress func(stage string, done, total int64)) (*Report, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	rows, err := data.ReadAll(ctx, c, func(done, total int64) { progress("reading", done, total) })
	if err != nil {
		return nil, err
	}
	s := &collector{ctx: ctx, config: c, options: o, rows: rows, progress: progress,
		report: &Report{Path: c.Path, Rows: len(rows), Language: map[string]int{}, Repeated: []Stretch{}, Kinds: []KindCount{}, Suspicious: []Suspicion{}}}
	s.tagged = c.Task == data.Tags || slices.ContainsFunc(rows, func(e data.Example) bool { return e.Entities != nil })
	if s.words, err = newWordCounter(); err != nil {
		return nil, err
	}
	if err := s.count(); err != nil {
		return nil, err
	}
	if o.Threshold > 0 {
		if s.report.Doubles.Near, err = data.Group(ctx, c.Path, rows, data.DoublesOptions{Threshold: o.Threshold, Examples: o.Listed}, progress); err != nil {
			return nil, err
		}
	}
	return s.report, s.suspect()
}

// each calls f for every row, showing progress and looking for an interruption.
func (s *collector) each(stage string, f func(i int, e *data.Example)) error {
	for i := range s.rows {
		if i%256 == 0 {
			if err := s.ctx.Err(); err != nil {
				return fmt.Errorf("computing statistics: %w", err)
			}
			s.progress(stage, int64(i), int64(len(s.rows)))
		}
		f(i, &s.rows[i])
	}
	s.progress(stage, int64(len(s.rows)), int64(len(s.rows)))
	return nil
}

// count fills all that is a number.
func (s *collector) count() error {
	chars, words := make([]float64, len(s.rows)), make([]float64, len(s.rows))
	scripts := newScriptCounter()
	first := map[string]int{}
	byLabel := map[string]*Label{}
	err := s.each("counting", func(i int, e *data.Example) {
		whole := e.Whole()
		chars[i] = float64(utf8.RuneCountInString(whole))
		labels := s.labelsOf(e)
		words[i] = float64(s.words.add(whole, labels))
		scripts.add(whole)
		s.report.Language[text.Language(whole)]++
		for _, l := range labels {
			if byLabel[l] == nil {
				byLabel[l] = &Label{Label: l}
			}
			byLabel[l].Rows++
			byLabel[l].Chars += chars[i]
		}
		if at, ok := first[whole]; ok && whole != "" {
			s.report.Doubles.Equal++
			if !e.Agrees(&s.rows[at]) {
				s.report.Doubles.Conflicts++
			}
		} else {
			first[whole] = i
		}
	})
	if err != nil {
		return err
	}
	r := s.report
	r.Chars, r.Words, r.Scripts, r.Vocabulary = distribution(chars), distribution(words), scripts.list(), s.words.vocabulary()
	r.Entities = countEntities(s.rows)
	s.setLabels(byLabel)
	return nil
}

// labelsOf returns the labels of a row; those of its stretches count for entities alone.
func (s *collector) labelsOf(e *data.Example) []string {
	switch {
	case s.tagged || s.config.Label == "":
		return nil
	case s.config.Task == data.MultiLabel:
		return data.SplitLabels(e.Label, cmp.Or(s.config.Separator, "|"))
	}
	return []string{e.Label}
}

// manyNumbers is how many different numbers are a scale rather than classes.
const manyNumbers = 20

// setLabels lists the labels, or describes their values where they are numbers of a scale.
func (s *collector) setLabels(byLabel map[string]*Label) {
	var numbers []float64
	for l, v := range byLabel {
		n, err := data.ParseScore(l)
		if err != nil {
			numbers = nil
			break
		}
		for range v.Rows {
			numbers = append(numbers, n)
		}
	}
	if len(byLabel) > manyNumbers && numbers != nil {
		d := distribution(numbers)
		s.report.Numbers = &d
		return
	}
	for _, l := range byLabel {
		l.Share, l.Chars = float64(l.Rows)/float64(max(len(s.rows), 1)), l.Chars/float64(max(l.Rows, 1))
		l.Words = s.words.typical(l.Label)
		s.report.Labels = append(s.report.Labels, *l)
	}
	slices.SortFunc(s.report.Labels, func(a, b Label) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Label, b.Label))
	})
}

const histogramBins = 20

// distribution sorts and describes values.
func distribution(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{Bins: []Bin{}}
	}
	v := slices.Sorted(slices.Values(values))
	at := func(share float64) float64 { return v[int(share*float64(len(v)-1))] }
	d := Distribution{Least: v[0], Q1: at(0.25), Median: at(0.5), Q3: at(0.75), P95: at(0.95), P99: at(0.99), Most: v[len(v)-1]}
	for _, x := range v {
		d.Mean += x / float64(len(v))
	}
	width := niceWidth(d.P99/histogramBins - d.Least/histogramBins)
	for low := width * math.Floor(d.Least/width); low <= d.P99 && len(d.Bins) < 2*histogramBins; low += width {
		d.Bins = append(d.Bins, Bin{Low: low, High: low + width})
	}
	last := &d.Bins[len(d.Bins)-1]
	last.High = max(last.High, d.Most)
	for _, x := range v {
		i := int((x - d.Bins[0].Low) / width)
		d.Bins[max(0, min(i, len(d.Bins)-1))].Count++
	}
	return d
}

// niceWidth returns 1, 2 or 5 times a power of ten, at least x.
func niceWidth(x float64) float64 {
	width := 1.0
	for x > 0 && width/10 >= x {
		width /= 10
	}
	for steps := []float64{2, 2.5, 2}; width < x; {
		for _, s := range steps {
			if width < x {
				width *= s
			}
		}
	}
	return width
}

// folded is the form in which texts are compared.
func folded(e *data.Example) string { return near.Fold(e.Whole()) }
