package export

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// precisionDoc says what each precision does.
var precisionDoc = map[Precision]string{
	F32:         "float32",
	F16:         "weights as float16, computed in float32",
	Int8:        "weights as int8 with a scale for each channel, inputs of linear layers rounded to int8 row by row; convolutions and recurrent layers compute in float32",
	Int8QDQ:     "weights as int8 with a scale for each channel, inputs of linear layers rounded within ranges found on texts; convolutions and recurrent layers compute in float32",
	Int8Weights: "weights as int8 with a scale for each channel, computed in float32",
	Q8_0:        "matrices in whole numbers of 8 bits with a scale for each 32 of them (Q8_0)",
	Q4_0:        "matrices in whole numbers of 4 bits with a scale for each 32 of them (Q4_0), the table that scores the vocabulary in 8",
}

// openShapes is the card's part on sizes, of formats that leave them open.
const openShapes = "Batch and length are open. Texts are padded on the right; `attention_mask` is 1 for tokens and 0 for padding, and a text's result is the same whatever stands beside it. A batch has one token at least.\n\n"

// card tells how an export is used.
func card(m *model.Model, g *graph.Graph, f *Format, o *Options) string {
	var b strings.Builder
	b.WriteString(o.Front)
	fmt.Fprintf(&b, "# %s, exported to %s\n\n", cmp.Or(m.Architecture(), "A model"), f.Name)
	fmt.Fprintf(&b, "`%s` computes the network: %s.\n\n", f.File, cmp.Or(f.precisions[o.Precision], precisionDoc[o.Precision]))
	table := func(title string, values []*graph.Value) {
		fmt.Fprintf(&b, "| %s | numbers | shape |\n|---|---|---|\n", title)
		for _, v := range values {
			kind := "float32"
			if v.Type == graph.Int {
				kind = cmp.Or(f.whole, "int64")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, kind, shapeText(v.Shape))
		}
		b.WriteString("\n")
	}
	if g != nil {
		table("input", g.Inputs)
		table("output", g.Outputs)
		if f.shapes != nil {
			b.WriteString(f.shapes(g, o))
		} else {
			b.WriteString(openShapes)
		}
	}
	if len(m.Labels) > 0 {
		fmt.Fprintf(&b, "Labels, in the order of the outputs: %s.\n\n", strings.Join(quoted(m.Labels), ", "))
	}
	if outside := f.Outside(m); len(outside) > 0 {
		b.WriteString("What the caller does:\n- " + strings.Join(outside, "\n- ") + "\n")
	}
	b.WriteString("\n## Use\n\n")
	f.use(&b, m, g)
	b.WriteString("\nWhat the model comes from stands in `lineage.json`, digests of all files in `manifest.json`.\n")
	return b.String()
}

func quoted(list []string) []string {
	out := make([]string, 0, len(list))
	for i, s := range list {
		if i == 64 {
			return append(out, fmt.Sprintf("… (%d, all in `config.json`)", len(list)))
		}
		out = append(out, fmt.Sprintf("`%s`", s))
	}
	return out
}

func shapeText(shape []int) string {
	var list []string
	for _, d := range shape {
		if d < 0 {
			list = append(list, graph.DimNames[d])
		} else {
			list = append(list, fmt.Sprint(d))
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// plain tells that tokens are all that a graph reads, so that a few lines can show a call.
func plain(m *model.Model, g *graph.Graph) bool {
	for _, v := range g.Inputs {
		switch v.Name {
		case graph.InputIDs, graph.InputMask, graph.InputTypes:
		default:
			return false
		}
	}
	return m.Config.Family != "fasttext"
}

// pythonFeeds writes the lines of Python that make the inputs of a plain graph, whole numbers of that type, of texts.
func pythonFeeds(b *strings.Builder, m *model.Model, g *graph.Graph, whole string) {
	special := "False"
	if m.Config.Family == model.EncoderFamily || m.Config.Pair {
		special = "True"
	}
	fmt.Fprintf(b, "tokenizer = tokenizers.Tokenizer.from_file(\"tokenizer.json\")\ntokenizer.enable_truncation(%d)\ntokenizer.enable_padding()\n", m.Config.MaxTokens)
	fmt.Fprintf(b, "encoded = tokenizer.encode_batch([\"…\"], add_special_tokens=%s)\nfeeds = {\n", special)
	for _, v := range g.Inputs {
		field := map[string]string{graph.InputIDs: "ids", graph.InputMask: "attention_mask", graph.InputTypes: "type_ids"}[v.Name]
		fmt.Fprintf(b, "    %q: numpy.array([e.%s for e in encoded], dtype=numpy.%s),\n", v.Name, field, whole)
	}
	b.WriteString("}\n")
}

// useONNX shows a call, where tokens are all that the graph reads.
func useONNX(b *strings.Builder, m *model.Model, g *graph.Graph) {
	b.WriteString("```sh\nxiaoyu predict . \"…\"\n```\n")
	if !plain(m, g) {
		return
	}
	b.WriteString("\n```python\nimport numpy, onnxruntime, tokenizers\n\n")
	pythonFeeds(b, m, g, "int64")
	fmt.Fprintf(b, "session = onnxruntime.InferenceSession(%q)\nprint(session.run([%q], feeds)[0])\n```\n", ONNXFile, g.Outputs[len(g.Outputs)-1].Name)
}
