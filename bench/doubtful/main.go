// Command doubtful measures how well wrong labels are found: it gives a share of the training rows another label at
// random, looks for doubtful labels, and counts how many of as many doubts are such rows.
//
//	go run ./bench/doubtful --data ../shared/data
//	go run ./bench/doubtful --data ../shared/data --only banking77 --seeds 1 --flip 0.1
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
)

// sets are the training parts of public data.
var sets = []struct{ name, file, text, label string }{
	{"banking77", "banking77/train.csv", "text", "category"},
	{"chnsenticorp", "chnsenticorp/chnsenticorp_htl.csv", "review", "label"},
	{"thucnews", "thucnews/train.txt", "1", "2"},
}

func main() {
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	only := flag.String("only", "", "sets, separated by commas; all if empty")
	family := flag.String("model", "ngram", "model family")
	flip := flag.Float64("flip", 0.05, "share of the rows that get another label")
	seeds := flag.Int("seeds", 3, "seeds: 1 up to this")
	folds := flag.Int("folds", 5, "folds")
	flag.Parse()
	fmt.Printf("%d processors\n\n| set | rows | labels | flipped | precision at that number, by seed | mean | estimated share of wrong labels | without flips | seconds |\n|---|---|---|---|---|---|---|---|---|\n", runtime.GOMAXPROCS(0))
	for _, s := range sets {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		c, err := xiaoyu.Preset(*family)
		if err == nil {
			c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(*folder, s.file), s.text, s.label
			err = measure(s.name, c, *flip, *seeds, *folds)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
}

func measure(name string, c *xiaoyu.Config, flip float64, seeds, folds int) error {
	ctx := context.Background()
	set, err := xiaoyu.LabelledRows(ctx, c, nil)
	if err != nil {
		return err
	}
	rows := set.Parts[data.Train]
	o := xiaoyu.DoubtOptions{Folds: folds}
	plain, err := xiaoyu.DoubtfulRows(ctx, c, rows, set.Labels, o)
	if err != nil {
		return err
	}
	flips := int(math.Round(flip * float64(len(rows))))
	var precisions []string
	mean, share, seconds := 0.0, 0.0, 0.0
	for seed := range seeds {
		c.Train.Seed = uint64(seed + 1)
		rng := rand.New(rand.NewPCG(uint64(seed+1), 0x666c6970))
		noisy, flipped := slices.Clone(rows), map[int]bool{}
		for _, i := range rng.Perm(len(rows))[:flips] {
			noisy[i].Class = (noisy[i].Class + 1 + rng.IntN(len(set.Labels)-1)) % len(set.Labels)
			flipped[i] = true
		}
		start := time.Now()
		r, err := xiaoyu.DoubtfulRows(ctx, c, noisy, set.Labels, o)
		if err != nil {
			return err
		}
		seconds += time.Since(start).Seconds() / float64(seeds)
		right := 0
		for _, d := range r.Doubts[:min(flips, len(r.Doubts))] {
			if flipped[d.Row] {
				right++
			}
		}
		p := float64(right) / float64(flips)
		precisions = append(precisions, fmt.Sprintf("%.3f", p))
		fmt.Fprintf(os.Stderr, "%s, seed %d: %.3f, estimated share %.3f, %.1f s\n", name, seed+1, p, r.Noise.Share, time.Since(start).Seconds())
		mean, share = mean+p/float64(seeds), share+r.Noise.Share/float64(seeds)
	}
	fmt.Printf("| %s | %d | %d | %d | %s | %.3f | %.3f | %.3f | %.1f |\n", name, len(rows), len(set.Labels), flips, strings.Join(precisions, ", "), mean, share, plain.Noise.Share, seconds)
	return nil
}
