package eval

import (
	"fmt"
	"io"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Comparison tells whether one of two models is better on the same examples.
type Comparison struct {
	A       string       `json:"a"` // names of the models
	B       string       `json:"b"`
	Task    string       `json:"task,omitempty"`
	N       int          `json:"n"`
	Figures []Compared   `json:"figures"` // the first decides
	OnlyA   int          `json:"only_a"`  // examples on which A alone is right; of numbers: on which it is closer
	OnlyB   int          `json:"only_b"`
	Same    int          `json:"same"`    // both right or both wrong; of numbers: equally far off
	McNemar float64      `json:"mcnemar"` // p of McNemar's exact test, of numbers the sign test: that neither is better
	Verdict string       `json:"verdict"` // "A", "B" or "", by the interval of the first figure
	Differ  []Difference `json:"differ,omitempty"`
}

// Compared is one figure of both models.
type Compared struct {
	Key        string   `json:"key"`
	Name       string   `json:"name"`
	NameZH     string   `json:"-"`
	Lower      bool     `json:"lower_is_better,omitempty"`
	A          float64  `json:"a"`
	B          float64  `json:"b"`
	Difference float64  `json:"difference"` // B − A
	Interval   Interval `json:"interval"`   // 95 %, of the difference, by the paired bootstrap
	P          float64  `json:"p"`          // two-sided, by the same resamples
}

// Difference is an example on which one model does better.
type Difference struct {
	Index  int    `json:"index"`
	Text   string `json:"text,omitempty"`
	Target string `json:"target"`
	A      string `json:"a"`
	B      string `json:"b"`
	Better string `json:"better"` // "A" or "B"
}

// Compare compares two reports on the same examples in the same order, which must come from this process: what is known
// of single examples is not part of a report's JSON. The figures are resampled in pairs (Efron and Tibshirani 1993,
// chapter 16), o.Rounds times, at least 1000; o.Mistakes examples of each side are listed.
func Compare(a, b *Report, nameA, nameB string, o Options) (*Comparison, error) {
	if a.Task != b.Task || a.N != b.N || len(a.outcomes) != a.N || len(b.outcomes) != b.N {
		return nil, hint.Errorf("judge both models on the same file", "comparing: reports of %d and %d examples, of tasks %q and %q", a.N, b.N, a.Task, b.Task)
	}
	c := &Comparison{A: nameA, B: nameB, Task: a.Task, N: a.N}
	for i := range a.outcomes {
		better := ""
		switch d := a.outcomes[i].score() - b.outcomes[i].score(); {
		case d > 0:
			better = "A"
			c.OnlyA++
		case d < 0:
			better = "B"
			c.OnlyB++
		default:
			c.Same++
			continue
		}
		if n := map[string]int{"A": c.OnlyA, "B": c.OnlyB}[better]; n <= o.Mistakes {
			target, byA := a.show(i)
			_, byB := b.show(i)
			d := Difference{Index: i, Target: target, A: byA, B: byB, Better: better}
			if i < len(a.texts) {
				d.Text = a.texts[i]
			}
			c.Differ = append(c.Differ, d)
		}
	}
	c.McNemar = McNemar(c.OnlyA, c.OnlyB)
	c.resample(a, b, max(o.Rounds, 1000), o.Seed)
	if f := c.Figures[0]; f.Interval.Low > 0 || f.Interval.High < 0 {
		c.Verdict = "A"
		if (f.Interval.Low > 0) != f.Lower {
			c.Verdict = "B"
		}
	}
	return c, nil
}

// score orders the outcomes of one example: 1 or 0 for right and wrong, of numbers the error with its sign turned.
func (o *outcome) score() float64 {
	if o.right {
		return 1
	}
	return -math.Abs(o.truth - o.guess) // 0 where there are no numbers
}

func (c *Comparison) resample(a, b *Report, rounds int, seed uint64) {
	of, against := a.measures(), b.measures()
	differences := make([][]float64, len(of))
	resample(a.N, rounds, seed, func(examples []int32) {
		for m := range of {
			if d := against[m].of(examples) - of[m].of(examples); !math.IsNaN(d) && !math.IsInf(d, 0) {
				differences[m] = append(differences[m], d)
			}
		}
	})
	for m, f := range of {
		x := differences[m]
		if len(x) == 0 || math.IsNaN(f.Value) || math.IsNaN(against[m].Value) {
			continue // R² of equal targets
		}
		above, below := 1, 1
		for _, d := range x {
			if d >= 0 {
				above++
			}
			if d <= 0 {
				below++
			}
		}
		p := min(1, 2*float64(min(above, below))/float64(len(x)+1))
		c.Figures = append(c.Figures, Compared{Key: f.Key, Name: f.Name, NameZH: f.NameZH, Lower: f.lower,
			A: f.Value, B: against[m].Value, Difference: against[m].Value - f.Value, Interval: middle(x), P: p})
	}
}

// McNemar returns the two-sided p of the exact test (McNemar 1947; exact: the binomial test): how likely a split of the
// examples on which two models differ, at least as uneven as onlyA to onlyB, would be if each side were as likely.
func McNemar(onlyA, onlyB int) float64 {
	n, k := onlyA+onlyB, min(onlyA, onlyB)
	if 2*k >= n {
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
func (c *Comparison) Text(w io.Writer) {
	fmt.Fprintf(w, "A  %s\nB  %s\n\n%s %8s  %8s  %8s  %-20s %s\n", c.A, c.B, pad(fmt.Sprintf("%d examples", c.N), 18), "A", "B", "B − A", "95 %", "p")
	for _, f := range c.Figures {
		fmt.Fprintf(w, "%s %8.4f  %8.4f  %+8.4f  %-20s %.4g\n", pad(f.Name, 18), f.A, f.B, f.Difference, fmt.Sprintf("%+.4f – %+.4f", f.Interval.Low, f.Interval.High), f.P)
	}
	word, test := "right", "McNemar's exact test"
	if c.Task == Numbers || c.Task == Similarity {
		word, test = "closer", "sign test"
	}
	fmt.Fprintf(w, "\nA alone is %s on %d, B alone on %d; %s: p = %.4g\n%s\n", word, c.OnlyA, c.OnlyB, test, c.McNemar, c.Sentence())
	for _, side := range []string{"A", "B"} {
		shown := 0
		for _, d := range c.Differ {
			if d.Better != side || shown == 5 {
				continue
			}
			if shown++; shown == 1 {
				fmt.Fprintf(w, "\n%s is %s, the other is not\n", side, word)
			}
			fmt.Fprintf(w, "  is %s; A: %s; B: %s: %s\n", truncate(d.Target, 30), truncate(d.A, 30), truncate(d.B, 30), truncate(d.Text, 50))
		}
	}
}

// Sentence says what follows.
func (c *Comparison) Sentence() string {
	switch c.Verdict {
	case "A", "B":
		return c.Verdict + " is better, beyond chance."
	}
	return "These examples do not tell the two apart."
}
