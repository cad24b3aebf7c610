package eval

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
)

// The pictures of a page are markup of package chart, which escapes what it is given.

// shareAxis is an axis from 0 to 1.
func shareAxis(en, zh string) chart.Axis {
	return chart.Axis{Name: chart.Label{EN: en, ZH: zh}, Min: 0, Max: 1}
}

func diagonal(en, zh string) chart.Curve {
	return chart.Curve{Name: chart.Label{EN: en, ZH: zh}, X: []float64{0, 1}, Y: []float64{0, 1}, Style: chart.Dashed, Plain: true}
}

// reliabilityPlot draws how often the model is right at each confidence, with and without its temperature.
func (r *Report) reliabilityPlot() template.HTML {
	p := &chart.Plot{Small: true, X: shareAxis("confidence", "置信度"), Y: shareAxis("accuracy", "准确率"), Curves: []chart.Curve{diagonal("perfect", "理想")}}
	add := func(bins []Bin, en, zh string) {
		c := chart.Curve{Name: chart.Label{EN: en, ZH: zh}, Style: chart.Marked}
		for _, b := range bins {
			if b.Count > 0 {
				c.X, c.Y = append(c.X, b.Confidence), append(c.Y, b.Accuracy)
			}
		}
		p.Curves = append(p.Curves, c)
	}
	add(r.Bins, "this model", "本模型")
	if r.Before != nil {
		add(r.Before.Bins, fmt.Sprintf("without its temperature of %.2f", r.Before.Temperature), fmt.Sprintf("未使用温度 %.2f 校准", r.Before.Temperature))
	}
	return template.HTML(p.SVG())
}

// confidenceBars draws how many predictions have each confidence.
func (r *Report) confidenceBars() template.HTML {
	bars := chart.Curve{Name: chart.Label{EN: "examples", ZH: "样本数"}, Style: chart.Bars}
	for _, b := range r.Bins {
		bars.X, bars.Y = append(bars.X, (b.Low+b.High)/2), append(bars.Y, float64(b.Count))
	}
	p := &chart.Plot{Small: true, X: shareAxis("confidence", "置信度"), Curves: []chart.Curve{bars}}
	return template.HTML(p.SVG())
}

// rankPlots draws precision against recall and true against false positives, for two labels also what each threshold
// brings.
func (r *Report) rankPlots() []template.HTML {
	if len(r.Curves) == 0 {
		return nil
	}
	pr := &chart.Plot{Small: true, X: shareAxis("recall", "召回率"), Y: shareAxis("precision", "精确率")}
	roc := &chart.Plot{Small: true, X: shareAxis("false positives", "假阳性率"), Y: shareAxis("true positives", "真阳性率"), Curves: []chart.Curve{diagonal("chance", "随机")}}
	for _, c := range r.Curves {
		label := truncate(c.Label, 16)
		byPR := chart.Curve{Name: chart.Label{EN: fmt.Sprintf("%s: %.3f", label, c.PRAUC)}, X: []float64{0}, Y: []float64{c.Points[0].Precision}}
		byROC := chart.Curve{Name: chart.Label{EN: fmt.Sprintf("%s: %.3f", label, c.ROCAUC)}, X: []float64{0}, Y: []float64{0}}
		for _, q := range c.Points {
			byPR.X, byPR.Y = append(byPR.X, q.Recall), append(byPR.Y, q.Precision)
			byROC.X, byROC.Y = append(byROC.X, q.FalseRate), append(byROC.Y, q.Recall)
		}
		pr.Curves, roc.Curves = append(pr.Curves, byPR), append(roc.Curves, byROC)
	}
	out := []template.HTML{template.HTML(pr.SVG()), template.HTML(roc.SVG())}
	if r.Task == "" && len(r.Labels) == 2 {
		out = append(out, thresholdPlot(r.Curves[0]))
	}
	return out
}

// thresholdPlot draws precision, recall and F1 over the threshold on the probability of one label.
func thresholdPlot(c RankCurve) template.HTML {
	precision := chart.Curve{Name: chart.Label{EN: "precision", ZH: "精确率"}}
	recall := chart.Curve{Name: chart.Label{EN: "recall", ZH: "召回率"}}
	f1 := chart.Curve{Name: chart.Label{EN: "F1"}}
	for _, q := range slices.Backward(c.Points) {
		precision.X, precision.Y = append(precision.X, q.Threshold), append(precision.Y, q.Precision)
		recall.X, recall.Y = append(recall.X, q.Threshold), append(recall.Y, q.Recall)
		f1.X, f1.Y = append(f1.X, q.Threshold), append(f1.Y, ratio(2*q.Precision*q.Recall, q.Precision+q.Recall))
	}
	label := truncate(c.Label, 16)
	p := &chart.Plot{Small: true, X: shareAxis("threshold for "+label, label+" 的阈值"), Y: chart.Axis{Min: 0, Max: 1}, Curves: []chart.Curve{precision, recall, f1}}
	return template.HTML(p.SVG())
}

// numberPlots draw predictions against the truth, and the errors against the predictions.
func (r *Report) numberPlots() []template.HTML {
	var truth, guess, residual []float64
	low, high := math.Inf(1), math.Inf(-1)
	for _, o := range r.outcomes {
		truth, guess, residual = append(truth, o.truth), append(guess, o.guess), append(residual, o.guess-o.truth)
		low, high = min(low, o.truth, o.guess), max(high, o.truth, o.guess)
	}
	if len(truth) == 0 {
		return nil
	}
	dots := func(x, y []float64) chart.Curve {
		return chart.Curve{Name: chart.Label{EN: "examples", ZH: "样本"}, X: x, Y: y, Style: chart.Dots}
	}
	line := func(en, zh string, x, y []float64) chart.Curve {
		return chart.Curve{Name: chart.Label{EN: en, ZH: zh}, X: x, Y: y, Style: chart.Dashed, Plain: true}
	}
	first := &chart.Plot{Small: true, X: chart.Axis{Name: chart.Label{EN: "true", ZH: "真实值"}}, Y: chart.Axis{Name: chart.Label{EN: "predicted", ZH: "预测值"}},
		Curves: []chart.Curve{dots(truth, guess), line("perfect", "理想", []float64{low, high}, []float64{low, high})}}
	second := &chart.Plot{Small: true, X: chart.Axis{Name: chart.Label{EN: "predicted", ZH: "预测值"}}, Y: chart.Axis{Name: chart.Label{EN: "predicted − true", ZH: "预测值 − 真实值"}},
		Curves: []chart.Curve{dots(guess, residual), line("no error", "无误差", []float64{slices.Min(guess), slices.Max(guess)}, []float64{0, 0})}}
	return []template.HTML{template.HTML(first.SVG()), template.HTML(second.SVG())}
}

// trainingPlots draw curves of a training: the losses in one figure, each other in its own.
func trainingPlots(series []Series) []template.HTML {
	loss := &chart.Plot{Small: true, X: chart.Axis{Name: chart.Label{EN: "step", ZH: "步"}}, Y: chart.Axis{Name: chart.Label{EN: "loss", ZH: "损失"}}}
	var out []template.HTML
	for _, s := range series {
		c := chart.Curve{Name: chart.Label{EN: s.Name}, X: s.X, Y: s.Y, Style: chart.Marked}
		if strings.HasSuffix(s.Name, "loss") {
			loss.Curves = append(loss.Curves, c)
			continue
		}
		p := &chart.Plot{Small: true, X: loss.X, Curves: []chart.Curve{c}}
		out = append(out, template.HTML(p.SVG()))
	}
	if len(loss.Curves) > 0 {
		out = append([]template.HTML{template.HTML(loss.SVG())}, out...)
	}
	return out
}

// The confusion matrix is a table up to so many labels, a picture up to the next number, and a list of the most frequent
// confusions alone beyond.
const (
	tableLabels   = 12
	pictureLabels = 150
)

// confusionPicture draws a matrix of many labels: a square a cell, its label beside each row and above each column. Shades
// are shares of the row; a cell says what it is when it is pointed at.
func (r *Report) confusionPicture() template.HTML {
	const cell, margin = 11, 170
	k := len(r.Labels)
	side := margin + k*cell + 4
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="matrix" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-size="9" fill="currentColor">`, side, side, side, side)
	for i, l := range r.Labels {
		at, name := margin+i*cell, html.EscapeString(truncate(l, 30))
		fmt.Fprintf(&b, `<text text-anchor="end" x="%d" y="%d">%s</text>`, margin-4, at+8, name)
		fmt.Fprintf(&b, `<text x="0" y="0" transform="translate(%d %d) rotate(-90)">%s</text>`, at+8, margin-4, name)
		if i%2 == 0 {
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="var(--line)" fill-opacity=".35"/>`, margin, at, k*cell, cell)
		}
	}
	for t, row := range r.Confusion {
		total := 0
		for _, n := range row {
			total += n
		}
		for p, n := range row {
			if n == 0 {
				continue
			}
			color := "var(--chart-1)"
			if p != t {
				color = "var(--chart-2)"
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s" fill-opacity="%.2f"><title>%s → %s: %d / %d</title></rect>`,
				margin+p*cell, margin+t*cell, cell-1, cell-1, color, 0.2+0.8*float64(n)/float64(total), html.EscapeString(r.Labels[t]), html.EscapeString(r.Labels[p]), n, total)
		}
	}
	return template.HTML(b.String() + "</svg>")
}

// Confused is a pair of labels of which the first was taken for the second.
type Confused struct {
	Target, Predicted string
	Count, Support    int
}

// confusions lists the most frequent ones.
func (r *Report) confusions(most int) []Confused {
	var out []Confused
	for t, row := range r.Confusion {
		support := 0
		for _, n := range row {
			support += n
		}
		for p, n := range row {
			if p != t && n > 0 {
				out = append(out, Confused{r.Labels[t], r.Labels[p], n, support})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Confused) int { return cmp.Compare(b.Count, a.Count) })
	return out[:min(len(out), most)]
}

// marked writes the text of a mistake with the entities in it: what was wanted and what was found. Of a long text it
// shows what is around them.
func marked(m Mistake) template.HTML {
	edges := []int{0, len(m.Text)}
	low, high := len(m.Text), 0
	for _, s := range []*Span{m.Wanted, m.Found} {
		if s == nil || s.Start < 0 || s.End > len(m.Text) || s.Start >= s.End {
			continue
		}
		edges = append(edges, s.Start, s.End)
		low, high = min(low, s.Start), max(high, s.End)
	}
	if high == 0 {
		return template.HTML(html.EscapeString(m.Text))
	}
	const around = 90 // bytes
	from, to := low-around, high+around
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var b strings.Builder
	for i := 1; i < len(edges); i++ {
		start, end := edges[i-1], edges[i]
		class := ""
		if s := m.Wanted; s != nil && s.Start <= start && end <= s.End {
			class = "want"
		}
		if s := m.Found; s != nil && s.Start <= start && end <= s.End {
			class = strings.TrimSpace(class + " found")
		}
		piece := strings.ToValidUTF8(m.Text[max(start, min(from, end)):min(end, max(to, start))], "")
		if class == "" {
			if start < from {
				b.WriteString("…")
			}
			b.WriteString(html.EscapeString(piece))
			if end > to {
				b.WriteString("…")
			}
			continue
		}
		fmt.Fprintf(&b, `<mark class="%s">%s</mark>`, class, html.EscapeString(m.Text[start:end]))
	}
	return template.HTML(b.String())
}
