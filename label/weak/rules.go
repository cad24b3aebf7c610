package weak

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text/knowledge"
)

// Rules are what a file of labelling functions holds.
type Rules struct {
	Labels    []string           `yaml:"labels"`  // in their order; if empty those of the functions, as they appear
	Balance   map[string]float64 `yaml:"balance"` // how frequent each label is; if empty that is estimated
	Functions []Function         `yaml:"functions"`
}

// Function is a labelling function: it votes for a label of a text or abstains. Of keywords, pattern, lexicon, entities,
// chars and model it has one.
type Function struct {
	Name  string `yaml:"name"`
	Label string `yaml:"label"` // that it votes for

	Keywords []string `yaml:"keywords"` // votes where so many of them occur
	Entities string   `yaml:"entities"` // the same, for the entries of a file
	AtLeast  int      `yaml:"at_least"` // 1 if absent
	Pattern  string   `yaml:"pattern"`  // votes where it is found
	Unless   string   `yaml:"unless"`   // abstains where this pattern is found; beside any of the others

	Lexicon string `yaml:"lexicon"` // file of entries with weights; votes by their sum in the text
	Above   *Side  `yaml:"above"`   // where the sum is at least score
	Below   *Side  `yaml:"below"`   // where it is at most score, and something was found

	MinChars int `yaml:"min_chars"` // votes where the text is as long, and
	MaxChars int `yaml:"max_chars"` // no longer

	Model      string            `yaml:"model"`      // package; votes for its label
	Confidence float64           `yaml:"confidence"` // where it is at least so sure
	Rename     map[string]string `yaml:"rename"`     // the model's labels to those here; others abstain

	kind    string
	base    *knowledge.Base
	pattern *regexp.Regexp
	unless  *regexp.Regexp
}

// Side is a vote on one side of a score.
type Side struct {
	Score float64 `yaml:"score"`
	Label string  `yaml:"label"`
}

const wayToRules = "see `xiaoyu data label --help` for the form of the file"

// ReadRules reads a file of labelling functions, and the files that they name, which lie beside it unless their paths are
// absolute.
func ReadRules(path string) (*Rules, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, "check the path", "reading the labelling functions")
	}
	r, err := ParseRules(content, path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) || strings.Contains(name, "://") {
			return name
		}
		return filepath.Join(dir, name)
	}
	for i := range r.Functions {
		f := &r.Functions[i]
		file := f.Lexicon + f.Entities
		switch {
		case f.Model != "":
			f.Model = beside(f.Model)
		case file != "":
			if f.base, err = knowledge.Read(nil, beside(file)); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// ParseRules reads the content of such a file without the files that it names; file is named in errors.
func ParseRules(content []byte, file string) (*Rules, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, hint.Wrap(oneLine(err), wayToRules, "reading %s", file)
	}
	r := &Rules{}
	if len(document.Content) == 1 {
		if err := knownKeys(document.Content[0], file); err != nil {
			return nil, err
		}
		if err := document.Decode(r); err != nil {
			return nil, hint.Wrap(oneLine(err), wayToRules, "reading %s", file)
		}
	}
	if len(r.Functions) == 0 {
		return nil, hint.Errorf(wayToRules, "reading %s: it has no functions", file)
	}
	names := map[string]bool{}
	for i := range r.Functions {
		f := &r.Functions[i]
		if f.Name == "" {
			f.Name = fmt.Sprintf("function %d", i+1)
		}
		if err := f.check(); err != nil {
			return nil, hint.Wrap(err, hint.Way(err), "reading %s: %s", file, f.Name)
		}
		if names[f.Name] {
			return nil, hint.Errorf("give each function a name of its own", "reading %s: there are two functions %q", file, f.Name)
		}
		names[f.Name] = true
	}
	if err := r.settleLabels(); err != nil {
		return nil, hint.Wrap(err, hint.Way(err), "reading %s", file)
	}
	return r, nil
}

func oneLine(err error) error {
	return fmt.Errorf("%s", strings.Join(strings.Fields(err.Error()), " "))
}

var (
	topKeys      = []string{"labels", "balance", "functions"}
	functionKeys = []string{"name", "label", "keywords", "entities", "at_least", "pattern", "unless", "lexicon", "above", "below", "min_chars", "max_chars", "model", "confidence", "rename"}
)

// knownKeys refuses keys that nobody reads.
func knownKeys(n *yaml.Node, file string) error {
	check := func(n *yaml.Node, keys []string) error {
		if n.Kind != yaml.MappingNode {
			return hint.Errorf(wayToRules, "reading %s: line %d: there are no keys", file, n.Line)
		}
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; !slices.Contains(keys, key.Value) {
				return hint.Errorf(hint.OneOf(key.Value, keys), "reading %s: line %d: unknown key %q", file, key.Line, key.Value)
			}
		}
		return nil
	}
	if err := check(n, topKeys); err != nil {
		return err
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value != "functions" {
			continue
		}
		for _, f := range n.Content[i+1].Content {
			if err := check(f, functionKeys); err != nil {
				return err
			}
		}
	}
	return nil
}

// check tells what is wrong with a function, and prepares it.
func (f *Function) check() (err error) {
	var kinds []string
	for kind, given := range map[string]bool{"keywords": len(f.Keywords) > 0, "entities": f.Entities != "", "pattern": f.Pattern != "", "lexicon": f.Lexicon != "",
		"chars": f.MinChars != 0 || f.MaxChars != 0, "model": f.Model != ""} {
		if given {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 {
		return hint.Errorf("give it one of keywords, entities, pattern, lexicon, min_chars or max_chars, and model", "it has %d ways to vote", len(kinds))
	}
	f.kind = kinds[0]
	if f.AtLeast == 0 {
		f.AtLeast = 1
	}
	switch {
	case f.kind == "lexicon" && f.Above == nil && f.Below == nil:
		return hint.Errorf(`add above: {score: 1, label: …}, below: {score: -1, label: …}, or both`, "a lexicon votes by the sum of weights")
	case f.kind != "lexicon" && (f.Above != nil || f.Below != nil):
		return hint.Errorf("leave above and below out", "above and below belong to a lexicon")
	case f.kind == "lexicon" && f.Label != "":
		return hint.Errorf("leave label out", "the labels of a lexicon stand in above and below")
	case f.kind == "model" && f.Label != "":
		return hint.Errorf("leave label out; rename changes the model's", "a model votes for the label that it predicts")
	case f.kind != "lexicon" && f.kind != "model" && f.Label == "":
		return hint.Errorf("add label: …", "it has no label to vote for")
	case f.Confidence < 0 || f.Confidence > 1:
		return hint.Errorf("choose a number from 0 to 1", "confidence: %g", f.Confidence)
	case f.AtLeast < 1 || f.MinChars < 0 || f.MaxChars < 0:
		return hint.Errorf("choose a number from 1", "at_least, min_chars or max_chars is below 0")
	}
	if f.pattern, err = knowledge.Pattern(f.Pattern); err == nil {
		f.unless, err = knowledge.Pattern(f.Unless)
	}
	if err == nil && f.kind == "keywords" {
		f.base, err = knowledge.Keywords(f.Keywords, nil)
	}
	return err
}

// settleLabels collects the labels, or checks that there are those that functions vote for.
func (r *Rules) settleLabels() error {
	given := len(r.Labels) > 0
	voted := func(label string) error {
		switch {
		case label == "" || slices.Contains(r.Labels, label):
			return nil
		case given:
			return hint.Errorf("add it to labels, or leave labels out", "a function votes for %q, which is not among the labels", label)
		}
		r.Labels = append(r.Labels, label)
		return nil
	}
	for _, f := range r.Functions {
		votes := []string{f.Label}
		for _, s := range []*Side{f.Above, f.Below} {
			if s != nil {
				votes = append(votes, s.Label)
			}
		}
		for _, to := range f.Rename {
			votes = append(votes, to)
		}
		if len(f.Rename) > 1 {
			slices.Sort(votes) // a map has no order
		}
		for _, label := range votes {
			if err := voted(label); err != nil {
				return err
			}
		}
	}
	if r.Balance == nil {
		return nil
	}
	sum := 0.0
	for _, l := range r.Labels {
		p, ok := r.Balance[l]
		if !ok || !(p > 0) {
			return hint.Errorf("give each label a share above 0, or leave balance out", "balance has no share of %q", l)
		}
		sum += p
	}
	if len(r.Balance) != len(r.Labels) || sum-sum != 0 {
		return hint.Errorf("give the labels alone a share", "balance has shares of %d labels, there are %d", len(r.Balance), len(r.Labels))
	}
	return nil
}
