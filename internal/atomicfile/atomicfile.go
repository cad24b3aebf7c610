// Package atomicfile writes files that are either the old ones or the whole new ones, never a part.
//
// The new content goes to a temporary file in the same folder, is synced to disk, and takes the old name in one
// rename. A failure or a kill before the rename leaves what was there before; [Clean] sweeps up what a kill left.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// suffix marks temporary files, so that Clean can tell them from the user's.
const suffix = ".xiaoyu-tmp"

// Writer is a file in the making. End it with Commit; Abort (deferred) removes it if Commit was not reached.
type Writer struct {
	*os.File
	path string
	done bool
}

// Create starts a new version of the file at path. Its folder must exist.
func Create(path string) (*Writer, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+suffix)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return &Writer{File: f, path: path}, nil
}

// Commit syncs the content to disk and puts it in place of the old file.
func (w *Writer) Commit() error {
	if w.done {
		return fmt.Errorf("writing %s: already ended", w.path)
	}
	err := w.File.Chmod(0o644)
	if err == nil {
		err = w.File.Sync()
	}
	if closeErr := w.File.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(w.File.Name(), w.path)
	}
	w.done = true
	if err != nil {
		os.Remove(w.File.Name())
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	return SyncDir(filepath.Dir(w.path))
}

// Abort drops the new version unless it was committed. It may be called at any time.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.File.Close()
	os.Remove(w.File.Name())
}

// WriteFile writes data to path in one step.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	w, err := Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := w.Commit(); err != nil {
		return err
	}
	if perm != 0o644 {
		return os.Chmod(path, perm)
	}
	return nil
}

// IsTemporary tells whether a file is the unfinished one of a Writer.
func IsTemporary(path string) bool { return strings.HasSuffix(path, suffix) }

// Clean removes temporary files that a killed process left in dir.
func Clean(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && IsTemporary(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
