package thirdparty

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
)

// TestCheckpointsOfOthersAreRead opens what the packages gguf, onnx and safetensors have written and compares every
// tensor with what those packages say that it holds: the same bytes, or for blocks the same rounded numbers.
func TestCheckpointsOfOthersAreRead(t *testing.T) {
	dir := t.TempDir()
	python(t, "checkpoint_check.py", dir)
	const suffix = ".expected.safetensors"
	expected, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(expected) != 5*5+1+2+1 {
		t.Fatalf("%d files were written: %v", len(expected), err)
	}
	for _, path := range expected {
		name := strings.TrimSuffix(filepath.Base(path), suffix)
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if _, err := os.Stat(file); err != nil {
				file = filepath.Join(dir, "beside")
			}
			sameCheckpoint(t, file, path)
		})
	}
}

func sameCheckpoint(t *testing.T, got, want string) {
	t.Helper()
	a, err := checkpoint.Open(got)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	defer a.Close()
	b, err := checkpoint.Open(want)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if n, m := len(a.Names()), len(b.Names()); n != m {
		t.Errorf("%d tensors, want %d", n, m)
	}
	for _, name := range b.Names() {
		theirs, err := b.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := a.Tensor(name)
		switch {
		case err != nil:
			t.Error(err)
		case !slices.Equal(ours.Shape, theirs.Shape):
			t.Errorf("%s: shape %v, want %v", name, ours.Shape, theirs.Shape)
		case ours.DType == theirs.DType:
			if !bytes.Equal(ours.Data, theirs.Data) {
				t.Errorf("%s: other bytes", name)
			}
		default: // half precision here, widened there
			x, err := a.Float32(name)
			y, err2 := b.Float32(name)
			if err != nil || err2 != nil || !slices.Equal(x, y) {
				t.Errorf("%s: other numbers (%v, %v)", name, err, err2)
			}
		}
	}
}
