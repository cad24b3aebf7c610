//go:build !slim

package constraint

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

var keys = []string{"name", "pattern", "keywords", "entities", "unless", "when", "after", "label", "forbid", "exclusive"}

// Parse reads the content of such a file; file is named in errors.
func Parse(content []byte, file string, clean func(string) string) (*Set, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, hint.Wrap(oneLine(err), way, "reading %s", file)
	}
	s := &Set{}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, hint.Errorf(way, "reading %s: it has no rules", file)
	}
	top := document.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if err := known(top.Content[i], []string{"rules"}, file); err != nil {
			return nil, err
		}
		for _, rule := range top.Content[i+1].Content {
			for k := 0; k < len(rule.Content) && rule.Kind == yaml.MappingNode; k += 2 {
				if err := known(rule.Content[k], keys, file); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := document.Decode(s); err != nil {
		return nil, hint.Wrap(oneLine(err), way, "reading %s", file)
	}
	return s, s.prepare(file, clean)
}

func oneLine(err error) error {
	return fmt.Errorf("%s", strings.Join(strings.Fields(err.Error()), " "))
}

func known(key *yaml.Node, keys []string, file string) error {
	if slices.Contains(keys, key.Value) {
		return nil
	}
	return hint.Errorf(hint.OneOf(key.Value, keys), "reading %s: line %d: unknown key %q", file, key.Line, key.Value)
}
