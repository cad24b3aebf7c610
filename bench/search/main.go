// Command search measures the search of vectors: the exact one beside the graph, by speed and by what the graph
// misses:
//
//	xiaoyu find MODEL x --data FILE --text COLUMN --index DIR
//	go run ./bench/search --index DIR --rows 1000000
//
// More rows than the index has are made of its own, moved by noise.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/vector"
)

func main() {
	index := flag.String("index", "", "index to measure")
	rows := flag.Int("rows", 0, "rows; 0 for those of the index")
	questions := flag.Int("questions", 300, "questions: rows of the index, moved by noise")
	noise := flag.Float64("noise", 0.5, "length of what rows are moved by")
	flag.Parse()
	if err := measure(*index, *rows, *questions, *noise); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

const k = 10

func measure(index string, rows, questions int, noise float64) error {
	store, err := vector.OpenStore(index)
	if err != nil {
		return err
	}
	defer store.Close()
	random := rand.New(rand.NewPCG(1, 2))
	set := vector.NewSet(store.Dim())
	for i := range max(rows, store.Len()) {
		v := make([]float32, store.Dim())
		store.Vector(v, i%store.Len())
		if i >= store.Len() {
			move(v, noise, random)
		}
		if err := set.Add(v); err != nil {
			return err
		}
	}
	var asked [][]float32
	for range questions {
		v := make([]float32, store.Dim())
		store.Vector(v, random.IntN(store.Len()))
		move(v, noise, random)
		asked = append(asked, v)
	}
	ctx := context.Background()
	truth, scan, err := timed(asked, func(q []float32) ([]vector.Hit, error) { return set.Search(ctx, q, k) })
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d rows, exact: %.1f ms\n", set.Len(), scan)
	start := time.Now()
	graph, err := vector.BuildGraph(ctx, set, nil)
	if err != nil {
		return err
	}
	built := time.Since(start)
	found, walk, err := timed(asked, func(q []float32) ([]vector.Hit, error) { return graph.Search(q, k) })
	if err != nil {
		return err
	}
	fmt.Printf("| rows | numbers | exact, ms | graph, ms | built in, s | recall@%d |\n|---|---|---|---|---|---|\n", k)
	fmt.Printf("| %d | %d | %.1f | %.2f | %.0f | %.3f |\n", set.Len(), set.Dim(), scan, walk, built.Seconds(), recall(truth, found))
	return nil
}

// move adds noise of a length to a vector of length 1.
func move(v []float32, length float64, random *rand.Rand) {
	for i := range v {
		v[i] += float32(length / math.Sqrt(float64(len(v))) * random.NormFloat64())
	}
}

// timed asks each question, and returns the answers and the median time of one in milliseconds.
func timed(questions [][]float32, search func(q []float32) ([]vector.Hit, error)) (answers [][]vector.Hit, milliseconds float64, err error) {
	var times []float64
	for _, q := range questions {
		start := time.Now()
		hits, err := search(q)
		if err != nil {
			return nil, 0, err
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
		answers = append(answers, hits)
	}
	slices.Sort(times)
	return answers, times[len(times)/2], nil
}

// recall is the share of the truth that was found.
func recall(truth, found [][]vector.Hit) float64 {
	hit, all := 0, 0
	for i, want := range truth {
		all += len(want)
		for _, w := range want {
			if slices.ContainsFunc(found[i], func(h vector.Hit) bool { return h.Row == w.Row }) {
				hit++
			}
		}
	}
	return float64(hit) / float64(all)
}
