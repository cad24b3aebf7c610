package chart

import (
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"io"
	"strings"
	"unicode"

	"github.com/go-analyze/charts"
	"github.com/golang/freetype/truetype"
	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Poster is a picture that stands for something where a link to it is shown, of the size that is usual there, 1200 × 630
// pixels. The font knows Latin, Greek and Cyrillic letters; a text with others is left out.
type Poster struct {
	Over  string // small, above the name
	Name  string
	Under string   // below it
	Facts []string // on one line
	Bars  []PosterBar
	Brand string
}

// PosterBar is a share of the whole.
type PosterBar struct {
	Name  string
	Text  string  // its value
	Share float64 // 0 to 1
}

const (
	posterWidth  = 1200
	posterHeight = 630
	posterEdge   = 72
	mostBars     = 3
)

var (
	posterBack   = color.RGBA{0x10, 0x1c, 0x20, 0xff}
	posterInk    = color.RGBA{0xf2, 0xf7, 0xf7, 0xff}
	posterSoft   = color.RGBA{0x9f, 0xb4, 0xb8, 0xff}
	posterLine   = color.RGBA{0x2c, 0x3d, 0x43, 0xff}
	posterAccent = color.RGBA{0x2d, 0xbd, 0xb0, 0xff}
)

// WritePNG draws it.
func (p *Poster) WritePNG(w io.Writer) error {
	picture := image.NewRGBA(image.Rect(0, 0, posterWidth, posterHeight))
	fill := func(x, y, width, height int, c color.Color) {
		imagedraw.Draw(picture, image.Rect(x, y, x+width, y+height), image.NewUniform(c), image.Point{}, imagedraw.Src)
	}
	fill(0, 0, posterWidth, posterHeight, posterBack)
	fill(0, 0, posterWidth, 14, posterAccent)
	write := func(x, y int, size float64, c color.Color, s string) {
		drawLetters(picture, x, y, size, c, s)
	}
	y := 130
	write(posterEdge, y, 34, posterAccent, latin(p.Over))
	size := 92.0
	for size > 34 && posterMeasure(size, latin(p.Name)) > posterWidth-2*posterEdge {
		size -= 4
	}
	y += int(size) + 22
	write(posterEdge, y, size, posterInk, shorten(size, latin(p.Name)))
	if s := latin(p.Under); s != "" {
		y += 62
		write(posterEdge, y, 36, posterSoft, shorten(36, s))
	}
	var facts []string
	for _, f := range p.Facts {
		if f = latin(f); f != "" {
			facts = append(facts, f)
		}
	}
	y += 54
	write(posterEdge, y, 32, posterSoft, shorten(32, strings.Join(facts, "   ·   ")))
	y = posterHeight - 58 - 52*min(len(p.Bars), mostBars)
	for _, b := range p.Bars[:min(len(p.Bars), mostBars)] {
		const left, width = 420, 560
		write(posterEdge, y+14, 28, posterInk, shortenTo(28, latin(b.Name), left-posterEdge-20))
		fill(left, y-4, width, 18, posterLine)
		fill(left, y-4, int(width*min(max(b.Share, 0), 1)), 18, posterAccent)
		write(left+width+24, y+14, 28, posterInk, b.Text)
		y += 52
	}
	write(posterEdge, posterHeight-28, 26, posterSoft, latin(p.Brand))
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, picture)
}

// drawLetters draws text from its outlines. The font's letters consist of parts that overlap, in which the drawer of
// package truetype leaves holes.
func drawLetters(picture *image.RGBA, x, y int, size float64, c color.Color, s string) {
	f := charts.GetFont(charts.FontFamilyRoboto)
	scale := fixed.Int26_6(size * 64)
	r := vector.NewRasterizer(posterWidth, posterHeight)
	at := float32(x)
	var glyph truetype.GlyphBuf
	for _, letter := range s {
		index := f.Index(letter)
		if glyph.Load(f, scale, index, font.HintingNone) == nil {
			first := 0
			for _, end := range glyph.Ends {
				drawContour(r, glyph.Points[first:end], at, float32(y))
				first = end
			}
		}
		at += float32(f.HMetric(scale, index).AdvanceWidth) / 64
	}
	r.Draw(picture, picture.Bounds(), image.NewUniform(c), image.Point{})
}

// drawContour adds a closed line of quadratic curves: between two control points that follow each other lies a point of
// the line, halfway (TrueType's outlines).
func drawContour(r *vector.Rasterizer, points []truetype.Point, x, y float32) {
	if len(points) < 2 {
		return
	}
	place := func(p truetype.Point) [2]float32 { return [2]float32{x + float32(p.X)/64, y - float32(p.Y)/64} }
	on := func(p truetype.Point) bool { return p.Flags&1 != 0 }
	middle := func(a, b [2]float32) [2]float32 { return [2]float32{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2} }
	start := place(points[0])
	if last := points[len(points)-1]; !on(points[0]) {
		if start = middle(start, place(last)); on(last) {
			start = place(last)
		}
	}
	r.MoveTo(start[0], start[1])
	var control *[2]float32
	for _, p := range append(points[:len(points):len(points)], points[0]) {
		to := place(p)
		switch {
		case on(p) && control == nil:
			r.LineTo(to[0], to[1])
		case on(p):
			r.QuadTo(control[0], control[1], to[0], to[1])
			control = nil
		default:
			if control != nil {
				half := middle(*control, to)
				r.QuadTo(control[0], control[1], half[0], half[1])
			}
			control = &to
		}
	}
	if control != nil {
		r.QuadTo(control[0], control[1], start[0], start[1])
	}
	r.ClosePath()
}

func posterMeasure(size float64, s string) (width int) {
	f := charts.GetFont(charts.FontFamilyRoboto)
	scale := fixed.Int26_6(size * 64)
	var all fixed.Int26_6
	for _, letter := range s {
		all += f.HMetric(scale, f.Index(letter)).AdvanceWidth
	}
	return all.Round()
}

func shorten(size float64, s string) string { return shortenTo(size, s, posterWidth-2*posterEdge) }

func shortenTo(size float64, s string, width int) string {
	r := []rune(s)
	for len(r) > 1 && posterMeasure(size, string(r)) > width {
		r = append(r[:max(len(r)-1-len(r)/20, 1)-1], '…')
	}
	return string(r)
}

// latin is a text that the font has the letters of; "" for one with others.
func latin(s string) string {
	for _, r := range s {
		if unicode.IsLetter(r) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic) {
			return ""
		}
	}
	return strings.Join(strings.Fields(s), " ")
}
