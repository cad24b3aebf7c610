// Command peers measures Xiaoyu beside other engines, in one run on one machine:
//
//	go run ./bench/peers                                   # everything; hours
//	go run ./bench/peers --only train-c,infer-b --json
//	go run ./bench/peers --only 'gemm-*' --threads 1 --markdown
//
// The same networks with the same sizes, data and batches run in turn here and in the peers, each of them in several
// modes of which the fastest counts; medians over the rounds and their ratio are printed. The first time it prepares
// PyTorch, ONNX Runtime and numpy in a virtual environment (about 5 GB), and it runs Debian's fasttext where that is
// installed. Works on real texts are left out where the data sets are not there.
//
// On a machine with other work, `nice -n -5` helps, and `taskset -c 1` with --threads 1 holds both sides to one core.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// bench is one run of the command.
type bench struct {
	ctx        context.Context
	data       string // folder of the data sets
	models     string // … and of pretrained networks
	venv       string
	temp       string
	rounds     int
	torchModes []string
	alone      string   // side that runs alone, in f32 and its first mode: ours, or a peer's script; "" for all
	every      bool     // … in all precisions
	wanted     []string // precisions, nil for all

	python    string // prepared
	peers     map[string]*peer
	corpora   map[string]*corpus
	tokenizer *text.Tokenizer // of random texts
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{ctx: ctx, peers: map[string]*peer{}, corpora: map[string]*corpus{}, torchModes: []string{"eager"}}
	only := flag.String("only", "", "works to run, by prefix or pattern, separated by commas; all if empty")
	list := flag.Bool("list", false, "list the works and end")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	markdown := flag.Bool("markdown", false, "print a Markdown table")
	threads := flag.String("threads", "1,2", "processors that each side may use, in turn")
	compile := flag.Bool("compile", true, "try torch.compile, where there is a C++ compiler")
	precision := flag.String("precision", "", "precisions of both sides, separated by commas; all if empty")
	table := flag.String("table", "", "measure nothing: print the table of a file that --json made")
	profile := flag.String("profile", "", "write a profile of our side to this file, for go tool pprof")
	peak := flag.String("peak", "", "run this work of ours alone and print the megabytes that it took (the works memory-… do this)")
	flag.StringVar(&b.data, "data", "../shared/data", "folder of the data sets")
	flag.StringVar(&b.models, "models", "../shared/models", "folder of the pretrained networks")
	flag.StringVar(&b.venv, "venv", "", "virtual environment of the peers; made in the user's cache if empty")
	flag.IntVar(&b.rounds, "rounds", 7, "rounds in which the sides take turns")
	flag.Parse()
	out := &printer{json: *asJSON, markdown: *markdown}
	if *table != "" {
		return out.printFile(*table)
	}
	if *precision != "" {
		b.wanted = strings.Split(*precision, ",")
	}
	works, err := choose(allWorks(), *only)
	if err != nil {
		return err
	}
	if *list {
		for _, w := range works {
			fmt.Println(w.name)
		}
		return nil
	}
	counts, err := numbers(*threads)
	if err != nil {
		return err
	}
	if err := b.open(*compile); err != nil {
		return err
	}
	defer b.close()
	if *peak != "" {
		runtime.GOMAXPROCS(counts[0])
		works, err := choose(allWorks(), *peak)
		if err != nil {
			return err
		}
		return b.printPeak(works[0], counts[0])
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for _, n := range counts {
		runtime.GOMAXPROCS(n)
		for _, w := range works {
			results, err := b.do(w, n)
			if err != nil {
				return fmt.Errorf("%s, %d thread(s): %w", w.name, n, err)
			}
			if err := out.print(results); err != nil {
				return err
			}
		}
		b.stopPeers()
	}
	return nil
}

func (b *bench) open(compile bool) error {
	if b.venv == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("%w; name a folder with --venv", err)
		}
		b.venv = filepath.Join(cache, "xiaoyu-bench")
	}
	if slices.ContainsFunc([]string{"c++", "g++", "clang++"}, func(name string) bool { _, err := exec.LookPath(name); return err == nil }) && compile {
		b.torchModes = append(b.torchModes, "compiled")
	}
	var err error
	if b.temp, err = os.MkdirTemp("", "xiaoyu-peers"); err != nil {
		return err
	}
	b.tokenizer, err = syntheticTokenizer()
	return err
}

func (b *bench) close() {
	b.stopPeers()
	// Only files of this run are in it.
	_ = os.RemoveAll(b.temp)
}

func (b *bench) stopPeers() {
	for key, p := range b.peers {
		p.stop()
		delete(b.peers, key)
	}
}

// errSkip is the cause of an error when a work cannot be done on this machine.
var errSkip = errors.New("left out")

// do measures one work.
func (b *bench) do(w work, threads int) ([]result, error) {
	if err := b.ctx.Err(); err != nil {
		return nil, err
	}
	if w.set != "" {
		if why := b.missing(w.set); why != "" {
			b.note("%s is left out: %s", w.name, why)
			return nil, nil
		}
	}
	if w.measure != nil {
		results, err := w.measure(b, threads)
		if errors.Is(err, errSkip) {
			b.note("%s is left out: %v", w.name, err)
			return nil, nil
		}
		return finish(results, w, threads), err
	}
	all, err := w.contenders(b, threads)
	defer closeAll(all)
	if err != nil {
		return nil, err
	}
	able, err := b.alternate(slices.DeleteFunc(slices.Clone(all), func(c *contender) bool { return b.wanted != nil && !slices.Contains(b.wanted, c.precision) }))
	if err != nil {
		return nil, err
	}
	return finish(compare(w.kind(), able), w, threads), nil
}

func closeAll(all []*contender) {
	for _, c := range all {
		c.close()
	}
}

// finish fills in what all lines have.
func finish(results []result, w work, threads int) []result {
	for i := range results {
		r := &results[i]
		r.Work, r.Threads, r.CPU, r.Kernel = cmp.Or(r.Work, w.name), threads, cpuName(), kernel.Name()
		if r.Ratio == 0 && r.OursMS > 0 {
			r.Ratio = r.PeerMS / r.OursMS
		}
		if w.operations > 0 {
			r.OursGFLOPS, r.PeerGFLOPS = w.operations/r.OursMS/1e6, w.operations/r.PeerMS/1e6
		}
	}
	return results
}

// torchPrecisions are f32, and bf16 where the processor multiplies it faster.
func (b *bench) torchPrecisions() []string {
	if hasAMX() {
		return []string{"f32", "bf16"}
	}
	return []string{"f32"}
}

func (b *bench) note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "note: "+format+"\n", args...)
}

func numbers(list string) ([]int, error) {
	var counts []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > runtime.NumCPU() {
			return nil, fmt.Errorf("--threads: %q is no number from 1 to %d", s, runtime.NumCPU())
		}
		counts = append(counts, n)
	}
	return counts, nil
}
