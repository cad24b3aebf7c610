package export

import (
	"math"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// run gives the first output of a model's export, computed by package onnx from the bytes of the file.
func run(t *testing.T, m *model.Model, p Precision, in *model.Input) graph.Tensor {
	t.Helper()
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	file, err := ONNX(g, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Parse(file.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	prog, err := newProgram(again, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := prog.Run(m.Padded(in))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// worst is the greatest difference of an export from the model.
func worst(t *testing.T, m *model.Model, p Precision) float64 {
	t.Helper()
	var in model.Input
	var sample model.Sample
	for _, q := range exporttest.Queries {
		m.Encode(&in, &sample, q.Text, q.Pair)
	}
	out := run(t, m, p, &in)
	logits, err := m.Logits(t.Context(), exporttest.Queries)
	if err != nil {
		t.Fatal(err)
	}
	most, width := 0.0, out.Shape[len(out.Shape)-1]
	for i, l := range logits {
		rows := m.PaddedRows(&in, i)
		if len(l) != len(rows)*width {
			t.Fatalf("text %d has %d logits, %d rows of %d were exported", i, len(l), len(rows), width)
		}
		for j, v := range l {
			d := math.Abs(float64(v - out.Floats[rows[j/width]*width+j%width]))
			if math.IsNaN(d) {
				t.Fatal("NaN")
			}
			most = max(most, d)
		}
	}
	return most
}

func TestEveryFamilyAndHeadGivesTheSameLogitsOnceExported(t *testing.T) {
	exporttest.Each(t, func(name string, m *model.Model) {
		if d := worst(t, m, F32); d > 1e-4 {
			t.Errorf("%s differs by %g", name, d)
		}
		for p, limit := range map[Precision]float64{F16: 0.02, Int8Weights: 0.2, Int8: 0.3} {
			if d := worst(t, m, p); d > limit {
				t.Errorf("%s as %s differs by %g", name, p, d)
			}
		}
	})
}
