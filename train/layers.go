package train

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// layered is the training of a deep network, layer by layer: which learn, when, and how fast.
type layered struct {
	params   *nn.Params
	top      int     // the highest nn.Param.Layer
	unfreeze float64 // share of the steps over which layers begin to learn
	waiting  []*nn.Param
}

// newLayered gives each parameter its learning rate and freezes those that are not to learn. It draws the highest
// layers anew where c says so (Zhang et al. 2021, "Revisiting Few-sample BERT Fine-tuning").
func newLayered(m *model.Model, c *Config) (*layered, error) {
	l := &layered{params: m.Params, top: m.Params.Layers(), unfreeze: c.Unfreeze}
	decay := c.LayerDecay
	if decay == 0 {
		decay = 1
	}
	frozen, err := c.frozenLayers(l.top)
	if err != nil {
		return nil, err
	}
	if l.top == 0 && c.Freeze == "all" {
		for _, p := range m.Body() {
			p.Frozen = true
		}
	}
	if l.top == 0 && (decay != 1 || c.Unfreeze > 0 || c.Reinit > 0) {
		return nil, hint.Errorf("leave out train.layer_decay, train.unfreeze and train.reinit", "training: the family %s has no layers", m.Config.Family)
	}
	if c.Reinit >= l.top && c.Reinit > 0 {
		return nil, hint.Errorf(fmt.Sprintf("set train.reinit below %d", l.top), "training: train.reinit: %d, but the network has %d layers", c.Reinit, l.top-1)
	}
	for _, p := range m.Params.All() {
		if p.Layer == 0 {
			p.Rate = float32(c.HeadRate)
			continue
		}
		p.Rate = float32(math.Pow(decay, float64(l.top-p.Layer)))
		p.Frozen = p.Frozen || p.Layer <= frozen
		if p.Layer > l.top-c.Reinit {
			m.Params.Draw(p, c.Seed)
		}
	}
	return l, nil
}

// frozenLayers reads Config.Freeze: the highest nn.Param.Layer that does not learn, of so many.
func (c *Config) frozenLayers(top int) (int, error) {
	switch c.Freeze {
	case "", "none":
		return 0, nil
	case "embeddings":
		return 1, nil
	case "all":
		return top, nil
	}
	n, err := strconv.Atoi(c.Freeze)
	if err != nil || n < 0 || n+1 > top {
		return 0, hint.Errorf("write none, embeddings, all, or how many of the lowest layers", "training: train.freeze: %q, in a network of %d layers", c.Freeze, max(top-1, 0))
	}
	return n + 1, nil
}

// begin decides which layers learn in a step of so many: from the top, one after the other (Howard & Ruder 2018,
// "Universal Language Model Fine-tuning for Text Classification").
func (l *layered) begin(step, steps int) {
	if l.unfreeze == 0 {
		return
	}
	if l.waiting == nil {
		for _, p := range l.params.All() {
			if p.Layer > 0 && !p.Frozen {
				l.waiting = append(l.waiting, p)
			}
		}
	}
	for _, p := range l.waiting {
		share := float64(l.top-p.Layer+1) / float64(l.top)
		p.Frozen = float64(step) < l.unfreeze*share*float64(steps)
	}
}

// know computes once what the network makes of the texts, where nothing below the head learns.
func (tr *Trainer) know(ctx context.Context) error {
	if !tr.model.HeadAlone() || tr.layers.unfreeze > 0 || tr.imitates != nil {
		return nil
	}
	for _, s := range []*Set{tr.train, tr.valid, tr.unlabelled} {
		if s != nil && s.Len() > 0 && len(s.Input.States) == 0 {
			if err := tr.model.Know(ctx, &s.Input, tr.tape, func(int) {}); err != nil {
				return err
			}
		}
	}
	return nil
}
