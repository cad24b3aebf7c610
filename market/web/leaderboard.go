package web

import (
	"html/template"
	"net/http"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// shownPlaces is how many packages a page of a leaderboard has.
const shownPlaces = 100

// board is the leaderboard of a benchmark.
type board struct {
	*catalogue.Benchmark
	Places         []place
	Total          int
	BySize, ByTime template.HTML // charts; "" without a package
	Previous, Next string        // links; "" for none
}

// place is a package on a board.
type place struct {
	catalogue.Place
	Rank         int
	Small, Quick bool // none that is smaller, or faster, is as good
}

// benchmarks lists them.
func (h *Handler) benchmarks(r *http.Request) (string, string, any, error) {
	list, err := h.depot.Catalogue.Benchmarks(r.Context())
	return "benchmarks", vocabulary[lang(r)].T("Benchmarks"), list, err
}

// leaderboard shows what a benchmark has found of the packages that everybody may see.
func (h *Handler) leaderboard(r *http.Request) (string, string, any, error) {
	b, err := h.depot.Catalogue.Benchmark(r.Context(), r.PathValue("name"))
	if err != nil {
		return "", "", nil, err
	}
	list, err := h.depot.Catalogue.Leaderboard(r.Context(), b)
	if err != nil {
		return "", "", nil, err
	}
	say := vocabulary[lang(r)]
	offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
	if err != nil || offset < 0 || offset >= len(list) {
		offset = 0
	}
	out := &board{Benchmark: b, Total: len(list)}
	small := pareto(list, func(p *catalogue.Place) float64 { return float64(p.Size) })
	quick := pareto(list, func(p *catalogue.Place) float64 { return p.Latency })
	for i := offset; i < min(offset+shownPlaces, len(list)); i++ {
		out.Places = append(out.Places, place{list[i], i + 1, small[i], quick[i]})
	}
	link := func(to int) string { return "/benchmarks/" + b.Name + "?offset=" + strconv.Itoa(to) }
	if offset > 0 {
		out.Previous = link(max(offset-shownPlaces, 0))
	}
	if offset+shownPlaces < len(list) {
		out.Next = link(offset + shownPlaces)
	}
	if len(list) > 0 {
		metric := say.FigureName(b.Kind, b.Metric)
		out.BySize = drawBoard(list, small, metric, say.T("size in MB"), say.T("none smaller is as good"), func(p *catalogue.Place) float64 { return float64(p.Size) / 1e6 })
		out.ByTime = drawBoard(list, quick, metric, say.T("milliseconds for a text"), say.T("none faster is as good"), func(p *catalogue.Place) float64 { return p.Latency })
	}
	return "leaderboard", b.Title, out, nil
}

// pareto tells of each place of a list, the best first, whether it costs less than all that are as good: the Pareto front.
func pareto(list []catalogue.Place, cost func(*catalogue.Place) float64) []bool {
	on := make([]bool, len(list))
	least := -1 // of those that are on it, the last and so the cheapest
	for from := 0; from < len(list); {
		to, best := from, from // of equals the cheapest can be on it
		for ; to < len(list) && list[to].Score == list[from].Score; to++ {
			if cost(&list[to]) < cost(&list[best]) {
				best = to
			}
		}
		if least < 0 || cost(&list[best]) < cost(&list[least]) {
			on[best], least = true, best
		}
		from = to
	}
	return on
}

// drawBoard draws scores against a cost, with the front.
func drawBoard(list []catalogue.Place, on []bool, metric, axis, name string, cost func(*catalogue.Place) float64) template.HTML {
	all, best := chart.Curve{Style: chart.Dots, Plain: true}, chart.Curve{Name: chart.Label{EN: name}, Style: chart.Marked}
	for i := range list {
		p := &list[i]
		c := &all
		if on[i] {
			c = &best
		}
		c.X, c.Y = append(c.X, cost(p)), append(c.Y, p.Score)
	}
	y := chart.Axis{Name: chart.Label{EN: metric}}
	if first, last := list[0].Score, list[len(list)-1].Score; first == last { // in order, so all are the same
		y.Min, y.Max = first-0.05, min(first+0.05, 1)
	}
	plot := chart.Plot{X: chart.Axis{Name: chart.Label{EN: axis}, Log: true}, Y: y, Curves: []chart.Curve{all, best}, Small: true}
	return template.HTML(plot.SVG())
}
