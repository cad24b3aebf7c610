// Command static makes a static embedding of an encoder and measures it: its size, its speed beside the encoder's, and
// what a linear head on it says of the test rows of chnsenticorp.
//
//	go run ./bench/static --encoder ../shared/models/multilingual-e5-small-zh-en --data ../shared/data --fit 3000
//
// The table knows the texts of the training rows alone, and no label. What is made is kept in --cache, so that an
// interrupted call goes on.
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func main() {
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	cache := flag.String("cache", filepath.Join(os.TempDir(), "xiaoyu-static"), "folder of what is made")
	var o xiaoyu.StaticOptions
	flag.StringVar(&o.Encoder, "encoder", "../shared/models/multilingual-e5-small-zh-en", "sentence encoder")
	flag.IntVar(&o.Dim, "dim", 256, "numbers of a vector")
	flag.IntVar(&o.Fit, "fit", 3000, "texts that the table is fitted to; 0 for none")
	flag.IntVar(&o.FitTokens, "fit-tokens", 48, "tokens of each of them")
	flag.Float64Var(&o.SIF, "sif", 0, "frequency weight")
	flag.StringVar(&o.Store, "store", "int8", "f32, f16 or int8")
	flag.BoolVar(&o.Vocabulary, "vocabulary", true, "tokens of the texts alone")
	runs.Main(func(ctx context.Context) error {
		return measure(ctx, o, filepath.Join(*folder, "chnsenticorp", "chnsenticorp_htl.csv"), *cache)
	})
}

func measure(ctx context.Context, o xiaoyu.StaticOptions, file, cache string) error {
	texts, err := trainingTexts(ctx, file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	o.Path, o.Columns.Text, o.Out = filepath.Join(cache, "texts.csv"), "review", filepath.Join(cache, "table")
	if _, err := os.Stat(o.Path); err != nil { // its time is part of what is kept
		if err := writeTexts(o.Path, texts); err != nil {
			return err
		}
	}
	made, err := xiaoyu.DistillStatic(ctx, o)
	if err != nil {
		return err
	}
	slow, err := speed(ctx, o.Encoder, texts[:100])
	if err != nil {
		return err
	}
	fast, err := speed(ctx, o.Out, texts)
	if err != nil {
		return err
	}
	c, err := xiaoyu.Preset("static")
	if err != nil {
		return err
	}
	c.Name, c.Data.Path, c.Data.Text, c.Data.Label, c.Data.Split.Near = "static", file, "review", "label", 0
	c.Model.Base, c.Train.Freeze, c.Out, c.Runs = o.Out, "all", filepath.Join(cache, "head"), filepath.Join(cache, "runs")
	trained, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return err
	}
	fmt.Println("| dim | stored as | fitted to | tokens | on disk | made in, s | encoder, texts/s | table, texts/s | times | accuracy | asked |\n|---|---|---|---|---|---|---|---|---|---|---|")
	fmt.Printf("| %d | %s | %d | %d | %s | %.0f | %.1f | %.0f | %.0f | %.4f | ≥ 0.860 |\n", made.Dim, made.Store, o.Fit, made.Tokens, size.Bytes(made.Bytes), made.Seconds,
		slow, fast, fast/slow, trained.Report.Main().Value)
	return nil
}

// trainingTexts are the texts that no test row has.
func trainingTexts(ctx context.Context, file string) ([]string, error) {
	r, err := data.Open(ctx, file, data.Columns{Text: "review", Label: "label"})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	split := data.Split{Test: 0.2}
	var texts []string
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if split.Side(e.Text) != data.Test {
			texts = append(texts, e.Text)
		}
	}
	return texts, nil
}

func writeTexts(path string, texts []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Write([]string{"review"})
	for _, t := range texts {
		w.Write([]string{t})
	}
	w.Flush()
	return w.Error()
}

// speed is how many texts a second a model embeds, the faster of two runs.
func speed(ctx context.Context, dir string, texts []string) (float64, error) {
	m, err := xiaoyu.Open(dir)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	best := 0.0
	for range 2 {
		start := time.Now()
		if _, err := m.Embed(ctx, texts, ""); err != nil {
			return 0, err
		}
		best = max(best, float64(len(texts))/time.Since(start).Seconds())
	}
	return best, nil
}
