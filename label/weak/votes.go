package weak

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Abstain is the vote of a function that says nothing of a text; other votes are numbers of labels.
const Abstain = -1

// Voter asks the functions of a file.
type Voter struct {
	*Rules
	models []*model.Model // of each function, nil for none
}

// NewVoter opens the models that functions name.
func NewVoter(r *Rules, open func(name string) (*model.Model, error)) (*Voter, error) {
	v := &Voter{Rules: r, models: make([]*model.Model, len(r.Functions))}
	for i, f := range r.Functions {
		if f.kind != "model" {
			continue
		}
		m, err := open(f.Model)
		if err == nil && m.Config.Head != model.ClassHead {
			m.Package.Close()
			err = hint.Errorf("name a model that tells one of several labels", "the labelling function %s: the model %s is of another task (head %s)", f.Name, f.Model, m.Config.Head)
		}
		if err != nil {
			v.Close()
			return nil, err
		}
		v.models[i] = m
		if len(f.Rename) > 0 {
			continue
		}
		for _, l := range m.Labels {
			if !slices.Contains(r.Labels, l) {
				r.Labels = append(r.Labels, l)
			}
		}
	}
	if len(r.Labels) < 2 {
		v.Close()
		return nil, hint.Errorf("add a function that votes for another label, or list all labels under labels", "the labelling functions know one label alone: %q", r.Labels)
	}
	return v, nil
}

// Close closes the models.
func (v *Voter) Close() {
	for _, m := range v.models {
		if m != nil {
			m.Package.Close()
		}
	}
}

// Names returns those of the functions.
func (v *Voter) Names() []string {
	names := make([]string, len(v.Functions))
	for i, f := range v.Functions {
		names[i] = f.Name
	}
	return names
}

// Votes returns what each function says of each text, [texts][functions].
func (v *Voter) Votes(ctx context.Context, texts []string) ([][]int16, error) {
	out := make([][]int16, len(texts))
	for i := range out {
		out[i] = make([]int16, len(v.Functions))
	}
	for j := range v.Functions {
		f := &v.Functions[j]
		if m := v.models[j]; m != nil {
			said, err := m.Predict(ctx, texts)
			if err != nil {
				return nil, fmt.Errorf("the labelling function %s: %w", f.Name, err)
			}
			for i, p := range said {
				out[i][j] = v.ofModel(f, texts[i], p)
			}
			continue
		}
		for i, s := range texts {
			out[i][j] = v.number(f.vote(s))
		}
	}
	return out, nil
}

// number returns that of a label, Abstain for "".
func (v *Voter) number(label string) int16 {
	return int16(slices.Index(v.Labels, label)) // -1 where it is not
}

func (v *Voter) ofModel(f *Function, s string, p model.Prediction) int16 {
	label := p.Label
	if len(f.Rename) > 0 {
		label = f.Rename[label]
	}
	if float64(p.Probability) < f.Confidence || f.unless != nil && f.unless.MatchString(s) {
		return Abstain
	}
	return v.number(label)
}

// vote returns the label that a function gives a text, "" if it abstains.
func (f *Function) vote(s string) string {
	if f.unless != nil && f.unless.MatchString(s) {
		return ""
	}
	switch f.kind {
	case "pattern":
		if f.pattern.MatchString(s) {
			return f.Label
		}
	case "chars":
		if n := utf8.RuneCountInString(s); n >= f.MinChars && (f.MaxChars == 0 || n <= f.MaxChars) {
			return f.Label
		}
	case "lexicon":
		return f.byScore(s)
	default:
		if len(f.base.Find(nil, s)) >= f.AtLeast {
			return f.Label
		}
	}
	return ""
}

// byScore votes by the sum of the weights of a lexicon's entries; those without a weight count 1.
func (f *Function) byScore(s string) string {
	found := f.base.Find(nil, s)
	score := 0.0
	for _, m := range found {
		if f.base.Weighted(m.Category) {
			score += m.Weight
		} else {
			score++
		}
	}
	switch {
	case len(found) < f.AtLeast:
	case f.Above != nil && score >= f.Above.Score:
		return f.Above.Label
	case f.Below != nil && score <= f.Below.Score:
		return f.Below.Label
	}
	return ""
}
