package xiaoyu

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

const (
	autoFamily  = "auto"
	usualFamily = "ngram"
)

// suitFamily takes the family that suits, with its preset, where the configuration leaves it open.
func (c *Config) suitFamily(ctx context.Context) error {
	if c.Model.Family != autoFamily {
		return nil
	}
	family, err := c.SuitableFamily(ctx)
	if err != nil {
		return err
	}
	if err := c.suit(presets[family]); err != nil {
		return err
	}
	c.Model.Family = family
	return nil
}

// SuitableFamily names the family of models that does best at the task where nobody names one: on the sets of
// bench/RESULTS.md that is the linear one, and where it cannot do what is asked, one that can. Of task auto the first rows of
// the data decide.
func (c *Config) SuitableFamily(ctx context.Context) (string, error) {
	if c.Model.Base != "" {
		return model.FamilyOf(c.Model.Base), nil
	}
	d := c.Data
	if err := d.Resolve(ctx, c.Task); err != nil {
		return "", err
	}
	switch {
	case len(c.Pretrain.Texts) > 0:
		return "transformer", nil
	case d.Task == data.Tags:
		return "lstm", nil
	case d.Task == data.Answers:
		return "gru", nil
	case d.Task == data.Similarity:
		return "static", nil
	case c.Model.Vectors != "":
		return "gru", nil
	}
	return usualFamily, nil
}
