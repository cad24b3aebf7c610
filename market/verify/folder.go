package verify

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// FolderModel is the model in a folder, to be measured where it was pulled to.
func FolderModel(dir string) (try.Model, error) {
	m := try.Model{Key: dir, Open: func(_ context.Context, f pack.File) (io.ReadCloser, error) {
		return os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
	}}
	var files []pack.File
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		files = append(files, pack.File{Path: filepath.ToSlash(rel), Size: info.Size()})
		return err
	})
	m.Files = try.Needed(files)
	return m, err
}
