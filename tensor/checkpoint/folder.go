package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// shardIndex is model.safetensors.index.json or pytorch_model.bin.index.json: which file holds which tensor.
// https://huggingface.co/docs/transformers/big_models
type shardIndex struct {
	path      string
	WeightMap map[string]string `json:"weight_map"`
}

// maxIndex bounds the size of an index in bytes; the index of a model with 100,000 tensors has 10 MB.
const maxIndex = 100 << 20

// find returns the files of a checkpoint and, if they are shards, their index.
func find(path string) ([]string, *shardIndex, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, hint.Wrap(err, "check the path", "reading weights")
	}
	if !info.IsDir() {
		if strings.HasSuffix(path, ".index.json") {
			return openShards(path)
		}
		return []string{path}, nil, nil
	}
	for _, name := range []string{"model.safetensors", "pytorch_model.bin"} {
		if file := filepath.Join(path, name); exists(file) {
			return []string{file}, nil, nil
		}
		if index := filepath.Join(path, name+".index.json"); exists(index) {
			return openShards(index)
		}
	}
	for _, name := range []string{"model.onnx", filepath.Join("onnx", "model.onnx")} {
		if file := filepath.Join(path, name); exists(file) {
			return []string{file}, nil, nil
		}
	}
	return findOnly(path)
}

// findOnly returns the only file of weights that a folder has under a name of its own.
func findOnly(dir string) ([]string, *shardIndex, error) {
	for _, extension := range []string{".safetensors", ".onnx", ".gguf"} {
		found, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+extension))
		if err != nil || len(found) == 0 {
			continue
		}
		if len(found) > 1 {
			return nil, nil, hint.Errorf("name the one that is meant: "+found[0],
				"%s has %d %s files and no model%s among them", dir, len(found), extension, extension)
		}
		return found, nil, nil
	}
	for _, foreign := range []string{"tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "rust_model.ot", "openvino_model.xml"} {
		if exists(filepath.Join(dir, foreign)) {
			return nil, nil, hint.Errorf("look for an edition of the model with model.safetensors or pytorch_model.bin",
				"%s has weights as %s alone, which are not read", dir, foreign)
		}
	}
	return nil, nil, hint.Errorf("a checkpoint has model.safetensors, pytorch_model.bin, model.onnx or a .gguf file",
		"%s has no weights", dir)
}

// escapeGlob keeps the characters of a path from being taken for a pattern.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // there is no escaping on Windows, where [ is rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// openShards reads an index and returns its files, each beside it and present.
func openShards(path string) ([]string, *shardIndex, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, hint.Wrap(err, "check the right to read it", "reading the index of shards")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the index of shards %s: %w", path, err)
	}
	index, err := parseIndex(data)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the index of shards %s: %w", path, err)
	}
	index.path = path
	files := index.files()
	var missing []string
	for i, name := range files {
		files[i] = filepath.Join(filepath.Dir(path), name)
		if !exists(files[i]) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, nil, hint.Errorf("fetch the checkpoint again: all shards stand beside the index",
			"%s lists %d shards, of which %d are missing: %s", path, len(files), len(missing), strings.Join(missing, ", "))
	}
	return files, index, nil
}

// parseIndex reads an index from a file's content.
func parseIndex(data []byte) (*shardIndex, error) {
	if len(data) > maxIndex {
		return nil, malformed("it has more than %d MB", maxIndex>>20)
	}
	index := &shardIndex{}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(index); err != nil {
		return nil, malformed("%w", err)
	}
	if len(index.WeightMap) == 0 {
		return nil, malformed("its weight_map names no tensors")
	}
	for _, file := range index.files() {
		if !filepath.IsLocal(file) || filepath.Base(file) != file {
			return nil, hint.Errorf("do not use this checkpoint: its index points elsewhere",
				"%w: its weight_map names the file %q, which is not one beside it", ErrMalformed, file)
		}
	}
	return index, nil
}

// files returns the names of the shards, sorted.
func (x *shardIndex) files() []string {
	return slices.Compact(slices.Sorted(maps.Values(x.WeightMap)))
}

// check reports tensors that the index promises and the shards do not hold.
func (x *shardIndex) check(s *Set) error {
	if x == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(x.WeightMap)) {
		if _, ok := s.tensors[name]; !ok {
			return fmt.Errorf("reading weights by %s: %w", x.path, malformed("tensor %q is not in %s", name, x.WeightMap[name]))
		}
	}
	return nil
}
