package tune

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestParseParam(t *testing.T) {
	for text, want := range map[string]Param{
		"log:1e-4..1e-2":              {Kind: Float, Low: 1e-4, High: 1e-2, Log: true},
		"50..200/10":                  {Kind: Int, Low: 50, High: 200, Step: 10},
		"0..1":                        {Kind: Int, High: 1},
		" 0.1 .. 0.5 / 0.1 ":          {Kind: Float, Low: 0.1, High: 0.5, Step: 0.1},
		"-3..-1":                      {Kind: Int, Low: -3, High: -1},
		"cnn, lstm,ngram":             {Kind: Choice, Choices: []string{"cnn", "lstm", "ngram"}},
		"2,3|3,4,5":                   {Kind: Choice, Choices: []string{"2,3", "3,4,5"}},
		"one":                         {Kind: Choice, Choices: []string{"one"}},
		"0.5..0.99 if optimizer=sgd":  {Kind: Float, Low: 0.5, High: 0.99, If: Condition{"optimizer", []string{"sgd"}}},
		"a,b if model.family=cnn,gru": {Kind: Choice, Choices: []string{"a", "b"}, If: Condition{"model.family", []string{"cnn", "gru"}}},
	} {
		got, err := ParseParam("x", text)
		want.Name = "x"
		if err != nil || got.Range() != want.Range() || got.Kind != want.Kind || got.If.String() != want.If.String() {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		again, err := ParseParam("x", got.Range()+got.If.String())
		if err != nil || again.Range() != got.Range() {
			t.Errorf("%q is written as %q and read as %+v, %v", text, got.Range(), again, err)
		}
	}
}

func TestImpossibleRangesAreRefusedInOneLine(t *testing.T) {
	for text, message := range map[string]string{
		"":                 "no value to choose",
		" , ":              "no value to choose",
		"a,a":              `"a" stands twice`,
		"5..1":             "its low end is above its high end",
		"2..2":             "one value alone",
		"log:0..1":         "begins above 0",
		"log:-1..1":        "begins above 0",
		"log:1..100/10":    "has no steps",
		"log:a":            "is no range",
		"a..b":             `"a" is no number`,
		"1..":              `"" is no number`,
		"1..2..3":          `"2..3" is no number`,
		"0..nan":           `"nan" is no number`,
		"0..inf":           `"inf" is no number`,
		"1e999..2":         "is no number",
		"0..1/0":           "leads nowhere",
		"0..1/-1":          "leads nowhere",
		"0..1/5":           "longer than the range",
		"0..1 if x":        "the condition",
		"0..1 if =a":       "the condition",
		"0..9223372036854": "",
	} {
		_, err := ParseParam("train.x", text)
		if message == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), "train.x") || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; %s", text, err, hint.Way(err))
		}
	}
}

func TestConditionsMustHold(t *testing.T) {
	for _, c := range []struct {
		ranges  map[string]string
		message string
	}{
		{nil, "the search space is empty"},
		{map[string]string{"a": "0..1 if b=x"}, "depends on b, which is not searched"},
		{map[string]string{"a": "0..1 if b=z", "b": "x,y"}, "b=z, which is never chosen"},
		{map[string]string{"a": "x,y if b=x", "b": "x,y if a=x"}, "in a circle"},
		{map[string]string{"a": "0..1 if b=1", "b": "0..3"}, "b=1, which is never chosen"},
	} {
		if _, err := ParseSpace(c.ranges); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%v: %v", c.ranges, err)
		}
	}
	s, err := ParseSpace(map[string]string{"a": "0..1 if b=x", "b": "x,y if c=u", "c": "u,v"})
	if err != nil || s[0].Name != "c" || s[1].Name != "b" || s[2].Name != "a" {
		t.Errorf("%+v, %v", s, err)
	}
}

type settings struct {
	Rate   float64 `yaml:"rate" default:"0.1" min:"0" max:"1"`
	Layers int     `yaml:"layers" default:"1" min:"1" max:"8"`
	Kind   string  `yaml:"kind" default:"a" enum:"a|b"`
	On     bool    `yaml:"on" default:"true"`
	Widths []int   `yaml:"widths" default:"1" min:"1" max:"9"`
}

func TestASpaceIsCheckedAgainstItsKeys(t *testing.T) {
	for _, c := range []struct{ key, span, message, way string }{
		{"rate", "0..1", "", ""},
		{"layers", "2..8", "", ""},
		{"kind", "a,b", "", ""},
		{"on", "true,false", "", ""},
		{"widths", "2,3|9", "", ""},
		{"rte", "0..1", "unknown key rte", "did you mean rate?"},
		{"rate", "0.5..1.5", "rate: 1.5 is out of range", "from 0 to 1"},
		{"layers", "1..9", "layers: 9 is out of range", "from 1 to 8"},
		{"layers", "0.5..3", "has fractions", "whole numbers"},
		{"kind", "a,c", `"c" is none of its values`, "a, b"},
		{"kind", "1..2", "is a range of numbers", "list the values"},
		{"on", "yes,perhaps", "neither true nor false", ""},
		{"widths", "2|10", "10 is out of range", ""},
	} {
		s, err := ParseSpace(map[string]string{c.key: c.span})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Bind(&settings{})
		if c.message == "" {
			if err != nil {
				t.Errorf("%s=%s: %v", c.key, c.span, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.message) || !strings.Contains(hint.Way(err), c.way) {
			t.Errorf("%s=%s: %v; %s", c.key, c.span, err, hint.Way(err))
		}
	}
	s, _ := ParseSpace(map[string]string{"rate": "0..1"})
	if err := s.Bind(&settings{}); err != nil || s[0].Kind != Float {
		t.Errorf("a range of a number's key is of kind %s", s[0].Kind)
	}
}

// awkward is a space with everything in it.
func awkward(t *testing.T) Space {
	t.Helper()
	s, err := ParseSpace(map[string]string{"rate": "log:1e-5..1.0", "n": "log:1..1000", "few": "1..3", "step": "0.1..0.75/0.2", "kind": "a,b,c",
		"of.a": "0.5..1.5 if kind=a", "of.bc": "x,y if kind=b,c", "big": "1..8000000"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inSpace tells whether settings are those of the space, no more and no less, each within its range.
func inSpace(s Space, params map[string]string) bool {
	want := map[string]bool{}
	for i := range s {
		p := &s[i]
		if !p.If.holds(params) {
			continue
		}
		want[p.Name] = true
		a := newAxis(p)
		if p.Kind == Choice {
			if _, _, ok := a.place(params[p.Name]); !ok {
				return false
			}
			continue
		}
		v, err := strconv.ParseFloat(params[p.Name], 64)
		if err != nil || v < p.Low || v > p.High || a.text(a.unit(v)) != params[p.Name] {
			return false
		}
	}
	return len(want) == len(params)
}

func TestSamplersStayInTheSpaceAndRepeatThemselves(t *testing.T) {
	s := awkward(t)
	objectives := []Objective{{Name: "v"}}
	for name, sampler := range map[string]Sampler{"random": Random{}, "tpe": TPE{}} {
		var trials []Trial
		seen := map[string]bool{}
		for n := 1; n <= 60; n++ {
			draw := Draw{Seed: 3, Number: n}
			params := sampler.Suggest(s, objectives, trials, draw)
			if !inSpace(s, params) {
				t.Fatalf("%s: %v", name, params)
			}
			if again := sampler.Suggest(s, objectives, trials, draw); !maps.Equal(params, again) {
				t.Fatalf("%s: the same draw gives %v and %v", name, params, again)
			}
			trial := Trial{Number: n, Params: params, State: []State{Complete, Complete, Pruned, Failed, Running}[n%5]}
			switch trial.State {
			case Complete:
				trial.Values = []float64{float64(n % 7)}
			case Pruned:
				trial.Steps = []Step{{1, float64(n % 7)}}
			}
			trials = append(trials, trial)
			seen[params["kind"]] = true
		}
		if len(seen) != 3 {
			t.Errorf("%s: chose %v of kind alone", name, seen)
		}
	}
}

func TestStepsAndWholeNumbersReachBothEnds(t *testing.T) {
	s := awkward(t)
	for name, ends := range map[string][2]string{"few": {"1", "3"}, "step": {"0.1", "0.7"}, "n": {"1", "1000"}, "rate": {"1e-05", "1"}, "kind": {"a", "c"}} {
		for i := range s {
			if s[i].Name != name {
				continue
			}
			a := newAxis(&s[i])
			if low, high := a.text(0), a.text(1); low != ends[0] || high != ends[1] {
				t.Errorf("%s reaches from %s to %s", name, low, high)
			}
		}
	}
}

func TestAllSettingsOfASpace(t *testing.T) {
	s, err := ParseSpace(map[string]string{"a": "x,y", "b": "1..3 if a=x", "c": "0.1..0.5/0.2"})
	if err != nil {
		t.Fatal(err)
	}
	list := s.all(100)
	if len(list) != (3+1)*3 {
		t.Errorf("%d settings: %v", len(list), list)
	}
	for _, params := range list {
		if !inSpace(s, params) {
			t.Errorf("%v", params)
		}
	}
	if s.all(11) != nil || awkward(t).all(1000) != nil {
		t.Error("more settings than may be listed")
	}
}

func FuzzParseParam(f *testing.F) {
	for _, s := range []string{"log:1e-4..1e-2", "50..200/10", "a,b if c=d", "2,3|4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseParam("x", text)
		if err != nil {
			return
		}
		p.If = Condition{}
		s := Space{p}
		for n := range 3 {
			if params := (Random{}).Suggest(s, nil, nil, Draw{Number: n}); p.Kind == Choice && !inSpace(s, params) {
				t.Errorf("%q gives %v", text, params)
			}
		}
	})
}
