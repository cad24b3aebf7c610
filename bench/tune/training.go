package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// axes of the grid of trainings: the values of each key.
var axes = []struct {
	key     string
	ordered bool
	values  []string
}{
	{"train.learning_rate", true, []string{"0.0003", "0.001", "0.003", "0.01", "0.03", "0.1"}},
	{"model.embed_dropout", true, []string{"0", "0.3", "0.6"}},
	{"model.embed_dim", true, []string{"8", "24", "64"}},
	{"model.activation", false, []string{"relu", "tanh"}},
}

// table is what optuna_peer.py reads: an axis is its name, its kind and its length; a value stands under its indices.
type table struct {
	Axes   [][3]any           `json:"axes"`
	Values map[string]float64 `json:"values"`
}

// trainingFunction trains an mlp on a part of sst2 with every setting of the grid and returns the search over their
// validation errors.
func trainingFunction(ctx context.Context, path, dir string) (*function, error) {
	part, err := firstLines(path, filepath.Join(dir, "part.tsv"), 1000)
	if err != nil {
		return nil, err
	}
	c, err := xiaoyu.Preset("mlp")
	if err != nil {
		return nil, err
	}
	c.Name, c.Runs = "grid", filepath.Join(dir, "runs")
	c.Data.Path, c.Data.Text, c.Data.Label, c.Data.Split.Test, c.Data.Split.Validation = part, "1", "2", 0, 0.4
	c.Train.Epochs, c.Train.Patience, c.Train.Threads = 3, 0, 1
	c.Tune = tune.Config{Space: map[string]string{}, Trials: 100_000, Sampler: "random", Pruner: "none", Objective: []string{"loss"}, Parallel: 2}
	f := &function{name: "training", trials: 30, ranges: map[string]string{}, table: filepath.Join(dir, "table.json"), least: 1e9}
	t := table{Values: map[string]float64{}}
	for i, a := range axes {
		c.Tune.Space[a.key] = strings.Join(a.values, "|")
		name, kind := fmt.Sprintf("x%d", i), "choice"
		f.ranges[name] = indices(len(a.values))
		if a.ordered {
			kind, f.ranges[name] = "range", fmt.Sprintf("0..%d", len(a.values)-1)
		}
		t.Axes = append(t.Axes, [3]any{name, kind, len(a.values)})
	}
	r, err := xiaoyu.Tune(ctx, c, xiaoyu.TuneOptions{})
	if err != nil {
		return nil, err
	}
	for _, trial := range r.Study.Trials() {
		if trial.State != tune.Complete {
			return nil, fmt.Errorf("trial %d of the grid: %s %s", trial.Number, trial.State, trial.Note)
		}
		t.Values[place(trial.Params)] = trial.Values[0]
		f.least = min(f.least, trial.Values[0])
	}
	f.value = func(p map[string]string) float64 {
		var at []string
		for i := range axes {
			at = append(at, p[fmt.Sprintf("x%d", i)])
		}
		return t.Values[strings.Join(at, " ")]
	}
	content, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return f, os.WriteFile(f.table, content, 0o644)
}

// place returns the indices of a trial's values.
func place(params map[string]string) string {
	var at []string
	for _, a := range axes {
		for i, v := range a.values {
			if params[a.key] == v {
				at = append(at, strconv.Itoa(i))
			}
		}
	}
	return strings.Join(at, " ")
}

func indices(n int) string {
	var list []string
	for i := range n {
		list = append(list, strconv.Itoa(i))
	}
	return strings.Join(list, ",")
}

// firstLines copies the beginning of a file.
func firstLines(from, to string, n int) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	var b strings.Builder
	for lines := bufio.NewScanner(in); n > 0 && lines.Scan(); n-- {
		b.WriteString(lines.Text() + "\n")
	}
	return to, os.WriteFile(to, []byte(b.String()), 0o644)
}
