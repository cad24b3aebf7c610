package stats

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
)

//go:embed stats.html
var pageSource string

var pageTemplate = template.Must(template.New("stats").Funcs(template.FuncMap{
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"number":  func(v float64) string { return fmt.Sprintf("%.4g", v) },
	"types":   func(a Ambiguous) string { return a.list() },
	"short":   data.OneLine,
	"of": func(n, most int) float64 { // the length of a bar, in percent
		return 100 * float64(n) / float64(max(most, 1))
	},
}).Parse(pageSource))

// page is what the template shows.
type page struct {
	*Report
	Title      string
	Languages  string
	Shown      []Label // the most frequent ones
	MoreLabels int     // that are not shown
	MostRows   int     // of a label
	MostType   int     // stretches of a type
	NearExtra  int     // rows that are near doubles of another
	Quantiles  []quantile
	Lengths    template.HTML
	WordsOf    template.HTML
	Scale      template.HTML // of labels that are numbers
	Growth     template.HTML
	Zipf       template.HTML
}

const pageLabels = 200

// quantile is a line of the table of lengths.
type quantile struct {
	EN, ZH       string
	Chars, Words float64
}

func quantiles(c, w *Distribution) []quantile {
	return []quantile{
		{"least", "最短", c.Least, w.Least}, {"25 %", "25 %", c.Q1, w.Q1}, {"median", "中位数", c.Median, w.Median}, {"75 %", "75 %", c.Q3, w.Q3},
		{"95 %", "95 %", c.P95, w.P95}, {"99 %", "99 %", c.P99, w.P99}, {"most", "最长", c.Most, w.Most}, {"mean", "平均", c.Mean, w.Mean},
	}
}

// HTML writes the report as one self-contained page, in English and Chinese, light and dark, for screens and paper.
func (r *Report) HTML(w io.Writer, title string) error {
	p := page{Report: r, Title: title, Languages: r.languages()}
	p.Shown = r.Labels[:min(len(r.Labels), pageLabels)]
	p.MoreLabels = len(r.Labels) - len(p.Shown)
	if len(r.Labels) > 0 {
		p.MostRows = r.Labels[0].Rows
	}
	if r.Entities != nil {
		p.MostType = r.Entities.Types[0].Count
	}
	if d := r.Doubles.Near; d != nil {
		p.NearExtra = d.Rows - d.Kept
	}
	p.Quantiles = quantiles(&r.Chars, &r.Words)
	var err error
	if p.Lengths, err = r.Chars.figure("texts 文本数"); err != nil {
		return err
	}
	if p.WordsOf, err = r.Words.figure("texts 文本数"); err != nil {
		return err
	}
	if r.Numbers != nil {
		if p.Scale, err = r.Numbers.figure("rows 行数"); err != nil {
			return err
		}
	}
	p.Growth, p.Zipf = r.Vocabulary.growthFigure(), r.Vocabulary.zipfFigure()
	return pageTemplate.Execute(w, p)
}

// The figures are markup of package chart, which escapes what it is given.

// figure is the histogram of a distribution.
func (d *Distribution) figure(series string) (template.HTML, error) {
	var names []string
	var counts []float64
	for i, b := range d.Bins {
		name := fmt.Sprintf("%.5g", b.Low)
		if i == len(d.Bins)-1 {
			name = "≥ " + name
		}
		names, counts = append(names, name), append(counts, float64(b.Count))
	}
	if len(names) == 0 {
		return "", nil
	}
	svg, err := chart.Bar(names, chart.Series{Name: series, Values: counts})
	return template.HTML(svg), err
}

func (v *Vocabulary) growthFigure() template.HTML {
	c := chart.Curve{Style: chart.Solid}
	for _, g := range v.Growth {
		c.X, c.Y = append(c.X, float64(g.Tokens)), append(c.Y, float64(g.Types))
	}
	p := chart.Plot{X: chart.Axis{Name: chart.Label{EN: "words read", ZH: "已读词数"}}, Y: chart.Axis{Name: chart.Label{EN: "different words", ZH: "不同的词"}}, Curves: []chart.Curve{c}}
	return template.HTML(p.SVG())
}

func (v *Vocabulary) zipfFigure() template.HTML {
	c := chart.Curve{Style: chart.Marked}
	for _, r := range v.Ranks {
		c.X, c.Y = append(c.X, float64(r.Rank)), append(c.Y, float64(r.Count))
	}
	p := chart.Plot{X: chart.Axis{Name: chart.Label{EN: "rank", ZH: "名次"}, Log: true}, Y: chart.Axis{Name: chart.Label{EN: "occurrences", ZH: "出现次数"}, Log: true}, Curves: []chart.Curve{c}}
	return template.HTML(p.SVG())
}
