package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestAFullDiskKeepsWhatIsThere(t *testing.T) {
	m := small()
	m.Files["model.safetensors"] = weights(2 * chunkSize)
	start(t, m)
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	t.Setenv("HF_HUB_CACHE", disk)
	_, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(hint.Way(err), "HF_HUB_CACHE") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	kept, err := filepath.Glob(filepath.Join(disk, "models--tiny--encoder", "blobs", "*.incomplete"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	if info, err := os.Stat(kept[0]); err != nil || info.Size() < chunkSize {
		t.Errorf("%v bytes were kept, %v", info, err)
	}
	if err := syscall.Mount("none", disk, "tmpfs", syscall.MS_REMOUNT, "size=40m"); err != nil {
		t.Fatal(err)
	}
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}
