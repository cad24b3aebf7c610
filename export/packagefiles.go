package export

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// PackageFiles reads the package of m, that lies in dir. A checkpoint of others becomes a package first.
func PackageFiles(m *model.Model, dir string) (map[string][]byte, error) {
	if _, err := os.Stat(filepath.Join(dir, model.ManifestFile)); err != nil {
		temp, err := os.MkdirTemp("", "xiaoyu-export-*")
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w", dir, err)
		}
		defer os.RemoveAll(temp)
		dir = filepath.Join(temp, "package")
		p, err := m.Save(dir, nil)
		if err != nil {
			return nil, err
		}
		m.Package.Digest = p.Digest
	}
	files := map[string][]byte{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files[name], err = fs.ReadFile(root, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("exporting %s: reading the package: %w", dir, err)
	}
	return files, nil
}
