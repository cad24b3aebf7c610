package constraint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const sample = `rules:
  - {name: refund, pattern: '退款\d*', label: bad}
  - {keywords: [谢谢, thanks], unless: '不', forbid: [bad]}
  - {name: cities, entities: cities.txt, label: good}
`

func TestRulesAreReadFoundAndPacked(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"rules.yaml": sample, "cities.txt": "苏州\n杭州\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read(filepath.Join(dir, "rules.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := "Thanks,在苏州退款12,谢谢"
	want := []Hit{{0, strings.Index(text, "退"), strings.Index(text, ",谢")}, {1, 0, 6}, {1, strings.Index(text, "谢"), len(text)}, {2, strings.Index(text, "苏"), strings.Index(text, "退")}}
	if got := s.Find(nil, text); !slices.Equal(got, want) || s.Rules[1].Name != "rule 2" {
		t.Errorf("%v, want %v", got, want)
	}
	if got := s.Find(nil, "不谢谢"); len(got) != 0 {
		t.Errorf("unless: %v", got)
	}
	again, err := Unpack(s.Content(), nil)
	if err != nil || !slices.Equal(again.Find(nil, text), want) {
		t.Errorf("packed: %v, %v", again, err)
	}
	if err := s.Check([]string{"good", "bad"}, false, false); err != nil {
		t.Error(err)
	}
	if err := s.Check([]string{"good", "worse"}, false, false); err == nil || !strings.Contains(err.Error(), `"bad"`) {
		t.Error(err)
	}
}

func TestWrongRulesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"nothing":        {"", "no rules"},
		"empty":          {"rules: []", "no rules"},
		"no yaml":        {"rules: [", "reading r.yaml"},
		"unknown":        {"rules:\n  - {keyword: [a], label: b}", `line 2: unknown key "keyword"`},
		"no condition":   {"rules: [{label: b}]", "0 conditions"},
		"two":            {"rules: [{pattern: a, when: c, label: b}]", "2 conditions"},
		"no consequence": {"rules: [{pattern: a}]", "imply a label or forbid"},
		"both":           {"rules: [{pattern: a, label: b, forbid: [c]}]", "imply a label or forbid"},
		"pattern":        {"rules: [{pattern: '(', label: b}]", "error parsing"},
		"one exclusive":  {"rules: [{exclusive: [a]}]", "at most one of several"},
		"after":          {"rules: [{after: a, label: b}]", "may not follow"},
		"unless":         {"rules: [{when: a, unless: b, label: c}]", "unless belongs"},
		"twice":          {"rules: [{name: x, pattern: a, label: b}, {name: x, pattern: a, label: b}]", "two rules"},
		"no list":        {"rules: [{entities: none.txt, label: b}]", "none.txt"},
		"a word":         {"rules: hello", "reading r.yaml"},
	} {
		if _, err := Parse([]byte(c.content), "r.yaml", nil); err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		content        string
		spans, several bool
	}{"after": {"rules: [{after: a, forbid: [a]}]", false, true}, "when": {"rules: [{when: a, label: b}]", false, false}, "all": {"rules: [{pattern: a, forbid: ['*']}]", false, true}} {
		s, err := Parse([]byte(c.content), "r.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check([]string{"a", "b"}, c.spans, c.several); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample), "谢谢")
	f.Add([]byte("rules: [{exclusive: [a, b]}]"), "")
	f.Fuzz(func(t *testing.T, content []byte, text string) {
		s, err := Parse(content, filepath.Join(t.TempDir(), "r.yaml"), nil)
		if err != nil {
			return
		}
		for _, h := range s.Find(nil, text) {
			if h.Start < 0 || h.Start >= h.End || h.End > len(text) {
				t.Errorf("%+v in %d bytes", h, len(text))
			}
		}
		again, err := Unpack(s.Content(), nil)
		if err != nil || !slices.Equal(again.Find(nil, text), s.Find(nil, text)) {
			t.Errorf("packed: %v", err)
		}
	})
}
