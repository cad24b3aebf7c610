package hub

import (
	"slices"
	"strings"
	"testing"
)

func TestOnlyWhatIsReadIsChosen(t *testing.T) {
	for _, c := range []struct{ name, has, want string }{
		{"safetensors before pickles", "config.json model.safetensors pytorch_model.bin vocab.txt flax_model.msgpack", "config.json model.safetensors vocab.txt"},
		{"pickles before ONNX", "config.json pytorch_model.bin onnx/model.onnx training_args.bin", "config.json pytorch_model.bin"},
		{"shards with their index", "config.json model.safetensors.index.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors consolidated.safetensors",
			"config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"},
		{"one precision", "config.json model.safetensors model.fp16.safetensors", "config.json model.safetensors"},
		{"an exported encoder with its data", "config.json onnx/model.onnx onnx/model.onnx_data onnx/model_quantized.onnx", "config.json onnx/model.onnx onnx/model.onnx_data"},
		{"the most exact GGUF", "m-Q8_0.gguf m-BF16.gguf m-F16.gguf m-Q2_K.gguf", "m-F16.gguf"},
		{"modules of sentence-transformers", "modules.json 0_Transformer/config.json 0_Transformer/model.safetensors 1_Pooling/config.json 2_Dense/config.json 2_Dense/pytorch_model.bin checkpoints_1/config.json",
			"0_Transformer/config.json 0_Transformer/model.safetensors 1_Pooling/config.json 2_Dense/config.json 2_Dense/pytorch_model.bin modules.json"},
		{"an adapter alone", "adapter_config.json adapter_model.safetensors adapter_model.bin optimizer.pt", "adapter_config.json adapter_model.safetensors"},
		{"an adapter as a pickle", "adapter_config.json adapter_model.bin", "adapter_config.json adapter_model.bin"},
		{"a package of ours", "config.json model.safetensors manifest.json lineage.json members/1/config.json .gitattributes", "config.json lineage.json manifest.json members/1/config.json model.safetensors"},
	} {
		var files []file
		for _, path := range strings.Fields(c.has) {
			files = append(files, file{path: path})
		}
		chosen, err := choose(files, false)
		var got []string
		for _, f := range chosen {
			got = append(got, f.path)
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, %v", c.name, strings.Join(got, " "), err)
		}
		again, err := choose(chosen, false)
		if err != nil || len(again) != len(chosen) {
			t.Errorf("%s: chosen again, %d of %d files are left, %v", c.name, len(again), len(chosen), err)
		}
	}
}
