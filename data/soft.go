package data

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Soft labels are JSON lines whose key probabilities tells how likely each label is. The label beside them is the likeliest
// one, for readers that know no soft labels; it may be absent:
//
//	{"text":"房间还行","label":"good","probabilities":{"good":0.71,"bad":0.29}}
//
// Of task class the probabilities of a row sum to 1, or are scaled so that they do; a label that a row does not name has
// probability 0. Of task multilabel each is between 0 and 1 by itself. `xiaoyu data label` writes such a file; with
// data.soft training learns it, and it may teach (distill.teacher) where a teacher can be a file. Any reader yields the
// numbers as Example.Probabilities.

const wayToSoft = `write them as {"label": probability, …}, from 0 to 1 and not all 0`

func parseProbabilities(raw json.RawMessage) (map[string]float64, error) {
	var p map[string]float64
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	sum := 0.0
	for label, v := range p {
		if !(v >= 0 && v <= 1) || strings.TrimSpace(label) == "" {
			return nil, fmt.Errorf("the probability of %q is %g", label, v)
		}
		sum += v
	}
	if sum == 0 {
		return nil, fmt.Errorf("no label is probable")
	}
	return p, nil
}

// settle gives a row the label that its probabilities make likeliest, or those that hold.
func (e *Example) settle(c *Config) {
	labels := slices.Sorted(maps.Keys(e.Probabilities))
	if c.Task == MultiLabel {
		labels = slices.DeleteFunc(labels, func(l string) bool { return e.Probabilities[l] < 0.5 })
		e.Label = strings.Join(labels, cmp.Or(c.Separator, "|"))
		return
	}
	e.Label = slices.MaxFunc(labels, func(a, b string) int { return cmp.Compare(e.Probabilities[a], e.Probabilities[b]) })
}

// soften notes the probabilities of a row until all labels have their numbers.
func (l *loader) soften(row *Row, e *Example) error {
	if !l.config.Soft || e.Probabilities == nil {
		return nil
	}
	if l.set.Task != Classes && l.set.Task != MultiLabel {
		return hint.Errorf("leave out data.soft", "reading %s: soft labels are for the tasks class and multilabel, this is task %s", l.config.Path, l.set.Task)
	}
	for _, label := range slices.Sorted(maps.Keys(e.Probabilities)) {
		if _, err := l.class(label); err != nil {
			return err
		}
	}
	row.soft, row.NoTruth = e.Probabilities, true
	return nil
}

// opine turns the probabilities of a row into an opinion, as a teacher has them.
func (s *Set) opine(row *Row) {
	if row.soft == nil {
		return
	}
	o := &Opinion{Logits: make([]float32, len(s.Labels))}
	sum := 0.0
	for _, v := range row.soft {
		sum += v
	}
	for c, label := range s.Labels {
		o.Logits[c] = logit(row.soft[label], sum, s.Task == MultiLabel)
	}
	row.Opinion, row.soft = o, nil
}

// logit is the logarithm of the share p of sum, or with each label by itself the log-odds of p. Below leastProbability
// certainty tells nothing more.
func logit(p, sum float64, alone bool) float32 {
	const leastProbability = 1e-6
	if !alone {
		return float32(math.Log(max(p/sum, leastProbability)))
	}
	p = min(max(p, leastProbability), 1-leastProbability)
	return float32(math.Log(p / (1 - p)))
}

// Opinion returns an example's probabilities as the logits of labels, for those who teach from a file: logarithms of task
// class, log-odds of task multilabel. ok tells whether it has any; a label that is not among labels is an error.
func (e *Example) Opinion(labels []string, task string) (o Opinion, ok bool, err error) {
	if e.Probabilities == nil {
		return Opinion{}, false, nil
	}
	for _, l := range slices.Sorted(maps.Keys(e.Probabilities)) {
		if !slices.Contains(labels, l) {
			return Opinion{}, false, hint.Errorf("files of soft labels and data need the same labels", "line %d has a probability of %q, which is no label", e.Line, l)
		}
	}
	s := Set{Task: task, Labels: labels}
	row := Row{soft: e.Probabilities}
	s.opine(&row)
	row.Opinion.Places = []text.Span(nil)
	return *row.Opinion, true, nil
}
