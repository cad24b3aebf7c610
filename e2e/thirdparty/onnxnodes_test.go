package thirdparty

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// notRun are forms of operations that no encoder of texts uses, by what they say of themselves.
var notRun = []string{"is not supported", "are not supported", "a range of fractions"}

// TestOperationsComputeWhatTheStandardSays runs the cases that the package onnx brings for each operation.
func TestOperationsComputeWhatTheStandardSays(t *testing.T) {
	dir := t.TempDir()
	python(t, "onnxnodes_make.py", append([]string{dir}, onnx.Operations()...)...)
	cases, err := filepath.Glob(filepath.Join(dir, "*", "case.json"))
	if err != nil || len(cases) < 150 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	seen, left := map[string]int{}, 0
	for _, path := range cases {
		op, err := runNodeCase(t, path)
		switch {
		case err == nil:
			seen[op]++
		case slices.ContainsFunc(notRun, func(s string) bool { return strings.Contains(err.Error(), s) }):
			left++
		default:
			t.Errorf("%s (%s): %v", filepath.Base(filepath.Dir(path)), op, err)
		}
	}
	t.Logf("%d cases of %d operations; %d are of forms that are not run", len(cases)-left, len(seen), left)
}

func runNodeCase(t *testing.T, path string) (op string, err error) {
	var c struct {
		Op      string
		Inputs  map[string]nodeTensor
		Outputs map[string]nodeTensor
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(path, err)
	}
	file, err := os.ReadFile(filepath.Join(filepath.Dir(path), "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(file)
	if err != nil {
		return c.Op, err
	}
	p, err := onnx.NewProgram(m)
	if err != nil {
		return c.Op, err
	}
	in := map[string]graph.Tensor{}
	for name, x := range c.Inputs {
		in[name] = graph.Tensor{Shape: x.Shape, Floats: x.Floats, Ints: x.Ints}
	}
	out, err := p.Run(in, nil)
	if err != nil {
		return c.Op, err
	}
	for name, want := range c.Outputs {
		got := out[name]
		if !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("%s: shape %v, want %v", path, got.Shape, want.Shape)
			continue
		}
		for i, v := range want.Ints {
			if got.Ints[i] != v {
				t.Errorf("%s: %v, want %v", path, got.Ints, want.Ints)
				break
			}
		}
		for i, v := range want.Floats {
			if d := math.Abs(float64(got.Floats[i] - v)); d > 1e-4+1e-4*math.Abs(float64(v)) {
				t.Errorf("%s: number %d is %v, want %v", path, i, got.Floats[i], v)
				break
			}
		}
	}
	return c.Op, nil
}

type nodeTensor struct {
	Shape  []int
	Floats []float32
	Ints   []int64
}
