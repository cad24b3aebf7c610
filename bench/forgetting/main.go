// Command forgetting trains models further on data that is new to them, in several ways, and prints what each wins on the
// new test part and loses on the old one.
//
//	go run ./bench/forgetting --data ../shared/data
//	go run ./bench/forgetting --only intents --models cnn --seeds 1
//
// Two streams: reviews of other things than the model has seen (two categories of online_shopping, then two others, of
// which there are few), and intents that it has not (60 labels of banking77, then the other 17). The last way is what
// remembering everything costs: a model trained from nothing on all of it.
package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// stream is data that comes in two parts.
type stream struct {
	name, file, text, label, by string              // by is the column that tells the parts apart
	part                        func(by string) int // 0 for old, 1 for new, -1 for neither
	most                        int                 // rows of the new part
}

var streams = []stream{
	{"reviews", "online_shopping/online_shopping_10_cats.csv", "review", "label", "cat", func(cat string) int {
		return slices.IndexFunc([][]string{{"书籍", "平板"}, {"洗发水", "衣服"}}, func(list []string) bool { return slices.Contains(list, cat) })
	}, 3000},
	{"intents", "banking77/train.csv", "text", "category", "category", func(intent string) int {
		if intent < "top_up_limits" { // 60 of 77, in the order of the alphabet
			return 0
		}
		return 1
	}, math.MaxInt},
}

// way is how a model meets new data.
type way struct {
	name        string
	replay, ewc float64
}

var ways = []way{
	{"new data alone", 0, 0},
	{"EWC 1", 0, 1}, {"EWC 10", 0, 10}, {"EWC 100", 0, 100}, {"EWC 1000", 0, 1000},
	{"replay 0.05", 0.05, 0}, {"replay 0.2", 0.2, 0},
	{"replay 0.05, EWC 1", 0.05, 1}, {"replay 0.2, EWC 1", 0.2, 1}, {"replay 0.2, EWC 10", 0.2, 10},
	{"replay 1", 1, 0},
}

const anew = "from nothing, on all"

func main() {
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	models, seeds, only := runs.Words{"cnn", "gru"}, runs.Seeds{1, 2, 3}, runs.Words{}
	flag.Var(&only, "only", "streams, separated by commas; all if empty")
	flag.Var(&models, "models", "families, separated by commas")
	flag.Var(&seeds, "seeds", "seeds, separated by commas")
	runs.Main(func(ctx context.Context) error { return run(ctx, *folder, only, models, seeds) })
}

func run(ctx context.Context, folder string, only, models []string, seeds []uint64) error {
	fmt.Printf("%d cores, kernel %s, seeds %v\n\n", runtime.GOMAXPROCS(0), kernel.Name(), seeds)
	fmt.Println("| stream | model | way | old test before | old test after | new test before | new test after | mean of both | seconds |\n|---|---|---|---|---|---|---|---|---|")
	for _, s := range streams {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		for _, family := range models {
			if err := s.measure(ctx, folder, family, seeds); err != nil {
				return fmt.Errorf("%s, %s: %w", s.name, family, err)
			}
		}
	}
	return nil
}

// outcome is what one way brought with one seed.
type outcome struct{ oldBefore, oldAfter, newBefore, newAfter, seconds float64 }

// measure prints a row for each way.
func (s *stream) measure(ctx context.Context, folder, family string, seeds []uint64) error {
	dir, err := os.MkdirTemp("", "xiaoyu-forgetting")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.write(filepath.Join(folder, s.file), dir); err != nil {
		return err
	}
	outcomes := map[string][]outcome{}
	for _, seed := range seeds {
		c, err := s.configure(dir, family, seed)
		if err != nil {
			return err
		}
		before, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
		if err != nil {
			return err
		}
		for _, w := range ways {
			start := time.Now()
			c, err := xiaoyu.ContinueConfig(before.Package)
			if err != nil {
				return err
			}
			c.Data.Path, c.Out = filepath.Join(dir, "new.csv"), filepath.Join(dir, "further")
			c.Continue.Replay, c.Continue.EWC, c.Continue.MaxDrop = w.replay, w.ewc, 1
			r, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
			if err != nil {
				return err
			}
			old, added := r.Continued.Old, r.Continued.New
			outcomes[w.name] = append(outcomes[w.name], outcome{old.Before, old.After, added.Before, added.After, time.Since(start).Seconds()})
		}
		o, err := s.together(ctx, dir, family, seed)
		if err != nil {
			return err
		}
		outcomes[anew] = append(outcomes[anew], *o)
	}
	for _, w := range append(slices.Clone(ways), way{name: anew}) {
		s.print(family, w.name, outcomes[w.name])
	}
	return nil
}

func (s *stream) print(family, name string, outcomes []outcome) {
	var m outcome
	for _, o := range outcomes {
		n := float64(len(outcomes))
		m.oldBefore, m.oldAfter = m.oldBefore+o.oldBefore/n, m.oldAfter+o.oldAfter/n
		m.newBefore, m.newAfter = m.newBefore+o.newBefore/n, m.newAfter+o.newAfter/n
		m.seconds += o.seconds / n
	}
	before := func(v float64) string {
		if name == anew {
			return "–"
		}
		return fmt.Sprintf("%.4f", v)
	}
	fmt.Printf("| %s | %s | %s | %s | %.4f | %s | %.4f | %.4f | %.1f |\n", s.name, family, name, before(m.oldBefore), m.oldAfter, before(m.newBefore), m.newAfter, (m.oldAfter+m.newAfter)/2, m.seconds)
}

func (s *stream) configure(dir, family string, seed uint64) (*xiaoyu.Config, error) {
	c, err := xiaoyu.Preset(family)
	if err != nil {
		return nil, err
	}
	c.Name, c.Out, c.Runs = s.name, filepath.Join(dir, "before"), filepath.Join(dir, "runs")
	c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(dir, "old.csv"), "text", "label"
	c.Train.Seed, c.Eval.Bootstrap = seed, 0
	return c, nil
}

// together trains from nothing on both parts and tells the accuracy on each.
func (s *stream) together(ctx context.Context, dir, family string, seed uint64) (*outcome, error) {
	c, err := s.configure(dir, family, seed)
	if err != nil {
		return nil, err
	}
	c.Data.Path, c.Data.Slices, c.Out = filepath.Join(dir, "all.csv"), []string{"part"}, filepath.Join(dir, "all")
	r, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	if err != nil {
		return nil, err
	}
	o := &outcome{seconds: r.Seconds}
	for _, slice := range r.Report.Slices {
		if slice.Value == "old" {
			o.oldAfter = slice.Main
		} else {
			o.newAfter = slice.Main
		}
	}
	return o, nil
}

// write writes old.csv, new.csv and all.csv.
func (s *stream) write(path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[strings.TrimPrefix(name, "\ufeff")] = i
	}
	files := map[string][][]string{}
	// Files are sorted by category and label: every so many rows of the new part, of all kinds, are as many as are wanted.
	total := 0
	for _, row := range rows[1:] {
		if s.part(row[column[s.by]]) == 1 {
			total++
		}
	}
	step, seen := max(total/s.most, 1), 0
	for _, row := range rows[1:] {
		part := s.part(row[column[s.by]])
		if part == 1 {
			if seen++; seen%step > 0 {
				continue
			}
		}
		if part < 0 {
			continue
		}
		name := [2]string{"old", "new"}[part]
		for _, to := range []string{name, "all"} {
			files[to] = append(files[to], []string{row[column[s.text]], row[column[s.label]], name})
		}
	}
	for name, content := range files {
		f, err := os.Create(filepath.Join(dir, name+".csv"))
		if err != nil {
			return err
		}
		err = csv.NewWriter(f).WriteAll(append([][]string{{"text", "label", "part"}}, content...))
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
