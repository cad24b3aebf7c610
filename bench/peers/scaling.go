package main

import (
	"fmt"
	"runtime"
	"strings"
)

// scalingOf makes works that compare ours on several threads with ours on one, in turns.
func scalingOf(all []work) []work {
	var works []work
	for _, w := range all {
		if kind := w.kind(); w.set == "" && (kind == "train" || kind == "infer" && strings.Contains(w.name, "-32x")) {
			works = append(works, work{name: "scaling-" + w.name, measure: func(b *bench, threads int) ([]result, error) { return b.scaling(w, threads) }})
		}
	}
	return works
}

func (b *bench) scaling(w work, threads int) ([]result, error) {
	if threads == 1 {
		return nil, fmt.Errorf("%w: it compares several threads with one", errSkip)
	}
	fresh := *b
	fresh.alone, fresh.every = ours, true
	several, err := w.contenders(&fresh, threads)
	if err != nil {
		return nil, err
	}
	defer closeAll(several)
	single, err := w.contenders(&fresh, 1)
	if err != nil {
		return nil, err
	}
	defer closeAll(single)
	for _, c := range single {
		run := c.run
		c.run = func(n int) ([]float64, error) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			return run(n)
		}
	}
	if _, err := b.alternate(append(several, single...)); err != nil {
		return nil, err
	}
	var results []result
	for i, c := range several {
		single[i].product = ours + ", one thread"
		results = append(results, line(c.precision, c, single[i]))
	}
	return results, nil
}
