// Command compress measures what compressing a package costs, and prints a table for RESULTS.md:
//
//	go run ./bench/compress --model models/ngram --data train.csv --test test.csv --text review --label label \
//	    --moves grams=30000,pack,int8 --moves grams=8000,vocabulary=2700,pack,int8
//
// Each list of moves begins from the package; its result is written beside it, and left there.
package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func main() {
	dir := flag.String("model", "", "package to compress")
	data := flag.String("data", "", "examples that it was trained on")
	test := flag.String("test", "", "examples that judge")
	text, label := flag.String("text", "text", "column of the text"), flag.String("label", "label", "column of the label")
	out := flag.String("out", "", "folder of the packages; MODEL-compressed if empty")
	var lists []string
	var set runs.Settings
	flag.Func("moves", "list of moves; may be given several times", func(s string) error { lists = append(lists, s); return nil })
	flag.Var(&set, "set", "key=value of the configuration that it is trained further with; may be given again")
	runs.Main(func(ctx context.Context) error {
		if *out == "" {
			*out = filepath.Clean(*dir) + "-compressed"
		}
		return run(ctx, *dir, *data, *test, *text, *label, *out, lists, set)
	})
}

func run(ctx context.Context, dir, data, test, text, label, out string, lists []string, set runs.Settings) error {
	m, err := xiaoyu.Open(dir)
	if err != nil {
		return err
	}
	defer m.Close()
	fmt.Println("| moves | size | smaller | parameters | memory | figure | 95 % | points | agreement | p50, ms | p99, ms | texts/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i, moves := range lists {
		c, err := xiaoyu.CompressConfig(dir, m)
		if err != nil {
			return err
		}
		c.Data.Path, c.Data.Test, c.Data.Text, c.Data.Label = data, test, text, label
		if err := set.Apply(c); err != nil {
			return err
		}
		r, err := xiaoyu.Compress(ctx, m, c, xiaoyu.CompressOptions{Moves: moves, Out: filepath.Join(out, strings.NewReplacer(",", "_", "=", "").Replace(moves))})
		if err != nil {
			return err
		}
		if i == 0 {
			row("original", &r.Steps[0], &r.Steps[0])
		}
		row("`"+moves+"`", &r.Steps[0], &r.Steps[len(r.Steps)-1])
	}
	return nil
}

func row(name string, first, s *xiaoyu.CompressStep) {
	fmt.Printf("| %s | %s | %.1f | %s | %s | %.4f | %.3f – %.3f | %+.2f | %.4f | %.3g | %.3g | %.0f |\n", name, size.Bytes(s.Bytes), float64(first.Bytes)/float64(s.Bytes),
		size.Count(s.Parameters), size.Bytes(s.Memory), s.Value, s.Interval.Low, s.Interval.High, 100*(s.Value-first.Value), s.Agreement, s.Median, s.Slow, s.Speed)
}
