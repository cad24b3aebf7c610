package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder puts a folder that fill writes in place of dir, as a whole: fill is given a temporary one beside it. Folders
// above are made. Where fill fails, or what was in dir cannot be moved away, dir stays what it was.
func Folder(dir string, fill func(temp string) error) error {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*"+suffix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := fill(temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	return swap(temp, dir)
}

// swap puts the folder temp in place of dir.
func swap(temp, dir string) error {
	old := temp + ".old"
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		os.Rename(old, dir) // put back what was there
		return err
	}
	return os.RemoveAll(old)
}
