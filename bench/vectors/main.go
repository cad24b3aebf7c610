// Command vectors measures the training of word vectors beside gensim's Word2Vec, in one run on one corpus with equal
// settings (100 numbers, window 5, 5 negative words, subsampling 0.001):
//
//	XIAOYU_PYTHON=.venv/bin/python go run ./bench/vectors --data ../shared/data/imdb/train.jsonl.gz --text text
//
// Speed is words of the corpus a second, of the clock and of the processor; the latter does not count other work on the
// machine. Quality is measured by twins: half of the occurrences of each of some hundred words are replaced by another
// spelling of it, as if it were two words that are used alike; the share of twins that are each other's nearest
// neighbour, and the mean of one over the rank, tell how well use has become place.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/vectors"
)

//go:embed peer_gensim.py
var peerScript string

const (
	minCount = 5
	twins    = 300
	twinMark = "＃" // no word ends so
)

func main() {
	path := flag.String("data", "", "file of texts")
	column := flag.String("text", "text", "column of the text")
	python := flag.String("python", os.Getenv("XIAOYU_PYTHON"), "interpreter with gensim; $XIAOYU_PYTHON if empty")
	epochs := flag.Int("epochs", 2, "epochs of each training")
	limit := flag.Int("limit", 1_000_000, "texts at most")
	kinds := flag.String("kinds", "skip-gram,CBOW", "what to train")
	threads := flag.Int("threads", 2, "threads at most")
	rounds := flag.Int("rounds", 3, "rounds in which the two take turns")
	flag.Parse()
	if err := run(*path, *column, *python, *kinds, *epochs, *limit, *threads, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(path, column, python, kinds string, epochs, limit, most, rounds int) error {
	if path == "" || python == "" {
		return errors.New("pass --data with a file of texts, and --python or XIAOYU_PYTHON with an interpreter that has gensim")
	}
	dir, err := os.MkdirTemp("", "bench-vectors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{corpus: filepath.Join(dir, "corpus.txt"), out: filepath.Join(dir, "vectors.txt"), python: python, epochs: epochs}
	if err := b.prepare(path, column, limit); err != nil {
		return err
	}
	fmt.Printf("%d words, %d different, %d epochs, medians of %d rounds\n\n", b.words, b.different, epochs, rounds)
	fmt.Println("| kind | threads | ours, words/s | gensim's | ratio | ours, words a processor second | gensim's | ratio | twins first | gensim's | 1/rank | gensim's |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
	for kind := range strings.SplitSeq(kinds, ",") {
		skipGram := kind != "CBOW"
		for threads := 1; threads <= most; threads++ {
			var ours, theirs []measure
			for range rounds {
				o, err := b.ours(skipGram, threads)
				if err != nil {
					return err
				}
				t, err := b.theirs(skipGram, threads)
				if err != nil {
					return err
				}
				ours, theirs = append(ours, o), append(theirs, t)
			}
			mid := func(list []measure, of func(measure) float64) float64 {
				var values []float64
				for _, m := range list {
					values = append(values, of(m))
				}
				slices.Sort(values)
				return values[len(values)/2]
			}
			pair := func(format string, of func(measure) float64) string {
				return fmt.Sprintf(format, mid(ours, of), mid(theirs, of))
			}
			speed := func(seconds func(measure) float64) string {
				of := func(m measure) float64 { return float64(b.words*epochs) / seconds(m) }
				return pair("%.0f | %.0f", of) + fmt.Sprintf(" | %.2f", mid(ours, of)/mid(theirs, of))
			}
			fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", kind, threads, speed(func(m measure) float64 { return m.wall }), speed(func(m measure) float64 { return m.cpu }),
				pair("%.3f | %.3f", func(m measure) float64 { return m.first }), pair("%.3f | %.3f", func(m measure) float64 { return m.rank }))
		}
	}
	return nil
}

// measure is what one training took and brought.
type measure struct{ wall, cpu, first, rank float64 }

type bench struct {
	corpus, out, python string
	epochs              int
	words, different    int
	twins               []string
}

// prepare cuts the texts into words, gives some words twins, and writes the corpus.
func (b *bench) prepare(path, column string, limit int) error {
	r, err := data.Open(context.Background(), path, data.Columns{Text: column})
	if err != nil {
		return err
	}
	defer r.Close()
	seg, err := text.NewSegmenter()
	if err != nil {
		return err
	}
	var sentences [][]string
	counts := map[string]int{}
	for e, err := range r.All() {
		if err != nil {
			return err
		}
		words := text.Words(seg, e.Text)
		sentences = append(sentences, words)
		for _, w := range words {
			counts[w]++
		}
		b.words += len(words)
		if len(sentences) == limit {
			break
		}
	}
	b.different = len(counts)
	byCount := make([]string, 0, len(counts))
	for w := range counts {
		byCount = append(byCount, w)
	}
	slices.SortFunc(byCount, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	isTwin := map[string]bool{}
	for i := 300; i < len(byCount) && len(b.twins) < twins && counts[byCount[i]] >= 8*minCount; i += 5 { // neither the commonest nor rare ones
		b.twins = append(b.twins, byCount[i])
		isTwin[byCount[i]] = true
	}
	f, err := os.Create(b.corpus)
	if err != nil {
		return err
	}
	out, random := bufio.NewWriter(f), rand.New(rand.NewPCG(1, 2))
	for _, words := range sentences {
		for i, w := range words {
			if isTwin[w] && random.IntN(2) == 0 {
				words[i] = w + twinMark
			}
		}
		fmt.Fprintln(out, strings.Join(words, " "))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (b *bench) ours(skipGram bool, threads int) (m measure, err error) {
	sentences := func(yield func([]string, error) bool) {
		f, err := os.Open(b.corpus)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			if !yield(strings.Fields(lines.Text()), nil) {
				return
			}
		}
	}
	var wall time.Time
	var cpu float64
	s, err := vectors.Train(context.Background(), sentences, vectors.Config{CBOW: !skipGram, Epochs: b.epochs, MinCount: minCount, Threads: threads, Seed: 1}, vectors.TrainOptions{Progress: func(p vectors.Progress) {
		if !p.Training { // the last of these comes when reading has ended
			wall, cpu = time.Now(), processorSeconds()
		}
	}})
	if err != nil {
		return m, err
	}
	m.wall, m.cpu = time.Since(wall).Seconds(), processorSeconds()-cpu
	return m, b.quality(s, &m)
}

func (b *bench) theirs(skipGram bool, threads int) (m measure, err error) {
	sg := "0"
	if skipGram {
		sg = "1"
	}
	cmd := exec.Command(b.python, "-c", peerScript, b.corpus, b.out, sg, fmt.Sprint(threads), fmt.Sprint(b.epochs), fmt.Sprint(minCount))
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return m, err
	}
	var took struct{ CPU, Wall float64 }
	if err := json.Unmarshal(answer, &took); err != nil {
		return m, err
	}
	m.wall, m.cpu = took.Wall, took.CPU
	s, err := vectors.Read(context.Background(), b.out, vectors.Options{})
	if err != nil {
		return m, err
	}
	return m, b.quality(s, &m)
}

// quality finds each twin among the neighbours of the other.
func (b *bench) quality(s *vectors.Set, m *measure) error {
	const depth = 100
	for _, w := range b.twins {
		near, err := s.Nearest(w, depth)
		if err != nil {
			return err
		}
		for i, n := range near {
			if n.Word == w+twinMark {
				m.rank += 1 / float64(i+1)
				if i == 0 {
					m.first++
				}
			}
		}
	}
	m.first, m.rank = m.first/float64(len(b.twins)), m.rank/float64(len(b.twins))
	return nil
}

func processorSeconds() float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds()
}
