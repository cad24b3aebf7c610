package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// GGUFFile holds an embedding model or a language model for llama.cpp and what builds on it: weights, the numbers of the
// network and the tokenizer in one file.
const GGUFFile = "model.gguf"

var ggufFormat = Format{Name: "gguf", Doc: "llama.cpp and what builds on it: embeddings and language models", File: GGUFFile, Precisions: []Precision{F32, F16, Q8_0, Q4_0},
	use: useGGUF, writeModel: writeGGUF, outside: outsideGGUF}

// The precisions of GGUF beside F32 and F16.
const (
	Q8_0 Precision = "q8_0" // whole numbers of 8 bits, a scale for each 32 of a row
	Q4_0 Precision = "q4_0" // the same in 4 bits
)

// ggufFile is what general.file_type calls a precision.
var ggufFile = map[Precision]uint32{F32: 0, F16: 1, Q4_0: 2, Q8_0: 7}

// ggufPoolings are the numbers that llama.cpp has for the ways to make one vector of a text's states.
var ggufPoolings = map[string]uint32{"mean": 1, "first": 2, "last": 3}

// writeGGUF makes the file of a whole model: GGUF knows architectures, not operations.
func writeGGUF(m *model.Model, o *Options) (map[string][]byte, error) {
	keys, tensors, _, err := ggufOf(m)
	if err != nil {
		return nil, err
	}
	keys["general.file_type"], keys["general.quantization_version"] = ggufFile[o.Precision], uint32(2)
	if licence := licenceIn(o.Front); licence != "" {
		keys["general.license"] = licence
	}
	for i := range tensors {
		tensors[i].Type = ggufType(&tensors[i], o.Precision, m.Config.Head == model.CausalHead)
	}
	var b bytes.Buffer
	if err := checkpoint.WriteGGUF(&b, keys, tensors); err != nil {
		return nil, err
	}
	return map[string][]byte{GGUFFile: b.Bytes()}, nil
}

// ggufOf returns the keys and tensors of a model, and what the file cannot tell and callers do; an error says what of the
// model GGUF does not have, and what does.
func ggufOf(m *model.Model) (keys map[string]any, tensors []checkpoint.GGUFTensor, outside []string, err error) {
	keys, tensors, outside, err = ggufParts(m)
	if err != nil {
		return nil, nil, nil, hint.Wrap(err, otherFormats(m, "gguf"), "exporting to gguf")
	}
	return keys, tensors, outside, nil
}

// otherFormats is the way out for a model that a format cannot hold: those that can, by the operations of its graph.
func otherFormats(m *model.Model, format string) string {
	const serveIt = "serve the package itself with `xiaoyu serve`"
	g, err := m.Graph()
	if err != nil {
		return serveIt
	}
	var able []string
	for _, f := range formats {
		if f.Name != format && f.holds != nil && !slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return !f.holds(n.Op) }) {
			able = append(able, f.Name)
		}
	}
	if len(able) == 0 {
		return serveIt
	}
	return "choose --to " + strings.Join(able, " or ")
}

func ggufParts(m *model.Model) (keys map[string]any, tensors []checkpoint.GGUFTensor, outside []string, err error) {
	switch c := &m.Config; {
	case m.Exported() != nil:
		return nil, nil, nil, errors.New("the model is an export")
	case m.Transformer() == nil:
		return nil, nil, nil, fmt.Errorf("GGUF has no architecture of the family %s", m.Architecture())
	case c.Head != model.EmbeddingHead && c.Head != model.CausalHead:
		return nil, nil, nil, fmt.Errorf("GGUF has no head %q: it holds embeddings and language models", c.Head)
	case c.Head == model.EmbeddingHead && ggufPoolings[c.Pooling] == 0:
		return nil, nil, nil, fmt.Errorf("GGUF has no pooling %q: it has %s", c.Pooling, strings.Join(slices.Sorted(maps.Keys(ggufPoolings)), ", "))
	case c.Sentence != nil && len(c.Sentence.Dense) > 0:
		return nil, nil, nil, errors.New("GGUF has no layers over what is pooled")
	}
	m.Params.Widen()
	n := m.Transformer()
	keys, theirs, err := n.GGUF()
	if err != nil {
		return nil, nil, nil, err
	}
	architecture := keys["general.architecture"].(string)
	if tensors, err = checkpoint.ToGGUF(architecture, n.Config.Heads, n.Config.KeyHeads, theirs); err != nil {
		return nil, nil, nil, err
	}
	begin, end := ends(m)
	before, after := m.Around()
	words, outside, err := m.Tokenizer.GGUF(text.GGUFOptions{Rows: n.Config.Vocab, Begin: begin, End: end, Wrapped: len(before)+len(after) > 0})
	if err != nil {
		return nil, nil, nil, err
	}
	maps.Copy(keys, words)
	if keys["general.name"] = m.Architecture(); m.Package != nil {
		keys["general.name"] = filepath.Base(m.Package.Dir)
	}
	if m.Config.Head == model.EmbeddingHead {
		keys[architecture+".pooling_type"] = ggufPoolings[m.Config.Pooling]
	}
	if architecture == "bert" {
		keys["tokenizer.ggml.token_type_count"] = uint32(max(n.Config.Types, 1))
	}
	return keys, tensors, outside, nil
}

// ggufType is the type of a tensor in a file of a precision: as llama.cpp's own converter chooses. Vectors, positions and
// types of tokens stay float32; rows that do not consist of whole blocks stay float16; the table that scores the vocabulary
// has 8 bits at least.
func ggufType(t *checkpoint.GGUFTensor, p Precision, scores bool) string {
	const most = 65504 // of float16
	typ := map[Precision]string{F32: "F32", F16: "F16", Q8_0: "Q8_0", Q4_0: "Q4_0"}[p]
	switch {
	case len(t.Shape) < 2, t.Name == "position_embd.weight", t.Name == "token_types.weight":
		return "F32"
	case typ == "Q4_0" && scores && (t.Name == "output.weight" || t.Name == "token_embd.weight"):
		typ = "Q8_0"
	}
	if t.Shape[len(t.Shape)-1]%checkpoint.BlockSize(typ) != 0 {
		typ = "F16"
	}
	if typ == "F16" && slices.ContainsFunc(t.Data, func(v float32) bool { return v > most || v < -most }) {
		return "F32"
	}
	return typ
}

// ends are the tokens that begin and end a text that a language model writes; -1 for none.
func ends(m *model.Model) (begin, end int32) {
	begin, end = -1, -1
	if m.Config.Head != model.CausalHead {
		return begin, end
	}
	config, err := m.Config.Encoder.JSON()
	if err != nil {
		return begin, end
	}
	const generation = "generation_config.json"
	for _, content := range [][]byte{config, m.Beside(generation)[generation]} {
		var keys map[string]json.RawMessage
		if json.Unmarshal(content, &keys) != nil {
			continue
		}
		for name, to := range map[string]*int32{"bos_token_id": &begin, "eos_token_id": &end} {
			var one int32
			var list []int32
			switch {
			case json.Unmarshal(keys[name], &one) == nil && string(keys[name]) != "null":
				*to = one
			case json.Unmarshal(keys[name], &list) == nil && len(list) > 0:
				*to = list[0]
			}
		}
	}
	return begin, end
}

// licenceIn is the licence that the front matter of a card names, "" for none.
func licenceIn(front string) string {
	for line := range strings.Lines(front) {
		if name, ok := strings.CutPrefix(line, "license:"); ok {
			return strings.Trim(strings.TrimSpace(name), `"'`)
		}
	}
	return ""
}

// outsideGGUF tells what callers of llama.cpp do themselves.
func outsideGGUF(m *model.Model) []string {
	_, _, list, err := ggufOf(m)
	if err != nil {
		return nil
	}
	if m.Clean != (text.CleanConfig{}) {
		list = append(list, "cleaning: as config.json says under xiaoyu.clean")
	}
	c := &m.Config
	if c.MaxTokens < c.Encoder.MaxTokens {
		list = append(list, fmt.Sprintf("length: at most %d tokens of a text", c.MaxTokens))
	}
	if c.Prompt != "" {
		list = append(list, fmt.Sprintf("prompt: %q around each text", c.Prompt))
	}
	if s := c.Sentence; s != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Prompts)) {
			usual := ""
			if name == s.DefaultPrompt {
				usual = ", where none is named"
			}
			list = append(list, fmt.Sprintf("prompt: %q before each text that is a %s%s", s.Prompts[name], name, usual))
		}
	}
	if c.Head == model.EmbeddingHead && !c.Normalize && (c.Sentence == nil || !c.Sentence.Normalize) {
		list = append(list, "length: embeddings as they are, not of length 1 (--embd-normalize -1)")
	}
	return list
}

// useGGUF shows a call.
func useGGUF(b *strings.Builder, m *model.Model, _ *graph.Graph) {
	if m.Config.Head == model.CausalHead {
		fmt.Fprintf(b, "```sh\nxiaoyu generate %[1]s \"…\"\nllama-completion -m %[1]s -no-cnv --temp 0 -p \"…\"\n```\n\n", GGUFFile)
		fmt.Fprintf(b, "```python\nimport llama_cpp\n\nllama = llama_cpp.Llama(%q)\nprint(llama(\"…\", max_tokens=64, temperature=0)[\"choices\"][0][\"text\"])\n```\n", GGUFFile)
		return
	}
	fmt.Fprintf(b, "```sh\nxiaoyu embed %[1]s \"…\"\nllama-embedding -m %[1]s -p \"…\"\n```\n\n", GGUFFile)
	fmt.Fprintf(b, "```python\nimport llama_cpp\n\nllama = llama_cpp.Llama(%q, embedding=True)\nprint(llama.embed(\"…\", normalize=True))\n```\n", GGUFFile)
}
