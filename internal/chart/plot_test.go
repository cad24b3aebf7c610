package chart

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in %.300s", err, svg)
		}
	}
}

func wave(n int) Curve {
	c := Curve{Name: Label{EN: "loss <b>", ZH: "损失"}}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		c.X, c.Y = append(c.X, float64(i)), append(c.Y, 1/(1+float64(i)/100)+rng.NormFloat64()/20)
	}
	return c
}

func TestAPlotOfAnyDataIsWellFormed(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, c := range map[string]Curve{
		"nothing": {}, "one point": {X: []float64{1}, Y: []float64{2}}, "equal points": {X: []float64{1, 1}, Y: []float64{2, 2}},
		"gaps":       {X: []float64{1, 2, 3, nan}, Y: []float64{2, nan, inf, 1}},
		"huge":       {X: []float64{-1.7e308, 1.7e308}, Y: []float64{1e300, -1e300}},
		"tiny":       {X: []float64{0, 5e-324}, Y: []float64{1e-320, 2e-320}},
		"not rising": {X: []float64{3, 1, 2}, Y: []float64{1, 2, 3}, Style: Dots},
		"a band":     {X: []float64{1, 2}, Y: []float64{1, 2}, Low: []float64{0, 1}, High: []float64{2, 4}, Style: Marked},
		"many":       wave(10_000),
	} {
		for _, log := range []bool{false, true} {
			p := &Plot{X: Axis{Name: Label{"step", "步"}, Log: log}, Y: Axis{Name: Label{"a & b", ""}, Log: log}, Curves: []Curve{c}, Small: len(c.X) < 3}
			svg := p.SVG()
			wellFormed(t, svg)
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%s, log %v: a place that is none in %.400s", name, log, svg)
			}
			var b bytes.Buffer
			if err := p.WritePNG(&b); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if picture, err := png.Decode(&b); err != nil || picture.Bounds().Dx() != map[bool]int{true: 2 * smallWidth, false: 2 * width}[p.Small] {
				t.Errorf("%s: no picture: %v", name, err)
			}
		}
	}
}

func TestManyPointsCostWhatTheFigureShows(t *testing.T) {
	c := wave(200_000)
	c.Y[77_777] = 9 // a spike that any thinning by steps would lose
	p := &Plot{Curves: []Curve{c}}
	svg := p.SVG()
	if len(svg) > 60_000 {
		t.Errorf("%d bytes of markup", len(svg))
	}
	f := frame{left: 0, right: 100, top: 0, bottom: 100, x: scale{lo: 0, hi: 200_000}, y: scale{lo: -1, hi: 9}}
	highest := 100.0
	for run := range f.runs(&c) {
		for _, q := range run {
			highest = min(highest, q.y)
		}
	}
	if highest != 0 {
		t.Errorf("the spike is drawn to %v", highest)
	}
}

func TestTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct {
		s    scale
		want string
	}{
		{scale{lo: 0, hi: 1}, "0 0.2 0.4 0.6 0.8 1"},
		{scale{lo: 0.83, hi: 0.97}, "0.85 0.9 0.95"},
		{scale{lo: 0, hi: 1_200_000}, "0 500k 1M"},
		{scale{lo: 100, hi: 10_000, log: true}, "100 200 500 1000 2000 5000 10k"},
		{scale{lo: 1e-6, hi: 1e6, log: true}, "1e-06 0.001 1 1000 1M"},
	} {
		var got []string
		for _, v := range c.s.ticks(5) {
			got = append(got, c.s.format(v))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %s", c.s, strings.Join(got, " "))
		}
	}
}

func TestAPageShowsOneLanguageAndAFileHasOne(t *testing.T) {
	p := &Plot{X: Axis{Name: Label{"step", "步"}}, Curves: []Curve{wave(10)}}
	if svg := p.SVG(); !strings.Contains(svg, `<text lang="zh"`) || !strings.Contains(svg, `<text lang="en"`) {
		t.Error("the page lacks a language")
	}
	var b strings.Builder
	if err := p.WriteSVG(&b); err != nil || strings.Contains(b.String(), "步") || !strings.Contains(b.String(), "#fff") {
		t.Errorf("%v %s", err, b.String())
	}
	wellFormed(t, b.String())
}

func BenchmarkAMillionPoints(b *testing.B) {
	c := wave(1_000_000)
	p := &Plot{Curves: []Curve{c}}
	b.Run("svg", func(b *testing.B) {
		for b.Loop() {
			p.SVG()
		}
	})
	b.Run("png", func(b *testing.B) {
		for b.Loop() {
			if err := p.WritePNG(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The last number below the axis lies within the picture, however many digits it has.
func TestNumbersBelowTheAxisAreNotCut(t *testing.T) {
	p := Plot{Small: true, X: Axis{Name: Label{EN: "ms"}, Min: 0.019, Max: 0.021}, Curves: []Curve{{Name: Label{EN: "a"}, X: []float64{0.0195, 0.02}, Y: []float64{1, 2}, Style: Dots}}}
	w, _ := p.size()
	numbers := regexp.MustCompile(`text-anchor="middle" x="([\d.]+)" y="[\d.]+"[^>]*>([\d.]+)<`).FindAllStringSubmatch(p.SVG(), -1)
	if len(numbers) < 3 {
		t.Fatalf("%d numbers", len(numbers))
	}
	for _, n := range numbers {
		x, err := strconv.ParseFloat(n[1], 64)
		if end := x + digitWidth/2*float64(len(n[2])); err != nil || end > w+0.1 {
			t.Errorf("%s ends at %.1f of %.0f", n[2], end, w)
		}
	}
}
