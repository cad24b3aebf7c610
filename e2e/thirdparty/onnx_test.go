package thirdparty

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// graphCase is a batch for another runtime, with what we make of it.
type graphCase struct {
	Inputs   map[string]caseTensor `json:"inputs"`
	Rows     []int                 `json:"rows"`     // of the first output, all dimensions but the last taken together
	Expected [][]float32           `json:"expected"` // numbers of each of these rows
}

type caseTensor struct {
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Data  any    `json:"data"`
}

// caseOf is a batch of a model, with its logits.
func caseOf(t *testing.T, m *model.Model, queries []model.Query) *graphCase {
	t.Helper()
	g, err := m.Graph()
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	var in model.Input
	var sample model.Sample
	for _, q := range queries {
		m.Encode(&in, &sample, q.Text, q.Pair)
	}
	c := &graphCase{Inputs: map[string]caseTensor{}}
	padded := m.Padded(&in)
	for _, v := range g.Inputs {
		x := padded[v.Name]
		c.Inputs[v.Name] = caseTensor{"int64", x.Shape, x.Ints}
		if x.Floats != nil {
			c.Inputs[v.Name] = caseTensor{"float32", x.Shape, x.Floats}
		}
	}
	logits, err := m.Logits(context.Background(), queries)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range logits {
		rows := m.PaddedRows(&in, i)
		for j, row := range rows {
			width := len(l) / len(rows)
			c.Rows, c.Expected = append(c.Rows, row), append(c.Expected, l[j*width:(j+1)*width])
		}
	}
	return c
}

// writeCase writes the export of a model and what its logits are.
func writeCase(t *testing.T, dir string, m *model.Model, queries []model.Query, p export.Precision) {
	t.Helper()
	g, err := m.Graph()
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	file, err := export.ONNX(g, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, export.ONNXFile, file.Marshal(), caseOf(t, m, queries))
}

// writeFiles writes a model as the file of that name, with its case beside it.
func writeFiles(t *testing.T, dir, name string, model []byte, c *graphCase) {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{name: model, "case.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestONNXRuntimeMakesTheSameLogits exports every family with every head that it can have, has onnx's checker look at the
// files, and compares ONNX Runtime's first output with ours.
func TestONNXRuntimeMakesTheSameLogits(t *testing.T) {
	dir := t.TempDir()
	exporttest.Each(t, func(name string, m *model.Model) {
		writeCase(t, filepath.Join(dir, name), m, exporttest.Queries, export.F32)
	})
	t.Log(python(t, "onnx_check.py", dir))
}
