package main

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed *.py
var scripts embed.FS

// packages that the peers need, by the name that Python imports.
var packages = []string{"torch", "numpy", "onnx", "onnxruntime", "transformers"}

// prepare returns the Python of a virtual environment that has the peers, which it makes if needed.
func (b *bench) prepare() (string, error) {
	if b.python != "" {
		return b.python, nil
	}
	python := filepath.Join(b.venv, "bin", "python")
	if exec.Command(python, "-c", "import "+strings.Join(packages, ", ")).Run() != nil {
		b.note("preparing %s (some minutes, about 5 GB)", b.venv)
		for _, args := range [][]string{{"python3", "-m", "venv", b.venv}, append([]string{python, "-m", "pip", "install", "-q"}, packages...)} {
			cmd := exec.Command("nice", append([]string{"-n", "19"}, args...)...)
			cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
			if err := cmd.Run(); err != nil {
				return "", fmt.Errorf("%s: %w; install Python 3 with venv, or name an environment that has %s with --venv",
					strings.Join(args, " "), err, strings.Join(packages, ", "))
			}
		}
	}
	b.python = python
	entries, err := scripts.ReadDir(".")
	for _, e := range entries {
		content, readErr := scripts.ReadFile(e.Name())
		if readErr != nil {
			return "", readErr
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(b.temp, e.Name()), content, 0o644)
		}
	}
	return b.python, err
}

// peer is a Python process that prepares works and runs them when asked, so that the two sides can take turns without
// waiting for imports. Questions and answers are JSON, one a line.
type peer struct {
	product string // its name and version
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	last    int // name of a prepared work
}

// answer is what a peer says.
type answer struct {
	Product string    `json:"product"`
	MS      []float64 `json:"ms"`
	MB      float64   `json:"mb"`     // peak resident memory
	Figure  float64   `json:"figure"` // accuracy
	Error   string    `json:"error"`
}

// peer returns the process of a script for so many threads, which is started if needed.
func (b *bench) peer(script string, threads int) (*peer, error) {
	key := fmt.Sprintf("%s/%d", script, threads)
	if p, ok := b.peers[key]; ok {
		return p, nil
	}
	p, err := b.start(script, threads)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", script, err)
	}
	b.peers[key] = p
	return p, nil
}

func (b *bench) start(script string, threads int) (*peer, error) {
	python, err := b.prepare()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "-u", filepath.Join(b.temp, script), fmt.Sprint(threads))
	cmd.Env = append(os.Environ(), "TOKENIZERS_PARALLELISM=true")
	for _, name := range []string{"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"} {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", name, threads))
	}
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
		return nil, err
	}
	p := &peer{cmd: cmd, in: in, out: bufio.NewReader(out)}
	hello, err := p.read()
	if err != nil {
		p.stop()
		return nil, err
	}
	p.product = hello.Product
	return p, nil
}

// ask sends a question and waits for the answer.
func (p *peer) ask(question map[string]any) (*answer, error) {
	if err := json.NewEncoder(p.in).Encode(question); err != nil {
		return nil, fmt.Errorf("asking %s: %w", p.product, err)
	}
	return p.read()
}

func (p *peer) read() (*answer, error) {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the peer stopped: %w", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, fmt.Errorf("the peer answered %q: %w", line[:min(len(line), 200)], err)
	}
	if a.Error != "" {
		return nil, fmt.Errorf("%s", a.Error)
	}
	return &a, nil
}

// prepare has the peer prepare a work and returns its name there.
func (p *peer) prepare(s spec) (string, error) {
	p.last++
	name := fmt.Sprint(p.last)
	_, err := p.ask(map[string]any{"op": "prepare", "name": name, "spec": s})
	return name, err
}

func (p *peer) run(name string, n int) ([]float64, error) {
	a, err := p.ask(map[string]any{"op": "run", "name": name, "n": n})
	if err != nil {
		return nil, err
	}
	return a.MS, nil
}

func (p *peer) drop(name string) {
	// It may have stopped; the next question tells.
	_, _ = p.ask(map[string]any{"op": "drop", "name": name})
}

// contender prepares a work; what cannot be prepared fails when it is run.
func (p *peer) contender(s spec) *contender {
	name, err := p.prepare(s)
	c := &contender{product: p.product, mode: s.Mode, precision: s.Precision, close: func() { p.drop(name) }}
	c.run = func(n int) ([]float64, error) {
		if err != nil {
			return nil, err
		}
		return p.run(name, n)
	}
	return c
}

func (p *peer) stop() {
	p.in.Close()
	// The peer ends with its input; how does not matter any more.
	_ = p.cmd.Wait()
}
