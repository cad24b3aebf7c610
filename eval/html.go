package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
)

// Fact is something that a report says of the model or the data, in English and Chinese.
type Fact struct{ Name, NameZH, Value string }

//go:embed report.html
var reportSource string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"f4":      func(v float64) string { return fmt.Sprintf("%.4f", v) },
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"shade":   shade,
}).Parse(reportSource))

// Page is what a page shows beside the report.
type Page struct {
	Title      string
	Facts      []Fact      // of model and data
	Comparison *Comparison // with another model, or nil
	Curve      *LearningCurve
}

// page is what the template shows.
type page struct {
	*Report
	Page
	Figures    []figure
	Confusions [][]int // nil where the labels are too many to show
	PerLabel   template.HTML
	Calibrated template.HTML
	Confidence template.HTML
}

type figure struct {
	EN, ZH string
	Value  float64
	Interval
	HasInterval bool
}

// shownLabels bounds the confusion matrix and the bars of a page.
const shownLabels = 40

// HTML writes the report as one self-contained page, in English and Chinese, light and dark, for screens and paper.
func (r *Report) HTML(w io.Writer, about Page) error {
	p := page{Report: r, Page: about}
	for _, f := range r.Figures() {
		i, ok := r.Intervals[f.Key]
		p.Figures = append(p.Figures, figure{f.Name, f.NameZH, f.Value, i, ok})
	}
	if len(r.Labels) <= shownLabels {
		p.Confusions = r.Confusion
	}
	var err error
	if len(r.PerClass) == 0 {
		return reportTemplate.Execute(w, p)
	}
	if p.PerLabel, err = r.labelFigure(); err != nil {
		return err
	}
	if len(r.Bins) > 0 {
		if p.Calibrated, p.Confidence, err = r.calibrationFigures(); err != nil {
			return err
		}
	}
	return reportTemplate.Execute(w, p)
}

// The figures are markup of package chart, which escapes what it is given.

func (r *Report) labelFigure() (template.HTML, error) {
	n := min(len(r.PerClass), shownLabels)
	labels, f1 := make([]string, n), make([]float64, n)
	for i, c := range r.PerClass[:n] {
		labels[i], f1[i] = truncate(c.Label, 14), c.F1
	}
	svg, err := chart.Bar(labels, chart.Series{Name: "F1", Values: f1})
	return template.HTML(svg), err
}

func (r *Report) calibrationFigures() (reliability, histogram template.HTML, err error) {
	var labels []string
	var confidence, accuracy, count []float64
	for _, b := range r.Bins {
		if b.Count == 0 {
			continue
		}
		labels = append(labels, fmt.Sprintf("%.2f", b.High))
		confidence, accuracy, count = append(confidence, b.Confidence), append(accuracy, b.Accuracy), append(count, float64(b.Count))
	}
	svg, err := chart.Bar(labels, chart.Series{Name: "confidence 置信度", Values: confidence}, chart.Series{Name: "accuracy 准确率", Values: accuracy})
	if err != nil {
		return "", "", err
	}
	counts, err := chart.Bar(labels, chart.Series{Name: "examples 样本数", Values: count})
	return template.HTML(svg), template.HTML(counts), err
}

// shade returns how dark a cell of the confusion matrix is, in percent of its row.
func shade(row []int, n int) int {
	total := 0
	for _, v := range row {
		total += v
	}
	if total == 0 {
		return 0
	}
	return 80 * n / total
}
