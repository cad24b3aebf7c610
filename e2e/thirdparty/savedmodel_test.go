package thirdparty

import (
	"os"
	"path/filepath"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
)

// TestTensorFlowMakesTheSameLogits exports every family with every head that it can have, every architecture of
// checkpoints and a model that has learnt from hotel reviews, and has TensorFlow run the signature of each: texts of
// several lengths at once, and for the last reviews that it was not trained on.
func TestTensorFlowMakesTheSameLogits(t *testing.T) {
	path := golden.Path(t, "data", "chnsenticorp", "chnsenticorp_htl.csv")
	if os.Getenv("XIAOYU_PYTHON") == "" {
		t.Skip("needs XIAOYU_PYTHON, the interpreter of an environment with requirements.txt")
	}
	cases := t.TempDir()
	write := func(name string, g *graph.Graph, p export.Precision, c *graphCase) {
		t.Helper()
		m, err := export.SavedModel(g, p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := m.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		writeFiles(t, filepath.Join(cases, name), savedmodel.File, data, c)
	}
	exporttest.Each(t, func(name string, m *model.Model) {
		g, err := m.Graph()
		if err != nil {
			t.Fatalf("%v; %s", err, hint.Way(err))
		}
		c := caseOf(t, m, exporttest.Queries)
		write(name, g, export.F32, c)
		switch name { // one of each way to store a weight
		case "cnn", "lstm", "transformer-masked":
			write(name+"-f16", g, export.F16, c)
		}
	})
	eachArchitecture(t, func(name string, g *graph.Graph, c *graphCase) { write(name, g, export.F32, c) })

	dir := t.TempDir()
	train, queries := reviews(t, path, dir, 2400, 400)
	m := trainOn(t, train, filepath.Join(dir, "mlp"), "mlp")
	defer m.Close()
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	write("reviews", g, export.F32, caseOf(t, m.Model, queries))
	t.Log(python(t, "savedmodel_check.py", cases))
	verifyInPython(t, m, "savedmodel", dir)
}

// verifyInPython compares a model with its export by the product's own means.
func verifyInPython(t *testing.T, m *xiaoyu.Model, format, dir string) {
	t.Helper()
	out := filepath.Join(dir, "export")
	if _, err := xiaoyu.Export(t.Context(), m, xiaoyu.ExportOptions{Out: out, Format: format}); err != nil {
		t.Fatal(err)
	}
	exported, err := xiaoyu.OpenExport(t.Context(), out, os.Getenv("XIAOYU_PYTHON"))
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	defer exported.Close()
	c, err := xiaoyu.Preset("mlp")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Text, c.Data.Label = filepath.Join(dir, "train.csv"), "review", "label"
	v, err := xiaoyu.Verify(t.Context(), m, exported, c, nil)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	if v.Texts < 2000 || v.Agreement != 1 || !(v.Difference < 1e-4) {
		t.Errorf("of %d texts both say the same on %g, logits differ by %g", v.Texts, v.Agreement, v.Difference)
	}
}
