// Command pretrain measures what texts without labels bring: a small transformer on chnsenticorp, trained on its labels
// alone, and the same network that has first guessed hidden words of online_shopping's reviews, whose labels it does not
// see and of which those that chnsenticorp has as well are left out.
//
//	go run ./bench/pretrain --data ../shared/data
//	go run ./bench/pretrain --data ../shared/data --seeds 1 --set pretrain.epochs=2
//
// Test rows are those whose text's SHA-256 begins with a byte below 51, as data.Split has it. Both trainings have the
// same settings; seeds change fresh weights, orders, masks and dropout. With --keep FOLDER pretrained networks and
// records stay there: an interrupted table goes on where it was.
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
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// settings are what differs from the preset of the family transformer.
var settings = runs.Settings{
	"model.layers=2", "model.max_tokens=256", "train.precision=auto", "eval.bootstrap=0", "data.split.near=0",
	"pretrain.column=review", "pretrain.max_tokens=128", "pretrain.batch_tokens=1024", "pretrain.epochs=6", "pretrain.learning_rate=0.002", "pretrain.mask=0.2",
}

type options struct {
	data, keep string
	pretrained string
	seeds      runs.Seeds
	set        runs.Settings
}

func main() {
	o := options{seeds: runs.Seeds{1, 2, 3, 4, 5}}
	flag.StringVar(&o.data, "data", "../shared/data", "folder of the data sets")
	flag.StringVar(&o.keep, "keep", filepath.Join(os.TempDir(), "xiaoyu-pretrain"), "folder in which networks and records are kept")
	flag.StringVar(&o.pretrained, "pretrained", "", "a network that was pretrained so, which all seeds begin with, instead of one each")
	flag.Var(&o.seeds, "seeds", "seeds, separated by commas")
	flag.Var(&o.set, "set", "a key of the configuration, as key=value; may be given more than once")
	runs.Main(func(ctx context.Context) error { return run(ctx, &o) })
}

// run prints a row a seed, and the means.
func run(ctx context.Context, o *options) error {
	fmt.Printf("%d cores, kernel %s; %s\n\n", runtime.GOMAXPROCS(0), kernel.Name(), strings.Join(slices.Concat(settings, o.set), " "))
	fmt.Println("| seed | labels alone | pretrained first | points | perplexity before | after | pretraining, s | test rows |\n|---|---|---|---|---|---|---|---|")
	var gains []float64
	var alone, first float64
	for _, seed := range o.seeds {
		without, err := train(ctx, o, seed, "")
		if err != nil {
			return fmt.Errorf("seed %d, labels alone: %w", seed, err)
		}
		pretrained := &xiaoyu.Pretrained{Package: o.pretrained}
		if o.pretrained == "" {
			if pretrained, err = pretrain(ctx, o, seed); err != nil {
				return fmt.Errorf("seed %d, pretraining: %w", seed, err)
			}
		}
		with, err := train(ctx, o, seed, pretrained.Package)
		if err != nil {
			return fmt.Errorf("seed %d, pretrained first: %w", seed, err)
		}
		a, b := without.Report.Main().Value, with.Report.Main().Value
		alone, first, gains = alone+a, first+b, append(gains, 100*(b-a))
		fmt.Printf("| %d | %.4f | %.4f | %+.2f | %.1f | %.1f | %.0f | %d |\n", seed, a, b, 100*(b-a), pretrained.Before, pretrained.After, pretrained.Seconds, with.Report.N)
	}
	n := float64(len(o.seeds))
	mean, deviation := runs.Spread(gains)
	fmt.Printf("| mean | %.4f | %.4f | %+.2f ± %.2f (asked: +1.5) | | | | |\n", alone/n, first/n, mean, deviation)
	return nil
}

// configure is the configuration of both trainings and of the pretraining.
func configure(o *options, seed uint64) (*xiaoyu.Config, error) {
	c, err := xiaoyu.Preset("transformer")
	if err != nil {
		return nil, err
	}
	if err := slices.Concat(settings, o.set).Apply(c); err != nil {
		return nil, err
	}
	c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(o.data, "chnsenticorp/chnsenticorp_htl.csv"), "review", "label"
	c.Train.Seed, c.Pretrain.Seed = seed, seed
	c.Name = fmt.Sprint("seed", seed)
	c.Runs, c.Out = filepath.Join(o.keep, "runs"), filepath.Join(o.keep, c.Name)
	return c, nil
}

func train(ctx context.Context, o *options, seed uint64, base string) (*xiaoyu.Result, error) {
	c, err := configure(o, seed)
	if err != nil {
		return nil, err
	}
	c.Model.Base = base
	return xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
}

func pretrain(ctx context.Context, o *options, seed uint64) (*xiaoyu.Pretrained, error) {
	c, err := configure(o, seed)
	if err != nil {
		return nil, err
	}
	c.Pretrain.Texts = []string{filepath.Join(o.data, "online_shopping/online_shopping_10_cats.csv")}
	c.Pretrain.Exclude = []string{c.Data.Path}
	c.Pretrain.Out = filepath.Join(o.keep, c.Name+"-pretrained")
	return xiaoyu.Pretrain(ctx, c, xiaoyu.TrainOptions{})
}
