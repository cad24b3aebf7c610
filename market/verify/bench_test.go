package verify_test

import (
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// BenchmarkMeasure measures a convolutional model of 10 MB on 2,000 rows, with the process, its isolation, robustness and
// times.
func BenchmarkMeasure(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "model")
	m := exporttest.Model(b, "cnn", "", func(c *model.Config) { c.EmbedDim, c.Filters = 512, 600 })
	if _, err := m.Save(dir, nil); err != nil {
		b.Fatal(err)
	}
	of, err := verify.FolderModel(dir)
	if err != nil {
		b.Fatal(err)
	}
	_, texts := reviews(b)
	var rows []verify.Row
	for i := range 2000 {
		rows = append(rows, verify.Row{Text: texts[i%len(texts)].Text, Label: m.Labels[i%len(m.Labels)]})
	}
	bench := &catalogue.Benchmark{Name: "bench", Metric: catalogue.Accuracy, Labels: verify.Kinds[0].Labels(rows), Digest: verify.Digest(rows)}
	for b.Loop() {
		r, err := verify.Measure(b.Context(), options("good"), of, bench, rows)
		if err != nil || r.State != catalogue.Measured {
			b.Fatalf("%+v, %v", r, err)
		}
		b.ReportMetric(float64(r.Size)/1e6, "MB")
		b.ReportMetric(r.Latency, "ms/text")
	}
}
