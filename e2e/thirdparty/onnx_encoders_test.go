package thirdparty

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// TestONNXRuntimeRunsEveryArchitecture exports every architecture of checkpoints, and compares ONNX Runtime with what the
// reference library has recorded.
func TestONNXRuntimeRunsEveryArchitecture(t *testing.T) {
	dir := t.TempDir()
	eachArchitecture(t, func(name string, g *graph.Graph, c *graphCase) {
		file, err := export.ONNX(g, export.F32, nil)
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, filepath.Join(dir, name), export.ONNXFile, file.Marshal(), c)
	})
	t.Log(python(t, "onnx_check.py", dir))
}

// eachArchitecture calls f with the graph of a checkpoint of each architecture and what the reference library made of it.
func eachArchitecture(t *testing.T, f func(name string, g *graph.Graph, c *graphCase)) {
	t.Helper()
	root := golden.Path(t, "golden", "hf")
	folders, err := filepath.Glob(filepath.Join(root, "*", "config.json"))
	if err != nil || len(folders) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range folders {
		from := filepath.Dir(path)
		withArchitecture(t, from, func(g *graph.Graph, names []string) {
			f(filepath.Base(from), g, recordedCase(t, filepath.Join(from, "golden.safetensors"), names, g))
		})
	}
}

// withArchitecture calls f with the graph of a checkpoint, whose weights are there as long, and the names under which its
// output may be recorded.
func withArchitecture(t *testing.T, from string, f func(g *graph.Graph, names []string)) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := encoder.ReadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := checkpoint.Open(filepath.Join(from, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer weights.Close()
	c.Fit(weights)
	n := encoder.New(c, new(nn.Params))
	if err := n.Load(weights); err != nil {
		t.Fatal(from, err)
	}
	g := graph.New()
	x := g.Text("")
	y, err := n.Lower(x)
	if err != nil {
		t.Fatal(from, err)
	}
	names := []string{"out.last_hidden_state"}
	if c.Head != encoder.Bare {
		w, b := n.Decoder()
		y = x.Linear(n.LowerFeatures(x, y), w, b, nn.Identity)
		names = []string{"out.logits", "out.start_logits"}
	}
	g.Output("logits", y)
	g.Prune()
	f(g, names)
}

// recordedCase is a case of recorded inputs and outputs.
func recordedCase(t *testing.T, path string, names []string, g *graph.Graph) *graphCase {
	t.Helper()
	recorded, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	c := graphCase{Inputs: map[string]caseTensor{}}
	ids, _ := recorded.Tensor("in.input_ids")
	mask := wholes(recorded, "in.attention_mask", ids.Shape)
	for _, v := range g.Inputs {
		c.Inputs[v.Name] = caseTensor{"int64", ids.Shape, wholes(recorded, "in."+v.Name, ids.Shape)}
	}
	for _, name := range names {
		x, ok := recorded.Tensor(name)
		if !ok {
			continue
		}
		values, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		perText := len(x.Shape) == 2 && x.Shape[1] != ids.Shape[1]
		rows := ids.Shape[0] * ids.Shape[1]
		if perText {
			rows = ids.Shape[0]
		}
		width := len(values) / rows
		for r := range rows {
			if perText || mask[r] == 1 {
				c.Rows, c.Expected = append(c.Rows, r), append(c.Expected, slices.Clone(values[r*width:(r+1)*width])) // they may be the file's memory
			}
		}
		break
	}
	if len(c.Rows) == 0 {
		t.Fatalf("%s has none of %v", path, names)
	}
	return &c
}

// wholes reads whole numbers, zeros where there are none.
func wholes(f *safetensors.File, name string, shape []int) []int64 {
	list := make([]int64, shape[0]*shape[1])
	x, ok := f.Tensor(name)
	if !ok {
		return list
	}
	width := len(x.Data) / len(list)
	for i := range list {
		list[i] = int64(int32(binary.LittleEndian.Uint32(x.Data[i*width:])))
	}
	return list
}
