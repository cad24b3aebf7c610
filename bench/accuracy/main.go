// Command accuracy trains on public data sets and prints test figures:
//
//	go run ./bench/accuracy --data ../shared/data
//	go run ./bench/accuracy --data ../shared/data --only sst2 --models ngram,cnn
//
// It uses the families' presets as they are; nothing is tuned to a set. Sets without a split of their own are split as
// data.Split does it: test rows are those whose text's SHA-256 begins with a byte below 51.
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

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// set is a data set: its files below the folder of data, and its columns.
type set struct {
	name, train, test, text, label string
	wanted                         float64 // accuracy that the project asks of itself
}

var sets = []set{
	{"chnsenticorp", "chnsenticorp/chnsenticorp_htl.csv", "", "review", "label", 0.885},
	{"online_shopping", "online_shopping/online_shopping_10_cats.csv", "", "review", "label", 0.935},
	{"banking77", "banking77/train.csv", "banking77/test.csv", "text", "category", 0.88},
	{"sst2", "sst2/train.tsv", "sst2/test.tsv", "1", "2", 0.81},
}

func main() {
	data := flag.String("data", "../shared/data", "folder of the data sets")
	only := flag.String("only", "", "sets, separated by commas; all if empty")
	families := flag.String("models", strings.Join(model.Families(), ","), "model families, separated by commas")
	seed := flag.Uint64("seed", 1, "seed")
	flag.Parse()
	if err := run(*data, *only, strings.Split(*families, ","), *seed); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(folder, only string, families []string, seed uint64) error {
	temp, err := os.MkdirTemp("", "xiaoyu-accuracy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	fmt.Printf("%d cores, kernel %s, seed %d\n\n", runtime.GOMAXPROCS(0), kernel.Name(), seed)
	fmt.Println("| set | model | accuracy | 95 % | macro F1 | asked | parameters | package | seconds in all |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range sets {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.name) {
			continue
		}
		for _, family := range families {
			if err := measure(folder, temp, s, family, seed); err != nil {
				return err
			}
		}
	}
	return nil
}

func measure(folder, temp string, s set, family string, seed uint64) error {
	c, err := xiaoyu.Preset(family)
	if err != nil {
		return err
	}
	c.Name, c.Out, c.Runs = s.name, filepath.Join(temp, s.name), filepath.Join(temp, "runs")
	c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(folder, s.train), s.text, s.label
	c.Data.Split.Near = 0 // the split that figures of others are of goes by the digest alone
	if s.test != "" {
		c.Data.Test = filepath.Join(folder, s.test)
	}
	c.Train.Seed = seed
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		return err
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		return err
	}
	defer m.Close()
	i := r.Report.Intervals["accuracy"]
	fmt.Printf("| %s | %s | %.4f | %.4f – %.4f | %.4f | %.3f | %s | %s | %.1f |\n", s.name, family, r.Report.Accuracy, i.Low, i.High,
		r.Report.MacroF1, s.wanted, size.Count(m.Params.Count()), size.Bytes(m.Package.Size), r.Seconds)
	return nil
}
