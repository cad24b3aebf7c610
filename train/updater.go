package train

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Updater changes weights along their gradients: those of one network or of several that learn together.
type Updater struct {
	pool       *parallel.Pool
	clip       float64
	params     []*nn.Params
	optimizers []Optimizer
	gradient   pieces
	anchor     *anchor // of the first network; nil but for Trainer.Hold
}

// NewUpdater returns an updater of parameters whose gradients are allocated.
func NewUpdater(c Config, pool *parallel.Pool, params ...*nn.Params) *Updater {
	u := &Updater{pool: pool, clip: c.Clip, params: params}
	for _, ps := range params {
		u.optimizers = append(u.optimizers, NewOptimizer(c, ps))
	}
	return u
}

// Step updates the weights by the gradients of so many batches, which are averaged and clipped; step counts from 0. It
// returns the norm of the gradients of all parameters together, before clipping.
func (u *Updater) Step(step int, rate float64, batches int) (norm float64) {
	u.gradient.collect(u.params...)
	if batches > 1 {
		u.gradient.scale(u.pool, 1/float32(batches))
	}
	if u.anchor != nil {
		u.anchor.pull(u.params[0], u.pool)
	}
	norm = u.gradient.norm(u.pool)
	u.gradient.clip(u.pool, norm, u.clip)
	for _, o := range u.optimizers {
		o.Step(u.pool, step, rate)
	}
	return norm
}

// State is the memory of the optimisers, by name; a checkpoint saves and restores it in place.
func (u *Updater) State() map[string][]float32 {
	state := map[string][]float32{}
	for i, o := range u.optimizers {
		for name, array := range o.State() {
			if i > 0 {
				name = fmt.Sprintf("%s.%d", name, i)
			}
			state[name] = array
		}
	}
	return state
}
