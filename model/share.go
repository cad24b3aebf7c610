package model

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// ShareLayers returns a model whose layers share their weights in so many groups of neighbours: the average of each group's,
// or those of its first layer.
func (m *Model) ShareLayers(groups int, average bool) (*Model, error) {
	layers := m.Parts().Layers
	if groups < 1 || layers == 0 || groups > layers {
		return nil, hint.Errorf("take a model of family transformer or encoder whose layers have weights of their own", "sharing %d layers in %d groups", layers, groups)
	}
	c := m.Config
	if c.Encoder != nil {
		e, err := c.Encoder.Reduced(encoder.Reduction{Groups: groups})
		if err != nil {
			return nil, err
		}
		c.Encoder = e
	} else {
		c.LayerGroups = groups
	}
	return m.Remake(c, m.Tokenizer, func(p *nn.Param) ([]float32, error) {
		rest, ok := strings.CutPrefix(p.Name, "layers.")
		var group int
		if _, err := fmt.Sscanf(rest, "%d.", &group); err != nil || !ok {
			return m.Weights(p)
		}
		_, own, _ := strings.Cut(rest, ".")
		var members [][]float32
		for layer := range layers {
			if layer*groups/layers != group {
				continue
			}
			old := m.Params.Get(fmt.Sprintf("layers.%d.%s", layer, own))
			if old == nil {
				return nil, fmt.Errorf("layer %d has no weight %q", layer, own)
			}
			if members = append(members, old.Floats()); !average {
				break
			}
		}
		return mean(members), nil
	})
}

// mean is the average of lists of the same length.
func mean(lists [][]float32) []float32 {
	out := make([]float32, len(lists[0]))
	for _, list := range lists {
		for i, v := range list {
			out[i] += v / float32(len(lists))
		}
	}
	return out
}
