// Command precision trains the same networks in f32 and in bf16, over several seeds, and compares what comes out: the
// training loss of each epoch and the accuracy on the test part.
//
//	go run ./bench/precision --data ../shared/data
//
// The spread over seeds says how large a difference has to be before it means something.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// works are networks on data that they suit.
var works = []struct {
	family, train, test, text, label string
}{
	{"transformer", "chnsenticorp/chnsenticorp_htl.csv", "", "review", "label"},
	{"lstm", "chnsenticorp/chnsenticorp_htl.csv", "", "review", "label"},
	{"cnn", "banking77/train.csv", "banking77/test.csv", "text", "category"},
}

func main() {
	data := flag.String("data", "../shared/data", "folder of the data sets")
	seeds := flag.Int("seeds", 5, "trainings of each")
	epochs := flag.Int("epochs", 6, "epochs of each training, all of which run")
	only := flag.String("only", "", "families, separated by commas; all if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *data, *seeds, *epochs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// outcome is what one training brought.
type outcome struct {
	losses   []float64 // by epoch
	accuracy float64
	seconds  float64
}

func run(ctx context.Context, data string, seeds, epochs int, only string) error {
	fmt.Printf("kernel %s\n\n| network | precision | training loss of each epoch, mean ± deviation over %d seeds | test accuracy | seconds |\n|---|---|---|---|---|\n", kernel.Name(), seeds)
	for _, w := range works {
		if only != "" && !strings.Contains(","+only+",", ","+w.family+",") {
			continue
		}
		for _, precision := range []string{"f32", "bf16"} {
			var all []outcome
			for seed := range seeds {
				c, err := xiaoyu.Preset(w.family)
				if err != nil {
					return err
				}
				c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(data, w.train), w.text, w.label
				if w.test != "" {
					c.Data.Test = filepath.Join(data, w.test)
				}
				c.Train.Precision, c.Train.Seed, c.Train.Epochs, c.Train.Patience = precision, uint64(seed+1), epochs, 0
				c.Train.Refit, c.Eval.Bootstrap = false, 0
				o, err := train(ctx, c)
				if err != nil {
					return err
				}
				all = append(all, *o)
			}
			print(w.family+" on "+filepath.Dir(w.train), precision, all)
		}
	}
	return nil
}

func train(ctx context.Context, c *xiaoyu.Config) (*outcome, error) {
	temp, err := os.MkdirTemp("", "precision-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	c.Out, c.Runs = filepath.Join(temp, "model"), filepath.Join(temp, "runs")
	r, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return nil, err
	}
	curve, err := track.Curve(c.Runs, r.Run, "epoch/train_loss")
	if err != nil {
		return nil, err
	}
	return &outcome{curve.Values, r.Report.Main().Value, r.Seconds}, nil
}

func print(network, precision string, all []outcome) {
	of := func(f func(o *outcome) float64) (mean, deviation float64) {
		for i := range all {
			mean += f(&all[i]) / float64(len(all))
		}
		for i := range all {
			deviation += math.Pow(f(&all[i])-mean, 2) / max(float64(len(all)-1), 1)
		}
		return mean, math.Sqrt(deviation)
	}
	var losses []string
	for e := range all[0].losses {
		m, d := of(func(o *outcome) float64 { return o.losses[e] })
		losses = append(losses, fmt.Sprintf("%.4f ± %.4f", m, d))
	}
	a, da := of(func(o *outcome) float64 { return o.accuracy })
	s, _ := of(func(o *outcome) float64 { return o.seconds })
	fmt.Printf("| %s | %s | %s | %.4f ± %.4f | %.0f |\n", network, precision, strings.Join(losses, "; "), a, da, s)
}
