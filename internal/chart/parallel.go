package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
)

// Dimension is an upright axis of a parallel plot.
type Dimension struct {
	Name  Label
	Ticks []Tick
}

// Tick is a named place on an axis, in shares of its height from below.
type Tick struct {
	At   float64
	Name string
}

// Thread is a line across all dimensions of a parallel plot: its place on each, in shares of the height, NaN where it has
// none. The higher its weight, from 0 to 1, the more it stands out.
type Thread struct {
	At     []float64
	Weight float64
}

// Parallel draws parallel coordinates (Inselberg 1985) for a page: an axis a dimension, a line a thing.
func Parallel(dimensions []Dimension, threads []Thread) string {
	c := &svgCanvas{}
	const left, right, top, bottom = 60.0, width - 60.0, 52.0, height - 12.0
	x := func(i int) float64 {
		if len(dimensions) == 1 {
			return (left + right) / 2
		}
		return left + (right-left)*float64(i)/float64(len(dimensions)-1)
	}
	sorted := slices.Clone(threads)
	slices.SortStableFunc(sorted, func(a, b Thread) int { // the heaviest on top
		switch {
		case a.Weight < b.Weight:
			return -1
		case a.Weight > b.Weight:
			return 1
		}
		return 0
	})
	for n, thread := range sorted {
		var run []point
		flush := func() {
			if len(run) > 0 {
				c.thread(run, thread.Weight, n == len(sorted)-1)
			}
			run = nil
		}
		for i, v := range thread.At[:min(len(thread.At), len(dimensions))] {
			if math.IsNaN(v) {
				flush()
				continue
			}
			run = append(run, point{x(i), bottom - min(max(v, 0), 1)*(bottom-top)})
		}
		flush()
	}
	for i, d := range dimensions {
		c.line([]point{{x(i), top}, {x(i), bottom}}, ink, false)
		side := middle
		switch {
		case i == 0:
			side = start
		case i == len(dimensions)-1:
			side = end
		}
		// Names take turns in two rows, so that long ones have room; those at the edges lean inwards.
		at := point{x(i), 16 + float64(i%2)*lineHeight}
		if side == start {
			at.x = 0
		} else if side == end && len(dimensions) > 1 {
			at.x = width
		}
		c.text(at, d.Name, side)
		for _, t := range d.Ticks {
			y := bottom - t.At*(bottom-top)
			c.line([]point{{x(i) - 3, y}, {x(i) + 3, y}}, ink, false)
			if i == 0 {
				c.halo(point{x(i) - 6, y + 4}, t.Name, end)
			} else {
				c.halo(point{x(i) + 6, y + 4}, t.Name, start)
			}
		}
	}
	return c.close(width, height)
}

// thread draws a line that is the fainter the less it weighs; the best one is in the colour of the first series.
func (c *svgCanvas) thread(points []point, weight float64, best bool) {
	if best {
		c.line(points, 0, false)
		return
	}
	fmt.Fprintf(c, `<path fill="none" stroke="%s" stroke-opacity="%.2f" d="%s"/>`, c.color(0), 0.06+0.5*weight*weight, path(points))
}

// halo writes text that stays readable over lines.
func (c *svgCanvas) halo(at point, text string, a anchor) {
	fmt.Fprintf(c, `<text text-anchor="%s" x="%.1f" y="%.1f" font-size="11" paint-order="stroke" stroke="var(--back,#fff)" stroke-width="3">%s</text>`,
		[...]string{"start", "middle", "end"}[a], at.x, at.y, html.EscapeString(text))
}

// Share is a named part of a whole.
type Share struct {
	Name  string
	Value float64 // from 0 to 1
}

// Shares draws a lying bar for each share, with its percentage, for a page.
func Shares(shares []Share) string {
	c := &svgCanvas{}
	const row, left, right = 30, 4.0, width - 60.0
	for i, s := range shares {
		y := float64(i * row)
		c.text(point{left, y + 12}, Label{EN: s.Name}, start)
		w := max(min(max(s.Value, 0), 1)*(right-left), 1)
		fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="9" rx="2" fill="%s"/>`, left, y+17, w, c.color(0))
		c.text(point{left + w + 6, y + 26}, Label{EN: fmt.Sprintf("%.0f %%", 100*s.Value)}, start)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-size="13" fill="currentColor">%s</svg>`, width, max(len(shares), 1)*row+4, c.Builder.String())
}
