// Command doubles measures the search for near doubles: recall and precision beside the comparison of all pairs, and
// the time and memory of a million short texts.
//
//	go run ./bench/doubles --data ../shared/data
//	go run ./bench/doubles --data ../shared/data --exact 5000 --texts 200000 --thresholds 0.8
//
// The texts are put together from clauses of real ones, 30 to 60 characters each: reviews and news titles in Chinese
// (online_shopping, thucnews), film reviews in English (imdb). A fifth of them are copies of another with one to six
// characters put in, left out or changed.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

func main() {
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	exact := flag.Int("exact", 10_000, "texts whose pairs are all compared")
	many := flag.Int("texts", 1_000_000, "texts that are timed")
	list := flag.String("thresholds", "0.7,0.8,0.9", "similarities, separated by commas")
	flag.Parse()
	var thresholds []float64
	for s := range strings.SplitSeq(*list, ",") {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || v < 0.7 {
			fmt.Fprintf(os.Stderr, "error: --thresholds: %q is no number from 0.7 on\n", s)
			os.Exit(2)
		}
		thresholds = append(thresholds, v)
	}
	if err := run(*folder, *exact, *many, thresholds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// corpora are where the clauses come from.
var corpora = []struct {
	name  string
	files [][2]string // path and column of the text
}{
	{"Chinese", [][2]string{{"online_shopping/online_shopping_10_cats.csv", "review"}, {"thucnews/train.txt", "1"}}},
	{"English", [][2]string{{"imdb/train.jsonl.gz", "text"}}},
}

func run(folder string, exact, many int, thresholds []float64) error {
	fmt.Printf("%d processors\n", runtime.GOMAXPROCS(0))
	var clauses [][][]rune
	for _, c := range corpora {
		list, err := readClauses(folder, c.files)
		if err != nil {
			return err
		}
		clauses = append(clauses, list)
	}
	fmt.Println("\n| texts | threshold | exact pairs | found | recall | precision | in one group | compared | seconds | all pairs, seconds |\n|---|---|---|---|---|---|---|---|---|---|")
	for i, c := range corpora {
		if err := compare(c.name, generate(clauses[i], exact), thresholds); err != nil {
			return err
		}
	}
	fmt.Println("\n| texts | threshold | groups | texts in them | bands × rows | compared | seconds | processor seconds | memory of the search |\n|---|---|---|---|---|---|---|---|---|")
	for i, c := range corpora {
		if err := measure(c.name, generate(clauses[i], many), thresholds); err != nil {
			return err
		}
	}
	return nil
}

// readClauses cuts the texts of files at punctuation.
func readClauses(folder string, files [][2]string) ([][]rune, error) {
	var out [][]rune
	for _, f := range files {
		var c data.Config
		conf.Defaults(&c)
		c.Columns.Text, c.Columns.Label = f[1], ""
		r, err := data.Open(context.Background(), filepath.Join(folder, f[0]), c.Columns)
		if err != nil {
			return nil, err
		}
		for e, err := range r.All() {
			if err != nil {
				return nil, err
			}
			for _, clause := range strings.FieldsFunc(e.Text, func(r rune) bool { return unicode.IsPunct(r) && r != '\'' }) {
				if clause := []rune(strings.TrimSpace(clause)); len(clause) >= 4 {
					out = append(out, clause)
				}
			}
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// generate returns n texts of 30 to 60 characters.
func generate(clauses [][]rune, n int) []string {
	rng := rand.New(rand.NewPCG(7, 7))
	originals, out := make([][]rune, 0, n), make([]string, 0, n)
	for range n {
		var s []rune
		if len(originals) > 0 && rng.IntN(5) == 0 {
			s = edited(rng, originals[rng.IntN(len(originals))], clauses)
		} else {
			for len(s) < 30 {
				if len(s) > 0 {
					s = append(s, ',', ' ')
				}
				s = append(s, clauses[rng.IntN(len(clauses))]...)
			}
			s = s[:min(len(s), 60)]
			originals = append(originals, s)
		}
		out = append(out, string(s))
	}
	return out
}

// edited returns a copy of s with one to six edits.
func edited(rng *rand.Rand, s []rune, clauses [][]rune) []rune {
	s = slices.Clone(s)
	for range 1 + rng.IntN(6) {
		at := rng.IntN(len(s))
		c := clauses[rng.IntN(len(clauses))][0]
		switch rng.IntN(3) {
		case 0:
			s = slices.Insert(s, at, c)
		case 1:
			s = slices.Delete(s, at, at+1)
		default:
			s[at] = c
		}
	}
	return s
}

// compare prints recall and precision against the comparison of all pairs.
func compare(name string, texts []string, thresholds []float64) error {
	ctx := context.Background()
	start := time.Now()
	similar := near.AllPairs(texts, 0.7)
	exactSeconds := time.Since(start).Seconds()
	for _, threshold := range thresholds {
		start := time.Now()
		pairs, work, err := near.Pairs(ctx, texts, near.Options{Threshold: threshold})
		if err != nil {
			return err
		}
		seconds := time.Since(start).Seconds()
		groups, err := near.Groups(ctx, texts, near.Options{Threshold: threshold})
		if err != nil {
			return err
		}
		truth, together := map[near.Pair]bool{}, 0
		for _, p := range similar {
			if p.Jaccard >= threshold {
				truth[p] = true
				if groups.Of[p.A] == groups.Of[p.B] {
					together++
				}
			}
		}
		right := 0
		for _, p := range pairs {
			if truth[p] {
				right++
			}
		}
		share := func(n, of int) float64 { return float64(n) / float64(max(of, 1)) }
		fmt.Printf("| %d, %s | %.1f | %d | %d | %.4f | %.4f | %.4f | %d | %.2f | %.1f |\n", len(texts), name, threshold, len(truth), len(pairs),
			share(right, len(truth)), share(right, len(pairs)), share(together, len(truth)), work.Candidates, seconds, exactSeconds)
	}
	return nil
}

// measure prints time and memory.
func measure(name string, texts []string, thresholds []float64) error {
	for _, threshold := range thresholds {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		peak, stop := watch()
		start, idle := time.Now(), cpuSeconds()
		r, err := near.Groups(context.Background(), texts, near.Options{Threshold: threshold})
		if err != nil {
			return err
		}
		seconds, used := time.Since(start).Seconds(), cpuSeconds()-idle
		close(stop)
		n := 0
		for _, g := range r.Groups {
			n += len(g)
		}
		fmt.Printf("| %d, %s | %.1f | %d | %d | %d × %d | %d | %.1f | %.1f | %d MB |\n", len(texts), name, threshold, len(r.Groups), n, r.Work.Bands, r.Work.Rows,
			r.Work.Candidates, seconds, used, (<-peak-before.HeapAlloc)>>20)
	}
	return nil
}

// watch returns the largest heap seen until stop is closed.
func watch() (peak chan uint64, stop chan struct{}) {
	peak, stop = make(chan uint64, 1), make(chan struct{})
	go func() {
		most := uint64(0)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return peak, stop
}
