// Package export turns models into files that other programs execute.
//
//	p, err := export.Write(m, "exports/reviews", export.Options{Format: "onnx", Precision: export.F32})
//
// A model is lowered once, to a graph (package graph), and each format is a function of that graph. Beside the file that
// computes, an export has all that its user needs: the tokenizer, the configuration and the labels, a card that shows how
// it is called, licence, lineage, and a manifest with the digest of each file.
package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Precision is how weights are stored, and what is multiplied.
type Precision string

// The precisions.
const (
	F32         Precision = "f32"          // as they are
	F16         Precision = "f16"          // weights as float16, computed in float32
	Int8        Precision = "int8"         // weights int8 by channel, inputs of linear layers rounded row by row
	Int8QDQ     Precision = "int8-qdq"     // the same with ranges of inputs that calibration has found beforehand
	Int8Weights Precision = "int8-weights" // weights int8 by channel, computed in float32
)

// Ranges are those that calibration has found of what linear layers and convolutions read and make, by name.
type Ranges map[string][2]float32

// unsupported says that a format lacks an operation, or this one of its forms, and which formats have it.
func unsupported(format string, op graph.Op, form ...any) error {
	var able []string
	for _, f := range formats {
		if f.Name != format && f.holds != nil && f.holds(op) {
			able = append(able, f.Name)
		}
	}
	way := "train a model of another family"
	if len(able) > 0 {
		way = "choose --to " + strings.Join(able, " or ")
	}
	return hint.Errorf(way, "the format %s has no operation %s", format, fmt.Sprint(append([]any{op}, form...)...))
}

// Format is a kind of export.
type Format struct {
	Name       string
	Doc        string
	File       string // that holds the network
	Precisions []Precision
	holds      func(op graph.Op) bool
	write      func(g *graph.Graph, o *Options) (map[string][]byte, error)
	use        func(b *strings.Builder, m *model.Model, g *graph.Graph) // the card's part on how it is called
	whole      string                                                   // the type of inputs that are whole numbers; "" for int64
	shapes     func(g *graph.Graph, o *Options) string                  // the card's part on sizes; nil where batch and length are open
	precisions map[Precision]string                                     // what precisions do, where it is not what precisionDoc says

	// Of a format that knows architectures and not operations, in the place of holds and write; g is nil in use then.
	writeModel func(m *model.Model, o *Options) (map[string][]byte, error)
	outside    func(m *model.Model) []string // what callers do themselves; nil: what graphs leave to them
}

var formats []Format

func init() {
	formats = []Format{
		{Name: "onnx", Doc: "ONNX Runtime and what builds on it, on servers, phones and in browsers", File: ONNXFile, Precisions: []Precision{F32, F16, Int8, Int8QDQ, Int8Weights},
			holds: func(op graph.Op) bool { _, ok := onnxOps[op]; return ok }, write: writeONNX, use: useONNX},
		savedModelFormat, tfliteFormat, ggufFormat,
	}
}

// Formats returns what a model can be exported to.
func Formats() []Format { return slices.Clone(formats) }

// FormatOf returns the format of that name.
func FormatOf(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, hint.Errorf(hint.OneOf(name, names), "unknown format %q", name)
}

// check tells whether the format has a precision.
func (f *Format) check(p Precision) error {
	if slices.Contains(f.Precisions, p) {
		return nil
	}
	var names []string
	for _, p := range f.Precisions {
		names = append(names, string(p))
	}
	return hint.Errorf("choose "+strings.Join(names, ", "), "the format %s has no precision %q", f.Name, p)
}

// Options say what a model is exported to.
type Options struct {
	Format    string
	Precision Precision         // "" for F32
	Ranges    Ranges            // for Int8QDQ: see Calibrate
	Length    int               // tokens of a text, for formats that want them fixed; 0 for as many as the model reads
	Files     map[string][]byte // that go beside: licence, lineage
	Front     string            // front matter of the card, as the model's own card has it; "" for none

	sizes map[int]int // of open dimensions, for formats that want them fixed
}

// Write exports a model to a folder, which appears as a whole or not at all.
func Write(m *model.Model, dir string, o Options) (*model.Package, error) {
	f, err := FormatOf(o.Format)
	if err != nil {
		return nil, err
	}
	if o.Precision == "" {
		o.Precision = F32
	}
	if err := f.check(o.Precision); err != nil {
		return nil, err
	}
	if o.Length != 0 && f.shapes == nil {
		return nil, hint.Errorf("leave out --length", "the format %s leaves the length of texts open", f.Name)
	}
	if err := o.fix(m); err != nil {
		return nil, err
	}
	var g *graph.Graph
	if f.writeModel == nil {
		if g, err = m.Graph(); err != nil {
			return nil, err
		}
	}
	files, err := f.files(m, g, &o)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, o.Files)
	files[model.CardFile] = []byte(card(m, g, &f, &o))
	return m.SaveExport(dir, files)
}

// calibrated tells whether there are the ranges that a precision needs.
func (o *Options) calibrated() error {
	if o.Precision == Int8QDQ && o.Ranges == nil {
		return hint.Errorf("name texts with --data and --text, or choose int8", "exporting as int8-qdq: ranges of numbers are found on texts, and none are named")
	}
	return nil
}

// fix chooses sizes for formats that want them fixed.
func (o *Options) fix(m *model.Model) error {
	most := m.Config.MaxTokens
	if o.Length < 0 || o.Length > most {
		return hint.Errorf(fmt.Sprintf("choose 1 to %d", most), "exporting texts of %d tokens: the model reads %d at most", o.Length, most)
	}
	o.sizes = m.PaddedSizes(cmp.Or(o.Length, most))
	return nil
}

// files are those that hold the network.
func (f *Format) files(m *model.Model, g *graph.Graph, o *Options) (map[string][]byte, error) {
	if f.writeModel != nil {
		return f.writeModel(m, o)
	}
	return f.write(g, o)
}

// Cost is what an export takes.
type Cost struct {
	Format    string    `json:"format"`
	Precision Precision `json:"precision,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`  // of the file that holds the network
	Reason    string    `json:"reason,omitempty"` // why the model cannot be exported so
}

// Costs tells what a model can become, and what each costs.
func Costs(m *model.Model) ([]Cost, error) {
	g, err := m.Graph()
	if err != nil {
		return nil, err
	}
	var list []Cost
	sizes := m.PaddedSizes(m.Config.MaxTokens)
	for _, f := range formats {
		for _, p := range f.Precisions {
			c := Cost{Format: f.Name, Precision: p}
			files, err := f.files(m, g, &Options{Precision: p, Ranges: Ranges{}, sizes: sizes})
			if err != nil {
				list = append(list, Cost{Format: f.Name, Reason: err.Error()})
				break
			}
			for _, data := range files {
				c.Bytes += int64(len(data))
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// Outside tells what callers of the format's file do themselves.
func (f *Format) Outside(m *model.Model) []string {
	if f.outside != nil {
		return f.outside(m)
	}
	return Outside(m)
}

// Outside tells what callers of an exported graph do themselves.
func Outside(m *model.Model) []string {
	var list []string
	if m.Clean != (text.CleanConfig{}) {
		list = append(list, "cleaning: as config.json says under xiaoyu.clean")
	}
	list = append(list, "tokens: tokenizer.json, at most "+fmt.Sprint(m.Config.MaxTokens)+" of a text")
	list = append(list, longTexts(m)...)
	if m.Config.Family == "ngram" || m.Config.Wide {
		list = append(list, "n-grams: hashed, and found in a table of outside.safetensors")
	}
	if m.Config.Family == "fasttext" {
		list = append(list, "runs of tokens: hashed to numbers behind those of tokens")
	}
	if f := m.Config.Features; f.Dim > 0 || f.Chars > 0 || f.Direct == "yes" {
		list = append(list, "features of tokens: hashed; train with model.features.dim, model.features.chars 0 and model.features.direct no for a graph without")
	}
	switch m.Config.Head {
	case model.TokensHead:
		if m.Config.CRF {
			list = append(list, "tags: the best path through the logits by the transitions in outside.safetensors (a conditional random field)")
		}
	case model.AnswerHead:
		list = append(list, "the answer: the stretch of the text whose first and last token have the highest sum of both logits, against that of the first token of the sequence, which stands for no answer")
		if m.Config.Family != model.EncoderFamily {
			list = append(list, "types of tokens: 0 for the question and special tokens before the text, 1 for the text, 2 for tokens of the text that the question has too")
		}
	case model.MultiLabelHead:
		list = append(list, "labels: those whose probability reaches their threshold")
	}
	if m.Config.Pair && m.Config.Head == model.EmbeddingHead {
		list = append(list, "pairs: the cosine of two embeddings")
	}
	return list
}

// longTexts tells how texts that are longer than a graph reads at once are read.
func longTexts(m *model.Model) []string {
	w := m.Config.Windows
	join := map[string]string{model.JoinMean: "the mean of their logits", model.JoinMax: "the highest of their logits"}[w.Join]
	switch m.Config.Head {
	case model.EmbeddingHead:
		if join != "" {
			return []string{"longer texts: the package reads them in windows, this export their beginning alone"}
		}
		return nil
	case model.TokensHead:
		if join != "" {
			join = "each token's logits from the window in whose middle it is nearer to be"
		}
	case model.AnswerHead:
		if join != "" {
			join = "the best stretch of all"
		}
	}
	if join == "" {
		return nil
	}
	return []string{fmt.Sprintf("longer texts: windows that overlap by %d tokens, each a sequence of its own, and of these %s; `xiaoyu predict` does so", w.Stride, join)}
}
