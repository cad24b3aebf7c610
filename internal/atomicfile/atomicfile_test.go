package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAbortKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("new, but half")); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	expect(t, path, "old")
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files left, want 1", len(entries))
	}
}

func TestCommitReplacesTheFileOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "old")
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "new")
	if err := w.Commit(); err == nil {
		t.Error("a second Commit must fail")
	}
}

func TestCleanRemovesOnlyWhatAKillLeft(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "a.json"))
	if err != nil {
		t.Fatal(err)
	}
	w.File.Close() // as if the process had been killed here
	kept := filepath.Join(dir, "notes.tmp")
	if err := os.WriteFile(kept, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Clean(dir); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 || entries[0].Name() != "notes.tmp" {
		t.Errorf("left %v, want notes.tmp alone", entries)
	}
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
}
