package chart

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// Layers is a directed graph drawn from left to right: each box stands in a layer to the right of all that lead to it, after
// Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981). Arrows that would
// close a circle are left out. It takes the page's classes: box, and those of each, and arrow.
type Layers struct {
	Name, About string // what it shows, for those who do not see it
	Boxes       []Box
	Arrows      [][2]int // from, to
}

// Box is a node. Its texts are cut where they are too long for it.
type Box struct {
	Text, Note string
	Whole      string // all that there is to say, for who points at it
	Link       string // "" for none
	Class      string
}

// Measures of the drawing, in SVG units, which pages show as pixels. A cell is half as wide as a Chinese character.
const (
	boxWidth, boxHeight = 164.0, 46.0
	boxGap, layerGap    = 12.0, 36.0
	bendHeight          = 10.0 // of an arrow that passes a layer
	textCell, noteCell  = 7.2, 6.2
	boxInset            = 10.0
)

// bend is a place in a layer: a box, or where an arrow passes through.
type bend struct {
	box   int // -1 for none
	layer int
	at    float64 // middle, from above
	left  []int   // places in the layer before
	right []int   // and in the one behind
}

func (b *bend) height() float64 {
	if b.box < 0 {
		return bendHeight
	}
	return boxHeight
}

// drawing is a graph whose arrows lead from one layer to the next.
type drawing struct {
	bends  []bend
	layers [][]int // places of bends, from above
	routes [][]int // bends of each arrow
	width  float64
	height float64
}

// SVG returns the figure for a page.
func (l *Layers) SVG() string {
	d := l.lay()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-label="%s" viewBox="0 0 %g %g" width="%g" height="%g" font-size="13" fill="currentColor"><title>%s</title><desc>%s</desc>`,
		html.EscapeString(l.Name), d.width, d.height, d.width, d.height, html.EscapeString(l.Name), html.EscapeString(l.About))
	b.WriteString(`<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0L8 4L0 8Z"/></marker></defs><g class="arrow" fill="none" stroke-width="1.5">`)
	for _, r := range d.routes {
		fmt.Fprintf(&b, `<path marker-end="url(#arrowhead)" d="%s"/>`, d.path(r))
	}
	b.WriteString("</g>")
	for i, box := range l.Boxes {
		box.draw(&b, d.left(i), d.bends[i].at-boxHeight/2)
	}
	b.WriteString("</svg>")
	return b.String()
}

func (x *Box) draw(b *strings.Builder, left, top float64) {
	if x.Link != "" {
		fmt.Fprintf(b, `<a href="%s">`, html.EscapeString(x.Link))
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%g" height="%g" rx="8"/>`, html.EscapeString(strings.TrimSpace("box "+x.Class)), html.EscapeString(cmp.Or(x.Whole, x.Text)), left, top, boxWidth, boxHeight)
	middle := 19.0
	if x.Note == "" {
		middle = 28
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, left+boxInset, top+middle, html.EscapeString(fit(x.Text, textCell)))
	if x.Note != "" {
		fmt.Fprintf(b, `<text class="by" font-size="11" x="%.1f" y="%.1f">%s</text>`, left+boxInset, top+35, html.EscapeString(fit(x.Note, noteCell)))
	}
	b.WriteString("</g>")
	if x.Link != "" {
		b.WriteString("</a>")
	}
}

// fit cuts a text to what a box has room for.
func fit(s string, cell float64) string {
	room := int((boxWidth - 2*boxInset) / cell)
	if uniseg.StringWidth(s) <= room {
		return s
	}
	var b strings.Builder
	used := 1 // the sign that something is missing
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > room {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

func (d *drawing) left(i int) float64 {
	return 1 + float64(d.bends[i].layer)*(boxWidth+layerGap)
}

// path is the curve of an arrow, from the right side of a box to the left side of another.
func (d *drawing) path(route []int) string {
	var b strings.Builder
	x, y := d.left(route[0])+boxWidth, d.bends[route[0]].at
	fmt.Fprintf(&b, "M%.1f %.1f", x, y)
	for _, i := range route[1:] {
		toX, toY := d.left(i), d.bends[i].at
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", x+layerGap/2, y, toX-layerGap/2, toY, toX, toY)
		if x, y = toX, toY; d.bends[i].box < 0 {
			x += boxWidth
			fmt.Fprintf(&b, "H%.1f", x)
		}
	}
	return b.String()
}

// lay finds a place for everything.
func (l *Layers) lay() *drawing {
	arrows := l.forward()
	rank := ranks(len(l.Boxes), arrows)
	d := &drawing{layers: make([][]int, slices.Max(append(rank, 0))+1)}
	add := func(box, layer int) int {
		d.bends = append(d.bends, bend{box: box, layer: layer})
		d.layers[layer] = append(d.layers[layer], len(d.bends)-1)
		return len(d.bends) - 1
	}
	for i := range l.Boxes {
		add(i, rank[i])
	}
	for _, a := range arrows {
		route := []int{a[0]}
		for layer := rank[a[0]] + 1; layer < rank[a[1]]; layer++ {
			route = append(route, add(-1, layer))
		}
		route = append(route, a[1])
		for i, to := range route[1:] {
			d.bends[route[i]].right = append(d.bends[route[i]].right, to)
			d.bends[to].left = append(d.bends[to].left, route[i])
		}
		d.routes = append(d.routes, route)
	}
	d.order()
	d.stack()
	return d
}

// forward lists the arrows without those that close a circle.
func (l *Layers) forward() (list [][2]int) {
	out := make([][]int, len(l.Boxes))
	for _, a := range l.Arrows {
		if a[0] != a[1] && !slices.Contains(out[a[0]], a[1]) {
			out[a[0]] = append(out[a[0]], a[1])
		}
	}
	const open, done = 1, 2
	state := make([]int, len(l.Boxes))
	var walk func(int)
	walk = func(i int) {
		state[i] = open
		for _, to := range out[i] {
			if state[to] == open {
				continue
			}
			list = append(list, [2]int{i, to})
			if state[to] == 0 {
				walk(to)
			}
		}
		state[i] = done
	}
	for i := range l.Boxes {
		if state[i] == 0 {
			walk(i)
		}
	}
	return list
}

// ranks gives each of n boxes a layer behind all that lead to it. What nothing leads to stands next to what it leads to.
func ranks(n int, arrows [][2]int) []int {
	rank, first := make([]int, n), make([]bool, n)
	for i := range first {
		first[i] = true
	}
	for changed := true; changed; { // ends: there are no circles
		changed = false
		for _, a := range arrows {
			first[a[1]] = false
			if rank[a[1]] <= rank[a[0]] {
				rank[a[1]], changed = rank[a[0]]+1, true
			}
		}
	}
	near := make([]int, n)
	for _, a := range arrows {
		if r := rank[a[1]]; first[a[0]] && (near[a[0]] == 0 || r < near[a[0]]) {
			near[a[0]] = r
		}
	}
	for i, r := range near {
		if r > 0 {
			rank[i] = r - 1
		}
	}
	return rank
}

// order sorts each layer by the middle of what its members are joined to, to and fro, so that arrows cross less.
func (d *drawing) order() {
	const sweeps = 4
	for range sweeps {
		for _, layer := range d.layers {
			d.sort(layer, func(b *bend) []int { return b.left })
		}
		for _, layer := range slices.Backward(d.layers) {
			d.sort(layer, func(b *bend) []int { return b.right })
		}
	}
}

func (d *drawing) sort(layer []int, joined func(*bend) []int) {
	middle := map[int]float64{}
	for place, i := range layer {
		others := joined(&d.bends[i])
		middle[i] = float64(place)
		if len(others) == 0 {
			continue
		}
		sum := 0.0
		for _, o := range others {
			near := d.layers[d.bends[o].layer]
			sum += (float64(slices.Index(near, o)) + 0.5) / float64(len(near))
		}
		middle[i] = sum/float64(len(others))*float64(len(layer)) - 0.5
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
}

// stack gives everything in a layer a height, each layer about the middle.
func (d *drawing) stack() {
	tall := func(layer []int) (sum float64) {
		for _, i := range layer {
			sum += d.bends[i].height() + boxGap
		}
		return max(sum-boxGap, 0)
	}
	for _, layer := range d.layers {
		d.height = max(d.height, tall(layer))
	}
	for _, layer := range d.layers {
		top := (d.height-tall(layer))/2 + 1
		for _, i := range layer {
			d.bends[i].at = top + d.bends[i].height()/2
			top += d.bends[i].height() + boxGap
		}
	}
	d.height = math.Ceil(d.height) + 2
	d.width = float64(len(d.layers))*(boxWidth+layerGap) - layerGap + 2
}
