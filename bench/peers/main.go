// Command peers measures Xiaoyu beside other engines, in one run on one machine:
//
//	go run ./bench/peers            # prepares PyTorch in a virtual environment the first time (about 5 GB)
//	go run ./bench/peers --only train-c --json
//
// The same networks with the same sizes and batches run in turn here and in the peer, in several rounds; medians and
// their ratio are printed. A peer runs in its best mode. To compare on one processor, start it under `taskset -c 1`.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

//go:embed peer_torch.py
var peerScript string

// Sizes of the works: the batch is the same for all, vocabulary and embedding too.
const (
	vocabulary = 21128
	embedding  = 128
	batch      = 64
	tokens     = 64
)

var works = map[string]model.Config{
	"train-c": {Family: "cnn", Filters: 100, Widths: []int{3, 4, 5}, Activation: "relu"},
	"train-d": {Family: "lstm", Hidden: 128, Layers: 1, Bidirectional: true, Pooling: "max"},
}

// result is one line of the report.
type result struct {
	Work      string  `json:"work"`
	Precision string  `json:"precision"`
	Threads   int     `json:"threads"`
	OursMS    float64 `json:"ours_ms"`
	Peer      string  `json:"peer"`
	PeerMS    float64 `json:"peer_ms"`
	Ratio     float64 `json:"ratio"` // peer's time over ours: above 1, ours is faster
	CPU       string  `json:"cpu"`
	Kernel    string  `json:"kernel"`
}

func main() {
	only := flag.String("only", "", "works to run, separated by commas; all if empty")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	threads := flag.Int("threads", 1, "processors that each side may use")
	rounds := flag.Int("rounds", 5, "rounds in which the two sides take turns")
	steps := flag.Int("steps", 8, "steps of a round")
	venv := flag.String("venv", "", "virtual environment with PyTorch; made in the user's cache if empty")
	flag.Parse()
	if err := run(*only, *asJSON, *threads, *rounds, *steps, *venv); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(only string, asJSON bool, threads, rounds, steps int, venv string) error {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range works {
			if (only == "" || slices.Contains(strings.Split(only, ","), name)) && !yield(name) {
				return
			}
		}
	})
	if len(names) == 0 {
		return fmt.Errorf("no work is called %q", only)
	}
	python, err := prepare(venv)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(threads)
	p, err := startPeer(python, threads)
	if err != nil {
		return err
	}
	defer p.stop()
	if !asJSON {
		fmt.Printf("%s, kernel %s, %d thread(s), medians of %d rounds of %d steps\n\n", cpuName(), kernel.Name(), threads, rounds, steps)
		fmt.Println("| work | ours, ms | peer | peer, ms | ratio |\n|---|---|---|---|---|")
	}
	for _, name := range names {
		r, err := compare(name, p, threads, rounds, steps)
		if err != nil {
			return err
		}
		if asJSON {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
		} else {
			fmt.Printf("| %s | %.1f | %s | %.1f | %.2f |\n", r.Work, r.OursMS, r.Peer, r.PeerMS, r.Ratio)
		}
	}
	return nil
}

// compare runs one work in turns.
func compare(name string, p *peer, threads, rounds, steps int) (result, error) {
	ours, err := newOurs(works[name], threads)
	if err != nil {
		return result{}, err
	}
	defer ours.stop()
	const warmup = 3
	modes := []string{"eager", "compiled"}
	var oursTimes []float64
	peerTimes := map[string][]float64{}
	for round := range rounds + 1 {
		times, err := ours.steps(steps)
		if err != nil {
			return result{}, err
		}
		if round > 0 { // the first round warms up
			oursTimes = append(oursTimes, times...)
		}
		for _, mode := range modes {
			n := steps
			if round == 0 {
				n = warmup
			}
			times, err := p.steps(name, mode, n)
			if err != nil {
				return result{}, err
			}
			if round > 0 {
				peerTimes[mode] = append(peerTimes[mode], times...)
			}
		}
	}
	best := modes[0]
	for _, mode := range modes {
		if median(peerTimes[mode]) < median(peerTimes[best]) {
			best = mode
		}
	}
	r := result{Work: name, Precision: "f32", Threads: threads, OursMS: median(oursTimes), Peer: p.name + " " + best,
		PeerMS: median(peerTimes[best]), CPU: cpuName(), Kernel: kernel.Name()}
	r.Ratio = r.PeerMS / r.OursMS
	return r, nil
}

// ours trains a network on random texts.
type ours struct {
	next func() (train.Event, error, bool)
	stop func()
}

func newOurs(c model.Config, threads int) (*ours, error) {
	c.MaxTokens, c.EmbedDim = tokens, embedding
	tok, err := syntheticTokenizer()
	if err != nil {
		return nil, err
	}
	m, err := model.New(c, text.CleanConfig{}, tok, []string{"a", "b"}, 1, nil)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var set, none train.Set
	ids := make([]int32, tokens)
	for range 64 * batch {
		for i := range ids {
			ids[i] = int32(2 + rng.IntN(tok.VocabSize()-2))
		}
		set.Input.Tokens.Append(ids)
		set.Targets.Classes = append(set.Targets.Classes, int32(rng.IntN(2)))
		set.Add()
	}
	tr, err := train.New(m, &set, &none, train.Config{Epochs: 1000, BatchSize: batch, Optimizer: "adamw", LearningRate: 1e-3,
		WeightDecay: 0.01, Schedule: "constant", Clip: 0, Loss: "cross_entropy", Threads: threads, Seed: 1})
	if err != nil {
		return nil, err
	}
	o := &ours{}
	ctx, cancel := context.WithCancel(context.Background())
	next, stop := iter.Pull2(tr.Run(ctx))
	o.next = next
	o.stop = func() { cancel(); stop(); tr.Finish() }
	return o, nil
}

// steps times n steps.
func (o *ours) steps(n int) ([]float64, error) {
	var times []float64
	for len(times) < n {
		start := time.Now()
		event, err, ok := o.next()
		if err != nil || !ok {
			return nil, fmt.Errorf("training ended: %w", err)
		}
		if event.Step != nil {
			times = append(times, float64(time.Since(start).Microseconds())/1000)
		}
	}
	return times, nil
}

// syntheticTokenizer has the vocabulary of a Chinese BERT: so many characters and two special tokens.
func syntheticTokenizer() (*text.Tokenizer, error) {
	var b strings.Builder
	for i := range vocabulary - 2 {
		b.WriteRune(rune(0x4e00 + i))
	}
	texts := func(yield func(string) bool) { yield(b.String()) }
	return text.Train(context.Background(), texts, text.Config{Kind: "char", MinFrequency: 1, VocabSize: vocabulary}, nil)
}

// peer is the Python process.
type peer struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
}

func startPeer(python string, threads int) (*peer, error) {
	cmd := exec.Command(python, "-c", peerScript, fmt.Sprint(threads))
	cmd.Env = append(os.Environ(), fmt.Sprintf("OMP_NUM_THREADS=%d", threads), fmt.Sprintf("MKL_NUM_THREADS=%d", threads))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the peer: %w", err)
	}
	p := &peer{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	var hello struct{ Peer string }
	if err := p.read(&hello); err != nil {
		return nil, err
	}
	p.name = hello.Peer
	return p, nil
}

func (p *peer) steps(work, mode string, n int) ([]float64, error) {
	if _, err := fmt.Fprintf(p.in, "%s %s %d\n", work, mode, n); err != nil {
		return nil, fmt.Errorf("asking the peer: %w", err)
	}
	var times []float64
	return times, p.read(&times)
}

func (p *peer) read(v any) error {
	if !p.out.Scan() {
		return fmt.Errorf("the peer stopped: %w", p.cmd.Wait())
	}
	return json.Unmarshal(p.out.Bytes(), v)
}

func (p *peer) stop() {
	p.in.Close()
	// The peer has ended with its input; how does not matter any more.
	_ = p.cmd.Wait()
}

// prepare returns the Python of a virtual environment that has PyTorch, which it makes if needed.
func prepare(venv string) (string, error) {
	if venv == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		venv = filepath.Join(cache, "xiaoyu-bench-venv")
	}
	python := filepath.Join(venv, "bin", "python")
	if exec.Command(python, "-c", "import torch").Run() == nil {
		return python, nil
	}
	fmt.Fprintf(os.Stderr, "preparing %s (some minutes, about 5 GB)\n", venv)
	for _, args := range [][]string{{"python3", "-m", "venv", venv}, {python, "-m", "pip", "install", "-q", "torch", "numpy"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return python, nil
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[len(s)/2]
}

// cpuName returns the processor's name where the system tells it.
func cpuName() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			}
		}
	}
	return runtime.GOARCH
}
