package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// isCheckpoint tells whether a folder is a checkpoint of others: it has no manifest of ours, but a config.json of an
// architecture that is not one of our names, or modules of sentence-transformers. Our part may stand in it: other tools
// keep keys that they do not know when they write a model again.
func isCheckpoint(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ManifestFile))
	config, readErr := readSmall(os.DirFS(dir), ConfigFile)
	if errors.Is(readErr, fs.ErrNotExist) {
		config, readErr = readSmall(os.DirFS(dir), modulesFile)
	}
	return errors.Is(err, fs.ErrNotExist) && readErr == nil && !bytes.Contains(config, []byte(`"`+ourModelType))
}

// FamilyOf returns the family of the model in a folder as far as its files say it without being read whole: that of a
// package, static for static embeddings, and else that of checkpoints.
func FamilyOf(dir string) string {
	if _, _, static, err := readStatic(dir); static && err == nil {
		return "static"
	}
	if data, err := readSmall(os.DirFS(dir), ConfigFile); err == nil {
		if c, _, err := readConfig(data); err == nil && families[c.Xiaoyu.Model.Family].build != nil {
			return c.Xiaoyu.Model.Family
		}
	}
	return EncoderFamily
}

// OpenBase is Open for those who give the network a head of their own: a checkpoint whose head is none of ours is opened
// without it.
func OpenBase(dir string) (*Model, error) {
	m, err := Open(dir)
	if !errors.Is(err, errForeignHead) {
		return m, err
	}
	if m, err = openCheckpoint(dir, true); err != nil {
		return nil, hint.Wrap(err, cmp.Or(hint.Way(err), "get the checkpoint again"), "opening the checkpoint %s", dir)
	}
	return m, nil
}

// errForeignHead is the cause of an error when a checkpoint has a head that is none of ours.
var errForeignHead = errors.New("it is not supported")

// openCheckpoint opens a folder in the Hugging Face layout. Its head is the one that it was saved with; without one, or
// with headless, it is a sentence encoder.
func openCheckpoint(dir string, headless bool) (*Model, error) {
	if c, path, ok, err := readStatic(dir); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return openStatic(dir, c, path)
	}
	config, err := readSmall(os.DirFS(dir), ConfigFile)
	if err != nil {
		return nil, err
	}
	e, err := encoder.ReadConfig(config)
	if err != nil {
		return nil, err
	}
	weights, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	if headless {
		if err := e.SetHead(encoder.Bare, nil); err != nil {
			return nil, err
		}
	}
	m, err := found{dir: dir, config: config, encoder: e, weights: weights, file: weights, headless: headless}.model()
	if err != nil {
		weights.Close()
		return nil, err
	}
	return m, nil
}

// found is a checkpoint of which everything but the weights has been read.
type found struct {
	dir     string
	config  []byte // config.json
	encoder *encoder.Config
	weights encoder.Weights
	file    io.Closer // where they come from

	headless bool // they hold a head too, which the configuration lacks

	// Of a single file:
	path      string          // its own
	tokenizer *text.Tokenizer // where the file describes it
	keys      map[string]any  // GGUF's
}

// model makes the model.
func (f found) model() (*Model, error) {
	e, weights := f.encoder, f.weights
	e.Fit(weights)
	c := Config{Family: EncoderFamily, MaxTokens: e.MaxTokens, Pooling: OwnPooling, Encoder: e}
	if err := c.readSentence(f.dir); err != nil {
		return nil, err
	}
	if c.Sentence == nil {
		c.setGGUFPooling(f.keys)
	}
	if err := c.readHead(e, f.config); err != nil {
		return nil, err
	}
	tok, err := f.tokenizer, error(nil)
	if tok == nil {
		tok, err = openTokenizer(f.dir)
	}
	if err != nil {
		return nil, err
	}
	if err := e.CheckVocabulary(tok.VocabSize()); err != nil {
		return nil, err
	}
	m, err := assemble(c, text.CleanConfig{}, tok, e.Labels)
	if err != nil {
		return nil, err
	}
	m.declare()
	p := m.Network.(*pretrained)
	if f.headless {
		_, err = p.network.LoadBody(weights)
	} else {
		err = p.network.Load(weights)
	}
	if err != nil {
		return nil, err
	}
	if err := p.loadDense(f.dir); err != nil {
		return nil, err
	}
	m.Package = &Package{Dir: f.dir, files: os.DirFS(f.dir), file: f.file}
	if m.Package.Digest, m.Package.Size, err = f.digest(); err != nil {
		return nil, err
	}
	m.Params.Freeze(nn.F32)
	return m, nil
}

// digest is that of the folder, or of a single file and what goes with it.
func (f found) digest() (digest string, size int64, err error) {
	if f.path == "" {
		return digestFolder(f.dir)
	}
	size, sum, err := digestFile(os.DirFS(filepath.Dir(f.path)), filepath.Base(f.path))
	return digestOf(slices.Concat([]byte(sum), f.config)), size, err
}

// readHead says what the network's head is to us.
func (c *Config) readHead(e *encoder.Config, config []byte) error {
	var task struct {
		Problem string `json:"problem_type"`
	}
	if err := json.Unmarshal(config, &task); err != nil {
		return fmt.Errorf("reading %s: %w", ConfigFile, err)
	}
	switch e.Head {
	case encoder.Bare:
		c.Head = EmbeddingHead
		if c.Pooling == OwnPooling {
			c.Pooling = "mean" // what sentence-transformers takes where nothing is said
		}
	case encoder.Sequence:
		switch {
		case task.Problem == "multi_label_classification":
			c.Head = MultiLabelHead
		case task.Problem == "regression" || len(e.Labels) == 1:
			c.Head = RegressionHead
		}
	case encoder.Tokens:
		c.Head = TokensHead
	case encoder.Span:
		c.Head, c.Pair, c.Windows, c.AnswerTokens = AnswerHead, true, Windows{Join: JoinMax, Stride: min(128, c.MaxTokens/4)}, usualAnswer
	case encoder.Masked:
		c.Head = MaskedHead
	case encoder.Causal:
		c.Head = CausalHead
	default:
		return hint.Wrap(errForeignHead, "take one with another head", "the head %q", e.Head)
	}
	return nil
}

// openTokenizer reads the tokenizer of a checkpoint.
func openTokenizer(dir string) (*text.Tokenizer, error) {
	path := filepath.Join(dir, TokenizerFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Errorf("convert it with Hugging Face's tokenizers (AutoTokenizer … save_pretrained writes one)", "there is no %s", TokenizerFile)
	}
	return text.Load(path)
}

// digestFolder is the digest that a package of the folder's files would have, and their size.
func digestFolder(dir string) (digest string, size int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", 0, err
	}
	man := manifest{Format: 1, Files: map[string]manifestFile{}}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !slices.Contains([]string{".json", ".safetensors", ".bin", ".onnx", ".gguf", ".txt"}, filepath.Ext(name)) {
			continue
		}
		n, sum, err := digestFile(os.DirFS(dir), name)
		if err != nil {
			return "", 0, err
		}
		man.Files[name] = manifestFile{n, sum}
		size += n
	}
	data, err := man.marshal()
	return digestOf(data), size, err
}
