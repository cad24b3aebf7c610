package export

import (
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// TestTFLiteFilesAreWhole has every family and head exported, and looks at what a runtime relies on before it computes:
// every operation reads what is there by then, no stored size is open, and results have the sizes that the graph gives.
func TestTFLiteFilesAreWhole(t *testing.T) {
	exporttest.Each(t, func(name string, m *model.Model) {
		g, err := m.Graph()
		if err != nil {
			t.Fatal(err)
		}
		sizes := m.PaddedSizes(17)
		for _, p := range []Precision{F32, F16, Int8, Int8QDQ} {
			file, err := TFLite(g, p, Ranges{}, sizes)
			if err != nil {
				t.Fatalf("%s as %s: %v", name, p, err)
			}
			for _, sub := range file.Graphs {
				checkOrder(t, name, sub)
			}
			main := file.Graphs[0]
			for i, v := range g.Outputs {
				want := slices.Clone(v.Shape)
				for j, d := range want {
					if d == graph.Batch {
						want[j] = 1
					} else if d < 0 {
						want[j] = sizes[d]
					}
				}
				if x := main.Tensors[main.Outputs[i]]; !slices.Equal(x.Shape, want) || x.Name != v.Name {
					t.Errorf("%s: output %s is %v, wanted %v", name, x.Name, x.Shape, want)
				}
			}
			if again, err := TFLite(g, p, Ranges{}, sizes); err != nil || !slices.Equal(bytesOf(t, again), bytesOf(t, file)) {
				t.Errorf("%s: a second export differs: %v", name, err)
			}
		}
	})
}

func bytesOf(t *testing.T, m *tflite.Model) []byte {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkOrder(t *testing.T, name string, g *tflite.Graph) {
	t.Helper()
	there := map[int]bool{}
	for _, i := range g.Inputs {
		there[i] = true
	}
	for i, x := range g.Tensors {
		if x.Buffer > 0 {
			there[i] = true
		}
		for _, d := range x.Shape {
			if d < 1 {
				t.Fatalf("%s: tensor %s of %s has the shape %v", name, x.Name, g.Name, x.Shape)
			}
		}
	}
	for i, op := range g.Ops {
		for _, x := range op.In {
			if !there[x] {
				t.Fatalf("%s: operation %d of %s reads %s before it is made", name, i, g.Name, g.Tensors[x].Name)
			}
		}
		for _, y := range op.Out {
			there[y] = true
		}
	}
	for _, y := range g.Outputs {
		if !there[y] {
			t.Fatalf("%s: output %s of %s is not made", name, g.Tensors[y].Name, g.Name)
		}
	}
}

// TestStaticInt8HasRangesForEveryLayer has texts calibrate models: no layer with enough weights is left in floats for want
// of a range.
func TestStaticInt8HasRangesForEveryLayer(t *testing.T) {
	for _, family := range []string{"cnn", "dwcnn", "mlp", "transformer"} {
		m := exporttest.Model(t, family, model.ClassHead, nil)
		ranges, err := Calibrate(t.Context(), m, exporttest.Queries, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Graph()
		if err != nil {
			t.Fatal(err)
		}
		layers := 0
		for _, n := range g.Nodes {
			if n.Op != graph.Linear && n.Op != graph.Conv {
				continue
			}
			for _, v := range []*graph.Value{n.In[0], n.Out} {
				if r, ok := ranges[v.Name]; !ok || r[0] >= r[1] {
					t.Errorf("%s: %s has the range %v", family, v.Name, r)
				}
			}
			if len(n.In[1].Data) >= least {
				layers++
			}
		}
		file, err := TFLite(g, Int8QDQ, ranges, m.PaddedSizes(9))
		if err != nil {
			t.Fatal(err)
		}
		rounded := 0
		for _, op := range file.Graphs[0].Ops {
			if x := file.Graphs[0].Tensors[op.Out[0]]; x.Type == tflite.Int8 && len(op.In) == 1 {
				rounded++
			}
		}
		if layers == 0 || rounded != layers {
			t.Errorf("%s: %d of %d layers are in whole numbers", family, rounded, layers)
		}
	}
}

func TestPaddedSizesHoldTexts(t *testing.T) {
	exporttest.Each(t, func(name string, m *model.Model) {
		g, err := m.Graph()
		if err != nil {
			t.Fatal(err)
		}
		sizes := m.PaddedSizes(m.Config.MaxTokens)
		for _, q := range exporttest.Queries {
			var in model.Input
			var sample model.Sample
			m.Encode(&in, &sample, q.Text, q.Pair)
			padded := m.Padded(&in)
			for _, v := range g.Inputs {
				for i, d := range v.Shape {
					if n := padded[v.Name].Shape[i]; d < graph.Batch && n > sizes[d] {
						t.Errorf("%s: %s of %q has %d of %d", name, v.Name, q.Text, n, sizes[d])
					}
				}
			}
		}
	})
}

func TestWhatTFLiteCannotHoldIsNamedWithTheFormatsThatCan(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.Float, graph.Batch, graph.Length, 6)
	g.Output("y", g.Conv(x, g.Weights("w", make([]float32, 4*3*3), 4, 3, 3), g.Weights("b", make([]float32, 4), 4), [2]int{1, 1}, 2))
	_, err := TFLite(g, F32, nil, map[int]int{graph.Length: 5})
	if err == nil || !strings.Contains(err.Error(), "no operation Conv of 6 channels in 2 groups") || !strings.Contains(hint.Way(err), "--to onnx") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
}

func TestTextsLongerThanTheModelReadsAreRefused(t *testing.T) {
	m := exporttest.Model(t, "cnn", model.ClassHead, nil)
	for _, length := range []int{-1, m.Config.MaxTokens + 1} {
		_, err := Write(m, t.TempDir()+"/out", Options{Format: "tflite", Length: length})
		if err == nil || !strings.Contains(err.Error(), "the model reads 40 at most") {
			t.Errorf("%d tokens: %v", length, err)
		}
	}
	if _, err := Write(m, t.TempDir()+"/out", Options{Format: "onnx", Length: 5}); err == nil || !strings.Contains(err.Error(), "leaves the length of texts open") {
		t.Errorf("onnx: %v", err)
	}
}
