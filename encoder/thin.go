package encoder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// layerKeys are the names that config.json has for the number of layers.
var layerKeys = []string{"num_hidden_layers", "n_layers", "n_layer"}

// CheckLayers reports why these are not numbers of layers, from 1 and rising.
func (c *Config) CheckLayers(layers []int) error {
	if len(layers) == 0 {
		return hint.Errorf("name at least one", "taking layers of a network: none is named")
	}
	for i, n := range layers {
		if n < 1 || n > c.Layers || i > 0 && n <= layers[i-1] {
			return hint.Errorf(fmt.Sprintf("name numbers from 1 to %d, rising", c.Layers), "taking the layers %v of a network of %d layers", layers, c.Layers)
		}
	}
	return nil
}

// WithLayers returns the configuration of a network that has only these of c's layers, by their numbers from 1, rising.
// Layers that share their weights in groups, and a first layer that is unlike the others, cannot be taken apart.
func (c *Config) WithLayers(layers []int) (*Config, error) {
	if err := c.CheckLayers(layers); err != nil {
		return nil, err
	}
	switch {
	case c.Groups > 1 || c.Inner > 1:
		return nil, hint.Errorf("choose another teacher, or a fresh student (distill.init: fresh)", "taking layers of a network: its %d layers share weights in %d groups of %d", c.Layers, c.Groups, max(c.Inner, 1))
	case c.NoFirstNorm && layers[0] != 1:
		return nil, hint.Errorf("name layer 1 as well", "taking layers of a network: its first layer is unlike the others, and cannot be left out")
	}
	fewer := *c
	fewer.Layers, fewer.Local = len(layers), nil
	values := maps.Clone(c.source.values)
	for _, key := range layerKeys {
		if c.source.has(key) {
			values[key], _ = json.Marshal(len(layers)) // of a number, which cannot fail
		}
	}
	if c.Local != nil {
		kinds := make([]string, len(layers))
		for i, n := range layers {
			fewer.Local = append(fewer.Local, c.Local[n-1])
			kinds[i] = "full_attention"
			if c.Local[n-1] {
				kinds[i] = "sliding_attention"
			}
		}
		values["layer_types"], _ = json.Marshal(kinds)
	}
	fewer.source = &document{values: values}
	// What is written has to be read as the same network.
	data, err := fewer.JSON()
	if err != nil {
		return nil, err
	}
	again, err := ReadConfig(data)
	if err != nil {
		return nil, err
	}
	if again.Layers != fewer.Layers || !slices.Equal(again.Local, fewer.Local) {
		return nil, hint.Errorf("choose another teacher, or a fresh student (distill.init: fresh)", "taking layers of a network: the config.json of architecture %s cannot say which are local", c.Architecture)
	}
	return &fewer, nil
}
