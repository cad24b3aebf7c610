package model

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/constraint"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// ConstraintsFile is what a package has of the rules that bind its predictions (Config.Constraints).
const ConstraintsFile = "constraints.json"

// bounds are the rules of a model. They bind what Predict says; training and calibration see the model as it is.
type bounds struct {
	*constraint.Set
	follow *nn.TagRules // head tokens: tags that fit together and may follow each other
}

// readConstraints reads the file that c names, unless it was read before, and checks it against the labels.
func (c *Config) readConstraints(clean *text.Cleaner, labels []string) error {
	if c.Constraints == "" || Unlabelled(c.Head) {
		c.bound = nil
		return nil
	}
	if c.Head == RegressionHead {
		return hint.Errorf("leave it out", "model.constraints: rules bind labels, and the task is to tell a number")
	}
	if c.bound == nil {
		set, err := constraint.Read(c.Constraints, cleaned(clean))
		if err != nil {
			return err
		}
		c.bound = &bounds{Set: set}
	}
	return c.checkConstraints(labels)
}

func (c *Config) checkConstraints(labels []string) error {
	tokens := c.Head == TokensHead
	if tokens && !ownTags(labels) {
		return hint.Errorf("leave it out", "model.constraints: the tags of a checkpoint of others are not bound")
	}
	known := labels
	if tokens {
		known = typesOf(labels)
	}
	if err := c.bound.Check(known, tokens, c.Head == MultiLabelHead); err != nil {
		return hint.Wrap(err, hint.Way(err), "model.constraints")
	}
	if tokens {
		c.bound = &bounds{c.bound.Set, followRules(c.bound.Set, known)}
	}
	return nil
}

// unpackConstraints reads what a package has.
func (c *Config) unpackConstraints(clean *text.Cleaner, read func(name string) ([]byte, error)) error {
	if c.Constraints == "" {
		return nil
	}
	if c.Constraints != ConstraintsFile {
		return fmt.Errorf("%s names the rules %q, a package has %s", ConfigFile, c.Constraints, ConstraintsFile)
	}
	content, err := read(ConstraintsFile)
	if err != nil {
		return err
	}
	set, err := constraint.Unpack(content, cleaned(clean))
	c.bound = &bounds{Set: set}
	return err
}

// find appends where the conditions of rules are found in a cleaned text.
func (b *bounds) find(dst []constraint.Hit, cleaned string) []constraint.Hit {
	if b == nil {
		return dst
	}
	return b.Find(dst, cleaned)
}

// note adds the name of a rule to those that decided a prediction.
func (p *Prediction) note(rule string) {
	if !slices.Contains(p.Rules, rule) {
		p.Rules = append(p.Rules, rule)
	}
}

// bindClasses makes p the prediction given that the rules hold: labels that they exclude have no probability, and the
// others have it all. Of rules that leave no label the first ones hold.
func (b *bounds) bindClasses(p *Prediction, labels []string, hits []constraint.Hit) {
	for at, h := range hits {
		if at > 0 && hits[at-1].Rule == h.Rule {
			continue // found a second time
		}
		r := &b.Rules[h.Rule]
		left := float32(0)
		excluded := func(c int) bool { return r.Label != "" && labels[c] != r.Label || r.Forbids(labels[c]) }
		for c, v := range p.Probabilities {
			if !excluded(c) {
				left += v
			}
		}
		if left <= 0 {
			continue
		}
		changed := false
		for c := range p.Probabilities {
			if excluded(c) {
				changed = changed || c == p.Class
				p.Probabilities[c] = 0
			} else {
				p.Probabilities[c] /= left
			}
		}
		best := 0
		for c, v := range p.Probabilities {
			if v > p.Probabilities[best] {
				best = c
			}
		}
		p.Class, p.Label, p.Probability = best, labels[best], p.Probabilities[best]
		if changed {
			p.note(r.Name)
		}
	}
}

// bindSet adds labels that rules imply and takes out those that they exclude. Implications are followed until nothing
// changes; what is forbidden is never added.
func (b *bounds) bindSet(p *Prediction, labels []string, hits []constraint.Hit) {
	number := map[string]int{}
	for c, l := range labels {
		number[l] = c
	}
	holds := make([]bool, len(labels))
	for _, l := range p.Labels {
		holds[number[l]] = true
	}
	forbidden := make([]bool, len(labels))
	set := func(r *constraint.Rule, c int, value bool) (changed bool) {
		if value && forbidden[c] || holds[c] == value {
			return false
		}
		holds[c] = value
		p.note(r.Name)
		return true
	}
	for _, h := range hits {
		r := &b.Rules[h.Rule]
		for _, l := range r.Forbid {
			c := number[l]
			set(r, c, false)
			forbidden[c], p.Probabilities[c] = true, 0
		}
	}
	for _, h := range hits {
		if r := &b.Rules[h.Rule]; r.Label != "" && !forbidden[number[r.Label]] {
			set(r, number[r.Label], true)
			p.Probabilities[number[r.Label]] = 1
		}
	}
	for range len(labels) + len(b.Rules) { // rules may contradict each other
		changed := false
		for i := range b.Rules {
			changed = b.follow1(&b.Rules[i], number, p, holds, set) || changed
		}
		if !changed {
			break
		}
	}
	p.Labels = p.Labels[:0]
	for c, l := range labels {
		if holds[c] {
			p.Labels = append(p.Labels, l)
		}
	}
	best := 0
	for c, v := range p.Probabilities {
		if v > p.Probabilities[best] {
			best = c
		}
	}
	p.Class, p.Label, p.Probability = best, labels[best], p.Probabilities[best]
}

// follow1 applies one rule about labels that hold, and tells whether it changed any.
func (b *bounds) follow1(r *constraint.Rule, number map[string]int, p *Prediction, holds []bool, set func(*constraint.Rule, int, bool) bool) (changed bool) {
	if r.When != "" && holds[number[r.When]] {
		if r.Label != "" {
			changed = set(r, number[r.Label], true)
		}
		for _, l := range r.Forbid {
			changed = set(r, number[l], false) || changed
		}
	}
	best := -1
	for _, l := range r.Exclusive {
		if c := number[l]; holds[c] && (best < 0 || p.Probabilities[c] > p.Probabilities[best]) {
			best = c
		}
	}
	for _, l := range r.Exclusive {
		if c := number[l]; c != best {
			changed = set(r, c, false) || changed
		}
	}
	return changed
}

// followRules are the rules of tags, with those of what may not follow each other.
func followRules(s *constraint.Set, types []string) *nn.TagRules {
	k := len(TagNames(types))
	rules := tagRules(k)
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.After == "" {
			continue
		}
		from := 1 + tagLetters*slices.Index(types, r.After)
		for t, name := range types {
			if !r.Forbids(name) {
				continue
			}
			to := 1 + tagLetters*t
			for _, end := range []int{from + tagEnd, from + tagSingle} {
				rules.Follow[end*k+to+tagBegin], rules.Follow[end*k+to+tagSingle] = false, false
			}
		}
	}
	return rules
}

// unlikely is the score of a tag that rules exclude: less than any sum of scores that networks give, and finite.
const unlikely = -1e6

// bindTags makes the tags those that are best given that the rules hold. Tokens lie at places; scores are [tokens, tags].
// The first of rules that want the same token otherwise has it.
func (b *bounds) bindTags(p *Prediction, g *tagger, scores []float32, k int, places []text.Span, hits []constraint.Hit) {
	free := p.Tags
	bound := slices.Clone(scores)
	rule := slices.Repeat([]int{-1}, len(free)) // of each token, the rule that wants it so
	for _, h := range hits {
		first, last := tokensIn(places[:len(free)], h)
		if r := &b.Rules[h.Rule]; r.Label != "" && first >= 0 && !slices.ContainsFunc(rule[first:last+1], func(r int) bool { return r >= 0 }) {
			tags := TagsOf(nil, places[first:last+1], []TagSpan{{From: h.Start, To: h.End, Type: slices.Index(g.types, r.Label)}})
			for t := first; t <= last; t++ {
				rule[t] = h.Rule
				for c := range k {
					if int32(c) != tags[t-first] {
						bound[t*k+c] = unlikely
					}
				}
			}
		}
	}
	for _, h := range hits {
		first, last := tokensIn(places[:len(free)], h)
		r := &b.Rules[h.Rule]
		for t := first; r.Label == "" && first >= 0 && t <= last; t++ {
			if rule[t] >= 0 {
				continue
			}
			for c := 1; c < k; c++ {
				if r.Forbids(g.types[(c-1)/tagLetters]) {
					bound[t*k+c] = unlikely
				}
			}
		}
	}
	p.Tags = nn.Decode(nil, bound, k, g.crf, b.follow)
	b.explainTags(p, g.types, free, places, hits)
}

// explainTags names the rules without which tags would be others.
func (b *bounds) explainTags(p *Prediction, types []string, free []int32, places []text.Span, hits []constraint.Hit) {
	for _, h := range hits {
		first, last := tokensIn(places[:len(free)], h)
		for t := first; first >= 0 && t <= last; t++ {
			if free[t] != p.Tags[t] {
				p.note(b.Rules[h.Rule].Name)
			}
		}
	}
	spans := TagSpans(free)
	for i := 1; i < len(spans); i++ {
		a, z := spans[i-1], spans[i]
		if a.To != z.From || slices.Equal(free[a.From:z.To], p.Tags[a.From:z.To]) {
			continue
		}
		for r := range b.Rules {
			if rule := &b.Rules[r]; rule.After == types[a.Type] && rule.Forbids(types[z.Type]) {
				p.note(rule.Name)
			}
		}
	}
}

// tokensIn returns the first and last token that a hit overlaps, -1 for none.
func tokensIn(places []text.Span, h constraint.Hit) (first, last int) {
	first = -1
	for t, s := range places {
		if s.Start < h.End && h.Start < s.End {
			if first < 0 {
				first = t
			}
			last = t
		}
	}
	return first, last
}

// name gives entities the name of the rule that wants them so.
func (b *bounds) name(entities []Entity, places []text.Span, hits []constraint.Hit) {
	for _, h := range hits {
		first, last := tokensIn(places, h)
		r := &b.Rules[h.Rule]
		if r.Label == "" || first < 0 {
			continue
		}
		for i := range entities {
			if e := &entities[i]; e.Rule == "" && e.Label == r.Label && e.Start == places[first].Start && e.End == places[last].End {
				e.Rule = r.Name
			}
		}
	}
}
