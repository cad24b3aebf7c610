package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/data"
)

// result is what one training brought, as it is kept.
type result struct {
	Set            string  `json:"set"`
	Model          string  `json:"model"`
	Seed           uint64  `json:"seed"`
	Accuracy       float64 `json:"accuracy"` // or the F1 of entities
	MacroF1        float64 `json:"macro_f1"`
	Rows           int     `json:"rows"` // judged
	Parameters     int     `json:"parameters"`
	Bytes          int64   `json:"bytes"`
	Seconds        float64 `json:"seconds"` // from reading the file to the written package
	TextsPerSecond float64 `json:"texts_per_second"`
}

// configure is the configuration of a family on a set, as a user would have it.
func configure(o *options, s set, name string, seed uint64) (*xiaoyu.Config, error) {
	family, vectors := strings.CutSuffix(name, "+vectors")
	family, wide := strings.CutSuffix(family, "+wide")
	members := strings.Split(family, "&")
	c, err := xiaoyu.Preset(members[0])
	if err != nil {
		return nil, err
	}
	if len(members) > 1 {
		c.Ensemble.Members = members
	}
	c.Name, c.Eval.Bootstrap = s.name, 0
	c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(o.data, s.train), s.text, s.label
	if s.test != "" {
		c.Data.Test = filepath.Join(o.data, s.test)
		c.Data.Rows.Duplicates = false // every test row counts, also one that is a training row as well
	}
	c.Model.Wide = wide
	if vectors {
		c.Model.Vectors = filepath.Join(o.data, s.vectors)
	}
	c.Train.Seed, c.Data.Split.Near = seed, 0
	c.Model.Base = o.base
	return c, o.set.Apply(c)
}

// measure trains, or returns what an earlier training with the same configuration brought.
func measure(ctx context.Context, o *options, s set, name string, seed uint64) (*result, error) {
	c, err := configure(o, s, name, seed)
	if err != nil {
		return nil, err
	}
	key := []any{c}
	for _, family := range c.Ensemble.Members { // of which c knows the name alone
		preset, err := xiaoyu.Preset(family)
		if err != nil {
			return nil, err
		}
		key = append(key, preset)
	}
	r := &result{Set: s.name, Model: name, Seed: seed}
	return r, runs.Keep(o.cache, fmt.Sprintf("%s_%s_%d", s.name, name, seed), key, r, func() error { return r.train(ctx, o.cache, c) })
}

func (r *result) train(ctx context.Context, cache string, c *xiaoyu.Config) error {
	temp, err := os.MkdirTemp(cache, "training-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	c.Out, c.Runs = filepath.Join(temp, "model"), filepath.Join(temp, "runs")
	trained, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return err
	}
	r.Accuracy, r.MacroF1, r.Rows, r.Seconds = trained.Report.Main().Value, trained.Report.MacroF1, trained.Report.N, trained.Seconds
	return r.lookAt(ctx, trained.Package, c)
}

// lookAt opens the package and times its predictions of up to 2000 texts of the training file, twice; the faster counts.
func (r *result) lookAt(ctx context.Context, dir string, c *xiaoyu.Config) error {
	m, err := xiaoyu.Open(dir)
	if err != nil {
		return err
	}
	defer m.Close()
	r.Parameters, r.Bytes = m.Parameters(), m.Package.Size
	in, err := data.Open(ctx, c.Data.Path, c.Data.Columns)
	if err != nil {
		return err
	}
	defer in.Close()
	var texts []string
	for e, err := range in.All() {
		if err != nil {
			return err
		}
		if texts = append(texts, e.Text); len(texts) == 2000 {
			break
		}
	}
	for range 2 {
		start := time.Now()
		if _, err := m.Predict(ctx, texts...); err != nil {
			return err
		}
		r.TextsPerSecond = max(r.TextsPerSecond, float64(len(texts))/time.Since(start).Seconds())
	}
	return nil
}
