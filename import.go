package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// ImportOptions say which model of others becomes a package.
type ImportOptions struct {
	Model    string   // a folder in the Hugging Face layout, or hf:// and ms:// references; or an adapter in PEFT's
	Base     string   // what an adapter was trained on; "" for what it says itself
	Config   string   // folder of config.json and tokenizer.json, of a single file of weights; "" for the file's own
	Out      string   // folder of the package
	Observer Observer // nil for silence
	Command  []string // recorded in the package
}

// Imported is a package that was made of a model of others.
type Imported struct {
	Package      string   `json:"package"`
	Digest       string   `json:"digest"`
	Bytes        int64    `json:"bytes"`
	Architecture string   `json:"architecture"`
	Head         string   `json:"head"`
	Parameters   int      `json:"parameters"`
	Labels       []string `json:"labels,omitempty"`
	Tokens       int      `json:"tokens"`               // of the tokenizer
	MaxTokens    int      `json:"max_tokens"`           // of a text
	Pooling      string   `json:"pooling,omitempty"`    // how states become an embedding
	Normalized   bool     `json:"normalized,omitempty"` // embeddings have length 1
	Licence      string   `json:"licence,omitempty"`    // as the model's card says it
	Adapter      string   `json:"adapter,omitempty"`    // that was merged
}

// Import writes a model of others as a package: the same weights under the same names, and all that is needed to use
// it without where it came from. The package appears as a whole or not at all.
func Import(ctx context.Context, o ImportOptions) (*Imported, error) {
	if err := model.Replaceable(o.Out); err != nil {
		return nil, err
	}
	dir, err := Fetch(ctx, o.Model, o.Observer)
	if err != nil {
		return nil, err
	}
	m, lora, err := openForImport(ctx, dir, &o)
	if err != nil {
		return nil, err
	}
	defer m.Package.Close()
	files, licence, err := cardOf(m.Package.Dir)
	if err != nil {
		return nil, err
	}
	origin, err := json.MarshalIndent(map[string]any{
		"created": time.Now().UTC(), "command": o.Command, "imported": cmp.Or(o.Model, dir), "adapter": lora, "parent": m.Package.Digest,
		"version": Version(), "system": runtime.GOOS + "/" + runtime.GOARCH,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	files[model.LineageFile] = append(origin, '\n')
	p, err := m.Save(o.Out, files)
	if err != nil {
		return nil, err
	}
	i := &Imported{
		Package: p.Dir, Digest: p.Digest, Bytes: p.Size, Architecture: m.Architecture(), Head: cmp.Or(m.Config.Head, "class"),
		Parameters: m.Parameters(), Labels: m.Labels, Tokens: m.Tokenizer.VocabSize(), MaxTokens: m.Config.MaxTokens,
		Licence: licence, Adapter: lora,
	}
	if m.Config.Head == model.EmbeddingHead {
		i.Pooling = m.Config.Pooling
	}
	if m.Config.Encoder != nil {
		i.Architecture = m.Config.Encoder.Architecture
	}
	if m.Config.Sentence != nil && i.Pooling != "" {
		i.Normalized = m.Config.Sentence.Normalize
	}
	return i, nil
}

// openForImport opens a model, or the base of an adapter with that merged, whose folder is returned.
func openForImport(ctx context.Context, dir string, o *ImportOptions) (m *model.Model, lora string, err error) {
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		m, err := model.OpenFile(dir, o.Config)
		return m, "", err
	}
	if o.Config != "" {
		return nil, "", hint.Errorf("leave --config out", "importing %s: it is no single file, which --config is for", o.Model)
	}
	if _, err := os.Stat(filepath.Join(dir, adapter.ConfigFile)); err != nil {
		if o.Base != "" {
			return nil, "", hint.Errorf("leave --base out", "importing %s: it is no adapter, which a base is for", o.Model)
		}
		m, err := model.Open(dir)
		return m, "", err
	}
	said, apart := model.IsBottleneck(dir)
	if !apart {
		config, err := adapter.ReadConfig(dir)
		if err != nil {
			return nil, "", err
		}
		said = config.Base
	}
	base := o.Base
	if base == "" {
		if base = said; base == "" {
			return nil, "", hint.Errorf("name the model that it was trained on with --base", "importing the adapter %s: it does not say what it was trained on", dir)
		}
		if _, err := os.Stat(base); err != nil && !strings.Contains(base, "://") {
			base = "hf://" + base
		}
	}
	folder, err := Fetch(ctx, base, o.Observer)
	if err != nil {
		return nil, "", hint.Wrap(err, cmp.Or(hint.Way(err), "name the model that it was trained on with --base"), "importing the adapter %s", dir)
	}
	if apart {
		m, err = model.OpenBottleneck(folder, dir)
		return m, dir, err
	}
	m, err = model.OpenAdapted(folder, dir)
	return m, dir, err
}

// maxCard bounds the card and the licence that are taken along, in bytes.
const maxCard = 1 << 20

// cardOf returns the card and the licence of a model's folder, and the licence's name as the card has it.
func cardOf(dir string) (files map[string][]byte, licence string, err error) {
	files = map[string][]byte{}
	for _, name := range []string{model.CardFile, "LICENSE", "LICENSE.txt", "LICENSE.md"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && (info.IsDir() || info.Size() > maxCard) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, "", fmt.Errorf("reading %s of the model: %w", name, err)
		}
		files[name] = data
	}
	parts := strings.SplitN(string(files[model.CardFile]), "---\n", 3)
	if len(parts) < 3 || parts[0] != "" {
		return files, "", nil
	}
	var head map[string]any
	if yaml.Unmarshal([]byte(parts[1]), &head) == nil { // a card that is not well-formed tells nothing
		licence, _ = head["license"].(string)
	}
	return files, licence, nil
}
