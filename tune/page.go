package tune

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("study").Parse(pageSource))

// page is what the template shows.
type page struct {
	Plan
	Counts     map[State]int
	Total      int
	Best       *row
	Front      bool // there are several objectives
	History    template.HTML
	Importance []importanceFigure
	Pareto     []paretoFigure
	Parallel   template.HTML
	Rows       []row
	Left       int // rows that are not shown
}

// row is a trial in the table.
type row struct {
	Trial
	Figures  []string // one an objective
	Settings []string // one a setting; "" where it does not apply
	Leads    bool     // it belongs to the front
	StateZH  string
}

type importanceFigure struct {
	Objective string
	Bars      template.HTML
}

type paretoFigure struct {
	First, Other string
	Plot         template.HTML
}

// shownTrials bounds the table of a page.
const shownTrials = 200

var statesZH = map[State]string{Waiting: "等待", Running: "进行中", Complete: "完成", Pruned: "提前放弃", Failed: "失败"}

// Page writes a study as one self-contained page, in English and Chinese, light and dark.
func Page(w io.Writer, plan Plan, trials []Trial) error {
	p := page{Plan: plan, Counts: map[State]int{}, Total: len(trials), Front: len(plan.Objectives) > 1}
	leads := map[int]bool{}
	for _, t := range Front(trials, plan.Objectives) {
		leads[t.Number] = true
	}
	ranked := Ranked(trials, plan.Objectives)
	for i, t := range ranked {
		p.Counts[t.State]++
		if i < shownTrials {
			p.Rows = append(p.Rows, newRow(&plan, t, leads[t.Number]))
		}
	}
	p.Left = max(0, len(ranked)-shownTrials)
	if front := Front(trials, plan.Objectives); len(front) > 0 {
		best := newRow(&plan, front[0], true)
		p.Best = &best
	}
	// The figures are markup of package chart, which escapes what it is given.
	p.History = template.HTML(history(&plan, trials).SVG())
	for i, o := range plan.Objectives {
		if shares := Importance(plan.Space, plan.Objectives, trials, i); shares != nil {
			p.Importance = append(p.Importance, importanceFigure{o.Name, template.HTML(chart.Shares(bars(shares)))})
		}
		if i > 0 {
			p.Pareto = append(p.Pareto, paretoFigure{plan.Objectives[0].Name, o.Name, template.HTML(pareto(&plan, trials, leads, i).SVG())})
		}
	}
	p.Parallel = template.HTML(parallel(&plan, ranked))
	return pageTemplate.Execute(w, p)
}

func newRow(plan *Plan, t Trial, leads bool) row {
	r := row{Trial: t, Leads: leads, StateZH: statesZH[t.State]}
	for i, o := range plan.Objectives {
		text := "–"
		if t.State == Complete && i < len(t.Values) {
			text = Figure(o.Name, t.Values[i])
		}
		r.Figures = append(r.Figures, text)
	}
	for i := range plan.Space {
		r.Settings = append(r.Settings, t.Params[plan.Space[i].Name])
	}
	return r
}

func bars(shares map[string]float64) []chart.Share {
	var out []chart.Share
	for name, v := range shares {
		out = append(out, chart.Share{Name: name, Value: v})
	}
	slices.SortFunc(out, func(a, b chart.Share) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// history shows the first objective of each trial, and the best so far.
func history(plan *Plan, trials []Trial) *chart.Plot {
	o := plan.Objectives[0]
	complete := chart.Curve{Name: chart.Label{EN: "complete", ZH: "完成"}, Style: chart.Dots}
	pruned := chart.Curve{Name: chart.Label{EN: "given up early", ZH: "提前放弃"}, Style: chart.Dots, Plain: true}
	best := chart.Curve{Name: chart.Label{EN: "best so far", ZH: "目前最佳"}}
	lowest := math.Inf(1)
	for _, t := range trials {
		x := float64(t.Number)
		switch {
		case t.State == Complete && len(t.Values) == len(plan.Objectives):
			complete.X, complete.Y = append(complete.X, x), append(complete.Y, t.Values[0])
			lowest = min(lowest, o.loss(t.Values[0]))
		case t.State == Pruned && len(t.Steps) > 0:
			pruned.X, pruned.Y = append(pruned.X, x), append(pruned.Y, t.Steps[len(t.Steps)-1].Value)
		}
		best.X, best.Y = append(best.X, x), append(best.Y, o.loss(lowest)) // the loss of a loss is the value
	}
	curves := []chart.Curve{complete, best}
	if len(pruned.X) > 0 {
		curves = append(curves, pruned)
	}
	return &chart.Plot{X: chart.Axis{Name: chart.Label{EN: "trial", ZH: "试验"}}, Y: chart.Axis{Name: chart.Label{EN: o.Name}}, Curves: curves}
}

// pareto shows two objectives against each other, and the trials that no other one beats.
func pareto(plan *Plan, trials []Trial, leads map[int]bool, other int) *chart.Plot {
	front := chart.Curve{Name: chart.Label{EN: "not beaten in all objectives", ZH: "帕累托前沿"}, Style: chart.Marked}
	rest := chart.Curve{Name: chart.Label{EN: "other trials", ZH: "其他试验"}, Style: chart.Dots, Plain: true}
	if len(plan.Objectives) > 2 {
		front.Style = chart.Dots // a front of more than two objectives is no line
	}
	sorted := slices.Clone(trials)
	slices.SortStableFunc(sorted, func(a, b Trial) int {
		if len(a.Values) <= other || len(b.Values) <= other {
			return 0
		}
		return cmp.Compare(a.Values[other], b.Values[other])
	})
	positive := true
	for _, t := range sorted {
		if t.State != Complete || len(t.Values) != len(plan.Objectives) {
			continue
		}
		to := &rest
		if leads[t.Number] {
			to = &front
		}
		to.X, to.Y = append(to.X, t.Values[other]), append(to.Y, t.Values[0])
		positive = positive && t.Values[other] > 0
	}
	name := plan.Objectives[other].Name
	unit := map[string]string{"size": ", bytes", "latency": ", ms", "seconds": ", s"}[name]
	return &chart.Plot{
		X: chart.Axis{Name: chart.Label{EN: name + unit}, Log: positive && unit != ""}, Y: chart.Axis{Name: chart.Label{EN: plan.Objectives[0].Name}},
		Curves: []chart.Curve{front, rest},
	}
}

// parallel shows the settings of complete trials, and their first objective.
func parallel(plan *Plan, ranked []Trial) string {
	axes := plan.Space.axes()
	var dimensions []chart.Dimension
	for i := range axes {
		dimensions = append(dimensions, axes[i].dimension())
	}
	low, high := math.Inf(1), math.Inf(-1)
	var complete []Trial
	for _, t := range ranked {
		if t.State == Complete && len(t.Values) == len(plan.Objectives) {
			complete = append(complete, t)
			low, high = min(low, t.Values[0]), max(high, t.Values[0])
		}
	}
	if len(complete) == 0 {
		return ""
	}
	o := plan.Objectives[0]
	dimensions = append(dimensions, chart.Dimension{Name: chart.Label{EN: o.Name}, Ticks: []chart.Tick{{At: 0, Name: Figure(o.Name, low)}, {At: 1, Name: Figure(o.Name, high)}}})
	var threads []chart.Thread
	for i, t := range complete {
		at := make([]float64, 0, len(dimensions))
		for _, c := range place(axes, t.Params) {
			if !c.set {
				at = append(at, math.NaN())
				continue
			}
			at = append(at, (c.lo+c.hi)/2)
		}
		at = append(at, (t.Values[0]-low)/max(high-low, 1e-300))
		threads = append(threads, chart.Thread{At: at, Weight: 1 - float64(i)/float64(len(complete))})
	}
	return chart.Parallel(dimensions, threads)
}

// dimension is the axis in a parallel plot.
func (a *axis) dimension() chart.Dimension {
	d := chart.Dimension{Name: chart.Label{EN: a.Name}}
	values := a.Choices
	if a.Kind != Choice {
		values = []string{number(a.Low), number(a.high())}
	}
	for _, v := range values {
		lo, hi, _ := a.place(v)
		d.Ticks = append(d.Ticks, chart.Tick{At: (lo + hi) / 2, Name: v})
	}
	return d
}

// Count returns how many trials are in a state.
func (p page) Count(s State) int { return p.Counts[s] }
