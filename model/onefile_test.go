package model

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// ggufNames are the parts of a layer of Qwen2, by Hugging Face's names.
var ggufNames = strings.NewReplacer("model.embed_tokens", "token_embd", "model.norm", "output_norm", "lm_head", "output", "model.layers.", "blk.",
	"input_layernorm", "attn_norm", "post_attention_layernorm", "ffn_norm", "self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v",
	"self_attn.o_proj", "attn_output", "mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down")

func ggufString(s string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
}

// writeGGUF writes the tensors of a safetensors file as GGUF, with keys whose values are int, float64, string or []string.
func writeGGUF(t *testing.T, path, weights string, keys map[string]any) {
	t.Helper()
	file, err := safetensors.Open(weights)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	le := binary.LittleEndian
	var head, tensors, data []byte
	for name, v := range keys {
		head = append(head, ggufString(name)...)
		switch v := v.(type) {
		case int:
			head = le.AppendUint32(le.AppendUint32(head, 4), uint32(v))
		case float64:
			head = le.AppendUint32(le.AppendUint32(head, 6), math.Float32bits(float32(v)))
		case string:
			head = append(le.AppendUint32(head, 8), ggufString(v)...)
		case []string:
			head = le.AppendUint64(le.AppendUint32(le.AppendUint32(head, 9), 8), uint64(len(v)))
			for _, s := range v {
				head = append(head, ggufString(s)...)
			}
		}
	}
	for _, name := range file.Names() {
		one, _ := file.Tensor(name)
		tensors = le.AppendUint32(append(tensors, ggufString(ggufNames.Replace(name))...), uint32(len(one.Shape)))
		for _, d := range slices.Backward(one.Shape) {
			tensors = le.AppendUint64(tensors, uint64(d))
		}
		numbers, err := one.Float32()
		if err != nil {
			t.Fatal(err)
		}
		tensors = le.AppendUint64(le.AppendUint32(tensors, 0), uint64(len(data)))
		data = append(data, safetensors.FromFloat32(name, one.Shape, numbers).Data...)
		data = append(data, make([]byte, -len(data)&31)...)
	}
	out := le.AppendUint64(le.AppendUint64(le.AppendUint32([]byte("GGUF"), 3), uint64(len(file.Names()))), uint64(len(keys)))
	out = slices.Concat(out, head, tensors)
	out = append(out, make([]byte, -len(out)&31)...)
	if err := os.WriteFile(path, append(out, data...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// qwenKeys are the keys of a file made of the checkpoint in dir.
func qwenKeys(t *testing.T, dir string) map[string]any {
	t.Helper()
	var c map[string]any
	if _, err := readJSON(dir, ConfigFile, &c); err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"general.architecture": "qwen2", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.merges": []string{"a b"}, "tokenizer.ggml.tokens": []string{"a", "b", "c", "ab", "Ġ"}}
	for gguf, key := range map[string]string{"embedding_length": "hidden_size", "block_count": "num_hidden_layers", "feed_forward_length": "intermediate_size",
		"attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads", "context_length": "max_position_embeddings"} {
		keys["qwen2."+gguf] = int(c[key].(float64))
	}
	keys["qwen2.attention.layer_norm_rms_epsilon"] = c["rms_norm_eps"]
	theta, ok := c["rope_theta"].(float64)
	if p, there := c["rope_parameters"].(map[string]any); there && !ok {
		theta, _ = p["rope_theta"].(float64)
	}
	keys["qwen2.rope.freq_base"] = theta
	return keys
}

func TestAFileOfGGUFIsAModelByItself(t *testing.T) {
	m := smallEncoder(t, "qwen2")
	path := filepath.Join(t.TempDir(), "model.gguf")
	writeGGUF(t, path, filepath.Join(m.Package.Dir, WeightsFile), qwenKeys(t, m.Package.Dir))
	g, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Package.Close()
	if got := g.Tokenizer.Encode("abc").IDs; !slices.Equal(got, []int32{3, 2}) {
		t.Errorf("tokens %v", got)
	}
	in := Input{Tokens: tensor.Packed{IDs: []int32{3, 2, 1, 0, 4}, Offsets: []int32{0, 5}}}
	var rows [2][]float32
	for i, m := range []*Model{m, g} {
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		rows[i] = slices.Clone(m.Network.(*pretrained).states(tape, &in).Data)
	}
	for i, v := range rows[0] {
		if math.Abs(float64(v-rows[1][i])) > 1e-5 {
			t.Fatalf("number %d is %v, of the checkpoint %v", i, rows[1][i], v)
		}
	}
	if g.Package.Digest == "" || g.Package.Size == 0 {
		t.Errorf("%+v", g.Package)
	}
}

func TestAFileThatDoesNotSayWhatItIsIsRefused(t *testing.T) {
	m := smallEncoder(t, "qwen2")
	weights, dir := filepath.Join(m.Package.Dir, WeightsFile), t.TempDir()
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	lonely := filepath.Join(dir, "some.safetensors")
	if err := os.WriteFile(lonely, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(lonely, ""); err == nil || !strings.Contains(err.Error(), "config.json and tokenizer.json are not beside them") || !strings.Contains(hint.Way(err), "--config") {
		t.Errorf("%v", err)
	}
	beside, err := OpenFile(lonely, m.Package.Dir)
	if err != nil {
		t.Fatal(err)
	}
	beside.Package.Close()
	for want, change := range map[string]func(keys map[string]any){
		"qwen2.block_count is missing":   func(k map[string]any) { delete(k, "qwen2.block_count") },
		"the file has no vocabulary":     func(k map[string]any) { delete(k, "tokenizer.ggml.tokens") },
		`model: "rwkv" is not supported`: func(k map[string]any) { k["tokenizer.ggml.model"] = "rwkv" },
		`pre: "tekken" is not supported`: func(k map[string]any) { k["tokenizer.ggml.pre"] = "tekken" },
		`"mamba" is not known`:           func(k map[string]any) { k["general.architecture"] = "mamba" },
		`type: "yarn" is not supported`:  func(k map[string]any) { k["qwen2.rope.scaling.type"] = "yarn" },
		"config.json asks for":           func(k map[string]any) { k["qwen2.feed_forward_length"] = 7 },
		"not between":                    func(k map[string]any) { k["qwen2.block_count"] = 0 },
		"merge 0":                        func(k map[string]any) { k["tokenizer.ggml.merges"] = []string{"x y"} },
		"the network's embedding":        func(k map[string]any) { k["tokenizer.ggml.tokens"] = manyTokens(5000) },
	} {
		keys := qwenKeys(t, m.Package.Dir)
		change(keys)
		path := filepath.Join(dir, "model.gguf")
		writeGGUF(t, path, weights, keys)
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func manyTokens(n int) []string {
	list := []string{"a", "b", "ab"}
	for i := range n {
		list = append(list, strings.Repeat("c", i+1))
	}
	return list
}
