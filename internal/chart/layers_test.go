package chart

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func TestLayersLeadFromLeftToRight(t *testing.T) {
	l := Layers{Name: "lineage <of> it", Boxes: []Box{{Text: "this"}, {Text: "data"}, {Text: "base"}, {Text: "older data"}, {Text: "built", Link: "/a?x=1&y=2"}}, Arrows: [][2]int{{1, 0}, {2, 0}, {3, 2}, {0, 4}, {2, 4}}}
	d := l.lay()
	for i, want := range []int{2, 1, 1, 0, 3} { // data stands beside the base, not at the left edge
		if d.bends[i].layer != want {
			t.Errorf("%s in layer %d, want %d", l.Boxes[i].Text, d.bends[i].layer, want)
		}
	}
	if n := len(d.bends); n != 6 { // base → built passes the layer of this
		t.Errorf("%d bends", n)
	}
	svg := l.SVG()
	wellFormed(t, svg)
	for _, s := range []string{`href="/a?x=1&amp;y=2"`, "lineage &lt;of&gt; it", `role="group"`} {
		if !strings.Contains(svg, s) {
			t.Errorf("no %s", s)
		}
	}
}

func TestLayersOfAnyGraphEndAndDoNotOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(30)
		l := Layers{Boxes: make([]Box, n)}
		for range r.IntN(4 * n) { // circles and loops among them
			l.Arrows = append(l.Arrows, [2]int{r.IntN(n), r.IntN(n)})
		}
		d := l.lay()
		for _, route := range d.routes {
			for i, to := range route[1:] {
				if d.bends[to].layer != d.bends[route[i]].layer+1 {
					t.Fatalf("an arrow leads from layer %d to %d", d.bends[route[i]].layer, d.bends[to].layer)
				}
			}
		}
		for _, layer := range d.layers {
			for i, at := range layer {
				b := &d.bends[at]
				if b.at-b.height()/2 < 0 || b.at+b.height()/2 > d.height {
					t.Fatal("something lies outside")
				}
				if i > 0 {
					if a := &d.bends[layer[i-1]]; a.at+a.height()/2+boxGap > b.at-b.height()/2+1e-6 {
						t.Fatal("two of a layer overlap")
					}
				}
			}
		}
		wellFormed(t, l.SVG())
	}
}

func TestTextsAreCutToTheirBox(t *testing.T) {
	for text, want := range map[string]string{"short": "short", strings.Repeat("a", 40): strings.Repeat("a", 19) + "…", strings.Repeat("情", 20): strings.Repeat("情", 9) + "…"} {
		got := fit(text, textCell)
		if got != want || float64(uniseg.StringWidth(got))*textCell > boxWidth-2*boxInset {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
