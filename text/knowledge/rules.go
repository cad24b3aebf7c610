//go:build !slim

package knowledge

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ParseRules reads the content of a file of rules; file is named in errors.
func ParseRules(content []byte, file string) (rules []Rule, err error) {
	const way = `write "name: 'pattern'" or "name: ['pattern', 'pattern']", a name a line`
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, hint.Wrap(fmt.Errorf("%s", strings.Join(strings.Fields(err.Error()), " ")), way, "reading %s", file)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, hint.Errorf(way, "reading %s: it is no list of names with patterns", file)
	}
	for pair := range slices.Chunk(document.Content[0].Content, 2) {
		name, value := pair[0], pair[1]
		patterns := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			patterns = value.Content
		}
		for _, p := range patterns {
			if p.Kind != yaml.ScalarNode || p.Value == "" || name.Kind != yaml.ScalarNode || name.Value == "" {
				return nil, hint.Errorf(way, "reading %s: line %d", file, p.Line)
			}
			rule := Rule{Category: name.Value, Pattern: p.Value}
			if _, err := New(nil, []Rule{rule}, nil); err != nil {
				return nil, hint.Wrap(err, hint.Way(err), "reading %s: line %d", file, p.Line)
			}
			rules = append(rules, rule)
		}
	}
	if len(rules) == 0 {
		return nil, hint.Errorf(way, "reading %s: it has no rule", file)
	}
	return rules, nil
}
