package model

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// TestWeightsAloneAreNoModel opens a folder with weights that nothing tells the network of.
func TestWeightsAloneAreNoModel(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, WeightsFile), []byte("whatever"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), "it has model.safetensors, and no config.json that tells what network") || hint.Way(err) == "" {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
}
