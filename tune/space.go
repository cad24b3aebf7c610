package tune

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Kind is what the values of a setting are.
type Kind string

// The kinds of settings.
const (
	Float  Kind = "float"
	Int    Kind = "int"
	Choice Kind = "choice"
)

// Param is one setting that is searched.
type Param struct {
	Name    string    `json:"name"`          // of its own in the space
	Key     string    `json:"key,omitempty"` // what it sets; Name where it is empty. Several may set one key, if their conditions exclude each other
	Kind    Kind      `json:"kind"`
	Low     float64   `json:"low,omitempty"` // least and highest value, of numbers
	High    float64   `json:"high,omitempty"`
	Step    float64   `json:"step,omitempty"` // distance of neighbouring values from Low on; 0 for any. Whole numbers have at least 1
	Log     bool      `json:"log,omitempty"`  // ratios count, not differences
	Choices []string  `json:"choices,omitempty"`
	If      Condition `json:"if,omitzero"`
}

// Condition tells when a setting applies: when another one has one of some values. The zero Condition always holds.
type Condition struct {
	Name   string   `json:"name,omitempty"`
	Values []string `json:"values,omitempty"`
}

// holds tells whether the condition is true of settings.
func (c Condition) holds(params map[string]string) bool {
	return c.Name == "" || slices.Contains(c.Values, params[c.Name])
}

// String writes the condition as ParseParam reads it behind a range.
func (c Condition) String() string {
	if c.Name == "" {
		return ""
	}
	return " if " + c.Name + "=" + strings.Join(c.Values, ",")
}

// Target returns the key that the setting sets.
func (p *Param) Target() string {
	if p.Key != "" {
		return p.Key
	}
	return p.Name
}

// Space is a set of settings; a condition names an earlier one.
type Space []Param

// form is how ranges are written.
const form = "write a range LOW..HIGH, log:LOW..HIGH, LOW..HIGH/STEP, or values A,B,C (A|B|C where values hold commas), each with ` if KEY=A,B` behind it where it depends on another key"

// ParseSpace reads a space: ranges by name.
//
//	train.learning_rate: log:1e-4..1e-2
//	model.filters:       50..200/10
//	model.family:        cnn,lstm,ngram
//	model.widths:        2,3|3,4,5
//	train.momentum:      0.5..0.99 if train.optimizer=sgd
func ParseSpace(ranges map[string]string) (Space, error) {
	var s Space
	for _, name := range slices.Sorted(maps.Keys(ranges)) {
		p, err := ParseParam(name, ranges[name])
		if err != nil {
			return nil, err
		}
		s = append(s, p)
	}
	return s, s.Check()
}

// ParseParam reads the range of one setting.
func ParseParam(name, text string) (Param, error) {
	p := Param{Name: name}
	text, condition, conditional := strings.Cut(text, " if ")
	if conditional {
		key, values, ok := strings.Cut(strings.TrimSpace(condition), "=")
		if !ok || key == "" || values == "" {
			return p, hint.Errorf(form, "the space of %s: the condition %q is none", name, strings.TrimSpace(condition))
		}
		p.If = Condition{strings.TrimSpace(key), list(values, ",")}
	}
	text = strings.TrimSpace(text)
	span, logarithmic := strings.CutPrefix(text, "log:")
	low, high, isRange := strings.Cut(span, "..")
	if !isRange {
		if logarithmic {
			return p, hint.Errorf(form, "the space of %s: %q is no range", name, text)
		}
		return p.withChoices(text)
	}
	high, step, stepped := strings.Cut(high, "/")
	p.Log, p.Kind = logarithmic, Int
	for _, part := range []struct {
		text string
		to   *float64
		used bool
	}{{low, &p.Low, true}, {high, &p.High, true}, {step, &p.Step, stepped}} {
		if !part.used {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(part.text), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return p, hint.Errorf(form, "the space of %s: %q is no number", name, strings.TrimSpace(part.text))
		}
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			p.Kind = Float
		}
		*part.to = v
	}
	if stepped && p.Step <= 0 {
		return p, hint.Errorf(form, "the space of %s: a step of %s leads nowhere", name, strings.TrimSpace(step))
	}
	return p, p.check()
}

func (p Param) withChoices(text string) (Param, error) {
	p.Kind = Choice
	separator := ","
	if strings.Contains(text, "|") {
		separator = "|"
	}
	p.Choices = list(text, separator)
	return p, p.check()
}

func list(text, separator string) []string {
	var out []string
	for _, part := range strings.Split(text, separator) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// check reports a range that no value lies in, or only one.
func (p *Param) check() error {
	fail := func(format string, args ...any) error {
		return hint.Errorf(form, "the space of %s: %s", p.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case p.Kind == Choice && len(p.Choices) == 0:
		return fail("there is no value to choose")
	case p.Kind == Choice:
		for i, c := range p.Choices {
			if slices.Contains(p.Choices[:i], c) {
				return fail("%q stands twice", c)
			}
		}
	case p.Low > p.High:
		return fail("the range %s is empty: its low end is above its high end", p.Range())
	case p.Low == p.High:
		return fail("the range %s holds one value alone; set it with --set %s=%s instead", p.Range(), p.Target(), number(p.Low))
	case p.Log && p.Low <= 0:
		return fail("a logarithmic range begins above 0, not at %s", number(p.Low))
	case p.Log && p.Step > 0:
		return fail("a logarithmic range has no steps")
	case p.Step > p.High-p.Low:
		return fail("a step of %s is longer than the range %s..%s", number(p.Step), number(p.Low), number(p.High))
	}
	return nil
}

// Check reports conditions that cannot hold, and sorts the space so that a condition names an earlier setting.
func (s Space) Check() error {
	if len(s) == 0 {
		return hint.Errorf("name settings: --space train.learning_rate=log:1e-4..1e-2, or tune.space in xiaoyu.yaml", "the search space is empty")
	}
	names := make([]string, len(s))
	for i, p := range s {
		names[i] = p.Name
	}
	for i := range s {
		c := s[i].If
		if c.Name == "" {
			continue
		}
		at := slices.Index(names, c.Name)
		if at < 0 {
			return hint.Errorf("add it to the space, or leave the condition out", "the space of %s depends on %s, which is not searched", s[i].Name, c.Name)
		}
		parent := &s[at]
		for _, v := range c.Values {
			if parent.Kind != Choice || !slices.Contains(parent.Choices, v) {
				return hint.Errorf("use one of its values: "+parent.Range(), "the space of %s depends on %s=%s, which is never chosen", s[i].Name, c.Name, v)
			}
		}
	}
	return s.sort()
}

// sort moves settings behind those that they depend on, and keeps the order otherwise.
func (s Space) sort() error {
	var sorted Space
	placed := map[string]bool{"": true}
	for len(sorted) < len(s) {
		before := len(sorted)
		for _, p := range s {
			if !placed[p.Name] && placed[p.If.Name] {
				sorted, placed[p.Name] = append(sorted, p), true
			}
		}
		if len(sorted) == before {
			return hint.Errorf("break the circle", "the conditions of the search space go in a circle")
		}
	}
	copy(s, sorted)
	return nil
}

// Range writes the values of a setting as ParseParam reads them, without the condition.
func (p *Param) Range() string {
	if p.Kind == Choice {
		separator := ","
		if strings.Contains(strings.Join(p.Choices, ""), ",") {
			separator = "|"
		}
		return strings.Join(p.Choices, separator)
	}
	text := number(p.Low) + ".." + number(p.High)
	if p.Log {
		text = "log:" + text
	}
	if p.Step > 0 && !(p.Kind == Int && p.Step == 1) {
		text += "/" + number(p.Step)
	}
	return text
}

// number writes a number with six digits that count: more would only look precise. Whole numbers are written in full.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// Bind checks a space against the configuration whose keys it sets: each key exists, and takes every value of its
// range. Numbers get the kind of their key.
func (s Space) Bind(config any) error {
	for i := range s {
		p := &s[i]
		key, err := conf.Describe(config, p.Target())
		if err != nil {
			return err
		}
		if p.Kind == Choice {
			for _, c := range p.Choices {
				if err := key.Check(c); err != nil {
					return hint.Wrap(err, hint.Way(err), "the space of %s", p.Name)
				}
			}
			continue
		}
		switch key.Kind {
		case conf.Whole:
			if p.Kind != Int {
				return hint.Errorf("use whole numbers", "the space of %s: %s has fractions, the key takes whole numbers", p.Name, p.Range())
			}
		case conf.Number:
			p.Kind = Float
		default:
			return hint.Errorf("list the values: A,B,C", "the space of %s: %s is a range of numbers, the key takes others", p.Name, p.Range())
		}
		for _, end := range []float64{p.Low, p.High} {
			if err := key.Check(number(end)); err != nil {
				return hint.Wrap(err, hint.Way(err), "the space of %s: %s", p.Name, p.Range())
			}
		}
	}
	return nil
}
