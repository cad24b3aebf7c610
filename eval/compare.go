package eval

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
)

// Comparison tells whether one of two models is better on the same examples.
type Comparison struct {
	Metric     string   `json:"metric"`
	N          int      `json:"n"`
	A          float64  `json:"a"`
	B          float64  `json:"b"`
	Difference float64  `json:"difference"` // B − A
	Interval   Interval `json:"interval"`   // 95 %, of the difference, by the paired bootstrap
	OnlyA      int      `json:"only_a"`     // examples that A alone has right
	OnlyB      int      `json:"only_b"`
	McNemar    float64  `json:"mcnemar"` // p of McNemar's exact test that both err alike; NaN-free, 1 where they never differ
}

// Compare judges two models by the score of each example: 1 or 0 for right or wrong, or any number of which the mean is
// the metric. McNemar's test (1947) is made where all scores are 0 or 1.
func Compare(metric string, a, b []float64, rounds int, seed uint64) (*Comparison, error) {
	if len(a) == 0 || len(a) != len(b) {
		return nil, fmt.Errorf("comparing: %d and %d examples", len(a), len(b))
	}
	c := &Comparison{Metric: metric, N: len(a), McNemar: 1}
	binary := true
	n := float64(len(a))
	for i := range a {
		c.A += a[i] / n
		c.B += b[i] / n
		binary = binary && (a[i] == 0 || a[i] == 1) && (b[i] == 0 || b[i] == 1)
		switch {
		case a[i] > b[i]:
			c.OnlyA++
		case b[i] > a[i]:
			c.OnlyB++
		}
	}
	c.Difference = c.B - c.A
	if binary {
		c.McNemar = McNemar(c.OnlyA, c.OnlyB)
	}
	rng := rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))
	differences := make([]float64, max(rounds, 1))
	for r := range differences {
		sum := 0.0
		for range a {
			i := rng.IntN(len(a))
			sum += b[i] - a[i]
		}
		differences[r] = sum / n
	}
	c.Interval = middle(differences)
	return c, nil
}

// McNemar returns the two-sided p of the exact test: how likely a split of the examples on which two models differ at
// least as uneven as onlyA to onlyB is, if each side were as likely.
func McNemar(onlyA, onlyB int) float64 {
	n, k := onlyA+onlyB, min(onlyA, onlyB)
	if n == 0 {
		return 1
	}
	logHalf := float64(n) * math.Log(0.5)
	all, _ := math.Lgamma(float64(n + 1))
	p := 0.0
	for i := 0; i <= k; i++ {
		x, _ := math.Lgamma(float64(i + 1))
		y, _ := math.Lgamma(float64(n - i + 1))
		p += math.Exp(all - x - y + logHalf)
	}
	return min(1, 2*p)
}

// Text prints the comparison for a terminal.
func (c *Comparison) Text(w io.Writer, nameA, nameB string) {
	fmt.Fprintf(w, "%-12s %s   on %d examples\n", "metric", c.Metric, c.N)
	fmt.Fprintf(w, "%-12s %.4f   %s\n%-12s %.4f   %s\n", "A", c.A, nameA, "B", c.B, nameB)
	fmt.Fprintf(w, "%-12s %+.4f   95%% %+.4f – %+.4f (paired bootstrap)\n", "B − A", c.Difference, c.Interval.Low, c.Interval.High)
	fmt.Fprintf(w, "%-12s A alone %d, B alone %d; McNemar's exact test p = %.4g\n", "right", c.OnlyA, c.OnlyB, c.McNemar)
	switch {
	case c.Interval.Low > 0:
		fmt.Fprintln(w, "\nB is better, beyond chance.")
	case c.Interval.High < 0:
		fmt.Fprintln(w, "\nA is better, beyond chance.")
	default:
		fmt.Fprintln(w, "\nThese examples do not tell the two apart.")
	}
}
