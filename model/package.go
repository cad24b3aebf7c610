package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Format is the newest version of the package layout that this code knows; it reads this one and all before it. A
// model is written in the oldest version that can hold it: 1, 2 for ensembles, 3 where files lie in folders of their own,
// 4 where weights are kept in fewer bits, 5 where knowledge, rules or a stack decide with the weights.
const Format = 5

// decidedFormat is the first version that knows of these.
const decidedFormat = 5

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

	files    fs.FS
	inMemory bool // files are no folder on disk: Dir is but a name
	export   bool // a graph has the place of weights: see OpenExport

	packedTokenizer bool // see Compression.Packed

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

	Ensemble    *ensembleJSON `json:"ensemble,omitempty"`
	Compression *Compression  `json:"compression,omitempty"`
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

// ourModelType begins the model_type of architectures that are ours.
const ourModelType = "xiaoyu-"

// storedAsFound is a network whose weights stand in files as the tools have them that it came from.
type storedAsFound interface {
	load(w encoder.Weights) error
	tensors() []safetensors.Tensor
}

// Open verifies and loads the package in dir, or opens the checkpoint of others in it (a folder in the Hugging Face
// layout), or one file of weights (OpenFile). The weights stay in the file, mapped into memory.
func Open(dir string) (*Model, error) {
	if isFile(dir) {
		return OpenFile(dir, "")
	}
	if isCheckpoint(dir) {
		m, err := openCheckpoint(dir, false)
		if err != nil {
			return nil, hint.Wrap(err, cmp.Or(hint.Way(err), "get the checkpoint again"), "opening the checkpoint %s", dir)
		}
		return m, nil
	}
	p, err := verify(dir)
	if err != nil {
		return nil, err
	}
	return p.open()
}

// OpenFS is Open for a package that lies in no folder of its own: in an archive, or within a program. Where files has
// ReadFile, what that returns is used as it is, and must not change; name is for errors.
func OpenFS(files fs.FS, name string) (*Model, error) {
	p, err := verifyIn(&Package{Dir: name, files: files, inMemory: true})
	if err != nil {
		return nil, err
	}
	return p.open()
}

func (p *Package) open() (*Model, error) {
	m, err := load(p)
	if err != nil {
		return nil, hint.Wrap(err, "get the package again, or train the model anew", "opening the model %s", p.Dir)
	}
	return m, nil
}

// tokenizer reads the package's tokenizer.
func (p *Package) tokenizer() (*text.Tokenizer, error) {
	if p.packedTokenizer {
		return unpackTokenizer(p.files)
	}
	if !p.inMemory {
		return text.Load(filepath.Join(p.Dir, TokenizerFile))
	}
	data, err := fs.ReadFile(p.files, TokenizerFile)
	if err != nil {
		return nil, err
	}
	return text.Read(data)
}

// weightsFile is the name of the file of weights.
func (p *Package) weightsFile() string {
	if p.export {
		return OutsideFile
	}
	return WeightsFile
}

// weights opens the file of weights.
func (p *Package) weights() (*safetensors.File, error) {
	if !p.inMemory {
		return safetensors.Open(filepath.Join(p.Dir, p.weightsFile()))
	}
	data, err := fs.ReadFile(p.files, p.weightsFile())
	if err != nil {
		return nil, err
	}
	return safetensors.Parse(data)
}

func load(p *Package) (*Model, error) {
	data, err := readSmall(p.files, ConfigFile)
	if err != nil {
		return nil, err
	}
	if p.members != nil {
		return p.loadEnsemble(data)
	}
	m, err := modelOf(data, func(name string) ([]byte, error) { return readSmall(p.files, name) }, p.tokenizer)
	if err != nil {
		return nil, err
	}
	file, err := p.weights()
	if err != nil {
		return nil, err
	}
	if err := m.bind(file); err != nil {
		file.Close()
		return nil, err
	}
	p.file, m.Package = file, p
	m.Params.Freeze(m.Precision())
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
	cleaner := text.NewCleaner(c.Xiaoyu.Clean)
	if err := c.Xiaoyu.Model.unpackKnowledge(cleaner, read); err != nil {
		return nil, err
	}
	if err := c.Xiaoyu.Model.unpackConstraints(cleaner, read); err != nil {
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
	m, err := assemble(c.Xiaoyu.Model, c.Xiaoyu.Clean, tok, labels)
	if err != nil {
		return nil, err
	}
	return m, m.setCompression(c.Xiaoyu.Compression)
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
	if err := m.bindInputs(); err != nil {
		return err
	}
	if len(m.Compression.Weights) > 0 {
		if err := m.bindStored(file, used); err != nil {
			return err
		}
		return checkUsed(file, used)
	}
	params := m.Params.All()
	if e, ok := m.Network.(storedAsFound); ok {
		params = params[m.body:]
		ours := map[string]bool{unscaledWeight: true, unscaledBias: true}
		maps.Copy(ours, used) // the buffers
		for _, p := range params {
			ours[p.Name] = true
		}
		if err := e.load(without{encoder.FromFile(file), ours}); err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		for _, name := range file.Names() {
			used[name] = used[name] || !ours[name]
		}
	}
	for _, p := range params {
		if err := m.bindFloats(file, p); err != nil {
			return err
		}
		used[p.Name] = true
	}
	if err := m.bindUnscaled(file, used); err != nil {
		return fmt.Errorf("%s: %w", WeightsFile, err)
	}
	return checkUsed(file, used)
}

// checkUsed refuses a file with tensors that nothing uses.
func checkUsed(file *safetensors.File, used map[string]bool) error {
	for _, name := range file.Names() {
		if !used[name] {
			return fmt.Errorf("%s: tensor %q belongs to no part of the network", WeightsFile, name)
		}
	}
	return nil
}
