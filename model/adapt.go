package model

import (
	"iter"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Adapt returns a model for a task of its own on a base: the base's tokenizer and the weights of its network, with a
// fresh head that follows from seed. c says what the task is and how the network is trained; what it looks like is the
// base's, whose configuration replaces that part of c. n-grams beside it (Config.Wide) are chosen from the examples, which
// may else be nil. The base is not changed, and may be closed afterwards.
func Adapt(base *Model, c Config, clean text.CleanConfig, labels []string, seed uint64, examples iter.Seq[Example]) (*Model, error) {
	if base.Ensemble != nil {
		return nil, hint.Errorf("name one of its members", "model.base: an ensemble has no network of its own")
	}
	if err := c.setMask(base.Tokenizer); err != nil {
		return nil, err
	}
	if err := c.takeShape(&base.Config, labels); err != nil {
		return nil, err
	}
	m, err := assemble(c, clean, base.Tokenizer, labels)
	if err != nil {
		return nil, err
	}
	if _, ok := m.Network.(fitter); ok {
		return nil, hint.Errorf("choose another base, or leave out model.base", "model.base: the family %s begins from the data alone", c.Family)
	}
	if err := m.fitWide(examples); err != nil {
		return nil, err
	}
	m.declare()
	m.Params.Allocate(seed)
	return m, m.Inherit(base)
}

// takeShape replaces what decides the weights of the network by what the base has.
func (c *Config) takeShape(base *Config, labels []string) error {
	c.Family = base.Family
	if c.Bottleneck.Size == 0 {
		c.Bottleneck = base.Bottleneck // part of what it knows
	} else if base.Bottleneck.Size > 0 && base.Bottleneck != c.Bottleneck {
		return hint.Errorf("choose those, or set train.bottleneck.size to 0: then all of it is trained", "train.bottleneck: the base has bottlenecks of width %d", base.Bottleneck.Size)
	}
	if base.Family == EncoderFamily {
		return c.setEncoder(base, labels)
	}
	task := *c
	*c = *base
	c.Head, c.Pair, c.Temperature, c.Thresholds = task.Head, task.Pair, 0, nil
	c.Dropout, c.EmbedDropout, c.WordDropout, c.Frozen = task.Dropout, task.EmbedDropout, task.WordDropout, task.Frozen
	c.Bottleneck = task.Bottleneck
	c.Base, c.CRF, c.Wide, c.NGram = task.Base, task.CRF, task.Wide, task.NGram
	c.Knowledge, c.Constraints, c.known, c.bound = task.Knowledge, task.Constraints, task.known, task.bound
	c.MaxTokens = min(task.MaxTokens, base.MaxTokens)
	return nil
}
