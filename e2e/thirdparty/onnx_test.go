package thirdparty

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

var onnxTexts = []model.Query{
	{Text: "房间很干净，服务好", Pair: "很好"}, {Text: "太脏了，不会再来", Pair: "不会再来，太脏了"}, {Text: "一般", Pair: ""}, {Text: "", Pair: "a"},
	{Text: "早餐 breakfast OK", Pair: "breakfast"}, {Text: "鑫[MASK]的[MASK]", Pair: "的"}, {Text: strings.Repeat("长文本很长 ", 30), Pair: "短"},
}

// tiny is a model of a family and a head with weights that are drawn.
func tiny(t *testing.T, family, head string, pair bool, change func(c *model.Config)) *model.Model {
	t.Helper()
	kind := text.Config{Kind: "char", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 100}
	var lines []string
	for _, q := range onnxTexts {
		lines = append(lines, q.Text, q.Pair)
	}
	tok, err := text.Train(context.Background(), slices.Values(lines), kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	if head == model.MaskedHead {
		if tok, err = tok.WithSpecial(text.Mask); err != nil {
			t.Fatal(err)
		}
	}
	c := model.Config{Family: family, Head: head, Pair: pair, MaxTokens: 40, EmbedDim: 24, Filters: 20, Widths: []int{1, 2, 5}, Hidden: 32, Layers: 2, Heads: 4, Buckets: 50,
		Bidirectional: true, Activation: "relu", Pooling: "mean", CRF: true, Temperature: 1.5,
		NGram: model.NGrams{Tokens: 2, CharsMin: 2, CharsMax: 3, MinTexts: 1, MaxFeatures: 1000, Weighting: "tfidf"}}
	if change != nil {
		change(&c)
	}
	labels := []string{"好 评", "差", "c"}
	switch head {
	case model.TokensHead:
		labels = model.TagNames([]string{"地", "人"})
	case model.RegressionHead:
		labels = []string{"score"}
	case model.EmbeddingHead, model.MaskedHead, model.ReplacedHead:
		labels = nil
	}
	m, err := model.New(c, text.CleanConfig{}, tok, labels, 3, func(yield func(model.Example) bool) {
		for _, q := range onnxTexts {
			a, b := tok.Encode(q.Text), tok.Encode(q.Pair)
			if !yield(model.Example{Text: &a, Pair: &b}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	for i, v := range m.Params.Values() {
		m.Params.Values()[i] = v + float32(i%7-3)/30
	}
	return m
}

// graphCase is a batch for another runtime, with what we make of it.
type graphCase struct {
	Inputs   map[string]caseTensor `json:"inputs"`
	Rows     []int                 `json:"rows"`     // of the first output, all dimensions but the last taken together
	Expected [][]float32           `json:"expected"` // numbers of each of these rows
}

type caseTensor struct {
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Data  any    `json:"data"`
}

// writeCase writes the export of a model and what its logits are.
func writeCase(t *testing.T, dir string, m *model.Model, queries []model.Query, p export.Precision) {
	t.Helper()
	g, err := m.Graph()
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	file, err := export.ONNX(g, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in model.Input
	var sample model.Sample
	for _, q := range queries {
		m.Encode(&in, &sample, q.Text, q.Pair)
	}
	c := graphCase{Inputs: map[string]caseTensor{}}
	padded := m.Padded(&in)
	for _, v := range g.Inputs {
		x := padded[v.Name]
		c.Inputs[v.Name] = caseTensor{"int64", x.Shape, x.Ints}
		if x.Floats != nil {
			c.Inputs[v.Name] = caseTensor{"float32", x.Shape, x.Floats}
		}
	}
	logits, err := m.Logits(context.Background(), queries)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range logits {
		rows := m.PaddedRows(&in, i)
		for j, row := range rows {
			width := len(l) / len(rows)
			c.Rows, c.Expected = append(c.Rows, row), append(c.Expected, l[j*width:(j+1)*width])
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"model.onnx": file.Marshal(), "case.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestONNXRuntimeMakesTheSameLogits exports every family with every head that it can have, has onnx's checker look at the
// files, and compares ONNX Runtime's first output with ours.
func TestONNXRuntimeMakesTheSameLogits(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("XIAOYU_ONNX_DIR"); d != "" {
		dir = d
	}
	write := func(name, family, head string, pair bool, change func(c *model.Config)) {
		writeCase(t, filepath.Join(dir, name), tiny(t, family, head, pair, change), onnxTexts, export.F32)
	}
	for _, family := range model.Families() {
		for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
			write(family+"-"+head, family, head, false, nil)
		}
		write(family+"-pair", family, model.ClassHead, true, nil)
		if family != "ngram" {
			write(family+"-embedding", family, model.EmbeddingHead, false, nil)
		}
		if family != "ngram" && family != "fasttext" {
			write(family+"-wide", family, model.ClassHead, false, func(c *model.Config) { c.Wide = true })
		}
		if slices.Contains(model.TokenFamilies(), family) {
			write(family+"-tokens", family, model.TokensHead, false, func(c *model.Config) {
				c.Features = model.Features{Dim: 8, Chars: 6, Direct: "yes", Buckets: 64}
			})
		}
		if model.Pretrains(family) {
			write(family+"-replaced", family, model.ReplacedHead, false, nil)
			write(family+"-masked", family, model.MaskedHead, false, nil)
		}
	}
	for _, pooling := range []string{"max", "last", "first", "root_mean"} {
		for _, family := range []string{"lstm", "transformer", "dwcnn"} {
			write(family+"-pool-"+pooling, family, model.ClassHead, false, func(c *model.Config) { c.Pooling = pooling })
		}
	}
	for _, activation := range []string{"tanh", "sigmoid", "gelu", "silu"} {
		write("cnn-"+activation, "cnn", model.ClassHead, false, func(c *model.Config) { c.Activation = activation })
	}
	write("transformer-joint", "transformer", model.ClassHead, true, func(c *model.Config) { c.Pairing = "joint" })
	write("lstm-forward", "lstm", model.ClassHead, false, func(c *model.Config) { c.Bidirectional = false })
	t.Log(python(t, "onnx_check.py", dir))
}
