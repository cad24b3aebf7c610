package export

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/mapfile"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// Is tells whether a path is an export: a folder that Write made, or a file of ONNX.
func Is(path string) bool {
	if strings.EqualFold(filepath.Ext(path), ".onnx") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, model.OutsideFile))
	return err == nil
}

// Open opens an export to predict with: a folder that Write made, its model.onnx, or an encoder that others exported,
// whose config.json and tokenizer.json stand beside the file or in the folder above.
func Open(path string) (*model.Model, error) {
	dir, file := path, filepath.Join(path, ONNXFile)
	if info, err := os.Stat(path); err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check the path", "opening the export %s", path)
	} else if !info.IsDir() {
		dir, file = filepath.Dir(path), path
	}
	if path == dir && is(dir, GGUFFile) { // a model by itself
		if err := model.CheckExport(dir); err != nil {
			return nil, err
		}
		return model.OpenFile(filepath.Join(dir, GGUFFile), "")
	}
	if is(dir, model.OutsideFile) {
		return model.OpenExport(dir, func(dir string) (model.Program, error) {
			program, err := openONNX(file)
			if errors.Is(err, fs.ErrNotExist) {
				err = notHere(dir)
			}
			return program, err
		})
	}
	if !is(dir, model.ConfigFile) && is(filepath.Dir(dir), model.ConfigFile) {
		dir = filepath.Dir(dir)
	}
	return model.OpenForeign(dir, func() (model.Program, error) { return openONNX(file) })
}

func is(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// openONNX makes a file ready to run.
func openONNX(path string) (model.Program, error) {
	data, file, err := mapped(path)
	if err != nil {
		return nil, err
	}
	m, err := onnx.Parse(data)
	if err == nil {
		var p *program
		if p, err = newProgram(m, file); err == nil {
			return p, nil
		}
	}
	file.Close()
	return nil, hint.Wrap(err, hint.Way(err), "reading %s", filepath.Base(path))
}

func mapped(path string) ([]byte, io.Closer, error) {
	data, unmap, err := mapfile.Open(path)
	return data, closer(unmap), err
}

// closer is a function that closes something.
type closer func() error

func (c closer) Close() error { return c() }
