// Package golden reads the reference numerics that tests compare with: tensors that PyTorch computed, one case a
// file, kept beside the project and not in it. It is for tests alone.
package golden

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Path returns the path of a file in the folder of shared test material beside the project, and skips the test,
// saying so, where it is absent.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..", "shared")
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs ../shared/%s, which is not here", filepath.ToSlash(filepath.Join(elem...)))
	}
	return path
}

// Case is one file of reference tensors.
type Case struct {
	t    testing.TB
	file *safetensors.File
}

// Open opens golden/NAME.safetensors and closes it after the test.
func Open(t testing.TB, name string) *Case {
	t.Helper()
	f, err := safetensors.Open(Path(t, "golden", name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &Case{t, f}
}

// Meta returns a setting of the case.
func (c *Case) Meta(key string) string { return c.file.Metadata()[key] }

// Floats returns a copy of a float tensor and its shape.
func (c *Case) Floats(name string) ([]float32, []int) {
	c.t.Helper()
	tensor, ok := c.file.Tensor(name)
	if !ok {
		c.t.Fatalf("golden: no tensor %q", name)
	}
	data, err := tensor.Float32()
	if err != nil {
		c.t.Fatal(err)
	}
	return append([]float32(nil), data...), tensor.Shape
}

// Ints returns a tensor of 64-bit integers.
func (c *Case) Ints(name string) []int32 {
	c.t.Helper()
	tensor, ok := c.file.Tensor(name)
	if !ok || tensor.DType != safetensors.I64 {
		c.t.Fatalf("golden: no I64 tensor %q", name)
	}
	out := make([]int32, len(tensor.Data)/8)
	for i := range out {
		b := tensor.Data[8*i:]
		out[i] = int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	}
	return out
}

// Close fails the test unless got is want within tolerance times want's largest magnitude.
func Close(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	scale, worst, at := 0.0, 0.0, -1
	for i := range want {
		scale = math.Max(scale, math.Abs(float64(want[i])))
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if d > worst || math.IsNaN(d) {
			worst, at = d, i
		}
		if math.IsNaN(d) {
			break
		}
	}
	if !(worst <= tolerance*scale) {
		t.Errorf("%s: off by %.3g at %d of %d (got %v, want %v), allowed %.3g", what, worst, at, len(want), got[at], want[at], tolerance*scale)
	}
}
