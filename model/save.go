package model

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// architectures are the names that Hugging Face's config.json has for each head.
var architectures = map[string]struct{ name, problem string }{
	ClassHead:      {"SequenceClassification", "single_label_classification"},
	MultiLabelHead: {"SequenceClassification", "multi_label_classification"},
	RegressionHead: {"SequenceClassification", "regression"},
	TokensHead:     {"TokenClassification", ""},
	MaskedHead:     {"MaskedLM", ""},
	ReplacedHead:   {"PreTraining", ""},
	CausalHead:     {"CausalLM", ""},
	EmbeddingHead:  {"Embedding", ""},
	AnswerHead:     {"QuestionAnswering", ""},
}

// Save writes the model as a package to dir. extra holds further files by name: card, metrics, lineage. The whole
// package appears at once; an older package at dir is replaced, any other folder with something in it is refused.
func (m *Model) Save(dir string, extra map[string][]byte) (*Package, error) {
	if err := replaceFolder(dir, func(temp string) error { return m.writePackage(temp, extra) }); err != nil {
		return nil, err
	}
	return verify(dir)
}

// SaveFiles writes a folder of files, by their names with slashes, and the manifest of their digests: what has another
// layout than a package, such as source code with a model in it. It appears as a whole or not at all.
func SaveFiles(dir string, files map[string][]byte) (*Package, error) {
	p := &Package{Dir: dir}
	err := replaceFolder(dir, func(temp string) error {
		for name, data := range files {
			path := filepath.Join(temp, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := atomicfile.WriteFile(path, data, 0o644); err != nil {
				return err
			}
			p.Size += int64(len(data))
		}
		if err := writeManifest(temp, nil); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(temp, ManifestFile))
		p.Size, p.Digest = p.Size+int64(len(data)), digestOf(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// replaceFolder puts a folder that fill writes in place of dir, as a whole.
func replaceFolder(dir string, fill func(temp string) error) error {
	if err := Replaceable(dir); err != nil {
		return err
	}
	err := atomicfile.Folder(dir, fill)
	way := "free some space or choose another folder"
	if errors.Is(err, fs.ErrPermission) {
		way = "choose a folder that you may write to"
	}
	if err != nil {
		return hint.Wrap(err, way, "writing the package %s", dir)
	}
	return nil
}

// Replaceable tells whether a package may be written to dir: there is nothing, an empty folder, or a package.
func Replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return hint.Wrap(err, "choose another folder", "writing the package %s", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, ManifestFile)); err != nil {
		return hint.Errorf("choose a new or empty folder with --out", "writing the package %s: the folder holds other files", dir)
	}
	return nil
}

func (m *Model) writePackage(dir string, extra map[string][]byte) error {
	return m.writeFiles(dir, WeightsFile, m.tensors, extra)
}

// writeFiles writes all files of a package; weights go to the file of that name.
func (m *Model) writeFiles(dir, weights string, tensors func() []safetensors.Tensor, extra map[string][]byte) error {
	clean, cleanFiles := m.Clean.Packed()
	if m.Ensemble != nil {
		clean = text.CleanConfig{} // each member has its own
	}
	config := configJSON{
		Architectures: []string{"XiaoyuFor" + architectures[m.Config.Head].name},
		ModelType:     ourModelType + m.Config.Family,
		ProblemType:   architectures[m.Config.Head].problem,
		DType:         "float32",
		VocabSize:     m.Tokenizer.VocabSize(),
		NumLabels:     len(m.Labels),
		ID2Label:      map[string]string{},
		Label2ID:      map[string]int{},
		Xiaoyu:        xiaoyuConfig{Format: 1, Model: m.Config, Clean: clean},
	}
	if m.Config.known != nil || m.Config.bound != nil {
		config.Xiaoyu.Format = decidedFormat
	}
	if m.Config.known != nil {
		config.Xiaoyu.Model.Knowledge = []string{KnowledgeFile}
		cleanFiles[KnowledgeFile] = m.Config.known.Content()
	}
	if m.Config.bound != nil {
		config.Xiaoyu.Model.Constraints = ConstraintsFile
		cleanFiles[ConstraintsFile] = m.Config.bound.Content()
	}
	var members map[string]string
	if m.Ensemble != nil {
		var err error
		if members, err = m.Ensemble.write(dir); err != nil {
			return err
		}
		config.Xiaoyu.Format, config.Xiaoyu.Ensemble = ensembleFormat, m.Ensemble.json()
		if m.Ensemble.Stack != nil {
			config.Xiaoyu.Format = decidedFormat
		}
	}
	export := weights == OutsideFile // whose weights are stored as its format has them
	if config.Xiaoyu.Compression = m.compression(); export {
		config.Xiaoyu.Compression = nil
	} else if config.Xiaoyu.Compression != nil {
		config.Xiaoyu.Format = max(config.Xiaoyu.Format, compressedFormat)
	}
	for i, l := range m.Labels {
		config.ID2Label[strconv.Itoa(i)] = l
		config.Label2ID[l] = i
	}
	data, err := m.configJSON(&config)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, ConfigFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	if m.Ensemble != nil {
		return writeRest(dir, extra, members)
	}
	save := m.saveTokenizer
	if export {
		save = func(dir string) error { return m.Tokenizer.Save(filepath.Join(dir, TokenizerFile)) }
	}
	if err := save(dir); err != nil {
		return err
	}
	if err := safetensors.WriteFile(filepath.Join(dir, weights), tensors(), map[string]string{"format": "pt"}); err != nil {
		return err
	}
	if err := m.addTokenizerConfig(cleanFiles); err != nil {
		return err
	}
	maps.Copy(cleanFiles, extra)
	sentence, err := m.sentenceFiles()
	if err != nil {
		return err
	}
	maps.Copy(cleanFiles, sentence)
	return writeRest(dir, cleanFiles, nil)
}

// configJSON is the content of config.json: that of the checkpoint with our part in it, where there is one.
func (m *Model) configJSON(config *configJSON) ([]byte, error) {
	data, err := json.MarshalIndent(config, "", "  ")
	if m.Config.Encoder != nil {
		data, err = m.Config.Encoder.JSON()
	}
	if err != nil || m.Config.Encoder == nil && m.Config.Layout == "" {
		return data, err
	}
	var all map[string]json.RawMessage // as they were: others tell 2 from 2.0
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	ours := map[string]any{"xiaoyu": config.Xiaoyu}
	if m.Config.Layout == Model2Vec {
		m.model2vecKeys(ours)
	}
	if m.Config.Head != AnswerHead { // which has two outputs and no labels
		ours["id2label"], ours["label2id"], ours["num_labels"] = config.ID2Label, config.Label2ID, config.NumLabels
	}
	if config.ProblemType != "" {
		ours["problem_type"] = config.ProblemType
	}
	for key, value := range ours {
		if all[key], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(all, "", "  ")
}

// writeRest writes further files and the manifest of all.
func writeRest(dir string, files map[string][]byte, members map[string]string) error {
	for name, data := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return writeManifest(dir, members)
}

// tensors returns the weights and buffers as they are saved.
func (m *Model) tensors() []safetensors.Tensor {
	var out []safetensors.Tensor
	if b := m.buffered(); b != nil {
		out = b.buffers()
	}
	if c := m.compression(); c != nil && len(c.Weights) > 0 {
		return append(out, m.storedTensors()...)
	}
	params := m.Params.All()
	if s, ok := m.Network.(storedAsFound); ok {
		out, params = append(out, s.tensors()...), params[m.body:]
	}
	for _, p := range params {
		out = append(out, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
	}
	return append(m.scaled(out), m.unscaled()...)
}
