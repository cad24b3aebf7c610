package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// shapesTFLite is the card's part on sizes.
func shapesTFLite(g *graph.Graph, o *Options) string {
	var list []string
	for _, v := range g.Inputs {
		for _, d := range openSizes(v.Shape) {
			if s := fmt.Sprintf("%s is %d", graph.DimNames[d], o.sizes[d]); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	micro := "TensorFlow Lite Micro, the runtime of microcontrollers, runs it as well, at these sizes."
	switch {
	case slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return n.Op == graph.Gelu || n.Op == graph.GeluTanh }):
		micro = "TensorFlow Lite Micro, the runtime of microcontrollers, has no GELU and does not run it."
	case o.Precision == F16 || o.Precision == Int8:
		micro = "TensorFlow Lite Micro, the runtime of microcontrollers, does not mix float32 and other weights as this file does; it runs f32 and int8-qdq."
	}
	return "The file reads one text at a time (batch is 1), and has room for it: " + strings.Join(list, ", ") + ". What is shorter is padded on the right: `attention_mask` is 1 for tokens and 0 for padding, ids of features are -1 and counts 0 where there are none; padding does not change the result. What is longer is cut by the caller, or its inputs are resized before, which the runtimes of phones and Python can: each of these sizes may be another, and a text then costs what it is long. A text has one token at least. " + micro + "\n\n"
}

// useTFLite shows a call from Python and one from Kotlin.
func useTFLite(b *strings.Builder, m *model.Model, g *graph.Graph) {
	out := g.Outputs[len(g.Outputs)-1]
	if plain(m, g) {
		b.WriteString("```python\nimport numpy, tokenizers\nfrom ai_edge_litert.interpreter import Interpreter\n\n")
		pythonFeeds(b, m, g, "int32")
		fmt.Fprintf(b, "run = Interpreter(%q).get_signature_runner()  # resizes the inputs to the length of the text\nprint(run(**feeds)[%q])\n```\n\n", TFLiteFile, out.Name)
	}
	b.WriteString("On Android, with the library `com.google.ai.edge.litert:litert` and the file among the app's assets (`androidResources { noCompress += \"tflite\" }`):\n\n")
	b.WriteString("```kotlin\nval file = context.assets.openFd(\"" + TFLiteFile + "\")\nval bytes = file.createInputStream().channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)\nval interpreter = Interpreter(bytes) // org.tensorflow.lite.Interpreter\n")
	var in []string
	for _, v := range g.Inputs {
		kind := "Float"
		if v.Type == graph.Int {
			kind = "Int"
		}
		name := camel(v.Name)
		fmt.Fprintf(b, "val %s = %sArray(interpreter.getInputTensorFromSignature(%q, %q).numElements())\n", name, kind, v.Name, tflite.SignatureKey)
		in = append(in, fmt.Sprintf("%q to %sBuffer.wrap(%s)", v.Name, kind, name))
	}
	b.WriteString("// … the arrays filled with what the text has, then with padding …\n")
	fmt.Fprintf(b, "val %s = FloatBuffer.allocate(interpreter.getOutputTensorFromSignature(%q, %q).numElements())\n", out.Name, out.Name, tflite.SignatureKey)
	fmt.Fprintf(b, "interpreter.runSignature(mapOf(%s), mapOf(%q to %s), %q)\n```\n", strings.Join(in, ", "), out.Name, out.Name, tflite.SignatureKey)
}

// camel is a name as Kotlin spells it.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}
