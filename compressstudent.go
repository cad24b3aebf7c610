package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// student trains a model of a family on the training part, taught by the original, once: a search asks for it again. The
// validation part, which chooses, stays new to it.
func (b *workbench) student(ctx context.Context, family string) (*model.Model, error) {
	if m := b.students[family]; m != nil {
		return m.Model, nil
	}
	if family == b.original.Config.Family {
		return nil, hint.Errorf("choose another family, or moves that take parts out", "the move student=%s: the model is of that family", family)
	}
	c, err := b.studentConfig(family)
	if err != nil {
		return nil, err
	}
	if b.lesson == nil {
		if err := b.askOriginal(ctx); err != nil {
			return nil, err
		}
	}
	if b.folder == "" {
		if b.folder, err = os.MkdirTemp("", "xiaoyu-student-"); err != nil {
			return nil, hint.Wrap(err, "set TMPDIR to a folder that you may write to", "teaching a student")
		}
	}
	c.Out = filepath.Join(b.folder, family)
	trained, err := Train(ctx, c, TrainOptions{Observer: b.Observer})
	if err != nil {
		return nil, fmt.Errorf("teaching a student of family %s: %w", family, err)
	}
	m, err := Open(trained.Package)
	if err != nil {
		return nil, err
	}
	if b.students == nil {
		b.students = map[string]*Model{}
	}
	b.students[family] = m
	return m.Model, nil
}

// studentConfig is that of a student's training: its family's preset, with the data of the original and that for a teacher.
func (b *workbench) studentConfig(family string) (*Config, error) {
	c, err := Preset(family)
	if err != nil {
		return nil, err
	}
	c.Task, c.Data, c.Runs, c.Name = b.config.Task, b.config.Data, b.config.Runs, b.config.Name+"-"+family
	c.Distill, c.Distill.Teacher = b.config.Distill, []string{b.original.Package.Dir}
	c.Train.Seed, c.Train.Refit, c.Eval.Bootstrap = b.config.Train.Seed, false, 0
	return c, nil
}

// close lets go of the students.
func (b *workbench) close() error {
	var errs []error
	for _, m := range b.students {
		errs = append(errs, m.Close())
	}
	if b.folder != "" {
		errs = append(errs, os.RemoveAll(b.folder))
	}
	return errors.Join(errs...)
}
