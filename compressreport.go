package xiaoyu

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/xiaoyu-slm/xiaoyu/compress"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

//go:embed compressreport.html
var compressPage string

var compressTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": size.Bytes, "named": named,
	"count": size.Count,
	"ms":    func(v float64) string { return fmt.Sprintf("%.3g ms", v) },
	"share": func(v float64) string { return fmt.Sprintf("%.4f", v) },
}).Parse(compressPage))

// writeReport writes the page of a search: what was tried, the fronts of figure against size and time, and the chosen model
// beside the original.
func (b *workbench) writeReport(path string, s *compress.Search, best *compress.Trial) error {
	if path == "" {
		return nil
	}
	figure := b.result.Steps[0].Figure
	bySize := front(s, figure, chart.Label{EN: "size, kB", ZH: "大小 kB"}, func(t *compress.Trial) float64 { return float64(t.Bytes) / 1000 })
	byTime := front(s, figure, chart.Label{EN: "one text, ms", ZH: "单条 ms"}, func(t *compress.Trial) float64 { return t.Milli })
	var page bytes.Buffer
	err := compressTemplate.Execute(&page, map[string]any{
		"Model": b.original.Package.Dir, "Figure": figure, "Steps": b.result.Steps, "Trials": s.Trials, "Best": best, "Judged": b.result.Judged,
		"Size": template.HTML(bySize), "Time": template.HTML(byTime),
	})
	if err != nil {
		return fmt.Errorf("writing the report %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, page.Bytes(), 0o644)
}

// front draws all trials as dots, and those that none beats as a line.
func front(s *compress.Search, figure string, x chart.Label, cost func(*compress.Trial) float64) string {
	all := chart.Curve{Name: chart.Label{EN: "tried", ZH: "试过"}, Style: chart.Dots, Plain: true}
	line := chart.Curve{Name: chart.Label{EN: "none is better in both", ZH: "帕累托前沿"}, Style: chart.Marked}
	for i := range s.Trials {
		if t := &s.Trials[i]; t.Failed == "" {
			all.X, all.Y = append(all.X, cost(t)), append(all.Y, t.Value)
		}
	}
	for _, t := range s.Front(cost) {
		line.X, line.Y = append(line.X, cost(t)), append(line.Y, t.Value)
	}
	p := chart.Plot{X: chart.Axis{Name: x, Log: true}, Y: chart.Axis{Name: chart.Label{EN: figure, ZH: figure}}, Curves: []chart.Curve{all, line}}
	return p.SVG()
}
