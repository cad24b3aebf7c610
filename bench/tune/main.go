// Command tune compares the search of package tune with Optuna's, at equal trials:
//
//	go run ./bench/tune --python ~/.venv/bin/python --data ../shared/data
//
// Four functions whose minimum is known, and one training: a network on a part of sst2, whose validation errors over a
// grid of settings are computed once, so that both search the same thing. For each, the median over seeds of the best
// value found, the lower the better, and its quartiles.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/tune"
)

func main() {
	python := flag.String("python", "python3", "interpreter that has optuna")
	data := flag.String("data", "../shared/data", "folder of the data sets")
	seeds := flag.Int("seeds", 10, "searches of each kind")
	only := flag.String("only", "", "one function alone")
	flag.Parse()
	if err := run(*python, *data, *seeds, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(python, data string, seeds int, only string) error {
	dir, err := os.MkdirTemp("", "xiaoyu-bench-tune-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("| search | trials | ours | Optuna | random | least |")
	fmt.Println("|---|---|---|---|---|---|")
	all := functions
	if only == "" || only == "training" {
		training, err := trainingFunction(context.Background(), filepath.Join(data, "sst2", "train.tsv"), dir)
		if err != nil {
			return err
		}
		all = append(slices.Clone(functions), *training)
	}
	for i := range all {
		f := &all[i]
		if only != "" && f.name != only {
			continue
		}
		ours, err := search(f, tune.TPE{}, seeds)
		if err != nil {
			return err
		}
		random, err := search(f, tune.Random{}, seeds)
		if err != nil {
			return err
		}
		peer, err := optuna(python, f, seeds)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %s | %s | %s | %.4g |\n", f.name, f.trials, summary(ours), summary(peer), summary(random), f.least)
	}
	return nil
}

// search returns the best value that each seed finds.
func search(f *function, sampler tune.Sampler, seeds int) ([]float64, error) {
	space, err := spaceOf(f)
	if err != nil {
		return nil, err
	}
	objectives := []tune.Objective{{Name: "value"}}
	var found []float64
	for seed := range seeds {
		var trials []tune.Trial
		for n := 1; n <= f.trials; n++ {
			var params map[string]string
			for attempt := range 20 { // a study tries nothing twice
				params = sampler.Suggest(space, objectives, trials, tune.Draw{Seed: uint64(seed), Number: n, Attempt: attempt})
				if !slices.ContainsFunc(trials, func(t tune.Trial) bool { return maps.Equal(t.Params, params) }) {
					break
				}
			}
			trials = append(trials, tune.Trial{Number: n, State: tune.Complete, Params: params, Values: []float64{f.value(params)}})
		}
		found = append(found, tune.Ranked(trials, objectives)[0].Values[0])
	}
	return found, nil
}

// optuna does the same by the Python script beside this file.
func optuna(python string, f *function, seeds int) ([]float64, error) {
	cmd := exec.Command(python, "bench/tune/optuna_peer.py", f.name, strconv.Itoa(f.trials), strconv.Itoa(seeds), f.table)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running Optuna: %w", err)
	}
	var found []float64
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var line struct{ Best float64 }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("reading what Optuna found: %w", err)
		}
		found = append(found, line.Best)
	}
	return found, nil
}

// summary is the median and the quartiles.
func summary(values []float64) string {
	slices.Sort(values)
	at := func(share float64) float64 {
		x := share * float64(len(values)-1)
		i := int(x)
		return values[i] + (x-float64(i))*(values[min(i+1, len(values)-1)]-values[i])
	}
	return fmt.Sprintf("%.4g (%.4g – %.4g)", at(0.5), at(0.25), at(0.75))
}
