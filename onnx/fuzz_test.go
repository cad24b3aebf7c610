package onnx_test

import (
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// exported is a small model as a file.
func exported(t testing.TB, family, head string, p export.Precision) []byte {
	t.Helper()
	m := exporttest.Model(t, family, head, func(c *model.Config) { c.EmbedDim, c.Hidden, c.Filters, c.Layers, c.Heads = 16, 16, 4, 1, 2 })
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	file, err := export.ONNX(g, p, export.Ranges{})
	if err != nil {
		t.Fatal(err)
	}
	return file.Marshal()
}

// FuzzRun gives the reader and the runner what is no model: whatever it is, they end with a result or an error, and hold
// no more than they may.
func FuzzRun(f *testing.F) {
	f.Add(exported(f, "cnn", model.ClassHead, export.F32))
	f.Add(exported(f, "mlp", model.ClassHead, export.Int8))
	f.Add(exported(f, "gru", model.TokensHead, export.F16))
	f.Add(exported(f, "transformer", model.ClassHead, export.Int8QDQ))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data)
		if err != nil {
			return
		}
		p, err := onnx.NewProgram(m)
		if err != nil {
			return
		}
		p.Limit = 1 << 16
		in := map[string]graph.Tensor{}
		for _, i := range p.Inputs {
			shape, n := make([]int, len(i.Dims)), 1
			for d, size := range i.Dims {
				if shape[d] = 2; size >= 0 {
					shape[d] = int(min(size, 3))
				}
				if n *= shape[d]; n > 1<<12 {
					return
				}
			}
			x := graph.Tensor{Shape: shape}
			if i.Type == onnx.Float || i.Type == onnx.Float16 {
				x.Floats = make([]float32, n)
			} else {
				x.Ints = make([]int64, n)
			}
			in[i.Name] = x
		}
		_, _ = p.Run(in, nil)
	})
}

func TestWhatCannotRunIsNamed(t *testing.T) {
	node := func(op, domain string, in ...string) *onnx.Node {
		return &onnx.Node{Name: "n", Op: op, Domain: domain, In: in, Out: []string{"y"}}
	}
	input := []*onnx.Info{{Name: "x", Type: onnx.Float, Dims: []int64{-1, 3}, Names: []string{"batch", ""}}}
	output := []*onnx.Info{{Name: "y", Type: onnx.Float}}
	for want, m := range map[string]*onnx.Model{
		"the operation If is not supported":                      {Opset: 17, Graph: onnx.Graph{Nodes: []*onnx.Node{node("If", "", "x")}, Inputs: input, Outputs: output}},
		"the operation com.microsoft.Attention is not supported": {Opset: 17, Graph: onnx.Graph{Nodes: []*onnx.Node{node("Attention", "com.microsoft", "x")}, Inputs: input, Outputs: output}},
		"are of opset 9":                        {Opset: 9, Graph: onnx.Graph{Nodes: []*onnx.Node{node("Relu", "", "x")}, Inputs: input, Outputs: output}},
		`no node before it makes its input "z"`: {Opset: 17, Graph: onnx.Graph{Nodes: []*onnx.Node{node("Relu", "", "z")}, Inputs: input, Outputs: output}},
		`two things are called "y"`:             {Opset: 17, Graph: onnx.Graph{Nodes: []*onnx.Node{node("Relu", "", "x"), node("Abs", "", "x")}, Inputs: input, Outputs: output}},
		`no node makes the output "y"`:          {Opset: 17, Graph: onnx.Graph{Inputs: input, Outputs: output}},
	} {
		if _, err := onnx.NewProgram(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	p, err := onnx.NewProgram(&onnx.Model{Opset: 17, Graph: onnx.Graph{Nodes: []*onnx.Node{node("Relu", "", "x")}, Inputs: input, Outputs: output}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(map[string]graph.Tensor{"x": {Shape: []int{1, 2}, Floats: []float32{1, 2}}}, nil); err == nil || !strings.Contains(err.Error(), "the model takes 3 alone") {
		t.Errorf("a wrong shape: %v", err)
	}
	p.Limit = 5
	if _, err := p.Run(map[string]graph.Tensor{"x": {Shape: []int{2, 3}, Floats: make([]float32, 6)}}, nil); err == nil || !strings.Contains(err.Error(), "than the 5 numbers") {
		t.Errorf("a run that is too large: %v", err)
	}
}
