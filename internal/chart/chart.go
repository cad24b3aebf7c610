// Package chart draws figures as SVG that fits any page: no background, the page's font, and colours that the page
// defines, so that one picture serves light and dark.
//
// Text is in currentColor, series take the CSS variables --chart-1 … --chart-4 with defaults of their own.
package chart

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-analyze/charts"
)

// Series is one line or one set of bars.
type Series struct {
	Name   string
	Values []float64 // NaN for a missing value
}

// Size of a figure in SVG units; pages scale it.
const (
	width  = 640
	height = 320
)

// Bar draws a group of bars for each label.
func Bar(labels []string, series ...Series) (string, error) {
	option := charts.NewBarChartOptionWithData(values(series))
	option.Theme = palette()
	option.CategoryAxis.Labels = labels
	option.Legend.SeriesNames = names(series)
	if top := highest(series); top > 0.2 && top <= 1 { // shares are seen against the whole
		option.ValueAxis[0].Min, option.ValueAxis[0].Max = charts.Ptr(0.0), charts.Ptr(1.0)
	}
	return draw(func(p *charts.Painter) error { return p.BarChart(option) })
}

func highest(series []Series) float64 {
	top := math.Inf(-1)
	for _, s := range series {
		for _, v := range s.Values {
			top = max(top, v)
		}
	}
	return top
}

func values(series []Series) [][]float64 {
	var out [][]float64
	for _, s := range series {
		row := make([]float64, len(s.Values))
		for i, v := range s.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				v = charts.GetNullValue()
			}
			row[i] = v
		}
		out = append(out, row)
	}
	return out
}

func names(series []Series) []string {
	var out []string
	for _, s := range series {
		out = append(out, s.Name)
	}
	return out
}

// seriesColors stand for the page's variables; they are replaced after drawing.
var seriesColors = []charts.Color{{R: 1, G: 2, B: 3, A: 255}, {R: 1, G: 2, B: 4, A: 255}, {R: 1, G: 2, B: 5, A: 255}, {R: 1, G: 2, B: 6, A: 255}}

var defaults = []string{"#0f9488", "#c2410c", "#6366f1", "#a16207"}

func palette() charts.ColorPalette {
	clear := charts.Color{}
	ink := charts.Color{R: 7, G: 7, B: 7, A: 255}
	return charts.GetTheme(charts.ThemeLight).WithSeriesColors(seriesColors).WithBackgroundColor(clear).
		WithTextColor(ink).WithXAxisColor(ink).WithYAxisColor(ink)
}

func draw(paint func(p *charts.Painter) error) (string, error) {
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height})
	if err := paint(p); err != nil {
		return "", fmt.Errorf("drawing a figure: %w", err)
	}
	data, err := p.Bytes()
	if err != nil {
		return "", fmt.Errorf("drawing a figure: %w", err)
	}
	return restyle(string(data)), nil
}

// restyle replaces the library's fixed colours and font by the page's.
func restyle(svg string) string {
	pairs := []string{"rgb(7,7,7)", "currentColor", "rgb(224,230,242)", "var(--line,#d8dfe0)", "'Roboto Medium',sans-serif", "inherit", "font-size:16px", "font-size:13px"}
	for i, c := range seriesColors {
		pairs = append(pairs, fmt.Sprintf("rgb(%d,%d,%d)", c.R, c.G, c.B), fmt.Sprintf("var(--chart-%d,%s)", i+1, defaults[i]))
	}
	return strings.NewReplacer(pairs...).Replace(svg)
}
