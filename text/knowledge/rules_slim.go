//go:build slim

package knowledge

import "github.com/xiaoyu-slm/xiaoyu/internal/hint"

// ParseRules refuses: a program that runs a model finds its rules in the package, where they are JSON.
func ParseRules(_ []byte, file string) ([]Rule, error) {
	return nil, hint.Errorf("use the program xiaoyu for this", "reading %s: this program knows no YAML", file)
}
