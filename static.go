package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// StaticOptions say which encoder becomes a static embedding, and how.
type StaticOptions struct {
	Encoder    string       // a folder or a reference (hf://owner/name)
	Out        string       // folder of the package
	Dim        int          // numbers of a vector; 0 for as many as the encoder's have
	SIF        float64      // frequency weight, see distill.StaticOptions
	Store      string       // f32, f16 or int8
	Path       string       // texts without labels, which tell how frequent tokens are; "" for none
	Columns    data.Columns // of that file
	Vocabulary bool         // tokens that the texts lack are left out
	Fit        int          // so many of the texts the vectors are fitted to; 0 for none
	FitTokens  int          // of each of them
	Observer   Observer     // nil for silence
	Command    []string     // recorded in the package
}

// StaticResult is a static embedding that was made.
type StaticResult struct {
	Package string  `json:"package"`
	Digest  string  `json:"digest"`
	Bytes   int64   `json:"bytes"`
	Tokens  int     `json:"tokens"`
	Dim     int     `json:"dim"`
	Store   string  `json:"store"`
	Seconds float64 `json:"seconds"`
}

// staticStores are the values of StaticOptions.Store.
var staticStores = map[string]safetensors.DType{"f32": safetensors.F32, "f16": safetensors.F16, "int8": safetensors.I8}

// DistillStatic makes a static embedding of an encoder and writes it as a package, which model2vec opens too. While it is
// under way, what the encoder has said is in Out + ".part"; an interrupted call leaves it there, and the same call goes
// on.
func DistillStatic(ctx context.Context, o StaticOptions) (*StaticResult, error) {
	start := time.Now()
	if o.Observer == nil {
		o.Observer = silent{}
	}
	stored, ok := staticStores[cmp.Or(o.Store, "f16")]
	if !ok {
		return nil, hint.Errorf("choose f32, f16 or int8", "static embeddings are not stored as %q", o.Store)
	}
	if err := model.Replaceable(o.Out); err != nil {
		return nil, err
	}
	encoder, err := openReference(ctx, o.Encoder, o.Observer)
	if err != nil {
		return nil, err
	}
	defer encoder.Package.Close()
	if sameFolder(encoder.Package.Dir, o.Out) {
		return nil, hint.Errorf("choose another folder with --out", "the static embedding would take the place of its encoder %s", o.Encoder)
	}
	memory := filepath.Clean(o.Out) + ".part"
	so := distill.StaticOptions{
		Dim: o.Dim, SIF: o.SIF, Stored: stored, Trim: o.Vocabulary, Fit: o.Fit, FitTokens: o.FitTokens, Memory: memory,
		Stage: o.Observer.Stage, Progress: o.Observer.Progress,
	}
	if o.Path != "" {
		if _, err := sourceOf(o.Path, o.Columns); err != nil {
			return nil, err
		}
		so.Texts = func() iter.Seq2[string, error] { return textsOf(ctx, o.Path, o.Columns) }
	}
	m, err := distill.Static(ctx, encoder, so)
	if errors.Is(err, context.Canceled) {
		return nil, hint.Wrap(err, "the same command goes on where it was", "making a static embedding of %s", o.Encoder)
	}
	if err != nil {
		return nil, err
	}
	files, err := staticCard(encoder, m, &o)
	if err != nil {
		return nil, err
	}
	p, err := m.Save(o.Out, files)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(memory); err != nil {
		return nil, err
	}
	return &StaticResult{
		Package: p.Dir, Digest: p.Digest, Bytes: p.Size, Tokens: m.Tokenizer.VocabSize(), Dim: m.Dim(), Store: cmp.Or(o.Store, "f16"),
		Seconds: time.Since(start).Seconds(),
	}, p.Close()
}

// textsOf yields the texts of a file.
func textsOf(ctx context.Context, path string, columns data.Columns) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		r, err := data.Open(ctx, path, columns)
		if err != nil {
			yield("", err)
			return
		}
		defer r.Close()
		for e, err := range r.All() {
			if !yield(e.Text, err) || err != nil {
				return
			}
		}
	}
}

// staticCard returns the files that tell where a static embedding comes from.
func staticCard(encoder, m *model.Model, o *StaticOptions) (map[string][]byte, error) {
	files, licence, err := cardOf(encoder.Package.Dir)
	if err != nil {
		return nil, err
	}
	head := "tags:\n- static-embeddings\n- sentence-similarity\n"
	if licence != "" {
		head += "license: " + licence + "\n"
	}
	texts := "no texts"
	if o.Path != "" {
		texts = filepath.Base(o.Path)
		if o.Fit > 0 {
			texts += fmt.Sprintf(", fitted to up to %d of its texts", o.Fit)
		}
	}
	files[model.CardFile] = fmt.Appendf(nil, `---
%s---
# A static embedding of %s

A table of %d tokens with %d numbers each, in place of a network: the vector of a text is the mean of its tokens' rows,
at length 1. Made by xiaoyu %s from what the encoder says of single tokens; their frequencies from: %s.

    xiaoyu embed FOLDER "…"

It is a folder of model2vec as well: StaticModel.from_pretrained reads it.
`, head, filepath.Base(o.Encoder), m.Tokenizer.VocabSize(), m.Dim(), Version(), texts)
	origin, err := json.MarshalIndent(map[string]any{
		"created": time.Now().UTC(), "command": o.Command, "static": o.Encoder, "parent": encoder.Package.Digest,
		"dim": m.Dim(), "sif": o.SIF, "texts": o.Path, "vocabulary": o.Vocabulary, "fit": o.Fit,
		"version": Version(), "system": runtime.GOOS + "/" + runtime.GOARCH,
	}, "", "  ")
	files[model.LineageFile] = append(origin, '\n')
	return files, err
}
