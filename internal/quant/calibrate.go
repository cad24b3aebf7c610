package quant

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Calibration says how the range of numbers that are to be whole ones is chosen from numbers that were seen.
type Calibration struct {
	Method string  // MinMax, Percentile or Entropy
	Share  float64 // Percentile: of the numbers that stay within, in percent
}

// The methods of calibration.
const (
	MinMax     = "minmax"     // the least and the greatest number
	Percentile = "percentile" // without the rarest
	Entropy    = "entropy"    // where the rounded distribution tells most of the other (Migacz 2017, "8-bit Inference with TensorRT")
)

// usualShare is that of Percentile where none is named.
const usualShare = 99.9

// ParseCalibration reads minmax, percentile, percentile=99.99 or entropy; "" is minmax.
func ParseCalibration(s string) (Calibration, error) {
	const way = "choose minmax, percentile, percentile=99.99 or entropy"
	method, value, given := strings.Cut(s, "=")
	c := Calibration{Method: method}
	switch {
	case s == "":
		c.Method = MinMax
	case method == Percentile:
		c.Share = usualShare
		if given {
			var err error
			if c.Share, err = strconv.ParseFloat(value, 64); err != nil || !(c.Share > 50 && c.Share <= 100) {
				return c, hint.Errorf("pass a share of more than 50 and at most 100 percent", "calibration %q", s)
			}
		}
	case given || method != MinMax && method != Entropy:
		return c, hint.Errorf(way, "calibration %q", s)
	}
	return c, nil
}

func (c Calibration) String() string {
	if c.Method == Percentile {
		return Percentile + "=" + strconv.FormatFloat(c.Share, 'g', -1, 64)
	}
	return c.Method
}

// halfBins is how many bins a histogram has on each side of 0.
const halfBins = 2048

// Histogram counts numbers whose range is not known beforehand. The zero value is empty.
type Histogram struct {
	least, greatest float32
	reach           float32 // bins lie evenly from -reach to reach
	bins            []int64 // [2·halfBins]
	n               int64
}

// Add counts numbers, which are finite.
func (h *Histogram) Add(numbers []float32) error {
	for _, v := range numbers {
		if v-v != 0 {
			return fmt.Errorf("calibrating: a number is %v", v)
		}
		if h.n == 0 {
			h.least, h.greatest, h.bins = v, v, make([]int64, 2*halfBins)
		}
		h.least, h.greatest = min(h.least, v), max(h.greatest, v)
		h.stretch(max(v, -v))
		h.bins[h.bin(v)]++
		h.n++
	}
	return nil
}

// stretch doubles the reach until a magnitude is within it: two bins become one.
func (h *Histogram) stretch(magnitude float32) {
	if h.reach == 0 && magnitude > 0 { // what was counted so far is 0, and stays in the middle
		h.reach = magnitude
	}
	for magnitude > h.reach {
		wide := make([]int64, len(h.bins))
		for i, n := range h.bins {
			wide[(i+halfBins)/2] += n // around the middle
		}
		h.bins, h.reach = wide, 2*h.reach
	}
}

func (h *Histogram) bin(v float32) int {
	if h.reach == 0 {
		return halfBins
	}
	return min(max(int(math.Floor(float64(v)/float64(h.reach)*halfBins))+halfBins, 0), 2*halfBins-1)
}

// Count is how many numbers were added.
func (h *Histogram) Count() int64 { return h.n }

// Range is the range of the numbers that a calibration tells apart; what is outside counts as its end.
func (h *Histogram) Range(c Calibration) (lo, hi float32) {
	switch c.Method {
	case Percentile:
		rest := int64(float64(h.n) * (1 - c.Share/100) / 2)
		return max(h.edge(rest, h.bins), h.least), min(-h.edge(rest, reversed(h.bins)), h.greatest)
	case Entropy:
		limit := h.Limit(c)
		return max(h.least, -limit), min(h.greatest, limit)
	}
	return h.least, h.greatest
}

// edge is the lower edge of the bin before which no more than rest numbers lie.
func (h *Histogram) edge(rest int64, bins []int64) float32 {
	for i, n := range bins {
		if rest -= n; rest < 0 {
			return float32(i-halfBins) / halfBins * h.reach
		}
	}
	return h.reach
}

func reversed(bins []int64) []int64 {
	out := slices.Clone(bins)
	slices.Reverse(out)
	return out
}

// Limit is the magnitude up to which a calibration tells numbers apart, with as many steps on both sides of 0.
func (h *Histogram) Limit(c Calibration) float32 {
	largest := max(h.greatest, -h.least, 0)
	if h.n == 0 || largest == 0 {
		return 0
	}
	switch c.Method {
	case Percentile:
		rest, i := int64(float64(h.n)*(1-c.Share/100)), halfBins
		for bins := h.magnitudes(); i > 1 && rest >= bins[i-1]; i-- {
			rest -= bins[i-1]
		}
		return min(float32(i)/halfBins*h.reach, largest)
	case Entropy:
		return min(float32(leastDivergence(h.magnitudes()))/halfBins*h.reach, largest)
	}
	return largest
}

// magnitudes are the counts of numbers without their signs.
func (h *Histogram) magnitudes() []int64 {
	out := make([]int64, halfBins)
	for i := range out {
		out[i] = h.bins[halfBins+i] + h.bins[halfBins-1-i]
	}
	return out
}

// steps is how many magnitudes whole numbers of 8 bits tell apart.
const steps = 128

// leastDivergence is how many of the bins are to be told apart: the distribution of these, with what lies beyond in the
// last one, is compared with that in which so many bins as fall on a step are alike, by the Kullback–Leibler divergence.
func leastDivergence(bins []int64) int {
	last := len(bins)
	for last > steps && bins[last-1] == 0 {
		last--
	}
	beyond := int64(0)
	best, least := last, math.Inf(1)
	for n := last; n >= steps; n-- {
		if d := divergence(bins[:n], beyond); d < least {
			best, least = n, d
		}
		beyond += bins[n-1]
	}
	return best
}

// divergence of bins with beyond in the last one from what is left of them in steps.
func divergence(bins []int64, beyond int64) float64 {
	total, inside := float64(beyond), 0.0
	for _, n := range bins {
		inside += float64(n)
	}
	if total += inside; inside == 0 {
		return math.Inf(1)
	}
	sum := 0.0
	for s := range steps {
		from, to := s*len(bins)/steps, (s+1)*len(bins)/steps
		together, filled := 0.0, 0
		for _, n := range bins[from:to] {
			together += float64(n)
			if n > 0 {
				filled++
			}
		}
		for i := from; i < to; i++ {
			p := float64(bins[i])
			if i == len(bins)-1 {
				p += float64(beyond)
			}
			if p == 0 {
				continue
			}
			q := 1e-9 * total // where nothing is left: far, but not without end
			if bins[i] > 0 {
				q = together / float64(filled)
			}
			sum += p / total * math.Log(p/total/(q/inside))
		}
	}
	return sum
}
