package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/data"
)

// example is a text and its label.
type example struct{ text, label string }

// rows are those of a set.
type rows struct{ train, test []example }

// read reads a set and splits it.
func read(ctx context.Context, o *options, s set) (*rows, error) {
	out := &rows{}
	err := each(ctx, filepath.Join(o.data, s.train), s, func(e example) {
		if sum := sha256.Sum256([]byte(e.text)); s.test == "" && sum[0] < 51 {
			out.test = append(out.test, e)
		} else {
			out.train = append(out.train, e)
		}
	})
	if err == nil && s.test != "" {
		err = each(ctx, filepath.Join(o.data, s.test), s, func(e example) { out.test = append(out.test, e) })
	}
	return out, err
}

func each(ctx context.Context, path string, s set, visit func(example)) error {
	in, err := data.Open(ctx, path, data.Columns{Text: s.text, Label: s.label})
	if err != nil {
		return err
	}
	defer in.Close()
	for e, err := range in.All() {
		if err != nil {
			return err
		}
		if strings.TrimSpace(e.Text) != "" {
			visit(example{e.Text, e.Label})
		}
	}
	return nil
}

// draw returns so many training rows of each class, and the others.
func (r *rows) draw(size string, seed uint64) (drawn, rest []example) {
	if size == "all" {
		return r.train, nil
	}
	var n int
	fmt.Sscan(size, &n)
	order := rand.New(rand.NewPCG(seed, 77)).Perm(len(r.train))
	counts := map[string]int{}
	for _, i := range order {
		e := r.train[i]
		if counts[e.label]++; counts[e.label] <= n {
			drawn = append(drawn, e)
		} else {
			rest = append(rest, e)
		}
	}
	return drawn, rest
}

// result is what one training brought, as it is kept.
type result struct {
	Accuracy float64 `json:"accuracy"`
	Recipe   string  `json:"recipe"` // that was taken
	Texts    int     `json:"texts"`  // without labels
	Rows     int     `json:"rows"`   // judged
	Seconds  float64 `json:"seconds"`
}

// measure trains, or returns what an earlier training with the same configuration brought.
func measure(ctx context.Context, o *options, s set, rows *rows, size, recipe string, seed uint64) (*result, error) {
	c, err := xiaoyu.Preset("encoder")
	if err != nil {
		return nil, err
	}
	name, withTexts := strings.CutSuffix(recipe, "+texts")
	c.Name, c.Model.Base, c.Train.Recipe, c.Train.Seed, c.Eval.Bootstrap = s.name, filepath.Join(o.models, s.base), name, seed, 0
	c.Data.Text, c.Data.Label = "text", "label"
	c.Data.Split.Near, c.Data.Rows.Duplicates = 0, false // every test row counts
	if size != "all" {
		c.Data.Split.Validation = 0 // all labels that there are count as drawn
	}
	if err := o.settings.Apply(c); err != nil {
		return nil, err
	}
	r := &result{}
	name = fmt.Sprintf("%s_%s_%s_%d", s.name, size, recipe, seed)
	return r, runs.Keep(o.cache, name, []any{c, size, withTexts, seed}, r, func() error {
		drawn, rest := rows.draw(size, seed)
		if withTexts {
			for _, e := range rest {
				drawn = append(drawn, example{e.text, ""})
			}
			r.Texts = len(rest)
		}
		return r.train(ctx, o, c, drawn, rows.test)
	})
}

func (r *result) train(ctx context.Context, o *options, c *xiaoyu.Config, train, test []example) error {
	temp, err := os.MkdirTemp(o.cache, "training-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	c.Data.Path, c.Data.Test = filepath.Join(temp, "train.csv"), filepath.Join(temp, "test.csv")
	c.Out, c.Runs = filepath.Join(temp, "model"), filepath.Join(o.cache, "runs")
	if err := write(c.Data.Path, train); err != nil {
		return err
	}
	if err := write(c.Data.Test, test); err != nil {
		return err
	}
	options := xiaoyu.TrainOptions{}
	if o.verbose {
		options.Observer = notes{}
	}
	trained, err := xiaoyu.Train(ctx, c, options)
	if err != nil {
		return err
	}
	if trained.Report.N != len(test) {
		return fmt.Errorf("%d test rows were judged, there are %d", trained.Report.N, len(test))
	}
	r.Accuracy, r.Recipe, r.Rows, r.Seconds = trained.Report.Accuracy, trained.Recipe, trained.Report.N, trained.Seconds
	return nil
}

// notes shows what a training says, and not how far it is.
type notes struct{}

func (notes) Stage(string, int64, string)     {}
func (notes) Progress(int64, string)          {}
func (notes) Note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func write(path string, rows []example) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	lines := [][]string{{"text", "label"}}
	for _, e := range rows {
		lines = append(lines, []string{e.text, e.label})
	}
	return w.WriteAll(lines)
}
