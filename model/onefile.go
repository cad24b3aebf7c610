package model

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// isFile tells whether a path is that of a single file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// OpenFile opens the weights of a model in a single file: .safetensors, pytorch_model.bin, .onnx or .gguf. config is the
// folder of its config.json and tokenizer.json, "" for the file's own. What a GGUF file says of itself serves where they
// are not there.
func OpenFile(path, config string) (*Model, error) {
	m, err := openFile(path, cmp.Or(config, filepath.Dir(path)))
	if err != nil {
		return nil, hint.Wrap(err, cmp.Or(hint.Way(err), "get the model again"), "opening the model %s", path)
	}
	return m, nil
}

func openFile(path, dir string) (*Model, error) {
	set, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := modelOfFile(set, path, dir)
	if err != nil {
		set.Close()
		return nil, err
	}
	return m, nil
}

func modelOfFile(set *checkpoint.Set, path, dir string) (*Model, error) {
	const missing = "name the folder that has both with --config"
	gguf := set.Architecture() != ""
	var tokenizer *text.Tokenizer
	if gguf && !isFile(filepath.Join(dir, TokenizerFile)) {
		var err error
		if tokenizer, err = text.FromGGUF(set.Metadata()); err != nil {
			return nil, hint.Wrap(err, hint.Way(err), "its tokenizer")
		}
	}
	var config []byte
	var keys map[string]any // of GGUF
	var err error
	if gguf {
		keys = set.Metadata()
	}
	switch beside := isFile(filepath.Join(dir, ConfigFile)); {
	case beside && (!gguf || modelType(dir) == set.Architecture()): // of RoBERTa, GGUF has a BERT
		config, err = readSmall(os.DirFS(dir), ConfigFile)
	case gguf:
		config, err = encoder.GGUFConfig(keys, set)
	default:
		return nil, hint.Errorf(missing, "weights as %s alone do not say what network they are of: %s and %s are not beside them", set.Format(), ConfigFile, TokenizerFile)
	}
	if err != nil {
		return nil, err
	}
	if tokenizer == nil && !isFile(filepath.Join(dir, TokenizerFile)) {
		return nil, hint.Errorf(missing, "%s is not beside the weights", TokenizerFile)
	}
	e, err := encoder.ReadConfig(config)
	if err != nil {
		return nil, err
	}
	return found{dir: dir, config: config, encoder: e, weights: set, file: set, path: path, tokenizer: tokenizer, keys: keys}.model()
}

// modelType is the architecture that the config.json of a folder names, "" where none does.
func modelType(dir string) string {
	var c struct {
		Type string `json:"model_type"`
	}
	if found, err := readJSON(dir, ConfigFile, &c); err != nil || !found {
		return ""
	}
	return c.Type
}

// setGGUFPooling takes how the states of a sentence encoder become an embedding.
func (c *Config) setGGUFPooling(keys map[string]any) {
	name, _ := keys["general.architecture"].(string)
	if kind, ok := keys[name+".pooling_type"].(int64); ok && kind >= 1 && kind <= 3 {
		c.Pooling = []string{"mean", "first", "last"}[kind-1]
		c.Sentence = &Sentence{Normalize: true} // of which the file says nothing: its runtime does so
	}
}
