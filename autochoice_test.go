package xiaoyu

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// Where no time is left to judge again, the preset stays unless the best is above it by more than chance makes.
func TestAutoWithoutTimeTrustsNoLuck(t *testing.T) {
	tests := []struct {
		name    string
		head    string
		presets []float64 // figures of the two families
		found   float64   // of what was searched
		want    int
	}{
		{"one text of 400 more", model.ClassHead, []float64{0.90, 0.85}, 0.9025, 1},
		{"the second preset is the best one", model.ClassHead, []float64{0.85, 0.90}, 0.9025, 2},
		{"beyond chance", model.ClassHead, []float64{0.90, 0.85}, 0.94, 3},
		{"the preset is the best", model.ClassHead, []float64{0.90, 0.85}, 0.89, 1},
		{"no share of rows", model.RegressionHead, []float64{0.90, 0.85}, 0.9025, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			accuracy := objectives["accuracy"]
			space, err := tune.ParseSpace(map[string]string{"model.family": "ngram,cnn", "train.epochs": "1..9"})
			if err != nil {
				t.Fatal(err)
			}
			study, err := tune.Create(filepath.Join(t.TempDir(), "study"), tune.Plan{Space: space, Objectives: []tune.Objective{accuracy}, Sampler: "random", Pruner: "none"})
			if err != nil {
				t.Fatal(err)
			}
			defer study.Close()
			figures := append(test.presets, test.found)
			for i, family := range []string{"ngram", "cnn", "cnn"} {
				if err := study.Enqueue(map[string]string{"model.family": family, "train.epochs": string(rune('1' + i))}, ""); err != nil {
					t.Fatal(err)
				}
			}
			err = study.Run(context.Background(), tune.RunOptions{Trials: len(figures)}, func(_ context.Context, at *tune.Attempt) (tune.Outcome, error) {
				return tune.Outcome{Values: []float64{figures[at.Number-1]}, Facts: map[string]float64{"seconds": 10}}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			base := &Config{}
			base.Model.Head = test.head
			a := &auto{Observer: silent{}, search: &search{base: base, objectives: study.Objectives}, study: study, families: []string{"ngram", "cnn"}, rows: 400}
			winner, err := a.confirm(context.Background(), study.Best())
			if err != nil {
				t.Fatal(err)
			}
			if winner.Number != test.want {
				t.Errorf("trial %d won, want %d", winner.Number, test.want)
			}
			luck := study.Best().Number != winner.Number
			if said := strings.Contains(strings.Join(a.story, "\n"), "may be chance on 400 rows"); said != luck {
				t.Errorf("the story is %q", a.story)
			}
		})
	}
}
