package blob

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestAFullDiskIsSaidAndLeavesNothing(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	store, err := OpenFolder(filepath.Join(disk, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	uploads, err := OpenUploads(filepath.Join(disk, "uploads"), store)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte{1}, 6<<20)
	if _, err := store.Put(t.Context(), digest.FromBytes(large), bytes.NewReader(large)); !errors.Is(err, ErrFull) || hint.Way(err) == "" {
		t.Errorf("Put: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(disk, "blobs", "*", "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("%v was left, %v", left, err)
	}
	id, err := uploads.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at, err := uploads.Append(t.Context(), id, 0, bytes.NewReader(large[:1<<20])); at != 1<<20 || err != nil {
		t.Fatal(at, err)
	}
	if at, err := uploads.Append(t.Context(), id, -1, bytes.NewReader(large)); at != 1<<20 || !errors.Is(err, ErrFull) {
		t.Errorf("Append: %d, %v", at, err)
	}
	if n, err := uploads.Commit(t.Context(), id, digest.FromBytes(large[:1<<20])); n != 1<<20 || err != nil { // what was there before is of use
		t.Error(n, err)
	}
}
