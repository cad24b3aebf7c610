package encoder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Reduction is what is left of a network after parts were taken out of it. Zero values leave things as they are. In
// config.json it stands under a key of ours, since the architectures' own keys cannot say that heads are fewer and as
// wide as before.
type Reduction struct {
	Layers      []int `json:"layers,omitempty"`       // that are kept, by their old places, rising
	Heads       int   `json:"heads,omitempty"`        // of each layer; those of keys with them
	FeedForward int   `json:"feed_forward,omitempty"` // width
	Vocab       int   `json:"vocab,omitempty"`        // rows of the table of tokens
	Groups      int   `json:"groups,omitempty"`       // in which neighbouring layers share their weights
}

// reducedKey is the key in config.json.
const reducedKey = "xiaoyu_reduced"

// Reduced returns the configuration of the network that is left.
func (c *Config) Reduced(r Reduction) (*Config, error) {
	g := *c
	whole := Reduction{}
	g.source = &document{values: maps.Clone(c.source.values)}
	if raw, ok := g.source.values[reducedKey]; ok {
		if err := json.Unmarshal(raw, &whole); err != nil {
			return nil, err
		}
	}
	if r.Layers != nil { // in terms of the network that was there first
		kept := slices.Clone(r.Layers)
		for i, l := range kept {
			if l < 0 || l >= c.Layers {
				return nil, fmt.Errorf("keeping layer %d of %d", l, c.Layers)
			}
			if whole.Layers != nil {
				kept[i] = whole.Layers[l]
			}
		}
		whole.Layers = kept
	}
	if r.Heads > 0 {
		whole.Heads = r.Heads
	}
	if r.FeedForward > 0 {
		whole.FeedForward = r.FeedForward
	}
	if r.Vocab > 0 {
		whole.Vocab = r.Vocab
	}
	if r.Groups > 0 {
		whole.Groups = r.Groups
	}
	if err := g.reduce(&r); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(&whole)
	g.source.values[reducedKey] = raw
	return &g, err
}

// reduce changes c to what is left.
func (c *Config) reduce(r *Reduction) error {
	if n := len(r.Layers); n > 0 {
		switch {
		case c.Groups > 0:
			return hint.Errorf("leave the layers as they are", "taking layers out of a network whose layers share their weights")
		case !slices.IsSorted(r.Layers) || len(slices.Compact(slices.Clone(r.Layers))) != n || r.Layers[0] < 0 || r.Layers[n-1] >= c.Layers:
			return fmt.Errorf("%s: layers %v of %d", reducedKey, r.Layers, c.Layers)
		case c.NoFirstNorm && r.Layers[0] != 0:
			return hint.Errorf("keep the first layer", "taking out the first layer, which has no norm before it")
		}
		if c.Local != nil {
			local := make([]bool, n)
			for i, l := range r.Layers {
				local[i] = c.Local[l]
			}
			c.Local = local
		}
		c.Layers = n
	}
	if r.Heads > 0 && r.Heads != c.Heads {
		if c.KeyHeads != c.Heads || c.RelativeBuckets > 0 || r.Heads > c.Heads {
			return hint.Errorf("leave the heads as they are", "keeping %d of %d heads, whose keys or distances are shared", r.Heads, c.Heads)
		}
		c.Heads, c.KeyHeads = r.Heads, r.Heads
	}
	if r.FeedForward < 0 || r.FeedForward > c.FeedForward || r.Vocab < 0 || r.Vocab > c.Vocab {
		return fmt.Errorf("%s: a feed-forward part of %d out of %d, %d tokens out of %d", reducedKey, r.FeedForward, c.FeedForward, r.Vocab, c.Vocab)
	}
	if r.FeedForward > 0 {
		c.FeedForward = r.FeedForward
	}
	if r.Vocab > 0 {
		c.Vocab = r.Vocab
	}
	switch {
	case r.Groups == 0:
	case c.Groups > 0:
		return hint.Errorf("leave the layers as they are", "sharing the weights of layers that share them already")
	case c.NoFirstNorm:
		return hint.Errorf("leave the layers as they are", "sharing the weights of layers of which the first has no norm before it")
	case r.Groups < 0 || r.Groups > c.Layers:
		return fmt.Errorf("%s: %d groups of %d layers", reducedKey, r.Groups, c.Layers)
	default:
		c.Groups, c.Inner = r.Groups, 1
	}
	return nil
}
