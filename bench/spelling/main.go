// Command spelling measures the proposals of corrections on text with injected errors.
//
//	go run ./bench/spelling --data ../shared/data
//	go run ./bench/spelling --data ../shared/data --only sst2 --rate 0.02 --show 20
//
// Real text is taken to be right. Errors are put in: into Chinese, other characters of the same sound (half of them;
// frequent characters more often, as input methods offer them), of a near sound, or of a like shape; into English words
// of four letters or more, one slip on the keyboard. Corrections are proposed from the corpus with its errors; those
// above the confidence are applied to it by a text.Cleaner, and each character or word that is changed is compared with
// what stood there before the errors came. A third of the texts is set apart, with errors of its own: there the table
// meets text that it was not made from. The same is done to the text as it was, where each change is called false,
// although some are mistakes of its authors.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/spell"
)

// corpora are the texts, and the column that they stand in.
var corpora = []struct{ name, file, column string }{
	{"chnsenticorp", "chnsenticorp/chnsenticorp_htl.csv", "review"},
	{"online_shopping", "online_shopping/online_shopping_10_cats.csv", "review"},
	{"sst2", "sst2/train.tsv", "1"},
	{"imdb", "imdb/train.jsonl.gz", "text"},
}

func main() {
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	only := flag.String("only", "", "one of the sets alone")
	rate := flag.Float64("rate", 0.01, "share of characters or words that become errors")
	above := flag.Float64("confidence", 0.9, "least confidence of the corrections that are applied")
	show := flag.Int("show", 0, "false changes to print of each set")
	seed := flag.Uint64("seed", 1, "seed of the errors")
	flag.Parse()
	fmt.Printf("%d processors, errors in %.1f %% of characters or words, corrections from a confidence of %.2f\n\n", runtime.GOMAXPROCS(0), 100**rate, *above)
	fmt.Println("| set | text | units | errors | changed | precision | recall | of clean units changed | table | seconds |\n|---|---|---|---|---|---|---|---|---|---|")
	for _, c := range corpora {
		if *only != "" && *only != c.name {
			continue
		}
		texts, err := read(filepath.Join(*folder, c.file), c.column)
		if err == nil {
			err = measure(c.name, texts, *rate, *above, *seed, *show)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
}

// read returns the texts of a file as cleaning leaves them.
func read(path, column string) ([]string, error) {
	var c data.Config
	conf.Defaults(&c)
	c.Columns.Text, c.Columns.Label = column, ""
	c.Clean.Repeats = 3
	r, err := data.Open(context.Background(), path, c.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cleaner := text.NewCleaner(c.Clean)
	seen := map[string]bool{}
	var out []string
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if s, _ := cleaner.Clean(e.Text); s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

// part is texts as lists of units (words of English, characters of everything else), right and as they are read.
type part struct {
	name         string
	right, wrong [][]string
}

func measure(name string, texts []string, rate, above float64, seed uint64, show int) error {
	injector := newInjector(texts, rate, seed)
	corpus, apart := part{name: "the corpus"}, part{name: "set apart"}
	for i, s := range texts {
		p := &corpus
		if i%3 == 2 {
			p = &apart
		}
		right := units(s)
		p.right = append(p.right, right)
		p.wrong = append(p.wrong, injector.spoil(right))
	}
	table, seconds, err := propose(corpus.wrong, above)
	if err != nil {
		return err
	}
	for _, p := range []part{corpus, apart} {
		if err := report(name, p, table, seconds, show); err != nil {
			return err
		}
	}
	// The text as it was: a table made from it, and what that does to it.
	table, seconds, err = propose(corpus.right, above)
	if err != nil {
		return err
	}
	return report(name, part{"without errors", corpus.right, corpus.right}, table, seconds, show)
}

func propose(texts [][]string, above float64) (*text.Spelling, float64, error) {
	start := time.Now()
	result, err := spell.Propose(context.Background(), func(yield func(string, error) bool) {
		for _, t := range texts {
			if !yield(strings.Join(t, ""), nil) {
				return
			}
		}
	}, spell.Options{Least: 0.5})
	if err != nil {
		return nil, 0, err
	}
	table, err := text.ParseSpelling(result.Content(), "the proposals")
	if err != nil {
		return nil, 0, err
	}
	return table.Above(above), time.Since(start).Seconds(), nil
}

// report applies a table to a part and prints a line about it.
func report(name string, p part, table *text.Spelling, seconds float64, show int) error {
	cleaner := text.NewCleaner(text.CleanConfig{}.WithSpelling(table))
	var all, errors, changed, mended, harmed int
	rng := rand.New(rand.NewPCG(7, 7))
	var samples []string
	for i, wrong := range p.wrong {
		after, _ := cleaner.Clean(strings.Join(wrong, ""))
		got := units(after)
		if len(got) != len(wrong) {
			return fmt.Errorf("%s: %d units became %d", name, len(wrong), len(got))
		}
		for u, right := range p.right[i] {
			all++
			if wrong[u] != right {
				errors++
			}
			if got[u] == wrong[u] {
				continue
			}
			changed++
			switch {
			case got[u] == right:
				mended++
			case wrong[u] == right:
				harmed++
			}
			if got[u] != right {
				from, to := max(u-6, 0), min(u+7, len(wrong))
				sample := fmt.Sprintf("%s[-%s-]{+%s+}%s", strings.Join(wrong[from:u], ""), wrong[u], got[u], strings.Join(wrong[u+1:to], ""))
				if len(samples) < show {
					samples = append(samples, sample)
				} else if k := rng.IntN(changed); show > 0 && k < show {
					samples[k] = sample
				}
			}
		}
	}
	ratio := func(a, b int) string {
		if b == 0 {
			return "—"
		}
		return fmt.Sprintf("%.3f", float64(a)/float64(b))
	}
	fmt.Printf("| %s | %s | %d | %d | %d | %s | %s | %.5f | %d | %.1f |\n", name, p.name, all, errors, changed, ratio(mended, changed), ratio(mended, errors),
		float64(harmed)/float64(max(all-errors, 1)), len(table.List()), seconds)
	for _, s := range samples {
		fmt.Println("    ", strings.Join(strings.Fields(s), " "))
	}
	return nil
}
