package verify_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// paired makes pairs of reviews: whether both say the same of what they are about.
func paired(rows []verify.Row, most int) (out []verify.Row) {
	for i := 0; i+1 < len(rows) && len(out) < most; i++ {
		label := "other"
		if rows[i].Label == rows[i+1].Label {
			label = "same"
		}
		out = append(out, verify.Row{Text: rows[i].Text, Pair: rows[i+1].Text, Label: label})
	}
	return out
}

func TestModelsOfPairsAreMeasured(t *testing.T) {
	train, held := reviews(t)
	work := t.TempDir()
	write := func(file string, rows []verify.Row) string {
		t.Helper()
		path := filepath.Join(work, file)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := csv.NewWriter(f)
		w.Write([]string{"text", "second", "label"})
		for _, r := range rows {
			w.Write([]string{r.Text, r.Pair, r.Label})
		}
		if w.Flush(); w.Error() != nil {
			t.Fatal(w.Error())
		}
		return path
	}
	c, err := xiaoyu.Preset("cnn")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Columns.Text, c.Data.Columns.Pair, c.Data.Columns.Label = write("train.csv", paired(train, 200)), "text", "second", "label"
	c.Out, c.Runs, c.Train.Epochs = filepath.Join(work, "pairs"), filepath.Join(work, "runs"), 2
	if _, err := xiaoyu.Train(t.Context(), c, xiaoyu.TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()

	rows, err := verify.Kinds[0].ReadRows(t.Context(), write("held.csv", paired(held, 60)), data.Columns{Text: "text", Pair: "second", Label: "label"})
	if err != nil || len(rows) != 60 || rows[0].Pair == "" {
		t.Fatal(len(rows), err)
	}
	b := &catalogue.Benchmark{Name: "pairs", Metric: catalogue.Accuracy, Labels: verify.Kinds[0].Labels(rows), Digest: verify.Digest(rows)}
	pairs, err := verify.FolderModel(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Measure(t.Context(), options("good"), pairs, b, rows)
	if err != nil || r.State != catalogue.Measured {
		t.Fatalf("%+v, %v", r, err)
	}
	right := 0
	for _, row := range rows {
		p, err := m.PredictQueries(t.Context(), []model.Query{{Text: row.Text, Pair: row.Pair}})
		if err != nil {
			t.Fatal(err)
		}
		if p[0].Label == row.Label {
			right++
		}
	}
	if f, ok := r.Figure(catalogue.Accuracy); !ok || f.Value != float64(right)/60 || f.High <= f.Value {
		t.Errorf("measured %+v, where %d of 60 are right", f, right)
	}
	if len(r.Robust) == 0 || r.Latency <= 0 || r.Batch <= 0 {
		t.Errorf("%+v", r)
	}

	// One text is no pair, and a pair is not one text.
	single := &catalogue.Benchmark{Name: "single", Metric: catalogue.Accuracy, Labels: b.Labels, Digest: b.Digest}
	var alone []verify.Row
	for _, row := range rows {
		alone = append(alone, verify.Row{Text: row.Text, Label: row.Label})
	}
	if r, err := verify.Measure(t.Context(), options("good"), pairs, single, alone); err != nil || r.State != catalogue.Unfit {
		t.Errorf("pairs' model on single texts: %+v, %v", r, err)
	}
	other, err := verify.FolderModel(trained(t, relabelledTo(train, b.Labels), "0.5"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := verify.Measure(t.Context(), options("good"), other, b, rows); err != nil || r.State != catalogue.Unfit {
		t.Errorf("a model of single texts on pairs: %+v, %v", r, err)
	}
	rows[7].Pair = ""
	if err := verify.Add(t.Context(), nil, "", &catalogue.Benchmark{Name: "mixed", Title: "x", Task: "text-classification", Metric: catalogue.Accuracy}, rows); err == nil {
		t.Error("rows with and without a second text are taken")
	}
}

// relabelledTo gives rows other labels, in turn.
func relabelledTo(rows []verify.Row, labels []string) (out []verify.Row) {
	for i, r := range rows {
		out = append(out, verify.Row{Text: r.Text, Label: labels[i%len(labels)]})
	}
	return out
}
