package model

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// OutsideFile holds the weights that an exported graph leaves to its caller: a conditional random field, the scale of
// numbers, the table of n-grams; it stands in the place of WeightsFile.
const OutsideFile = "outside.safetensors"

// SaveExport writes a folder with files, which hold the network, and with what they leave outside: the tokenizer, the
// configuration and a few weights. It appears as a whole or not at all.
func (m *Model) SaveExport(dir string, files map[string][]byte) (*Package, error) {
	err := replaceFolder(dir, func(temp string) error { return m.writeFiles(temp, OutsideFile, m.outside, files) })
	if err != nil {
		return nil, err
	}
	return verifyIn(&Package{Dir: dir, files: os.DirFS(dir), export: true})
}

// outside are the weights that graphs do not hold, and for families with tables of n-grams those.
func (m *Model) outside() []safetensors.Tensor {
	var out []safetensors.Tensor
	if b := m.buffered(); b != nil {
		out = b.buffers()
	}
	for _, p := range m.Params.All() {
		if isOutside(p.Name) {
			out = append(out, safetensors.FromFloat32(p.Name, p.Shape, p.Floats()))
		}
	}
	return out
}

// isOutside tells of a weight that is needed to read logits, or texts.
func isOutside(name string) bool {
	return strings.HasPrefix(name, "crf.") || strings.HasPrefix(name, "regressor.") || name == "ngram.idf"
}

// CheckExport compares the files of a folder that SaveExport wrote with their digests.
func CheckExport(dir string) error {
	_, err := verifyIn(&Package{Dir: dir, files: os.DirFS(dir), export: true})
	return err
}

// OpenExport verifies and opens a folder that SaveExport wrote; run opens the network's file in it.
func OpenExport(dir string, run func(dir string) (Program, error)) (*Model, error) {
	const way = "export the model again"
	p, err := verifyIn(&Package{Dir: dir, files: os.DirFS(dir), export: true})
	if err != nil {
		return nil, err
	}
	m, err := p.openExport(run)
	if err != nil {
		return nil, hint.Wrap(err, cmp.Or(hint.Way(err), way), "opening the export %s", dir)
	}
	return m, nil
}

func (p *Package) openExport(run func(dir string) (Program, error)) (*Model, error) {
	data, err := readSmall(p.files, ConfigFile)
	if err != nil {
		return nil, err
	}
	m, err := modelOf(data, func(name string) ([]byte, error) { return readSmall(p.files, name) }, p.tokenizer)
	if err != nil {
		return nil, err
	}
	file, err := p.weights()
	if err != nil {
		return nil, err
	}
	if err := m.bindOutside(file); err != nil {
		file.Close()
		return nil, err
	}
	if m.program, err = run(p.Dir); err != nil {
		file.Close()
		return nil, err
	}
	p.file, m.Package = closers{file, m.program}, p
	return m, nil
}

// bindOutside uses the tensors of a file as what graphs leave outside; other weights have no numbers.
func (m *Model) bindOutside(file *safetensors.File) error {
	if b := m.buffered(); b != nil {
		if err := b.setBuffers(file.Tensor); err != nil {
			return fmt.Errorf("%s: %w", OutsideFile, err)
		}
	}
	m.declare()
	for _, p := range m.Params.All() {
		if !isOutside(p.Name) {
			continue
		}
		t, ok := file.Tensor(p.Name)
		if !ok {
			return fmt.Errorf("%s: weight %q is missing", OutsideFile, p.Name)
		}
		data, err := t.Float32()
		if err == nil {
			err = t.CheckFinite()
		}
		if err == nil {
			err = m.Params.Bind(p.Name, t.Shape, data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", OutsideFile, err)
		}
	}
	return nil
}

// OpenForeign opens an encoder that others exported: dir holds its config.json and tokenizer.json in the Hugging Face
// layout, run its network. Without a head it is a sentence encoder.
func OpenForeign(dir string, run func() (Program, error)) (*Model, error) {
	m, err := openForeign(dir, run)
	if err != nil {
		return nil, hint.Wrap(err, cmp.Or(hint.Way(err), "put config.json and tokenizer.json of the model beside it"), "opening the export %s", dir)
	}
	return m, nil
}

func openForeign(dir string, run func() (Program, error)) (*Model, error) {
	config, err := readSmall(os.DirFS(dir), ConfigFile)
	if err != nil {
		return nil, err
	}
	e, err := encoder.ReadConfig(config)
	if err != nil {
		return nil, err
	}
	c := Config{Family: EncoderFamily, MaxTokens: e.MaxTokens, Pooling: OwnPooling, Encoder: e}
	if err := c.readSentence(dir); err != nil {
		return nil, err
	}
	if err := c.readHead(e, config); err != nil {
		return nil, err
	}
	tok, err := openTokenizer(dir)
	if err != nil {
		return nil, err
	}
	m, err := assemble(c, text.CleanConfig{}, tok, e.Labels)
	if err != nil {
		return nil, err
	}
	m.declare()
	if r, ok := m.Head.(*regressor); ok {
		r.mean.Data, r.deviation.Data = []float32{0}, []float32{1}
	}
	if m.program, err = run(); err != nil {
		return nil, err
	}
	m.Package = &Package{Dir: dir, files: os.DirFS(dir), export: true, file: m.program}
	if m.Package.Digest, m.Package.Size, err = digestFolder(dir); err != nil {
		m.program.Close()
		return nil, err
	}
	return m, nil
}

// Exported returns the program that a model was opened with, nil for others.
func (m *Model) Exported() Program { return m.program }

// closers close several things.
type closers []io.Closer

func (c closers) Close() error {
	var first error
	for _, x := range c {
		first = cmp.Or(first, x.Close())
	}
	return first
}

// Origin returns the lineage of the package that m was opened from, nil where it has none.
func (m *Model) Origin() json.RawMessage {
	if m.Package == nil || m.Package.files == nil {
		return nil
	}
	data, err := readSmall(m.Package.files, LineageFile)
	if err != nil || !json.Valid(data) {
		return nil
	}
	return data
}

// Beside returns small files of the package that m was opened from, those of names that are there.
func (m *Model) Beside(names ...string) map[string][]byte {
	files := map[string][]byte{}
	if m.Package == nil || m.Package.files == nil {
		return files
	}
	for _, name := range names {
		if data, err := readSmall(m.Package.files, filepath.ToSlash(name)); err == nil {
			files[name] = data
		}
	}
	return files
}
