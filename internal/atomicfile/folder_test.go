package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderIsTheOldOneOrTheWholeNewOne(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "not", "there")
	dir := filepath.Join(parent, "folder")
	fill := func(content string, fails error) func(string) error {
		return func(temp string) error {
			if err := os.WriteFile(filepath.Join(temp, "file"), []byte(content), 0o644); err != nil {
				return err
			}
			return fails
		}
	}
	full := errors.New("the disk is full")
	for _, c := range []struct {
		content string
		fails   error
		want    string
	}{{"first", nil, "first"}, {"second", full, "first"}, {"third", nil, "third"}} {
		if err := Folder(dir, fill(c.content, c.fails)); !errors.Is(err, c.fails) {
			t.Fatalf("%s: %v", c.content, err)
		}
		expect(t, filepath.Join(dir, "file"), c.want)
		entries, err := os.ReadDir(parent)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: beside the folder lie %v, %v", c.content, entries, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
