package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// mostPseudoLabelled bounds the texts without labels that the whole encoder learns from in recipe pseudolabel: an epoch of so
// many reviews takes some minutes of two cores.
const mostPseudoLabelled = 8000

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
	set, err := t.trainer.PseudoLabels(ctx, pupil, mostPseudoLabelled, float32(t.config.Distill.Weight))
	if err != nil {
		return err
	}
	settings := t.config.Train
	settings.Freeze, settings.Optimizer, settings.Temperature, settings.Patience = "none", "adamw", t.config.Distill.Temperature, 0
	if !slices.Contains(t.config.chosen, "train.epochs") {
		settings.Epochs = 1
	}
	tr, err := train.New(pupil, set, &train.Set{}, settings)
	if err != nil {
		return err
	}
	path := pupilFile(checkpoint)
	if _, err := os.Stat(path); err == nil {
		if err := tr.Restore(path); err != nil {
			return err
		}
	}
	t.Note("the encoder learns what is believed of %d texts", set.Len())
	if err := t.follow(ctx, tr, "pseudo-labels", tr.StepsPerEpoch()*settings.Epochs, path); err != nil {
		return err
	}
	tr.Finish()
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

// follow shows a training that is a part of this one, and keeps it in path: what comes after it is resumed from there.
func (t *training) follow(ctx context.Context, tr *train.Trainer, stage string, steps int, path string) error {
	t.Stage(stage, int64(steps), "steps")
	saved := time.Now()
	for event, err := range tr.Run(ctx) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				err = errors.Join(err, tr.Save(path))
			}
			return err
		}
		s := event.Step
		if s == nil {
			continue
		}
		t.Progress(int64(s.Step), fmt.Sprintf("loss %.3f", s.Loss))
		if time.Since(saved) > time.Duration(t.config.Train.Checkpoint)*time.Second {
			if err := tr.Save(path); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	return tr.Save(path)
}
