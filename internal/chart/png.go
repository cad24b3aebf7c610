package chart

import (
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"io"
	"math"

	"github.com/go-analyze/charts"
	"github.com/golang/freetype/truetype"
	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pngCanvas paints pixels, at twice the size. The chart library's own painter takes 16 seconds for a line of 2,000
// points, as it strokes the whole path at once; here each stretch is a rectangle, and the same line takes milliseconds.
type pngCanvas struct {
	picture *image.RGBA
	raster  *vector.Rasterizer
	face    font.Face
}

const pngScale = 2

func newPNGCanvas(w, h float64) *pngCanvas {
	c := &pngCanvas{picture: image.NewRGBA(image.Rect(0, 0, int(pngScale*w), int(pngScale*h))), raster: vector.NewRasterizer(0, 0)}
	imagedraw.Draw(c.picture, c.picture.Bounds(), image.White, image.Point{}, imagedraw.Src)
	c.face = truetype.NewFace(charts.GetFont(charts.FontFamilyRoboto), &truetype.Options{Size: 12.5 * pngScale, DPI: 72})
	return c
}

func (c *pngCanvas) encode(w io.Writer) error {
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, c.picture)
}

// color returns a colour with its transparency, not premultiplied.
func (c *pngCanvas) color(t tint, alpha uint8) color.NRGBA {
	hex := "#1b2426"
	switch {
	case t == soft:
		hex = "#58666a"
	case t == grid:
		hex = "#d8dfe0"
	case t >= 0:
		hex = seriesDefaults[int(t)%len(seriesDefaults)]
	}
	rgb := charts.ColorFromHex(hex)
	return color.NRGBA{rgb.R, rgb.G, rgb.B, alpha}
}

// fill paints shapes, whose points go round in the same direction, in one colour.
func (c *pngCanvas) fill(paint color.NRGBA, shapes ...[]point) {
	box := image.Rectangle{Min: c.picture.Bounds().Max}
	for _, shape := range shapes {
		for _, p := range shape {
			box.Min.X, box.Min.Y = min(box.Min.X, int(pngScale*p.x)), min(box.Min.Y, int(pngScale*p.y))
			box.Max.X, box.Max.Y = max(box.Max.X, int(pngScale*p.x)+1), max(box.Max.Y, int(pngScale*p.y)+1)
		}
	}
	if box = box.Intersect(c.picture.Bounds()); box.Empty() {
		return
	}
	c.raster.Reset(box.Dx(), box.Dy())
	for _, shape := range shapes {
		for i, p := range shape {
			x, y := float32(pngScale*p.x)-float32(box.Min.X), float32(pngScale*p.y)-float32(box.Min.Y)
			if i == 0 {
				c.raster.MoveTo(x, y)
			} else {
				c.raster.LineTo(x, y)
			}
		}
		c.raster.ClosePath()
	}
	c.raster.Draw(c.picture, box, image.NewUniform(paint), image.Point{})
}

func (c *pngCanvas) line(points []point, t tint, dashed bool) {
	half := 1.0
	if t < 0 {
		half = 0.5
	}
	if len(points) == 1 {
		c.dot(points[0], t, false)
		return
	}
	if dashed {
		points = dashes(points, 5, 4)
	}
	var shapes [][]point
	for i := 1; i < len(points); i++ {
		if dashed && i%2 == 0 {
			continue // the gap between two dashes
		}
		a, b := points[i-1], points[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		// Half the line's width along it and across it: stretches overlap at their ends and leave no notch.
		ux, uy := half*(b.x-a.x)/length, half*(b.y-a.y)/length
		if !dashed && t >= 0 {
			a, b = point{a.x - ux/2, a.y - uy/2}, point{b.x + ux/2, b.y + uy/2}
		}
		shapes = append(shapes, []point{{a.x - uy, a.y + ux}, {b.x - uy, b.y + ux}, {b.x + uy, b.y - ux}, {a.x + uy, a.y - ux}})
	}
	c.fill(c.color(t, 255), shapes...)
}

// dashes cuts a line into pairs of points: the ends of each dash.
func dashes(points []point, on, off float64) []point {
	var out []point
	at, drawing := 0.0, true // since the last change
	out = append(out, points[0])
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		for done := 0.0; length > 0; {
			want := off
			if drawing {
				want = on
			}
			if done+want-at > length {
				at += length - done
				break
			}
			done += want - at
			share := done / length
			out = append(out, point{a.x + share*(b.x-a.x), a.y + share*(b.y-a.y)})
			at, drawing = 0, !drawing
		}
	}
	if drawing {
		out = append(out, points[len(points)-1])
	}
	return out
}

func (c *pngCanvas) area(points []point, t tint, solid bool) {
	alpha := uint8(46)
	if solid {
		alpha = 255
	}
	c.fill(c.color(t, alpha), points)
}

func (c *pngCanvas) dot(at point, t tint, faint bool) {
	alpha := uint8(255)
	if faint {
		alpha = 90
	}
	var circle []point
	for i := range 16 {
		angle := float64(i) * math.Pi / 8
		circle = append(circle, point{at.x + 3*math.Cos(angle), at.y + 3*math.Sin(angle)})
	}
	c.fill(c.color(t, alpha), circle)
}

func (c *pngCanvas) text(at point, l Label, a anchor) {
	d := font.Drawer{Dst: c.picture, Src: image.NewUniform(c.color(ink, 255)), Face: c.face}
	left := fixed.Int26_6(64*pngScale*at.x) - d.MeasureString(l.EN)*fixed.Int26_6(a)/2
	d.Dot = fixed.Point26_6{X: left, Y: fixed.Int26_6(64 * pngScale * at.y)}
	d.DrawString(l.EN)
}
