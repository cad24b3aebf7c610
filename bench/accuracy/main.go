// Command accuracy trains on public data sets and prints test figures: for each set and model the mean and the spread
// over seeds.
//
//	go run ./bench/accuracy --data ../shared/data
//	go run ./bench/accuracy --data ../shared/data --only sst2 --models ngram,gru+vectors --seeds 1,2
//	go run ./bench/accuracy --only chnsenticorp --models encoder --base ../shared/models/multilingual-e5-small-zh-en --set train.epochs=2
//
// It uses the families' presets as they are; nothing is tuned to a set. A model named with +vectors starts from the
// word vectors beside the sets, one with +wide (before +vectors) has a linear model over n-grams beside it; names joined by & are an ensemble of models trained alike. Sets without a split of their
// own are split as data.Split does it: test rows are those whose text's SHA-256 begins with a byte below 51. Rows of the
// test part are all judged.
//
// What has been measured is kept in a folder, a file a run, under a digest of the whole configuration: an interrupted
// table goes on where it was, and a changed preset is measured anew.
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
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// set is a data set: its files below the folder of data, its columns, and vectors that suit it.
type set struct {
	name, train, test, text, label string
	vectors                        string
	wanted                         float64 // accuracy, or F1 of entities, that the project asks of itself
	wantedVectors                  float64 // the same with word vectors, 0 where nothing is asked
}

const (
	glove   = "word_vectors/glove.20k.100d.txt.gz"
	tencent = "word_vectors/tencent.char.200d.txt.gz"
)

// tagged is the column of a file of tokens and tags, whose figure is the F1 of entities.
const tagged = ""

var sets = []set{
	{"chnsenticorp", "chnsenticorp/chnsenticorp_htl.csv", "", "review", "label", tencent, 0.897, 0},
	{"online_shopping", "online_shopping/online_shopping_10_cats.csv", "", "review", "label", tencent, 0.945, 0},
	{"sst2", "sst2/train.tsv", "sst2/test.tsv", "1", "2", glove, 0.830, 0.845},
	{"banking77", "banking77/train.csv", "banking77/test.csv", "text", "category", glove, 0.900, 0},
	{"thucnews", "thucnews/train.txt", "thucnews/test.txt", "1", "2", tencent, 0.885, 0},
	{"imdb", "imdb/train.jsonl.gz", "imdb/test.jsonl.gz", "text", "label", glove, 0.905, 0},
	{"resume_ner", "resume_ner/train.bmes", "resume_ner/test.bmes", tagged, tagged, tencent, 0.935, 0},
	{"conll2003", "conll2003/eng.train", "conll2003/eng.testb", tagged, tagged, glove, 0.820, 0.880},
}

type options struct {
	data, cache string
	base        string
	set         runs.Settings
	sets        runs.Words
	models      runs.Words
	seeds       runs.Seeds
}

func main() {
	o := options{seeds: runs.Seeds{1, 2, 3, 4, 5}, models: model.Families()}
	flag.StringVar(&o.data, "data", "../shared/data", "folder of the data sets")
	flag.StringVar(&o.cache, "cache", filepath.Join(os.TempDir(), "xiaoyu-accuracy"), "folder in which results are kept")
	flag.Var(&o.sets, "only", "sets, separated by commas; all if empty")
	flag.Var(&o.models, "models", "models, separated by commas: a family, a family+vectors, or several joined by & as an ensemble")
	flag.Var(&o.seeds, "seeds", "seeds, separated by commas")
	flag.StringVar(&o.base, "base", "", "folder of a pretrained network; then --models encoder is what is measured")
	flag.Var(&o.set, "set", "a key of the configuration and its value, key=value; may be given again")
	runs.Main(func(ctx context.Context) error { return run(ctx, &o) })
}

func run(ctx context.Context, o *options) error {
	fmt.Printf("%d cores, kernel %s, seeds %v\n\n", runtime.GOMAXPROCS(0), kernel.Name(), o.seeds)
	fmt.Println("| set | model | accuracy or entity F1, mean ± deviation | of each seed | macro F1 | asked | test rows | parameters | on disk | training, s | texts/s |\n|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range sets {
		if len(o.sets) > 0 && !slices.Contains(o.sets, s.name) {
			continue
		}
		for _, name := range o.models {
			if family, _ := strings.CutSuffix(name, "+vectors"); s.label == tagged && !slices.Contains(model.TokenFamilies(), family) {
				continue
			}
			var results []result
			for _, seed := range o.seeds {
				r, err := measure(ctx, o, s, name, seed)
				if err != nil {
					return fmt.Errorf("%s, %s, seed %d: %w", s.name, name, seed, err)
				}
				results = append(results, *r)
			}
			printRow(s, name, results)
		}
	}
	return nil
}

func printRow(s set, name string, results []result) {
	spread := func(figure func(*result) float64) (mean, deviation float64) {
		values := make([]float64, len(results))
		for i := range results {
			values[i] = figure(&results[i])
		}
		return runs.Spread(values)
	}
	mean, deviation := spread(func(r *result) float64 { return r.Accuracy })
	f1, _ := spread(func(r *result) float64 { return r.MacroF1 })
	seconds, _ := spread(func(r *result) float64 { return r.Seconds })
	speed, _ := spread(func(r *result) float64 { return r.TextsPerSecond })
	var each []string
	for _, r := range results {
		each = append(each, fmt.Sprintf("%.4f", r.Accuracy))
	}
	wanted := s.wanted
	if strings.Contains(name, "+vectors") && s.wantedVectors > 0 {
		wanted = s.wantedVectors
	}
	last := results[len(results)-1]
	fmt.Printf("| %s | %s | %.4f ± %.4f | %s | %.4f | ≥ %.3f | %d | %s | %s | %.1f | %.0f |\n", s.name, strings.ReplaceAll(name, "&", ", "), mean, deviation,
		strings.Join(each, " "), f1, wanted, last.Rows, size.Count(last.Parameters), size.Bytes(last.Bytes), seconds, speed)
}
