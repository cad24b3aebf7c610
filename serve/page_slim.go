//go:build slim

package serve

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Page refuses: templates find what they name by reflection, for which the linker keeps every method of every type, a
// fifth of a program that only runs models. Such programs carry their pages (Options.Pages).
func Page(*model.Model, *Options, string) ([]byte, error) {
	return nil, hint.Errorf("POST /v1/predict answers without it", "this program carries no page")
}
