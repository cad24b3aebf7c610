package xiaoyu

import (
	"context"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// mostPseudoLabelled bounds the texts without labels that the whole encoder learns from in recipe pseudolabel: an epoch of so
// many reviews takes some minutes of two cores.
const mostPseudoLabelled = 10_000

// pupilFile is where the pupil of recipe pseudolabel is kept, beside the checkpoint of the whole.
func pupilFile(checkpoint string) string {
	return strings.TrimSuffix(checkpoint, ".safetensors") + "-pupil.safetensors"
}

// tunePupil lets the encoder as a whole learn what the model, a head and n-grams over an encoder that stayed, believes of all
// texts; the pupil then takes its place. Folds and learning curves, which compare, do without.
func (t *training) tunePupil(ctx context.Context, checkpoint string) error {
	if t.config.Train.Recipe != pseudolabelRecipe {
		return nil
	}
	pupil, err := t.pupil(ctx)
	if err != nil {
		return err
	}
	elsewhere := t.encode(t.elsewhere, false)
	if err := t.know(ctx, elsewhere); err != nil {
		return err
	}
	set, err := t.trainer.PseudoLabels(ctx, pupil, elsewhere, mostPseudoLabelled, float32(t.config.Distill.Weight))
	if err != nil {
		return err
	}
	settings := t.config.Train
	settings.Freeze, settings.Optimizer, settings.Temperature, settings.Patience = "none", "adamw", t.config.Distill.Temperature, 0
	if !slices.Contains(t.config.chosen, "train.epochs") {
		settings.Epochs = 1
	}
	t.Note("the encoder learns what is believed of %d texts", set.Len())
	if err := t.aside(ctx, pupil, set, settings, "pseudo-labels", pupilFile(checkpoint)); err != nil {
		return err
	}
	t.states = nil // they are those of the encoder as it was
	return t.trainer.Adopt(ctx, pupil)
}

// pupil is the base with a head that is still to be learnt.
func (t *training) pupil(ctx context.Context) (*model.Model, error) {
	base, err := t.openBase(ctx)
	if err != nil {
		return nil, err
	}
	defer base.Package.Close()
	c := t.model.Config
	c.Wide, c.Normalize = false, false
	return model.Adapt(base, c, t.config.Data.Clean, t.set.Labels, t.config.Train.Seed, nil)
}
