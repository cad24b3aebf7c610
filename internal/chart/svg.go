package chart

import (
	"fmt"
	"html"
	"strings"
)

// seriesDefaults are the colours of series where the page defines none; the first four are those of defaults.
var seriesDefaults = append(append([]string{}, defaults...), "#be185d", "#4d7c0f", "#0369a1", "#7c3aed")

// svgCanvas writes markup. Its colours are the page's, and of a label in two languages both are written: the page hides
// one of them.
type svgCanvas struct {
	strings.Builder
	alone bool // a file of its own
}

// close returns the picture.
func (c *svgCanvas) close(w, h float64) string {
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-size="13" fill="currentColor">`, w, h)
	if c.alone {
		head = fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-size="13" font-family="sans-serif" fill="currentColor" style="color:#1b2426"><rect width="100%%" height="100%%" fill="#fff"/>`, w, h, 2*w, 2*h)
	}
	return head + c.String() + "</svg>"
}

func (c *svgCanvas) color(t tint) string {
	switch t {
	case ink:
		return "currentColor"
	case soft:
		return "var(--soft,#58666a)"
	case grid:
		return "var(--line,#d8dfe0)"
	}
	n := int(t) % len(seriesDefaults)
	return fmt.Sprintf("var(--chart-%d,%s)", n+1, seriesDefaults[n])
}

func (c *svgCanvas) line(points []point, t tint, dashed bool) {
	if len(points) == 1 {
		c.dot(points[0], t, false)
		return
	}
	stroke, dash := 2, ""
	if t < 0 {
		stroke = 1
	}
	if dashed {
		dash = ` stroke-dasharray="5 4"`
	}
	fmt.Fprintf(c, `<path fill="none" stroke="%s" stroke-width="%d" stroke-linejoin="round"%s d="%s"/>`, c.color(t), stroke, dash, path(points))
}

func (c *svgCanvas) area(points []point, t tint, solid bool) {
	opacity := ` fill-opacity="0.18"`
	if solid {
		opacity = ""
	}
	fmt.Fprintf(c, `<path fill="%s"%s d="%sZ"/>`, c.color(t), opacity, path(points))
}

func (c *svgCanvas) dot(at point, t tint, faint bool) {
	opacity := ""
	if faint {
		opacity = ` fill-opacity="0.35"`
	}
	fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"%s/>`, at.x, at.y, c.color(t), opacity)
}

func (c *svgCanvas) text(at point, l Label, a anchor) {
	place := fmt.Sprintf(` text-anchor="%s" x="%.1f" y="%.1f"`, [...]string{"start", "middle", "end"}[a], at.x, at.y)
	if l.ZH == "" || l.ZH == l.EN || c.alone {
		fmt.Fprintf(c, `<text%s>%s</text>`, place, html.EscapeString(l.EN))
		return
	}
	fmt.Fprintf(c, `<text lang="en"%s>%s</text><text lang="zh"%s>%s</text>`, place, html.EscapeString(l.EN), place, html.EscapeString(l.ZH))
}

func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		command := byte('L')
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, p.x, p.y)
	}
	return b.String()
}
