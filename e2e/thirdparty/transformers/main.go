// Command transformers has the libraries that made the checkpoints judge what becomes of them here. It gives every
// architecture of the test material each head that it has, trains a few steps through the front door, saves the package,
// and has transformers, sentence-transformers and peft open it as their users do, tokenizer included:
//
//	python3 -m venv .venv && .venv/bin/pip install -r e2e/thirdparty/transformers/requirements.txt
//	go run ./e2e/thirdparty/transformers --python .venv/bin/python
//	go run ./e2e/thirdparty/transformers --python .venv/bin/python --only 'bert_*/pair'
//
// It prints a row a package, and ends with an error if token ids differ, weights are missing, or an output is further
// away than the tolerance, which is relative to the largest number. It is run by hand, since PyTorch is large; package
// encoder compares the same checkpoints with recorded outputs in every test.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed check.py
var script []byte

// tolerance is relative to the largest magnitude of an output. Both sides compute in float32, with sums in another order.
const tolerance = 1e-4

func main() {
	golden := flag.String("golden", "../shared/golden/hf", "folder of the small checkpoints")
	python := flag.String("python", os.Getenv("XIAOYU_PYTHON"), "interpreter of an environment with the packages of e2e/thirdparty/transformers/requirements.txt (torch, transformers, sentence-transformers, peft)")
	only := flag.String("only", "", "cases to run, by pattern, such as 'bert_*/tokens'; all if empty")
	keep := flag.String("keep", "", "folder in which the packages are kept; a temporary one if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *golden, *python, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, golden, python, only, dir string) error {
	if python == "" {
		return errors.New("name an interpreter with --python; see the head of e2e/thirdparty/transformers/main.go")
	}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "xiaoyu-transformers"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	start := time.Now()
	made, err := makeAll(ctx, golden, dir, only)
	if err != nil {
		return err
	}
	fmt.Printf("%d packages made in %.0f s\n", len(made), time.Since(start).Seconds())
	if len(made) == 0 {
		return fmt.Errorf("no case is named like %q", only)
	}
	answers, err := ask(ctx, python, dir, made)
	if err != nil {
		return err
	}
	return report(made, answers)
}

// answer is what the library says of a package.
type answer struct {
	IDs     [][]int32     `json:"ids"`     // of each text, without padding
	Outputs [][][]float64 `json:"outputs"` // of each text, its rows
	Missing []string      `json:"missing"` // weights that it draws anew
	Loaded  string        `json:"loaded"`  // class of the network
	Error   string        `json:"error"`
}

// ask has the libraries open all packages.
func ask(ctx context.Context, python, dir string, made []*specimen) (map[string]answer, error) {
	question, err := json.Marshal(slices.DeleteFunc(slices.Clone(made), func(s *specimen) bool { return s.failed != nil }))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "question.json")
	if err := os.WriteFile(file, question, 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, "-c", string(script), file)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "TRANSFORMERS_VERBOSITY=error", "TOKENIZERS_PARALLELISM=false")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", python, err)
	}
	first, rest, _ := strings.Cut(string(out), "\n")
	fmt.Println(first) // the versions
	answers := map[string]answer{}
	return answers, json.Unmarshal([]byte(rest), &answers)
}

// report prints a row a package, and returns an error if one is not what it should be.
func report(made []*specimen, answers map[string]answer) error {
	fmt.Println("\n| package | opened as | outputs | off by | |\n|---|---|---|---|---|")
	wrong := 0
	for _, s := range made {
		a := answers[s.Name]
		numbers, off, err := s.compare(a)
		verdict := "same"
		if err != nil {
			wrong++
			verdict = err.Error()
		}
		fmt.Printf("| %s | %s | %d | %.1e | %s |\n", s.Name, a.Loaded, numbers, off, verdict)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d packages differ", wrong, len(made))
	}
	fmt.Printf("\nall %d packages give the same outputs within %.0e\n", len(made), tolerance)
	return nil
}

// compare returns how many numbers were compared, and the largest difference relative to the largest magnitude.
func (s *specimen) compare(a answer) (numbers int, off float64, err error) {
	switch {
	case s.failed != nil:
		return 0, 0, fmt.Errorf("not made: %w", s.failed)
	case a.Error != "":
		return 0, 0, errors.New(a.Error)
	case len(a.Missing) > 0:
		return 0, 0, fmt.Errorf("weights are missing: %s", strings.Join(a.Missing, ", "))
	case len(a.Outputs) != len(s.outputs):
		return 0, 0, fmt.Errorf("%d texts, %d expected", len(a.Outputs), len(s.outputs))
	}
	for i := range s.ids {
		if a.IDs != nil && !slices.Equal(a.IDs[i], s.ids[i]) {
			return 0, 0, fmt.Errorf("text %d: tokens %v, here %v", i, a.IDs[i], s.ids[i])
		}
	}
	largest := 0.0
	for i, rows := range s.outputs {
		if len(rows) != len(a.Outputs[i]) {
			return 0, 0, fmt.Errorf("text %d: %d rows, here %d", i, len(a.Outputs[i]), len(rows))
		}
		for j, row := range rows {
			if len(row) != len(a.Outputs[i][j]) {
				return 0, 0, fmt.Errorf("text %d: rows of %d numbers, here %d", i, len(a.Outputs[i][j]), len(row))
			}
			for k, v := range row {
				numbers++
				largest = max(largest, math.Abs(a.Outputs[i][j][k]))
				off = max(off, math.Abs(a.Outputs[i][j][k]-v))
			}
		}
	}
	off /= max(largest, math.SmallestNonzeroFloat64)
	if numbers == 0 || !(off <= tolerance) {
		return numbers, off, errors.New("DIFFERS")
	}
	return numbers, off, nil
}

// wanted tells whether the pattern picks a case.
func wanted(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == "" || err == nil && ok
}
