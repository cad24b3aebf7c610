package xiaoyu

import (
	"context"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// refit trains the model anew on the training and the validation part together, for as many epochs as were best when
// the validation part was held back; what was chosen on it (the temperature, the thresholds) stays. Tokenizer and
// features are made anew as well. Interrupted, it leaves the checkpoint of the first training, and begins again from
// there.
func (t *training) refit(ctx context.Context) error {
	parts, c := &t.set.Parts, &t.config
	epochs := t.trainer.BestEpoch()
	if !c.Train.Refit || epochs == 0 || len(parts[data.Test]) == 0 {
		return nil
	}
	t.Note("again with the validation part, %d epochs:", epochs)
	chosen := t.model.Config
	parts[data.Train] = slices.Concat(parts[data.Train], parts[data.Validation])
	parts[data.Validation] = nil
	settings, form := c.Train, c.Model.NGram.Form
	defer func() { c.Train, c.Model.NGram.Form = settings, form }()
	c.Train.Until, c.Model.NGram.Form = epochs, chosen.NGram.Form
	tok, err := t.tokenizer(ctx)
	if err != nil {
		return err
	}
	if err := t.build(ctx, tok); err != nil {
		return err
	}
	t.Stage("refitting", int64(t.trainer.Steps()), "steps")
	for event, err := range t.trainer.Run(ctx) {
		if err != nil {
			return err
		}
		if s := event.Step; s != nil {
			t.Progress(int64(s.Step), fmt.Sprintf("epoch %d/%d  loss %.3f", s.Epoch, epochs, s.Loss))
		}
	}
	t.noteCrossValidation()
	t.trainer.Finish()
	t.model.Params.Freeze(nn.F32)
	t.model.Config.Temperature, t.model.Config.Thresholds = chosen.Temperature, chosen.Thresholds
	return nil
}
