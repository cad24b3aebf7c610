package model

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/constraint"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func rulesOf(t *testing.T, content string) *bounds {
	t.Helper()
	s, err := constraint.Parse([]byte("rules:\n"+content), "rules.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &bounds{Set: s}
}

func TestClassesAreBoundByRules(t *testing.T) {
	labels := []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		rules, text string
		want        []float32
		decided     []string
	}{
		"nothing found":      {"  - {name: x, pattern: x, label: b}", "y", []float32{0.5, 0.3, 0.2}, nil},
		"a label is implied": {"  - {name: x, pattern: x, label: b}", "xx", []float32{0, 1, 0}, []string{"x"}},
		"it was so already":  {"  - {name: x, pattern: x, label: a}", "x", []float32{1, 0, 0}, nil},
		"one is forbidden":   {"  - {name: x, keywords: [x], forbid: [a]}", "x", []float32{0, 0.6, 0.4}, []string{"x"}},
		"two are":            {"  - {name: x, pattern: x, forbid: [a]}\n  - {name: y, pattern: 'y', forbid: [b]}", "x y", []float32{0, 0, 1}, []string{"x", "y"}},
		"the first holds":    {"  - {name: x, pattern: x, label: b}\n  - {name: y, pattern: 'y', label: c}", "y x", []float32{0, 1, 0}, []string{"x"}},
		"none would be left": {"  - {name: x, pattern: x, forbid: [a, b, c]}", "x", []float32{0.5, 0.3, 0.2}, nil},
		"unless":             {"  - {name: x, pattern: x, unless: 'y', label: b}", "x y", []float32{0.5, 0.3, 0.2}, nil},
	} {
		b := rulesOf(t, c.rules)
		p := class(labels, 0.5, 0.3, 0.2)
		b.bindClasses(&p, labels, b.find(nil, c.text))
		for i, want := range c.want {
			if math.Abs(float64(p.Probabilities[i]-want)) > 1e-6 {
				t.Errorf("%s: %v, want %v", name, p.Probabilities, c.want)
				break
			}
		}
		if best := slices.Index(c.want, slices.Max(c.want)); p.Class != best || p.Label != labels[best] || !slices.Equal(p.Rules, c.decided) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestSetsOfLabelsAreBoundByRules(t *testing.T) {
	labels := []string{"a", "b", "c", "d"}
	for name, c := range map[string]struct {
		rules, text string
		want        string
		decided     []string
	}{
		"added":             {"  - {name: x, pattern: x, label: c}", "x", "a b c", []string{"x"}},
		"taken out":         {"  - {name: x, pattern: x, forbid: [a, d]}", "x", "b", []string{"x"}},
		"exclusive":         {"  - {name: e, exclusive: [b, a, d]}", "", "a", []string{"e"}},
		"implied":           {"  - {name: i, when: a, label: c}\n  - {name: j, when: c, label: d}", "", "a b c d", []string{"i", "j"}},
		"forbidden by one":  {"  - {name: i, when: a, forbid: [b]}", "", "a", []string{"i"}},
		"forbidden for all": {"  - {name: x, pattern: x, forbid: [c]}\n  - {name: i, when: a, label: c}", "x", "a b", nil},
		"contradictory":     {"  - {name: i, when: a, label: c}\n  - {name: j, when: a, forbid: [c]}", "", "a b", []string{"i", "j"}},
	} {
		b := rulesOf(t, c.rules)
		p := Prediction{Labels: []string{"a", "b"}, Probabilities: []float32{0.9, 0.6, 0.2, 0.1}}
		b.bindSet(&p, labels, b.find(nil, c.text))
		if got := strings.Join(p.Labels, " "); got != c.want || !slices.Equal(p.Rules, c.decided) {
			t.Errorf("%s: %q by %q, want %q by %q", name, got, p.Rules, c.want, c.decided)
		}
	}
}

// characters makes a token of each character.
func characterPlaces(s string) []text.Span {
	var places []text.Span
	for i, r := range s {
		places = append(places, text.Span{Start: i, End: i + len(string(r))})
	}
	return places
}

func TestTagsAreBoundByRules(t *testing.T) {
	types := []string{"LOC", "PER"}
	k := len(TagNames(types))
	s := "我在苏州见王明"
	places := characterPlaces(s)
	// The model takes 州 alone for a place and 王明 for a person.
	scores := make([]float32, len(places)*k)
	for i := range places {
		scores[i*k] = 1
	}
	scores[3*k+1+tagSingle] = 3                                               // S-LOC
	scores[5*k+1+tagLetters+tagBegin], scores[6*k+1+tagLetters+tagEnd] = 3, 3 // B-PER E-PER
	for name, c := range map[string]struct {
		rules   string
		want    string
		decided []string
	}{
		"none":             {"  - {name: x, pattern: x, label: LOC}", "LOC:州 PER:王明", nil},
		"a name":           {"  - {name: cities, keywords: [苏州], label: LOC}", "LOC:苏州 PER:王明", []string{"cities"}},
		"as it is":         {"  - {name: people, keywords: [王明], label: PER}", "LOC:州 PER:王明", nil},
		"another type":     {"  - {name: people, keywords: [王明], label: LOC}", "LOC:州 LOC:王明", []string{"people"}},
		"forbidden":        {"  - {name: never, pattern: 王., forbid: ['*']}", "LOC:州", []string{"never"}},
		"of one type":      {"  - {name: never, pattern: 州, forbid: [PER]}", "LOC:州 PER:王明", nil},
		"the first has it": {"  - {name: a, keywords: [苏州], label: PER}\n  - {name: b, keywords: [在苏州], label: LOC}", "PER:苏州 PER:王明", []string{"a", "b"}},
	} {
		b := rulesOf(t, c.rules)
		b.follow = followRules(b.Set, types)
		g := &tagger{types: types, rules: tagRules(k)}
		hits := b.find(nil, s)
		p := Prediction{Tags: decodePlain(scores, k)}
		b.bindTags(&p, g, scores, k, places, hits)
		p.tagProbabilities = make([]float32, len(p.Tags))
		entities := g.entities(&p, s, places)
		b.name(entities, places, hits)
		var got []string
		for _, e := range entities {
			got = append(got, e.Label+":"+e.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if name != "the first has it" && !slices.Equal(p.Rules, c.decided) {
			t.Errorf("%s: decided by %q, want %q", name, p.Rules, c.decided)
		}
		if name == "a name" && (entities[0].Rule != "cities" || entities[1].Rule != "") {
			t.Errorf("%s: %+v", name, entities)
		}
	}
	// What may not follow: a place right before a person.
	close := slices.Clone(scores)
	close[4*k+1+tagSingle] = 3
	b := rulesOf(t, "  - {name: apart, after: LOC, forbid: [PER]}")
	b.follow = followRules(b.Set, types)
	p := Prediction{Tags: decodePlain(close, k)}
	if n := len(TagSpans(p.Tags)); n != 3 {
		t.Fatalf("the model alone finds %d", n)
	}
	b.bindTags(&p, &tagger{types: types, rules: tagRules(k)}, close, k, places, nil)
	spans := TagSpans(p.Tags)
	for i := 1; i < len(spans); i++ {
		if spans[i-1].To == spans[i].From && types[spans[i-1].Type] == "LOC" && types[spans[i].Type] == "PER" {
			t.Errorf("%v", spans)
		}
	}
	if !slices.Equal(p.Rules, []string{"apart"}) {
		t.Errorf("decided by %q", p.Rules)
	}
}

func decodePlain(scores []float32, k int) []int32 {
	return nn.Decode(nil, scores, k, nil, tagRules(k))
}

// A package carries knowledge and rules; the original files are not needed any more.
func TestKnowledgeAndRulesArePacked(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"mood.tsv": "幹淨\t2\n太脏\t-1\n", "r.yaml": "rules:\n  - {name: never, keywords: [幹淨], label: \"c\"}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, family := range []string{"ngram", "mlp", "gru+wide"} {
		plain := small(t, family)
		c := plain.Config
		c.Knowledge, c.Constraints = []string{filepath.Join(dir, "mood.tsv")}, filepath.Join(dir, "r.yaml")
		m, err := New(c, text.CleanConfig{HTML: true, Space: true, Simplify: true}, plain.Tokenizer, plain.Labels, 3, func(yield func(Example) bool) {
			for _, s := range texts {
				if e := plain.Tokenizer.Encode(s); !yield(Example{Text: &e, Source: s}) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if family == "ngram" && m.Vocabulary() <= plain.Vocabulary() {
			t.Errorf("ngram has %d features with knowledge, %d without", m.Vocabulary(), plain.Vocabulary())
		}
		for i := range m.Params.Values() {
			m.Params.Values()[i] += float32(i%7-3) / 10
		}
		at := filepath.Join(t.TempDir(), "m")
		if _, err := m.Save(at, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Open(at)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the package says %v, the model %v", family, got, want)
		}
		bound := m.Config.bound
		m.Config.bound = nil
		free, err := m.Predict(context.Background(), texts[:1])
		if err != nil {
			t.Fatal(err)
		}
		m.Config.bound = bound
		decided := free[0].Label != "c"
		if want[0].Label != "c" || slices.Equal(want[0].Rules, []string{"never"}) != decided || len(want[1].Rules) > 0 {
			t.Errorf("%s: %+v", family, want[:2])
		}
		view, err := json.Marshal(m.View(want[0], 0))
		if err != nil || strings.Contains(string(view), `"rules":["never"]`) != decided {
			t.Errorf("%s: %s %v", family, view, err)
		}
		if m.known != nil { // tokens and texts without what is known have the scores that they had
			before, _ := again.Predict(context.Background(), []string{"鑫", "太脏"})
			clear(m.known.Data)
			after, _ := m.Predict(context.Background(), []string{"鑫", "太脏"})
			if !slices.Equal(before[0].Probabilities, after[0].Probabilities) || slices.Equal(before[1].Probabilities, after[1].Probabilities) {
				t.Errorf("%s: %v, without the scores of what is known %v", family, before, after)
			}
		}
		again.Package.Close()
	}
	for name, change := range map[string]func(c *Config){
		"no file":       func(c *Config) { c.Knowledge = []string{filepath.Join(dir, "none.txt")} },
		"no rules":      func(c *Config) { c.Constraints = filepath.Join(dir, "none.yaml") },
		"unknown label": func(c *Config) { c.Constraints = filepath.Join(dir, "wrong.yaml") },
		"a number":      func(c *Config) { c.Head, c.Constraints = RegressionHead, filepath.Join(dir, "r.yaml") },
	} {
		if err := os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("rules: [{pattern: a, label: d}]"), 0o644); err != nil {
			t.Fatal(err)
		}
		m := small(t, "mlp")
		change(&m.Config)
		if _, err := New(m.Config, text.CleanConfig{}, m.Tokenizer, m.Labels, 1, nil); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokensKnowWhereTheyLieInWhatIsKnown(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "city.tsv"), []byte("苏州市\t2\n杭\t-1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := small(t, "cnn")
	c := m.Config
	c.Head, c.Knowledge = TokensHead, []string{filepath.Join(dir, "city.tsv")}
	m, err := New(c, text.CleanConfig{HTML: true}, m.Tokenizer, TagNames([]string{"LOC"}), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	m.EncodeAligned(&in, new(Sample), "<b>在</b>苏<i>州</i>市杭", "")
	for i, want := range [][]int32{{}, {tagBegin, levelSlot(4)}, {tagInside, levelSlot(4)}, {tagEnd, levelSlot(4)}, {tagSingle, levelSlot(-2)}} {
		if got := in.Known.Sequence(i); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("token %d has the features %v, want %v", i, got, want)
		}
	}
	var other Input
	m.AppendExample(&other, &in, 0)
	if !reflect.DeepEqual(other.Known.IDs, in.Known.IDs) {
		t.Errorf("%v, copied %v", in.Known.IDs, other.Known.IDs)
	}
	if a, b := levelSlot(-4), levelSlot(4); a != tagLetters || b != knownSlots-1 {
		t.Errorf("levels lie from %d to %d of %d", a, b, knownSlots)
	}
}
