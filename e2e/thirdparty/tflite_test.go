package thirdparty

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// liteCase is a case of TFLite: with Labels, what is compared is the highest logit of each row.
type liteCase struct {
	*graphCase
	Labels bool `json:"labels,omitempty"`
	Many   bool `json:"many,omitempty"`  // texts: each kind of kernels is asked for one length alone
	Micro  bool `json:"micro,omitempty"` // the runtime of microcontrollers is asked as well
}

func writeLite(t *testing.T, dir string, g *graph.Graph, p export.Precision, ranges export.Ranges, sizes map[int]int, c liteCase) {
	t.Helper()
	m, err := export.TFLite(g, p, ranges, sizes)
	if err != nil {
		t.Fatalf("%s: %v; %s", dir, err, hint.Way(err))
	}
	lacks := func(n *graph.Node) bool { return n.Op == graph.Gelu || n.Op == graph.GeluTanh }
	c.Micro = (p == export.F32 && !c.Many || p == export.Int8QDQ) && !slices.ContainsFunc(g.Nodes, lacks)
	file, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{export.TFLiteFile: file, "case.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeLiteModel(t *testing.T, dir string, m *model.Model, p export.Precision, ranges export.Ranges, c liteCase) {
	t.Helper()
	g, err := m.Graph()
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	writeLite(t, dir, g, p, ranges, m.PaddedSizes(m.Config.MaxTokens), c)
}

// TestLiteRTSaysTheSame exports every family with every head that it can have, the checkpoints of every architecture, and
// models that have learnt from hotel reviews, in float and in fewer bits; LiteRT makes the same logits, and of reviews
// that the models have not learnt from the same labels.
func TestLiteRTSaysTheSame(t *testing.T) {
	path := golden.Path(t, "data", "chnsenticorp", "chnsenticorp_htl.csv")
	if os.Getenv("XIAOYU_PYTHON") == "" {
		t.Skip("needs XIAOYU_PYTHON, the interpreter of an environment with requirements.txt")
	}
	cases, dir := t.TempDir(), t.TempDir()
	exporttest.Each(t, func(name string, m *model.Model) {
		writeLiteModel(t, filepath.Join(cases, name), m, export.F32, nil, liteCase{graphCase: caseOf(t, m, exporttest.Queries)})
	})
	eachArchitecture(t, func(name string, g *graph.Graph, c *graphCase) {
		sizes := map[int]int{graph.Length: c.Inputs[graph.InputIDs].Shape[1]}
		writeLite(t, filepath.Join(cases, "checkpoint "+name), g, export.F32, nil, sizes, liteCase{graphCase: c})
	})
	train, queries := reviews(t, path, dir, 2400, 400)
	for _, family := range []string{"cnn", "lstm", "transformer"} {
		m := trainOn(t, train, filepath.Join(dir, family), family)
		c := caseOf(t, m.Model, queries)
		ranges, err := export.Calibrate(t.Context(), m.Model, queries[:100], "", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []export.Precision{export.F32, export.F16, export.Int8, export.Int8QDQ} {
			writeLiteModel(t, filepath.Join(cases, "reviews "+family+" "+string(p)), m.Model, p, ranges, liteCase{graphCase: c, Labels: p != export.F32, Many: true})
		}
		if family == "lstm" {
			verifyInPython(t, m, "tflite", dir)
		}
		m.Close()
	}
	t.Log(python(t, "tflite_check.py", cases))
}

// TestTheCardOfATFLiteExportShowsACallThatRuns has Python do what the card shows.
func TestTheCardOfATFLiteExportShowsACallThatRuns(t *testing.T) {
	m := exporttest.Model(t, "transformer", model.ClassHead, nil)
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := export.Write(m, dir, export.Options{Format: "tflite"}); err != nil {
		t.Fatal(err)
	}
	const text = "房间很干净，服务好"
	want, err := m.Predict(t.Context(), []string{text})
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	said := python(t, "card_check.py", dir, text)
	for _, s := range strings.Fields(strings.Trim(said, "[]")) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("it printed %s", said)
		}
		got = append(got, v)
	}
	near := func(a float64, b float32) bool { return math.Abs(a-float64(b)) < 1e-4 }
	if !slices.EqualFunc(got, want[0].Probabilities, near) {
		t.Errorf("the card's call makes %v, the model %v", got, want[0].Probabilities)
	}
}
