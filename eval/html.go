package eval

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"unicode/utf8"
)

// Fact is something that a report says of the model or the data, in English and Chinese.
type Fact struct{ Name, NameZH, Value string }

// Series is a curve of the training.
type Series struct {
	Name string
	X, Y []float64
}

// Page is what a page shows beside the report.
type Page struct {
	Title      string
	Facts      []Fact         // of the model
	Data       []Fact         // of the data
	Comparison *Comparison    // with another model, or nil
	Curve      *LearningCurve // or nil
	Training   []Series       // curves of the training, if they are known
}

//go:embed report.html
var reportSource string

//go:embed report.css
var reportStyle string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"f4":      func(v float64) string { return fmt.Sprintf("%.4f", v) },
	"signed":  func(v float64) string { return fmt.Sprintf("%+.4f", v) },
	"g3":      func(v float64) string { return fmt.Sprintf("%.3g", v) },
	"percent": func(v float64) string { return fmt.Sprintf("%.1f\u00a0%%", 100*v) },
	"width":   func(v float64) string { return fmt.Sprintf("%.1f", 100*min(max(v, 0), 1)) },
	"shade":   shade,
	"marked":  marked,
	"excerpt": excerpt,
	"t":       bilingual,
	"style":   func() template.CSS { return template.CSS(reportStyle) },
}).Parse(reportSource))

// bilingual writes a phrase in both languages, of which the page shows one.
func bilingual(en, zh string) template.HTML {
	return template.HTML(`<span lang="en">` + template.HTMLEscapeString(en) + `</span><span lang="zh">` + template.HTMLEscapeString(zh) + `</span>`)
}

// page is what the template shows.
type page struct {
	*Report
	Page
	Figures      []figure
	Main         figure
	Weakest      []Class // of many labels, those with the lowest F1
	Thresholds   bool    // labels have thresholds of their own
	Confusions   [][]int // as a table
	Matrix       template.HTML
	Confused     []Confused
	Reliability  template.HTML
	Confidence   template.HTML
	Ranked       []template.HTML
	NumberPlots  []template.HTML
	CurvePlot    template.HTML
	TrainingPlot []template.HTML
	Kinds        []kindCount
	FewExamples  int
}

type figure struct {
	EN, ZH string
	Value  float64
	Interval
	HasInterval bool
}

// kindCount is how many mistakes of a kind there are.
type kindCount struct {
	EN, ZH string
	Count  int
}

// kindNames are those of the kinds of mistakes with entities.
var kindNames = map[string][2]string{
	Type: {"wrong type", "类型错误"}, Bounds: {"wrong bounds", "边界错误"}, Missed: {"missed", "漏报"}, Spurious: {"spurious", "误报"},
}

// KindEN and KindZH name a mistake's kind.
func (m Mistake) KindEN() string { return kindNames[m.Kind][0] }

// KindZH is the Chinese name.
func (m Mistake) KindZH() string { return kindNames[m.Kind][1] }

// labelTable is a table of labels.
type labelTable struct {
	Rows       []Class
	Thresholds bool
}

// LabelTable is what the template of such tables shows.
func (p page) LabelTable(rows []Class) labelTable { return labelTable{rows, p.Thresholds} }

// manyLabels is from where on a page shows the weakest labels first, and all of them on demand.
const manyLabels = 16

// HTML writes the report as one self-contained page, in English and Chinese, light and dark, for screens and paper.
func (r *Report) HTML(w io.Writer, about Page) error {
	p := page{Report: r, Page: about, FewExamples: FewExamples}
	p.Data = append(slices.Clone(about.Data), r.textFacts()...)
	for _, f := range r.Figures() {
		i, ok := r.Intervals[f.Key]
		p.Figures = append(p.Figures, figure{f.Name, f.NameZH, f.Value, i, ok})
	}
	p.Main = p.Figures[0]
	if len(r.PerClass) > manyLabels {
		p.Weakest = slices.Clone(r.PerClass)
		slices.SortStableFunc(p.Weakest, func(a, b Class) int { return cmp.Compare(a.F1, b.F1) })
		p.Weakest = p.Weakest[:10]
	}
	p.Thresholds = slices.ContainsFunc(r.PerClass, func(c Class) bool { return c.Threshold > 0 })
	for _, kind := range kinds {
		if r.Errors != nil {
			p.Kinds = append(p.Kinds, kindCount{kindNames[kind][0], kindNames[kind][1], r.Errors[kind]})
		}
	}
	p.confusion()
	p.Ranked, p.TrainingPlot = r.rankPlots(), trainingPlots(about.Training)
	if r.Task == Numbers {
		p.NumberPlots = r.numberPlots()
	}
	if about.Curve != nil {
		p.CurvePlot = template.HTML(about.Curve.smallPlot().SVG())
	}
	if len(r.Bins) > 0 {
		p.Reliability, p.Confidence = r.reliabilityPlot(), r.confidenceBars()
	}
	return reportTemplate.Execute(w, p)
}

func (p *page) confusion() {
	switch k := len(p.Report.Confusion); {
	case k == 0:
		return
	case k <= tableLabels:
		p.Confusions = p.Report.Confusion
	case k <= pictureLabels:
		p.Matrix = p.confusionPicture()
	}
	if len(p.Labels) > 2 {
		p.Confused = p.confusions(15)
	}
}

// textFacts tells how long the texts are, where they are known.
func (r *Report) textFacts() []Fact {
	facts := []Fact{{"examples", "样本数", fmt.Sprint(r.N)}}
	if len(r.texts) == 0 {
		return facts
	}
	lengths := make([]int, len(r.texts))
	for i, t := range r.texts {
		lengths[i] = utf8.RuneCountInString(t)
	}
	slices.Sort(lengths)
	n := len(lengths)
	return append(facts, Fact{"characters of a text", "文本长度（字符）",
		fmt.Sprintf("%d · %d · %d (median · 95 %% · max)", lengths[n/2], lengths[n*95/100], lengths[n-1])})
}

// excerpt is the beginning of a text: what is wrong with it is seldom told at its end, and a page of whole film reviews is
// not read.
func excerpt(text string) string {
	const most = 400
	runes := 0
	for i := range text {
		if runes++; runes > most {
			return text[:i] + "…"
		}
	}
	return text
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
