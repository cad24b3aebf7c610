package main

import (
	"fmt"
	"slices"
	"time"
)

// result is one line of the report.
type result struct {
	Work          string  `json:"work"`
	Precision     string  `json:"precision"` // ours; best: whichever is the fastest, on both sides
	Threads       int     `json:"threads"`
	OursMS        float64 `json:"ours_ms"`
	Ours          string  `json:"ours"` // precision and way of ours
	Peer          string  `json:"peer"`
	PeerPrecision string  `json:"peer_precision"`
	PeerMS        float64 `json:"peer_ms"`
	Ratio         float64 `json:"ratio"`            // peer's time over ours: above 1, ours is faster
	Spread        float64 `json:"spread,omitempty"` // of the rounds' ratios: half the distance of their quartiles
	OursGFLOPS    float64 `json:"ours_gflops,omitempty"`
	PeerGFLOPS    float64 `json:"peer_gflops,omitempty"`
	OursMB        float64 `json:"ours_mb,omitempty"` // peak resident memory
	PeerMB        float64 `json:"peer_mb,omitempty"`
	OursFigure    float64 `json:"ours_figure,omitempty"` // accuracy, or agreement with f32
	PeerFigure    float64 `json:"peer_figure,omitempty"`
	Note          string  `json:"note,omitempty"`
	CPU           string  `json:"cpu"`
	Kernel        string  `json:"kernel"`
}

const ours = "ours" // the side that the peers are compared with

// contender is one side of a comparison in one mode and precision.
type contender struct {
	product   string // "" for ours
	mode      string
	precision string
	run       func(n int) ([]float64, error) // n iterations, their times in milliseconds
	close     func()
	n         int  // iterations of a round
	slow      bool // three rounds are enough
	rounds    []float64
}

func (c *contender) String() string {
	if c.product == "" {
		return "ours " + c.mode + " " + c.precision
	}
	return c.product + " " + c.mode + " " + c.precision
}

// A round gives each contender about so long, one iteration at least.
const turn = 250 * time.Millisecond

// alternate runs the contenders in turns. One that fails in the warm-up is left out; ours must not.
func (b *bench) alternate(contenders []*contender) ([]*contender, error) {
	var able []*contender
	for _, c := range contenders {
		start := time.Now()
		_, err := c.run(1)
		for i := 0; i < 2 && err == nil && time.Since(start) < time.Second; i++ {
			start = time.Now()
			_, err = c.run(1)
		}
		took := time.Since(start)
		if err != nil {
			if c.product == "" {
				return nil, fmt.Errorf("%v: %w", c, err)
			}
			b.note("%v is left out: %v", c, err)
			continue
		}
		c.n = min(max(int(turn/max(took, time.Microsecond)), 1), 20_000)
		c.slow = took > 5*time.Second
		able = append(able, c)
	}
	for round := range b.rounds {
		for _, c := range able {
			if round >= 3 && c.slow {
				continue
			}
			time.Sleep(10 * time.Millisecond) // threads of the one before may still wait in a loop
			times, err := c.run(c.n)
			if err != nil {
				return nil, fmt.Errorf("%v: %w", c, err)
			}
			c.rounds = append(c.rounds, median(times))
		}
	}
	return able, nil
}

func (c *contender) ms() float64 { return median(c.rounds) }

// compare makes the lines of contenders that have run: for each precision of ours the best of each product in that
// precision and, for trainings, in f32; and, but for products, the best of all.
func compare(kind string, contenders []*contender) []result {
	var results []result
	best := func(product, precision string) *contender {
		var found *contender
		for _, c := range contenders {
			if c.product == product && (precision == "" || c.precision == precision) && (found == nil || c.ms() < found.ms()) {
				found = c
			}
		}
		return found
	}
	var products, precisions []string
	for _, c := range contenders {
		if c.product == "" {
			precisions = append(precisions, c.precision)
		} else if !slices.Contains(products, c.product) {
			products = append(products, c.product)
		}
	}
	slices.Sort(precisions)
	precisions = slices.Compact(precisions)
	slices.SortStableFunc(precisions, func(x, y string) int { return rank(x) - rank(y) })
	for _, product := range products {
		for _, p := range precisions {
			for _, q := range slices.Compact([]string{p, "f32"}) {
				if peer := best(product, q); peer != nil && (q == p || kind == "train") {
					results = append(results, line(p, best("", p), peer))
				}
			}
		}
		several := kind != "gemm" && slices.ContainsFunc(contenders, func(c *contender) bool { return c.precision != "f32" && (c.product == product || c.product == "") })
		if peer := best(product, ""); several {
			results = append(results, line("best", best("", ""), peer))
		}
	}
	return results
}

func rank(precision string) int { return slices.Index([]string{"f32", "bf16", "int8"}, precision) }

func line(precision string, ours, peer *contender) result {
	r := result{Precision: precision, Ours: ours.precision, Peer: peer.product, PeerPrecision: peer.precision, OursMS: ours.ms(), PeerMS: peer.ms()}
	if peer.mode != "" {
		r.Peer += ", " + peer.mode
	}
	if ours.mode != "" {
		r.Ours += ", " + ours.mode
	}
	r.Ratio = r.PeerMS / r.OursMS
	var ratios []float64
	for i := range min(len(ours.rounds), len(peer.rounds)) {
		ratios = append(ratios, peer.rounds[i]/ours.rounds[i])
	}
	slices.Sort(ratios)
	if n := len(ratios); n > 3 {
		r.Spread = (ratios[n*3/4] - ratios[n/4]) / 2
	}
	return r
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	if len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[len(s)/2]
}
