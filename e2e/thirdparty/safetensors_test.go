package thirdparty

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// TestSafetensorsReadsAndWritesAlike passes tensors of all types through the safetensors package and back.
func TestSafetensorsReadsAndWritesAlike(t *testing.T) {
	tensors := []safetensors.Tensor{
		safetensors.FromFloat32("embeddings.weight", []int{3, 2}, []float32{1, -2, 3.5, 0, 1e-30, 7}),
		{Name: "i64", DType: safetensors.I64, Shape: []int{2}, Data: []byte{1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}},
		{Name: "i32", DType: safetensors.I32, Shape: []int{1}, Data: []byte{5, 0, 0, 0}},
		{Name: "i16", DType: safetensors.I16, Shape: []int{1, 1}, Data: []byte{5, 0}},
		{Name: "i8", DType: safetensors.I8, Shape: []int{3}, Data: []byte{255, 1, 2}},
		{Name: "u8", DType: safetensors.U8, Shape: []int{1}, Data: []byte{200}},
		{Name: "f64", DType: safetensors.F64, Shape: nil, Data: []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}},
		{Name: "f16", DType: safetensors.F16, Shape: []int{1}, Data: []byte{0, 0x3c}},
		{Name: "flag", DType: safetensors.Bool, Shape: []int{2}, Data: []byte{1, 0}},
		{Name: "empty", DType: safetensors.F32, Shape: []int{0, 4}},
	}
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours.safetensors"), filepath.Join(dir, "theirs.safetensors")
	if err := safetensors.WriteFile(ours, tensors, map[string]string{"format": "pt", "名": "好"}); err != nil {
		t.Fatal(err)
	}
	var facts struct {
		Metadata map[string]string
		Tensors  map[string]struct {
			Shape []int
			Sum   float64
		}
	}
	if err := json.Unmarshal([]byte(python(t, "safetensors_check.py", ours, theirs)), &facts); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"embeddings.weight": 9.5, "i64": 0, "i32": 5, "i16": 5, "i8": 2, "u8": 200, "f64": 1.5, "f16": 1, "flag": 1, "empty": 0} {
		if got, ok := facts.Tensors[name]; !ok || got.Sum != want {
			t.Errorf("%s sums to %v there, want %v", name, got.Sum, want)
		}
	}
	if facts.Metadata["名"] != "好" {
		t.Errorf("metadata %v", facts.Metadata)
	}
	f, err := safetensors.Open(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range tensors {
		got, ok := f.Tensor(want.Name)
		if !ok || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) && len(want.Shape) > 0 || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s came back as %+v", want.Name, got)
		}
	}
}
