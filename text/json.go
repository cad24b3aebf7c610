package text

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// tokenizer.json, the format of Hugging Face's tokenizers library (https://huggingface.co/docs/tokenizers). stages.go
// has the tables of its stages, modeljson.go its algorithms.

type tokenizerFile struct {
	Version       string          `json:"version"`
	Truncation    *Truncation     `json:"truncation"`
	Padding       *Padding        `json:"padding"`
	AddedTokens   []AddedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// useAnother is the way out where a tokenizer.json cannot be read.
const useAnother = "use another tokenizer.json, or train one with `xiaoyu tokenizer train`"

// maxFile bounds a tokenizer.json: the largest in use have some thirty megabytes.
const maxFile = 256 << 20

// Load reads the tokenizer.json at path.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("reading the tokenizer %s: %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	t, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer %s: %w", path, err)
	}
	return t, nil
}

// Read reads the content of a tokenizer.json. The tokenizer encodes as the library does, special tokens that a text
// spells included (see Literal). What it cannot do exactly is refused by name.
func Read(data []byte) (*Tokenizer, error) {
	classesOnce.Do(buildClasses)
	var f tokenizerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, hint.Wrap(err, useAnother, "it is no tokenizer.json")
	}
	if f.Version != "1.0" {
		return nil, hint.Errorf(useAnother, "version %q; 1.0 is known", f.Version)
	}
	t := &Tokenizer{truncation: f.Truncation, padding: f.Padding}
	if err := t.checkSections(); err != nil {
		return nil, err
	}
	var err error
	if t.normalizers, err = readStages(f.Normalizer, "normalizer", "normalizers", normalizerKinds, 0); err != nil {
		return nil, err
	}
	if t.preTokenizers, err = readStages(f.PreTokenizer, "pre-tokenizer", "pretokenizers", preTokenizerKinds, 0); err != nil {
		return nil, err
	}
	if t.processors, err = readStages(f.PostProcessor, "post-processor", "processors", processorKinds, 0); err != nil {
		return nil, err
	}
	if t.decoder, err = readStages(f.Decoder, "decoder", "decoders", decoderKinds, 0); err != nil {
		return nil, err
	}
	bytes, err := t.byteLevel()
	if err != nil {
		return nil, err
	}
	var name string
	if t.algorithm, name, err = readModel(f.Model, bytes); err != nil {
		return nil, hint.Wrap(err, useAnother, "the model %s", name)
	}
	if t.added, err = newAddedTokens(f.AddedTokens, t, false); err != nil {
		return nil, hint.Wrap(err, useAnother, "added tokens")
	}
	for _, p := range t.processors {
		if err := p.install(t); err != nil {
			return nil, hint.Wrap(err, useAnother, "the post-processor")
		}
	}
	return t, t.checkWrapping()
}

// Literal returns a tokenizer that takes the special tokens that a text spells for text like any other, as Hugging
// Face's encode_special_tokens does. That is what texts of strangers need: a user who types "[SEP]" must not steer the
// model.
func (t *Tokenizer) Literal() *Tokenizer {
	l := &Tokenizer{
		normalizers: t.normalizers, preTokenizers: t.preTokenizers, algorithm: t.algorithm, processors: t.processors, decoder: t.decoder,
		trim: t.trim, truncation: t.truncation, padding: t.padding, wrapped: t.wrapped,
	}
	if t.added != nil {
		// The tokens were accepted once.
		l.added, _ = newAddedTokens(t.added.list, l, true)
	}
	return l
}

// checkSections refuses values of truncation and padding that mean nothing.
func (t *Tokenizer) checkSections() error {
	if c := t.truncation; c != nil {
		if c.Direction == "" {
			c.Direction = "Right"
		}
		if !slices.Contains([]string{"LongestFirst", "OnlyFirst", "OnlySecond"}, c.Strategy) || !slices.Contains([]string{"Left", "Right"}, c.Direction) || c.MaxLength < 0 || c.Stride < 0 {
			return hint.Errorf(useAnother, "truncation %q to the %s, to %d tokens with stride %d; LongestFirst, OnlyFirst and OnlySecond are known, Left and Right", c.Strategy, c.Direction, c.MaxLength, c.Stride)
		}
	}
	if p := t.padding; p != nil && p.PadID < 0 {
		return hint.Errorf(useAnother, "padding with the token %d", p.PadID)
	}
	return nil
}

// checkWrapping refuses special tokens that there are not.
func (t *Tokenizer) checkWrapping() error {
	for _, parts := range [][]wrapPart{t.wrapped.single, t.wrapped.pair} {
		for _, p := range parts {
			if p.text < 0 && (p.id < 0 || int(p.id) >= t.VocabSize()) {
				return hint.Errorf(useAnother, "the post-processor adds the token %d of %d", p.id, t.VocabSize())
			}
		}
	}
	return nil
}

// byteLevel tells whether pieces reach the algorithm as bytes that its vocabulary writes visibly.
func (t *Tokenizer) byteLevel() (bool, error) {
	for i, p := range t.preTokenizers {
		if _, ok := p.(*byteLevel); ok {
			if i < len(t.preTokenizers)-1 {
				return false, hint.Errorf(useAnother, "the pre-tokenizer ByteLevel is followed by another one; it is known as the last one only")
			}
			return true, nil
		}
	}
	return false, nil
}

// MarshalJSON returns the tokenizer as the content of a tokenizer.json.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	f := tokenizerFile{Version: "1.0", Truncation: t.truncation, Padding: t.padding, AddedTokens: []AddedToken{}}
	if t.added != nil {
		f.AddedTokens = t.added.list
	}
	var err error
	section := func(to *json.RawMessage, data json.RawMessage, e error) {
		if *to = data; err == nil {
			err = e
		}
	}
	data, e := writeStages(t.normalizers, "normalizers", normalizerKinds)
	section(&f.Normalizer, data, e)
	data, e = writeStages(t.preTokenizers, "pretokenizers", preTokenizerKinds)
	section(&f.PreTokenizer, data, e)
	data, e = writeStages(t.processors, "processors", processorKinds)
	section(&f.PostProcessor, data, e)
	data, e = writeStages(t.decoder, "decoders", decoderKinds)
	section(&f.Decoder, data, e)
	data, e = writeModel(t.algorithm)
	section(&f.Model, data, e)
	if err != nil {
		return nil, err
	}
	out, err := marshal(f)
	return append(out, '\n'), err
}

// Save writes a tokenizer.json, as a whole or not at all.
func (t *Tokenizer) Save(path string) error {
	data, err := t.MarshalJSON()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, data, 0o644)
}
