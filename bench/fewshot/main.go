// Command fewshot draws a few labelled examples a class from the training rows of a public set, trains a pretrained sentence
// encoder on them by each recipe, and judges on the set's test rows.
//
//	go run ./bench/fewshot --data ../shared/data --models ../shared/models
//	go run ./bench/fewshot --only banking77 --sizes 8 --recipes head,selftrain+texts --seeds 1
//
// A recipe is a value of train.recipe; with +texts the training rows that were not drawn stand in the file as well, without
// their labels. Everything else is the preset: what a user gets from `xiaoyu train --base ENCODER --data FILE`. Seeds are draws
// of the examples. Test rows are those whose text's SHA-256 begins with a byte below 51 (chnsenticorp), or the set's own.
//
// What has been measured is kept in --cache, a file a run under the digest of its configuration, and so is what the encoder
// makes of the texts: an interrupted table goes on where it was, and recipes that leave the encoder as it is take seconds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// set is a data set with the encoder that learns it.
type set struct {
	name, base, train, test, text, label string
	asked                                map[string]float64 // accuracy by size
	linear                               map[string]float64 // of a linear head in PyTorch, by size
}

var sets = []set{
	{"chnsenticorp", "multilingual-e5-small-zh-en", "chnsenticorp/chnsenticorp_htl.csv", "", "review", "label",
		map[string]float64{"8": 0.84, "16": 0.86, "64": 0.88, "all": 0.886}, map[string]float64{"8": 0.804, "16": 0.823, "64": 0.841, "all": 0.886}},
	{"banking77", "all-MiniLM-L6-v2", "banking77/train.csv", "banking77/test.csv", "text", "category",
		map[string]float64{"8": 0.85, "16": 0.89, "all": 0.938}, map[string]float64{"8": 0.8325, "16": 0.877, "all": 0.9305}},
}

type options struct {
	data, models, cache  string
	only, sizes, recipes runs.Words
	settings             runs.Settings
	seeds                runs.Seeds
	verbose              bool
}

func main() {
	o := options{
		seeds: runs.Seeds{1, 2, 3, 4, 5}, sizes: runs.Words{"8", "16", "64"},
		recipes: runs.Words{"head", "prototype", "setfit", "auto", "auto+texts"},
	}
	flag.StringVar(&o.data, "data", "../shared/data", "folder of the data sets")
	flag.StringVar(&o.models, "models", "../shared/models", "folder of the encoders")
	flag.StringVar(&o.cache, "cache", filepath.Join(os.TempDir(), "xiaoyu-fewshot"), "folder in which results and texts' states are kept")
	flag.Var(&o.only, "only", "sets, separated by commas; all if empty")
	flag.Var(&o.sizes, "sizes", "examples a class, separated by commas; all for all")
	flag.Var(&o.recipes, "recipes", "values of train.recipe, separated by commas; +texts adds the other training texts without their labels")
	flag.Var(&o.seeds, "seeds", "draws of the examples, separated by commas")
	flag.BoolVar(&o.verbose, "verbose", false, "show what the trainings say")
	flag.Var(&o.settings, "set", "a key of the configuration and its value, key=value; may be given again")
	runs.Main(func(ctx context.Context) error { return run(ctx, &o) })
}

func run(ctx context.Context, o *options) error {
	fmt.Printf("%d cores, kernel %s, seeds %v\n\n", runtime.GOMAXPROCS(0), kernel.Name(), o.seeds)
	fmt.Println("| set | examples a class | recipe | texts without labels | accuracy, mean ± deviation | of each seed | asked | linear head in PyTorch | seconds |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range sets {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		rows, err := read(ctx, o, s)
		if err != nil {
			return err
		}
		for _, size := range o.sizes {
			if s.asked[size] == 0 {
				continue
			}
			for _, recipe := range o.recipes {
				if err := row(ctx, o, s, rows, size, recipe); err != nil {
					return fmt.Errorf("%s, %s a class, %s: %w", s.name, size, recipe, err)
				}
			}
		}
	}
	return nil
}

// row measures and prints a line of the table.
func row(ctx context.Context, o *options, s set, rows *rows, size, recipe string) error {
	var results []result
	var each []string
	var accuracy, seconds []float64
	for _, seed := range o.seeds {
		r, err := measure(ctx, o, s, rows, size, recipe, seed)
		if err != nil {
			return err
		}
		results = append(results, *r)
		each = append(each, fmt.Sprintf("%.4f", r.Accuracy))
		accuracy, seconds = append(accuracy, r.Accuracy), append(seconds, r.Seconds)
	}
	mean, deviation := runs.Spread(accuracy)
	long, _ := runs.Spread(seconds)
	name := recipe
	if chosen := results[0].Recipe; !strings.HasPrefix(recipe, chosen) {
		name += " (" + chosen + ")"
	}
	fmt.Printf("| %s | %s | %s | %d | %.4f ± %.4f | %s | ≥ %.3g | %.4g | %.1f |\n", s.name, size, name, results[0].Texts, mean, deviation, strings.Join(each, " "), s.asked[size], s.linear[size], long)
	return nil
}
