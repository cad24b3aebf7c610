package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
)

// bench is what all trainings have in common.
type bench struct {
	*options
	unlabelled  string // file of texts without labels
	rows, test  string // files of rows, and of those that judge where the file itself does not say
	text, label string // columns
}

// result is what one training came to, as it is kept.
type result struct {
	Accuracy   float64 `json:"accuracy"`
	Teacher    float64 `json:"teacher"` // on the same rows
	Agreement  float64 `json:"agreement"`
	Parameters int     `json:"parameters"`
	Bytes      int64   `json:"bytes"`
	Seconds    float64 `json:"seconds"`
}

func (b *bench) prepare(ctx context.Context) error {
	b.rows, b.text, b.label = filepath.Join(b.data, "chnsenticorp/chnsenticorp_htl.csv"), "review", "label"
	c, err := b.configure("encoder", 1)
	if err != nil {
		return err
	}
	if b.teacher == "" {
		if b.teacher, err = b.fineTune(ctx, c); err != nil {
			return fmt.Errorf("the teacher: %w", err)
		}
	}
	set, err := data.Load(ctx, &c.Data, nil)
	if err != nil {
		return err
	}
	if err := b.chooseTexts(ctx, set); err != nil {
		return err
	}
	if !b.validation {
		return nil
	}
	b.rows, err = b.writePart(set, data.Train)
	if err == nil {
		b.test, err = b.writePart(set, data.Validation)
	}
	b.text, b.label = "text", "label"
	return err
}

// fineTune makes the teacher, once, by the best recipe of RESULTS.md.
func (b *bench) fineTune(ctx context.Context, c *xiaoyu.Config) (string, error) {
	c.Out = filepath.Join(b.keep, "teacher")
	if _, err := os.Stat(c.Out); err == nil {
		return c.Out, nil
	}
	c.Model.Base, c.Model.MaxTokens, c.Train.Epochs, c.Train.LayerDecay = b.base, 256, 3, 0.9
	r, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return "", err
	}
	fmt.Printf("teacher: accuracy %.4f on %d rows, %.0f s\n\n", r.Report.Accuracy, r.Report.N, r.Seconds)
	return r.Package, nil
}

// chooseTexts writes online_shopping's texts, those of hotels first: the others are shuffled.
func (b *bench) chooseTexts(ctx context.Context, set *data.Set) error {
	known := map[string]bool{}
	for _, part := range set.Parts {
		for _, r := range part {
			known[r.Text] = true
		}
	}
	in, err := data.Open(ctx, filepath.Join(b.data, "online_shopping/online_shopping_10_cats.csv"), data.Columns{Text: "review", Label: "cat"})
	if err != nil {
		return err
	}
	defer in.Close()
	var hotels, others []string
	for e, err := range in.All() {
		if err != nil {
			return err
		}
		s := strings.Join(strings.Fields(e.Text), " ")
		switch {
		case s == "" || known[s]:
		case e.Label == "酒店":
			hotels = append(hotels, s)
		default:
			others = append(others, s)
		}
	}
	draw := rand.New(rand.NewPCG(1, 1))
	draw.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	all := append(hotels, others...)
	b.unlabelled = filepath.Join(b.keep, "texts.txt")
	return atomicfile.WriteFile(b.unlabelled, []byte(strings.Join(all, "\n")+"\n"), 0o644)
}

// writePart writes the rows of a part as a file of their own.
func (b *bench) writePart(set *data.Set, part data.Side) (string, error) {
	path := filepath.Join(b.keep, fmt.Sprintf("part%d.jsonl", part))
	var lines []byte
	for _, r := range set.Parts[part] {
		line, err := json.Marshal(map[string]string{"text": r.Text, "label": set.Labels[r.Class]})
		if err != nil {
			return "", err
		}
		lines = append(append(lines, line...), '\n')
	}
	return path, atomicfile.WriteFile(path, lines, 0o644)
}

// configure is what trainings of a family have in common.
func (b *bench) configure(family string, seed uint64) (*xiaoyu.Config, error) {
	c, err := xiaoyu.Preset(family)
	if err != nil {
		return nil, err
	}
	c.Data.Path, c.Data.Text, c.Data.Label, c.Data.Test = b.rows, b.text, b.label, b.test
	c.Train.Seed, c.Data.Split.Near, c.Eval.Bootstrap = seed, 0, 0
	c.Runs = filepath.Join(b.keep, "runs")
	return c, nil
}

// train trains a student, or returns what the same training has come to before.
func (b *bench) train(ctx context.Context, s *student, seed uint64, taught bool) (*result, error) {
	c, err := b.configure(s.family, seed)
	if err != nil {
		return nil, err
	}
	settings := s.settings
	if taught {
		settings = slices.Concat(settings, taughtSettings, b.set)
		c.Distill.Teacher, c.Distill.Texts = []string{b.teacher}, []string{b.unlabelled}
		c.Distill.MaxTexts = b.texts
		if b.texts == 0 {
			c.Distill.Texts = nil
		}
	}
	if err := settings.Apply(c); err != nil {
		return nil, err
	}
	r := &result{}
	return r, runs.Keep(b.keep, fmt.Sprintf("%s_%d", s.name, seed), c, r, func() error { return r.train(ctx, b.keep, c) })
}

func (r *result) train(ctx context.Context, keep string, c *xiaoyu.Config) (err error) {
	if c.Out, err = os.MkdirTemp(keep, "student-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.Out)
	trained, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return err
	}
	m, err := xiaoyu.Open(trained.Package)
	if err != nil {
		return err
	}
	defer m.Close()
	*r = result{Accuracy: trained.Report.Accuracy, Parameters: m.Parameters(), Bytes: m.Package.Size, Seconds: trained.Seconds}
	if t := trained.Taught; t != nil && t.Comparison != nil {
		r.Teacher, r.Agreement = t.Comparison.Figures[0].A, t.Agreement
	}
	return nil
}
