package hub

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// described are the files, beside weights, that are read of a model or of a module in it.
var described = map[string]bool{
	"config.json": true, "generation_config.json": true, "README.md": true,
	"tokenizer.json": true, "tokenizer_config.json": true, "special_tokens_map.json": true, "added_tokens.json": true, "chat_template.jinja": true,
	"vocab.txt": true, "vocab.json": true, "merges.txt": true, "spiece.model": true, "sentencepiece.bpe.model": true, "tokenizer.model": true,
	"modules.json": true, "config_sentence_transformers.json": true, "sentence_bert_config.json": true,
	"adapter_config.json": true, "adapter_model.safetensors": true,
}

var (
	moduleFolder = regexp.MustCompile(`^[0-9]+_\w+$`) // of sentence-transformers: 1_Pooling, 2_Dense
	shard        = regexp.MustCompile(`^(.+)-([0-9]{5})-of-([0-9]{5})(\.\w+)$`)
)

// choose picks the files that are read of a model, but for its weights if it is to be lean. It fails where there are none,
// or some of the weights are missing.
func choose(files []file, lean bool) ([]file, error) {
	folders := map[string][]file{}
	for _, f := range files {
		folders[path.Dir(f.path)] = append(folders[path.Dir(f.path)], f)
	}
	root := folders["."]
	if lean {
		return describing(root)
	}
	if find(root, "manifest.json") != nil && find(root, "config.json") != nil {
		return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return strings.HasPrefix(f.path, ".git") }), nil // a package of ours lists all it has
	}
	var chosen []file
	weighed := false
	for name, here := range folders {
		if name != "." && !moduleFolder.MatchString(name) {
			continue
		}
		weights, err := weightsOf(here)
		if err != nil {
			return nil, err
		}
		weighed = weighed || len(weights) > 0
		chosen = append(chosen, weights...)
		for _, f := range here {
			if described[path.Base(f.path)] {
				chosen = append(chosen, f)
			}
		}
	}
	switch {
	case find(root, "adapter_model.safetensors") != nil:
		weighed = true
	case find(root, "adapter_model.bin") != nil:
		weighed, chosen = true, append(chosen, *find(root, "adapter_model.bin"))
	case !weighed:
		exported := exportedWeights(root, folders["onnx"])
		weighed, chosen = len(exported) > 0, append(chosen, exported...)
	}
	if !weighed {
		return nil, hint.Errorf("name a model with weights as safetensors, pytorch_model.bin, ONNX or GGUF", "it has no weights that can be read%s", otherWeights(files))
	}
	slices.SortFunc(chosen, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return chosen, nil
}

// describing picks what is read of a model before its weights.
func describing(root []file) (chosen []file, err error) {
	for _, f := range root {
		if described[f.path] && !strings.HasPrefix(f.path, "adapter_model") {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return nil, hint.Errorf("check the name", "it has neither configuration nor tokenizer")
	}
	return chosen, nil
}

// weightsOf returns one form of the weights of a folder: safetensors before pickles, whole before shards.
func weightsOf(here []file) ([]file, error) {
	for _, form := range [][2]string{{"model", ".safetensors"}, {"pytorch_model", ".bin"}} {
		if f := find(here, form[0]+form[1]); f != nil {
			return []file{*f}, nil
		}
		index := find(here, form[0]+form[1]+".index.json")
		if index == nil {
			continue
		}
		shards, err := shardsOf(here, form[0], form[1])
		return append(shards, *index), err
	}
	return nil, nil
}

// shardsOf returns all parts of sharded weights; their names say how many there are.
func shardsOf(here []file, stem, suffix string) ([]file, error) {
	var shards []file
	total := 0
	have := map[string]bool{}
	for _, f := range here {
		if m := shard.FindStringSubmatch(path.Base(f.path)); m != nil && m[1] == stem && m[4] == suffix {
			shards = append(shards, f)
			have[m[2]] = true
			total, _ = strconv.Atoi(m[3])
		}
	}
	for i := 1; i <= total; i++ {
		if n := fmt.Sprintf("%05d", i); !have[n] {
			return nil, hint.Errorf("load the model again, or tell those who published it", "part %s-%s-of-%05d%s of its weights is missing", stem, n, total, suffix)
		}
	}
	return shards, nil
}

// exportedWeights returns an ONNX graph with its data, or one GGUF file: the most exact of those that can be read.
func exportedWeights(root, onnx []file) []file {
	for _, here := range [][]file{root, onnx} {
		if f := find(here, "model.onnx"); f != nil {
			chosen := []file{*f}
			for _, name := range []string{"model.onnx_data", "model.onnx.data"} {
				if data := find(here, name); data != nil {
					chosen = append(chosen, *data)
				}
			}
			return chosen
		}
	}
	var graphs []file
	for _, f := range root {
		if strings.HasSuffix(strings.ToLower(f.path), ".gguf") {
			graphs = append(graphs, f)
		}
	}
	for _, kind := range []string{"f16", "f32", "q8_0", "q4_0"} {
		for _, f := range graphs {
			if strings.Contains(strings.ToLower(f.path), kind) && !strings.Contains(strings.ToLower(f.path), "bf16") {
				return []file{f}
			}
		}
	}
	return graphs[:min(len(graphs), 1)]
}

func find(files []file, name string) *file {
	for i := range files {
		if path.Base(files[i].path) == name {
			return &files[i]
		}
	}
	return nil
}

// otherWeights tells what there is instead.
func otherWeights(files []file) string {
	for _, f := range files {
		switch ext := path.Ext(f.path); ext {
		case ".h5", ".msgpack", ".ot", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".tflite", ".mlmodel", ".nemo", ".pdparams":
			return "; it has " + f.path
		}
	}
	return ""
}
