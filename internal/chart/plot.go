package chart

import (
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/rivo/uniseg"
)

// Plot is a figure with two numeric axes: curves, dots, and bands about them. It is drawn as SVG for a page, or as a file
// of either format; a curve of any number of points costs the size of the figure.
type Plot struct {
	X, Y   Axis
	Curves []Curve
	Small  bool // two thirds of the size, so that its text can be read on a phone and beside another
}

// The size of a small figure.
const (
	smallWidth  = 430
	smallHeight = 270
)

// size returns the room of the figure.
func (p *Plot) size() (w, h float64) {
	if p.Small {
		return smallWidth, smallHeight
	}
	return width, height
}

// Label is a word in English and Chinese, of which a page shows one. ZH may be empty where both are the same.
type Label struct{ EN, ZH string }

// Axis is one side of a plot. Equal Min and Max mean those of the data.
type Axis struct {
	Name     Label
	Min, Max float64
	Log      bool // of values above 0 alone
}

// Style is how a curve is drawn.
type Style int

// The styles.
const (
	Solid  Style = iota
	Dashed       // for what is expected or compared with
	Dots
	Marked // a line with dots
	Bars   // from 0 up, each as wide as the least distance of two
)

// Curve is a line or a cloud of dots. A point with a NaN or an infinity is left out and breaks the line.
type Curve struct {
	Name      Label // "" keeps it out of the legend
	X, Y      []float64
	Low, High []float64 // of a band about the curve; nil for none
	Style     Style
	Plain     bool // in the soft colour of the page, without one of its own
}

// SVG returns the figure for a page.
func (p *Plot) SVG() string {
	c := &svgCanvas{}
	p.draw(c)
	return c.close(p.size())
}

// WriteSVG writes the figure as a file of its own, on a white ground, with English labels.
func (p *Plot) WriteSVG(w io.Writer) error {
	c := &svgCanvas{alone: true}
	p.draw(c)
	_, err := io.WriteString(w, c.close(p.size()))
	return err
}

// WritePNG writes the figure as a picture of twice the size, on a white ground, with English labels. Its font has no
// Chinese characters.
func (p *Plot) WritePNG(w io.Writer) error {
	c := newPNGCanvas(p.size())
	p.draw(c)
	return c.encode(w)
}

// point is a place in a figure of width × height, from its upper left corner.
type point struct{ x, y float64 }

// tint is a colour: ink, soft, or that of a series, counted from 0.
type tint int

const (
	ink  tint = -1
	soft tint = -2
	grid tint = -3
)

// anchor is which part of a text its place is of.
type anchor int

const (
	start anchor = iota
	middle
	end
)

// canvas is what a plot is drawn on.
type canvas interface {
	line(points []point, t tint, dashed bool)
	area(points []point, t tint, solid bool) // or translucent
	dot(at point, t tint, faint bool)
	text(at point, l Label, a anchor)
}

// frame is where the curves lie.
type frame struct {
	left, top, right, bottom float64
	x, y                     scale
}

func (f *frame) at(x, y float64) point {
	return point{f.left + f.x.share(x)*(f.right-f.left), f.bottom - f.y.share(y)*(f.bottom-f.top)}
}

const lineHeight, digitWidth = 17, 7.6

func (p *Plot) draw(c canvas) {
	w, h := p.size()
	f := frame{left: 58, right: w - 16, bottom: h - 24}
	if p.X.Name.EN != "" {
		f.bottom -= lineHeight
	}
	f.top = p.legend(c, w)
	if p.Y.Name.EN != "" {
		c.text(point{0, f.top - 14}, p.Y.Name, start)
	}
	xs, ys := p.ranges()
	f.x, f.y = newScale(p.X, xs), newScale(p.Y, ys)
	for _, v := range f.y.ticks(5) {
		at := f.at(f.x.lo, v)
		c.line([]point{at, {f.right, at.y}}, grid, false)
		c.text(point{at.x - 6, at.y + 4}, Label{EN: f.y.format(v)}, end)
	}
	for _, v := range f.x.ticks(int(w / 70)) {
		at := f.at(v, f.y.lo)
		c.line([]point{at, {at.x, at.y + 4}}, ink, false)
		number := f.x.format(v)
		half := digitWidth / 2 * float64(len(number)) // what the last number needs beside the frame may be more than there is
		c.text(point{min(at.x, w-half), at.y + 18}, Label{EN: number}, middle)
	}
	c.line([]point{{f.left, f.bottom}, {f.right, f.bottom}}, ink, false)
	if p.X.Name.EN != "" {
		c.text(point{(f.left + f.right) / 2, h - 6}, p.X.Name, middle)
	}
	color := tint(0)
	for _, curve := range p.Curves {
		t := soft
		if !curve.Plain {
			t = color
			color++
		}
		drawCurve(c, &f, &curve, t)
	}
}

// legend names the curves, in as many lines as they need, and returns where the frame begins.
func (p *Plot) legend(c canvas, width float64) float64 {
	x, y, color, named := 58.0, 16.0, tint(0), false
	for _, curve := range p.Curves {
		t := soft
		if !curve.Plain {
			t = color
			color++
		}
		if curve.Name.EN == "" {
			continue
		}
		w := 34 + 7.2*float64(max(uniseg.StringWidth(curve.Name.EN), uniseg.StringWidth(curve.Name.ZH)))
		if named && x+w > width {
			x, y = 58, y+lineHeight
		}
		named = true
		if curve.Style == Dots {
			c.dot(point{x + 10, y - 4}, t, false)
		} else {
			c.line([]point{{x, y - 4}, {x + 18, y - 4}}, t, curve.Style == Dashed)
		}
		c.text(point{x + 23, y}, curve.Name, start)
		x += w
	}
	if !named {
		y = 0
	}
	if p.Y.Name.EN != "" {
		y += 28
	}
	return y + 14
}

// ranges returns the least and greatest values of both axes; lo > hi where there are none.
func (p *Plot) ranges() (x, y [2]float64) {
	x, y = [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	widen := func(r *[2]float64, v float64, log bool) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) && (!log || v > 0) {
			r[0], r[1] = min(r[0], v), max(r[1], v)
		}
	}
	for _, c := range p.Curves {
		for i := range c.X {
			widen(&x, c.X[i], p.X.Log)
			widen(&y, c.Y[i], p.Y.Log)
			if c.Style == Bars {
				widen(&y, 0, p.Y.Log)
			}
			if c.Low != nil {
				widen(&y, c.Low[i], p.Y.Log)
				widen(&y, c.High[i], p.Y.Log)
			}
		}
	}
	return x, y
}

// drawCurve draws what can be seen of a curve.
func drawCurve(c canvas, f *frame, curve *Curve, t tint) {
	if curve.Low != nil {
		var band []point
		for i, x := range curve.X {
			band = append(band, f.at(x, f.y.clamp(curve.Low[i])))
		}
		for i := range slices.Backward(curve.X) {
			band = append(band, f.at(curve.X[i], f.y.clamp(curve.High[i])))
		}
		c.area(band, t, false)
	}
	if curve.Style == Bars {
		drawBars(c, f, curve, t)
		return
	}
	if curve.Style != Dots {
		for run := range f.runs(curve) {
			c.line(run, t, curve.Style == Dashed)
		}
	}
	if curve.Style == Solid || curve.Style == Dashed || curve.Style == Marked && len(curve.X) > 60 {
		return
	}
	seen := map[[2]int]bool{} // dots that would cover each other are drawn once
	for i := range curve.X {
		if !f.holds(curve.X[i], curve.Y[i]) {
			continue
		}
		at := f.at(curve.X[i], curve.Y[i])
		if cell := [2]int{int(at.x), int(at.y)}; !seen[cell] {
			seen[cell] = true
			c.dot(at, t, len(curve.X) > 200)
		}
	}
}

func drawBars(c canvas, f *frame, curve *Curve, t tint) {
	step := math.Inf(1)
	for i := 1; i < len(curve.X); i++ {
		if d := math.Abs(curve.X[i] - curve.X[i-1]); d > 0 {
			step = min(step, d)
		}
	}
	half := min(0.42*step/(f.x.hi-f.x.lo)*(f.right-f.left), 30)
	floor := f.at(f.x.lo, f.y.clamp(0)).y
	for i, x := range curve.X {
		if y := curve.Y[i]; f.x.holds(x) && f.y.finite(y) {
			top := f.at(x, f.y.clamp(y))
			c.area([]point{{top.x - half, floor}, {top.x + half, floor}, {top.x + half, top.y}, {top.x - half, top.y}}, t, true)
		}
	}
}

// holds tells whether a point can be drawn and lies in the frame.
func (f *frame) holds(x, y float64) bool { return f.x.holds(x) && f.y.holds(y) }

// runs yields the unbroken parts of a line. Of the points that fall into one column of pixels it keeps the first, the
// lowest, the highest and the last, so that the line covers the same pixels as if all were drawn.
func (f *frame) runs(curve *Curve) func(yield func([]point) bool) {
	return func(yield func([]point) bool) {
		var run []point
		var first, low, high, last point
		column, held := 0, false
		flush := func() {
			if !held {
				return
			}
			run = append(run, first)
			a, b := low, high
			if b.x < a.x {
				a, b = b, a
			}
			for _, p := range []point{a, b, last} {
				if p != run[len(run)-1] {
					run = append(run, p)
				}
			}
			held = false
		}
		for i, x := range curve.X {
			if !f.x.holds(x) || !f.y.finite(curve.Y[i]) {
				flush()
				if len(run) > 0 && !yield(run) {
					return
				}
				run = nil
				continue
			}
			p := f.at(x, f.y.clamp(curve.Y[i]))
			if held && int(p.x) == column {
				last = p
				if p.y > low.y {
					low = p
				}
				if p.y < high.y {
					high = p
				}
				continue
			}
			flush()
			column, held = int(p.x), true
			first, low, high, last = p, p, p, p
		}
		flush()
		if len(run) > 0 {
			yield(run)
		}
	}
}

// scale maps values to shares of an axis.
type scale struct {
	lo, hi float64
	log    bool
}

func newScale(a Axis, data [2]float64) scale {
	s := scale{a.Min, a.Max, a.Log}
	if s.lo == s.hi {
		s.lo, s.hi = data[0], data[1]
		if s.lo > s.hi {
			s.lo, s.hi = 0, 1
			if s.log {
				s.lo = 0.1
			}
		}
		switch margin := (s.hi - s.lo) / 50; {
		case s.log:
			s.lo, s.hi = max(s.lo/1.05, 1e-300), max(s.hi*1.05, 1.1e-300)
		case s.hi-s.lo < 1e-300: // nor do steps between denormal numbers exist
			half := max(math.Abs(s.lo)/10, 0.5)
			s.lo, s.hi = s.lo-half, s.hi+half
		case !math.IsInf(margin, 0):
			s.lo, s.hi = s.lo-margin, s.hi+margin
		}
	}
	return s
}

func (s scale) share(v float64) float64 {
	if s.log {
		return math.Log(v/s.lo) / math.Log(s.hi/s.lo)
	}
	half := s.hi/2 - s.lo/2 // no overflow where the range is that of doubles
	return (v/2 - s.lo/2) / half
}

func (s scale) finite(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!s.log || v > 0)
}

func (s scale) holds(v float64) bool { return s.finite(v) && v >= s.lo && v <= s.hi }

func (s scale) clamp(v float64) float64 { return min(max(v, s.lo), s.hi) }

// ticks returns about n round values within the scale.
func (s scale) ticks(n int) []float64 {
	var out []float64
	if s.log && s.hi/s.lo > 3 {
		return s.logTicks(n)
	}
	raw := s.hi/float64(n) - s.lo/float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw {
			step = m * power
			break
		}
	}
	for i := math.Ceil(s.lo / step); i*step <= s.hi+step/1e6 && len(out) < 20; i++ {
		out = append(out, i*step)
	}
	return out
}

func (s scale) logTicks(n int) []float64 {
	var out []float64
	for _, steps := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		out = nil
		for e := math.Floor(math.Log10(s.lo)); e <= math.Ceil(math.Log10(s.hi)); e++ {
			for _, m := range steps {
				if v := m * math.Pow(10, e); s.holds(v) {
					out = append(out, v)
				}
			}
		}
		if len(out) <= n+2 {
			return out
		}
	}
	var few []float64
	for i := 0; i < len(out); i += len(out)/(n+1) + 1 {
		few = append(few, out[i])
	}
	return few
}

// format writes a tick: 0.05, 12, 20k, 3M, 1e+20.
func (s scale) format(v float64) string {
	size := max(math.Abs(s.lo), math.Abs(s.hi))
	switch {
	case math.Abs(v) < size/1e9 && !s.log:
		return "0"
	case math.Abs(v) >= 1e6 && math.Abs(v) < 1e9:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case math.Abs(v) >= 1e4 && math.Abs(v) < 1e6:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
