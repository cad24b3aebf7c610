package model

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Format is the newest version of the package layout that this code knows; it reads this one and all before it. A
// model is written in the oldest version that can hold it: 1, 2 for ensembles, 3 where files lie in folders of their own.
const Format = 3

// The files of a package, in the Hugging Face layout.
const (
	ConfigFile    = "config.json"       // Hugging Face keys where they exist; ours under "xiaoyu"
	WeightsFile   = "model.safetensors" //
	TokenizerFile = "tokenizer.json"    // the Hugging Face tokenizers format
	CardFile      = "README.md"         // model card
	MetricsFile   = "metrics.json"      //
	LineageFile   = "lineage.json"      // what reproduces the model
	ManifestFile  = "manifest.json"     // sizes and digests of all others
)

// ErrNewer is the cause of an error when a package was written by a newer version.
var ErrNewer = errors.New("written by a newer version of xiaoyu")

// Package is a model's folder on disk, verified.
type Package struct {
	Dir    string
	Digest string // over the manifest, hence over all files: "sha256:…"
	Size   int64  // of all files, in bytes

	file    io.Closer           // the weights; nil for an ensemble
	members map[string]*Package // of an ensemble, by folder
}

// Close unmaps the weights; the model must not be used any more.
func (p *Package) Close() error {
	var errs []error
	if p.file != nil {
		errs = append(errs, p.file.Close())
	}
	for _, m := range p.members {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// manifest lists the files of a package.
type manifest struct {
	Format  int                     `json:"format"`
	Files   map[string]manifestFile `json:"files"`
	Members map[string]string       `json:"members,omitempty"` // of an ensemble: folder → digest of the package in it
}

// foldersFormat is the version since which files may lie in folders.
const foldersFormat = 3

func (m *manifest) marshal() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

type manifestFile struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// configJSON is config.json: the keys that other tools look for, and ours.
type configJSON struct {
	Architectures []string          `json:"architectures"`
	ModelType     string            `json:"model_type"`
	ProblemType   string            `json:"problem_type,omitempty"`
	DType         string            `json:"torch_dtype"`
	VocabSize     int               `json:"vocab_size"`
	NumLabels     int               `json:"num_labels"`
	ID2Label      map[string]string `json:"id2label"`
	Label2ID      map[string]int    `json:"label2id"`
	Xiaoyu        xiaoyuConfig      `json:"xiaoyu"`
}

type xiaoyuConfig struct {
	Format int              `json:"format"`
	Model  Config           `json:"model"`
	Clean  text.CleanConfig `json:"clean"`

	Ensemble *ensembleJSON `json:"ensemble,omitempty"`
}

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
}

// buffered is a network that keeps tables beside its weights.
type buffered interface {
	buffers() []safetensors.Tensor
	setBuffers(get func(name string) (safetensors.Tensor, bool)) error
}

// buffered returns the part of m that keeps tables: its network or the n-grams beside it; nil for none.
func (m *Model) buffered() buffered {
	if m.wide != nil {
		return m.wide
	}
	b, _ := m.Network.(buffered)
	return b
}

// Save writes the model as a package to dir. extra holds further files by name: card, metrics, lineage. The whole
// package appears at once; an older package at dir is replaced, any other folder with something in it is refused.
func (m *Model) Save(dir string, extra map[string][]byte) (*Package, error) {
	if err := Replaceable(dir); err != nil {
		return nil, err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose another folder", "writing the package %s", dir)
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*.xiaoyu-tmp")
	if err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to", "writing the package %s", dir)
	}
	defer os.RemoveAll(temp)
	if err := m.writeFiles(temp, extra); err != nil {
		return nil, hint.Wrap(err, "free some space or choose another folder", "writing the package %s", dir)
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return nil, fmt.Errorf("writing the package %s: %w", dir, err)
	}
	if err := swap(temp, dir); err != nil {
		return nil, fmt.Errorf("writing the package %s: %w", dir, err)
	}
	return verify(dir)
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

func (m *Model) writeFiles(dir string, extra map[string][]byte) error {
	clean, cleanFiles := m.Clean.Packed()
	if m.Ensemble != nil {
		clean = text.CleanConfig{} // each member has its own
	}
	config := configJSON{
		Architectures: []string{"XiaoyuFor" + architectures[m.Config.Head].name},
		ModelType:     "xiaoyu-" + m.Config.Family,
		ProblemType:   architectures[m.Config.Head].problem,
		DType:         "float32",
		VocabSize:     m.Tokenizer.VocabSize(),
		NumLabels:     len(m.Labels),
		ID2Label:      map[string]string{},
		Label2ID:      map[string]int{},
		Xiaoyu:        xiaoyuConfig{Format: 1, Model: m.Config, Clean: clean},
	}
	var members map[string]string
	if m.Ensemble != nil {
		var err error
		if members, err = m.Ensemble.write(dir); err != nil {
			return err
		}
		config.Xiaoyu.Format, config.Xiaoyu.Ensemble = ensembleFormat, m.Ensemble.json()
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
	if err := m.Tokenizer.Save(filepath.Join(dir, TokenizerFile)); err != nil {
		return err
	}
	if err := safetensors.WriteFile(filepath.Join(dir, WeightsFile), m.tensors(), map[string]string{"format": "pt"}); err != nil {
		return err
	}
	maps.Copy(cleanFiles, extra)
	sentence, err := m.Config.sentenceFiles()
	if err != nil {
		return err
	}
	maps.Copy(cleanFiles, sentence)
	return writeRest(dir, cleanFiles, nil)
}

// configJSON is the content of config.json: that of the checkpoint with our part in it, where there is one.
func (m *Model) configJSON(config *configJSON) ([]byte, error) {
	if m.Config.Encoder == nil {
		return json.MarshalIndent(config, "", "  ")
	}
	data, err := m.Config.Encoder.JSON()
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	all["xiaoyu"], all["id2label"], all["label2id"], all["num_labels"] = config.Xiaoyu, config.ID2Label, config.Label2ID, config.NumLabels
	if config.ProblemType != "" {
		all["problem_type"] = config.ProblemType
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
	params := m.Params.All()
	if e, ok := m.Network.(*pretrained); ok {
		out, params = append(out, e.network.Tensors()...), params[m.body:]
	}
	for _, p := range params {
		out = append(out, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
	}
	return out
}

func writeManifest(dir string, members map[string]string) error {
	man := manifest{Format: 1, Files: map[string]manifestFile{}, Members: members}
	if members != nil {
		man.Format = ensembleFormat
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if members != nil && path != dir {
				return filepath.SkipDir // of members, which have manifests of their own
			}
			return nil
		}
		size, sum, err := digestFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if name = filepath.ToSlash(name); strings.Contains(name, "/") {
			man.Format = foldersFormat
		}
		man.Files[name] = manifestFile{size, sum}
		return err
	})
	if err != nil {
		return err
	}
	data, err := man.marshal()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ManifestFile), append(data, '\n'), 0o644)
}

// digestOf is the digest of a package with this manifest.
func digestOf(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func digestFile(path string) (size int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, "", fmt.Errorf("reading %s: %w", path, err)
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

// verify checks every file of a package against its manifest, and those of an ensemble's members against theirs.
func verify(dir string) (*Package, error) {
	p, man, err := verifyFiles(dir)
	if err == nil {
		err = p.verifyMembers(man)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// verifyAlone is verify for what must be no ensemble.
func verifyAlone(dir string) (*Package, error) {
	p, man, err := verifyFiles(dir)
	if err == nil && len(man.Members) > 0 {
		err = hint.Errorf("name its members instead", "opening the model %s: a member that is an ensemble itself", dir)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func verifyFiles(dir string) (*Package, *manifest, error) {
	const way = "get the package again, or train the model anew"
	info, err := os.Stat(dir)
	if err != nil {
		return nil, nil, hint.Wrap(errors.Unwrap(err), "check the path; `xiaoyu train` prints where it put the model", "opening the model %s", dir)
	}
	if !info.IsDir() {
		return nil, nil, hint.Errorf("name the folder that holds "+ConfigFile, "opening the model %s: it is a file, not a folder", dir)
	}
	data, err := readSmall(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, hint.Errorf("name the folder that `xiaoyu train` or `xiaoyu quickstart` wrote", "opening the model %s: the folder has no %s, so it is no model package", dir, ManifestFile)
	}
	var man manifest
	if err == nil {
		err = json.Unmarshal(data, &man)
	}
	if err != nil {
		return nil, nil, hint.Wrap(err, way, "opening the model %s: reading %s", dir, ManifestFile)
	}
	if man.Format > Format {
		return nil, nil, hint.Wrap(ErrNewer, "upgrade xiaoyu", "opening the model %s: format %d, this version reads up to %d", dir, man.Format, Format)
	}
	p := &Package{Dir: dir, Size: int64(len(data)), Digest: digestOf(data)}
	for _, name := range slices.Sorted(maps.Keys(man.Files)) {
		want := man.Files[name]
		if strings.Contains(name, `\`) || !filepath.IsLocal(name) || man.Format < foldersFormat && strings.Contains(name, "/") {
			return nil, nil, hint.Errorf("do not use this package", "opening the model %s: %s names %q, which is outside the package", dir, ManifestFile, name)
		}
		size, sum, err := digestFile(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, hint.Wrap(err, way, "opening the model %s", dir)
		}
		if size != want.Size || sum != want.SHA256 {
			return nil, nil, hint.Errorf(way, "opening the model %s: %s is not the file that was packed (%d bytes, expected %d; the digests differ)", dir, name, size, want.Size)
		}
		p.Size += size
	}
	needed := []string{ConfigFile, WeightsFile, TokenizerFile}
	if len(man.Members) > 0 {
		needed = needed[:1]
	}
	for _, name := range needed {
		if _, ok := man.Files[name]; !ok {
			return nil, nil, hint.Errorf(way, "opening the model %s: %s does not list %s", dir, ManifestFile, name)
		}
	}
	return p, &man, nil
}

// readSmall reads a file of JSON, refusing one that is too large to be one of ours.
func readSmall(path string) ([]byte, error) {
	const limit = 64 << 20
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", filepath.Base(path), info.Size(), limit)
	}
	return os.ReadFile(path)
}

// Open verifies and loads the package in dir, or opens the checkpoint of others in it (a folder in the Hugging Face
// layout). The weights stay in the file, mapped into memory.
func Open(dir string) (*Model, error) {
	if isCheckpoint(dir) {
		m, err := openCheckpoint(dir)
		if err != nil {
			return nil, hint.Wrap(err, cmp.Or(hint.Way(err), "get the checkpoint again"), "opening the checkpoint %s", dir)
		}
		return m, nil
	}
	p, err := verify(dir)
	if err != nil {
		return nil, err
	}
	m, err := load(p)
	if err != nil {
		return nil, hint.Wrap(err, "get the package again, or train the model anew", "opening the model %s", dir)
	}
	return m, nil
}

func load(p *Package) (*Model, error) {
	data, err := readSmall(filepath.Join(p.Dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	if p.members != nil {
		return p.loadEnsemble(data)
	}
	m, err := modelOf(data, func(name string) ([]byte, error) { return readSmall(filepath.Join(p.Dir, name)) },
		func() (*text.Tokenizer, error) { return text.Load(filepath.Join(p.Dir, TokenizerFile)) })
	if err != nil {
		return nil, err
	}
	file, err := safetensors.Open(filepath.Join(p.Dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	if err := m.bind(file); err != nil {
		file.Close()
		return nil, err
	}
	p.file, m.Package = file, p
	m.Params.Freeze(nn.F32)
	return m, nil
}

// modelOf builds the model that config.json describes, without its weights. read returns the files that belong to its
// cleaning.
func modelOf(data []byte, read func(name string) ([]byte, error), tokenizer func() (*text.Tokenizer, error)) (*Model, error) {
	c, labels, err := readConfig(data)
	if err != nil {
		return nil, err
	}
	if err := c.Xiaoyu.Clean.Unpack(read); err != nil {
		return nil, err
	}
	tok, err := tokenizer()
	if err != nil {
		return nil, err
	}
	if c.Xiaoyu.Model.Family == EncoderFamily {
		if c.Xiaoyu.Model.Encoder, err = encoder.ReadConfig(data); err != nil {
			return nil, err
		}
	}
	return assemble(c.Xiaoyu.Model, c.Xiaoyu.Clean, tok, labels)
}

// readConfig reads config.json, and the labels in it by class number.
func readConfig(data []byte) (*configJSON, []string, error) {
	var c configJSON
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", ConfigFile, err)
	}
	if c.Xiaoyu.Format < 1 {
		return nil, nil, fmt.Errorf("%s has no \"xiaoyu\" part: not a model of ours (model_type %q)", ConfigFile, c.ModelType)
	}
	if c.Xiaoyu.Format > Format {
		return nil, nil, hint.Wrap(ErrNewer, "upgrade xiaoyu", "format %d, this version reads up to %d", c.Xiaoyu.Format, Format)
	}
	labels := make([]string, len(c.ID2Label))
	for i := range labels {
		l, ok := c.ID2Label[strconv.Itoa(i)]
		if !ok {
			return nil, nil, fmt.Errorf("%s: id2label has no entry %d", ConfigFile, i)
		}
		labels[i] = l
	}
	return &c, labels, nil
}

// bind uses the tensors of file as weights; every one must be there, be used, and be finite.
func (m *Model) bind(file *safetensors.File) error {
	used := map[string]bool{}
	if b := m.buffered(); b != nil {
		if err := b.setBuffers(file.Tensor); err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		for _, t := range b.buffers() {
			used[t.Name] = true
		}
	}
	m.declare()
	params := m.Params.All()
	if e, ok := m.Network.(*pretrained); ok {
		if err := e.network.Load(without{encoder.FromFile(file), m.Params}); err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		params = params[m.body:]
		for _, name := range file.Names() {
			used[name] = used[name] || m.Params.Get(name) == nil
		}
	}
	for _, p := range params {
		t, ok := file.Tensor(p.Name)
		if !ok {
			return fmt.Errorf("%s: weight %q is missing", WeightsFile, p.Name)
		}
		data, err := t.Float32()
		if err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		if err := m.Params.Bind(p.Name, t.Shape, data); err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		if err := t.CheckFinite(); err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		used[p.Name] = true
	}
	for _, name := range file.Names() {
		if !used[name] {
			return fmt.Errorf("%s: tensor %q belongs to no part of the network", WeightsFile, name)
		}
	}
	return nil
}
