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
		d := font.Drawer{Dst: picture, Src: image.NewUniform(c), Face: posterFace(size), Dot: fixed.P(x, y)}
		d.DrawString(s)
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
	y += 62
	write(posterEdge, y, 32, posterSoft, shorten(32, strings.Join(facts, "   ·   ")))
	y = posterHeight - posterEdge - 52*min(len(p.Bars), mostBars)
	for _, b := range p.Bars[:min(len(p.Bars), mostBars)] {
		const left, width = 420, 560
		write(posterEdge, y+14, 28, posterInk, shortenTo(28, latin(b.Name), left-posterEdge-20))
		fill(left, y-4, width, 18, posterLine)
		fill(left, y-4, int(width*min(max(b.Share, 0), 1)), 18, posterAccent)
		write(left+width+24, y+14, 28, posterInk, b.Text)
		y += 52
	}
	write(posterEdge, posterHeight-34, 26, posterSoft, latin(p.Brand))
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, picture)
}

func posterFace(size float64) font.Face {
	return truetype.NewFace(charts.GetFont(charts.FontFamilyRoboto), &truetype.Options{Size: size, DPI: 72})
}

func posterMeasure(size float64, s string) int {
	return font.MeasureString(posterFace(size), s).Round()
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
