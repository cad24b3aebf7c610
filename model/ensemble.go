package model

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// EnsembleFamily is the family of models that ask others.
const EnsembleFamily = "ensemble"

// Ensemble is what a model of that family has in place of a network: members, each a model with tokenizer and cleaning
// of its own, whose predictions are joined.
type Ensemble struct {
	Members []*Model
	Weights []float64 // of each member, 1 in all
	Vote    bool      // members vote with their decisions; else their probabilities are averaged
	Stack   *Stack    // in place of weights and vote; nil for none

	classes [][]int // of each member: the number of its class c here
}

// NewEnsemble joins members that tell the same thing: of one head, with the same labels, in any order. No weights are
// equal ones. The members belong to the ensemble from then on; members that are ensembles are refused.
func NewEnsemble(members []*Model, weights []float64, vote bool) (*Model, error) {
	if len(members) < 2 {
		return nil, hint.Errorf("name two models or more", "an ensemble of %d", len(members))
	}
	if weights == nil {
		weights = slices.Repeat([]float64{1}, len(members))
	}
	e := &Ensemble{Members: members, Weights: slices.Clone(weights), Vote: vote}
	if err := e.normalize(); err != nil {
		return nil, err
	}
	first := members[0]
	number := map[string]int{}
	for c, l := range first.Labels {
		number[l] = c
	}
	for _, m := range members {
		if err := alike(first, m); err != nil {
			return nil, err
		}
		classes := make([]int, len(m.Labels))
		for c, l := range m.Labels {
			classes[c] = number[l]
		}
		e.classes = append(e.classes, classes)
	}
	c := Config{Family: EnsembleFamily, Head: first.Config.Head, Pair: first.Config.Pair, MaxTokens: first.Config.MaxTokens, Thresholds: e.thresholds()}
	return &Model{Config: c, Clean: first.Clean, Tokenizer: first.Tokenizer, Labels: first.Labels, Params: new(nn.Params), Ensemble: e}, nil
}

// Reweigh gives the members of an ensemble other weights.
func (m *Model) Reweigh(weights []float64) error {
	e := m.Ensemble
	old := e.Weights
	e.Weights = slices.Clone(weights)
	if err := e.normalize(); err != nil {
		e.Weights = old
		return err
	}
	m.Config.Thresholds = e.thresholds()
	return nil
}

// normalize checks the weights and makes them sum to 1.
func (e *Ensemble) normalize() error {
	const way = "give each member a weight from 0, and one of them more"
	if len(e.Weights) != len(e.Members) {
		return hint.Errorf(way, "an ensemble of %d members has %d weights", len(e.Members), len(e.Weights))
	}
	sum := 0.0
	for _, w := range e.Weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return hint.Errorf(way, "an ensemble's weight is %g", w)
		}
		sum += w
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return hint.Errorf(way, "an ensemble's weights sum to %g", sum)
	}
	for i := range e.Weights {
		e.Weights[i] /= sum
	}
	return nil
}

// alike tells why two models cannot be members of one ensemble.
func alike(a, b *Model) error {
	name := func(m *Model) string {
		if m.Package != nil {
			return m.Package.Dir
		}
		return m.Config.Family
	}
	say := func(way, format string, args ...any) error {
		return hint.Errorf(way, "an ensemble of %s and %s: %s", name(a), name(b), fmt.Sprintf(format, args...))
	}
	task := func(m *Model) string {
		s := cmp.Or(m.Config.Head, "class")
		if m.Config.Pair {
			s += " of pairs"
		}
		return s
	}
	switch {
	case b.Ensemble != nil:
		return hint.Errorf("name its members instead", "an ensemble's member %s is an ensemble itself", name(b))
	case b.Config.Head == EmbeddingHead:
		return hint.Errorf("use one of them", "an ensemble's member %s makes vectors, and those of two models have nothing in common", name(b))
	case b.Config.Head == AnswerHead:
		return hint.Errorf("use one of them", "an ensemble's member %s answers questions, and stretches of a text are not averaged", name(b))
	case Unlabelled(b.Config.Head):
		return hint.Errorf("fine-tune it first, with model.base", "an ensemble's member %s has learnt from texts alone (head %s)", name(b), b.Config.Head)
	case task(a) != task(b):
		return say("join models of one task", "the task of one is %s, of the other %s", task(a), task(b))
	}
	for _, pair := range [][2]*Model{{a, b}, {b, a}} {
		for _, l := range pair[0].Labels {
			if !slices.Contains(pair[1].Labels, l) {
				return say("train them on data with the same labels", "only %s knows the label %q", name(pair[0]), l)
			}
		}
	}
	return nil
}

// thresholds returns the mean of the members' thresholds, nil where no member has any.
func (e *Ensemble) thresholds() []float64 {
	var mean []float64
	for i, m := range e.Members {
		if m.Config.Head != MultiLabelHead || len(m.Config.Thresholds) == 0 {
			continue
		}
		if mean == nil {
			mean = slices.Repeat([]float64{0}, len(m.Labels))
			for k, other := range e.Members {
				if len(other.Config.Thresholds) == 0 {
					for c := range mean {
						mean[c] += 0.5 * e.Weights[k]
					}
				}
			}
		}
		for c, t := range m.Config.Thresholds {
			mean[e.classes[i][c]] += t * e.Weights[i]
		}
	}
	return mean
}

// Parameters returns the number of weights, of an ensemble those of all members.
func (m *Model) Parameters() int {
	n := m.Params.Count()
	if m.Ensemble != nil {
		for _, member := range m.Ensemble.Members {
			n += member.Params.Count()
		}
	}
	return n
}

// Architecture names the family, the architecture of a checkpoint, and the families of an ensemble's members.
func (m *Model) Architecture() string {
	if m.Config.Encoder != nil {
		return EncoderFamily + " of architecture " + m.Config.Encoder.Architecture
	}
	if m.Ensemble == nil {
		return m.Config.Family
	}
	var names []string
	for _, member := range m.Ensemble.Members {
		names = append(names, member.Config.Family)
	}
	return EnsembleFamily + " of " + strings.Join(names, ", ")
}

// predict asks one member after the other, each on all processors, and joins what they say.
func (e *Ensemble) predict(ctx context.Context, m *Model, queries []Query) ([]Prediction, error) {
	said := make([][]Prediction, len(e.Members))
	for i, member := range e.Members {
		var err error
		if said[i], err = member.PredictQueries(ctx, queries); err != nil {
			return nil, err
		}
	}
	out := make([]Prediction, len(queries))
	one := make([]Prediction, len(e.Members))
	for q := range queries {
		for i := range said {
			one[i] = said[i][q]
		}
		out[q] = e.Join(m, one)
	}
	return out, nil
}

// Join makes one prediction of those that the members of m made for one text.
func (e *Ensemble) Join(m *Model, said []Prediction) Prediction {
	p := e.join(m, said)
	for _, s := range said {
		for _, rule := range s.Rules {
			p.note(rule) // members have rules of their own
		}
	}
	return p
}

func (e *Ensemble) join(m *Model, said []Prediction) Prediction {
	if e.Stack != nil {
		return e.joinStacked(m, said)
	}
	switch m.Config.Head {
	case MultiLabelHead:
		return e.joinSets(m, said)
	case RegressionHead:
		return Prediction{Score: e.joinNumbers(said)}
	case TokensHead:
		return Prediction{Entities: e.joinEntities(said)}
	}
	return e.joinClasses(m, said)
}

// mean is the weighted mean of the members' probabilities.
func (e *Ensemble) mean(labels int, said []Prediction) []float32 {
	p := make([]float32, labels)
	for i, s := range said {
		for c, v := range s.Probabilities {
			p[e.classes[i][c]] += float32(e.Weights[i]) * v
		}
	}
	return p
}

func (e *Ensemble) joinClasses(m *Model, said []Prediction) Prediction {
	p := e.mean(len(m.Labels), said)
	if e.Vote {
		// Ties go to the label that the members find more probable on average.
		votes := make([]float32, len(p))
		for i, s := range said {
			votes[e.classes[i][s.Class]] += float32(e.Weights[i])
		}
		best := 0
		for c := range votes {
			if d := votes[c] - votes[best]; d > 1e-6 || d > -1e-6 && p[c] > p[best] {
				best = c
			}
		}
		return Prediction{Class: best, Label: m.Labels[best], Probability: votes[best], Probabilities: votes}
	}
	best := 0
	for c, v := range p {
		if v > p[best] {
			best = c
		}
	}
	return Prediction{Class: best, Label: m.Labels[best], Probability: p[best], Probabilities: p}
}

func (e *Ensemble) joinSets(m *Model, said []Prediction) Prediction {
	p := e.mean(len(m.Labels), said)
	least := func(c int) float64 {
		if c < len(m.Config.Thresholds) {
			return m.Config.Thresholds[c]
		}
		return 0.5
	}
	if e.Vote {
		clear(p)
		for i, s := range said {
			for c, l := range e.Members[i].Labels {
				if slices.Contains(s.Labels, l) {
					p[e.classes[i][c]] += float32(e.Weights[i])
				}
			}
		}
		least = func(int) float64 { return 0.5 }
	}
	out := Prediction{Probabilities: p, Labels: []string{}}
	for c, v := range p {
		if v > p[out.Class] {
			out.Class = c
		}
		if float64(v) >= least(c)-1e-6 {
			out.Labels = append(out.Labels, m.Labels[c])
		}
	}
	out.Label, out.Probability = m.Labels[out.Class], p[out.Class]
	return out
}

// joinNumbers is the mean, or by vote the median: the number with half of the weights below it.
func (e *Ensemble) joinNumbers(said []Prediction) float64 {
	if !e.Vote {
		mean := 0.0
		for i, s := range said {
			mean += e.Weights[i] * s.Score
		}
		return mean
	}
	order := make([]int, len(said))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(said[a].Score, said[b].Score) })
	below := 0.0
	for k, i := range order {
		below += e.Weights[i]
		switch {
		case math.Abs(below-0.5) < 1e-9 && k+1 < len(order):
			return (said[i].Score + said[order[k+1]].Score) / 2
		case below > 0.5:
			return said[i].Score
		}
	}
	return said[order[len(order)-1]].Score
}

// joinEntities keeps the stretches, with their types, that members of at least half of the weight found; of those that
// overlap, the one that more found, then the more probable one. By average, a member's voice counts by how sure it is
// beside the others: its probability takes part in the order, not in the count.
func (e *Ensemble) joinEntities(said []Prediction) []Entity {
	type key struct {
		start, end int
		label      string
	}
	type candidate struct {
		Entity
		votes, sure float64
	}
	found := map[key]*candidate{}
	var all []*candidate
	for i, s := range said {
		for _, entity := range s.Entities {
			k := key{entity.Start, entity.End, entity.Label}
			if found[k] == nil {
				found[k] = &candidate{Entity: entity}
				all = append(all, found[k])
			}
			found[k].votes += e.Weights[i]
			found[k].sure += e.Weights[i] * float64(entity.Probability)
		}
	}
	rank := func(c *candidate) float64 {
		if e.Vote {
			return c.votes
		}
		return c.sure
	}
	slices.SortStableFunc(all, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(b.sure, a.sure), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Label, b.Label))
	})
	var kept []Entity
	for _, c := range all {
		overlaps := slices.ContainsFunc(kept, func(k Entity) bool { return c.Start < k.End && k.Start < c.End })
		if c.votes < 0.5-1e-6 || overlaps {
			continue
		}
		c.Probability = float32(c.sure)
		if e.Vote {
			c.Probability = float32(c.votes)
		}
		kept = append(kept, c.Entity)
	}
	slices.SortFunc(kept, func(a, b Entity) int { return cmp.Compare(a.Start, b.Start) })
	return kept
}
