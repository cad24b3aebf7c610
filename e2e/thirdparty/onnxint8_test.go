package thirdparty

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// TestInt8SaysTheSameOnRealReviews trains small models on hotel reviews, exports them in fewer bits, and counts how often
// ONNX Runtime's labels are those of the model in float32, on reviews that it was not trained on.
func TestInt8SaysTheSameOnRealReviews(t *testing.T) {
	path := golden.Path(t, "data", "chnsenticorp", "chnsenticorp_htl.csv")
	if os.Getenv("XIAOYU_PYTHON") == "" {
		t.Skip("needs XIAOYU_PYTHON, the interpreter of an environment with requirements.txt")
	}
	dir := t.TempDir()
	train, queries := reviews(t, path, dir, 2400, 400)
	cases := filepath.Join(dir, "cases")
	for _, family := range []string{"cnn", "lstm", "transformer"} {
		m := trainOn(t, train, filepath.Join(dir, family), family)
		c := caseOf(t, m.Model, queries)
		for _, p := range []export.Precision{export.F16, export.Int8, export.Int8QDQ, export.Int8Weights} {
			writeAs(t, filepath.Join(cases, family+"-"+string(p)), m.Model, queries[:100], c, p, "")
		}
		for _, how := range []string{"percentile=99.99", "entropy"} {
			writeAs(t, filepath.Join(cases, family+"-"+how), m.Model, queries[:100], c, export.Int8QDQ, how)
		}
		m.Close()
	}
	t.Log(python(t, "onnx_agree.py", cases))
}

// reviews writes some rows from all over the file, whose labels are in order, to train on, and returns the texts of others.
func reviews(t *testing.T, path, dir string, trained, judged int) (train string, queries []model.Query) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) <= trained+judged {
		t.Fatalf("%d rows: %v", len(all), err)
	}
	all = all[1:]
	rows := make([][]string, trained+judged)
	for i := range rows {
		rows[i] = all[i*7919%len(all)] // 7919 is prime: no row twice
	}
	train = filepath.Join(dir, "train.csv")
	to, err := os.Create(train)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := csv.NewWriter(to).WriteAll(append([][]string{{"label", "review"}}, rows[:trained]...)); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[trained:] {
		queries = append(queries, model.Query{Text: row[1]})
	}
	return train, queries
}

func trainOn(t *testing.T, path, out, family string) *xiaoyu.Model {
	t.Helper()
	c, err := xiaoyu.Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Text, c.Data.Label = path, "review", "label"
	c.Name, c.Out, c.Runs = family, out, out+"-runs"
	c.Model.MaxTokens, c.Model.EmbedDim, c.Model.Hidden, c.Model.Layers, c.Model.Filters = 64, 64, 64, 1, 32
	c.Train.Epochs, c.Train.Patience, c.Eval.Bootstrap = 3, 0, 50
	r, err := xiaoyu.Train(t.Context(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func writeAs(t *testing.T, dir string, m *model.Model, texts []model.Query, c *graphCase, p export.Precision, calibration string) {
	t.Helper()
	var ranges export.Ranges
	var err error
	if p == export.Int8QDQ {
		if ranges, err = export.Calibrate(t.Context(), m, texts, calibration, nil); err != nil {
			t.Fatal(err)
		}
	}
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	file, err := export.ONNX(g, p, ranges)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, export.ONNXFile, file.Marshal(), c)
}
