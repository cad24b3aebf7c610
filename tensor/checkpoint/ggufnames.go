package checkpoint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// GGUF has names of its own, the same for all architectures; a converter has made them of Hugging Face's, and has
// reordered some weights for its kernels. Both is undone here, and done by ggufwrite.go from the same tables.
// https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/tensor_mapping.py

// ggufArchitecture says what an architecture's tensors are called in the Hugging Face library.
type ggufArchitecture struct {
	layer  string            // what "blk" is called
	global map[string]string // names without ending (.weight, .bias) outside of layers
	block  map[string]string // names without ending within a layer
	conv1d bool              // matrices are stored as [inputs, outputs] there
	rotary bool              // rows of queries and keys are pairs here, halves there
}

var bertNames = ggufArchitecture{
	layer: "encoder.layer",
	global: map[string]string{
		"token_embd":      "embeddings.word_embeddings",
		"token_types":     "embeddings.token_type_embeddings",
		"position_embd":   "embeddings.position_embeddings",
		"token_embd_norm": "embeddings.LayerNorm",
		"cls":             "classifier.dense",
		"cls.output":      "classifier.out_proj",
	},
	block: map[string]string{
		"attn_q":            "attention.self.query",
		"attn_k":            "attention.self.key",
		"attn_v":            "attention.self.value",
		"attn_output":       "attention.output.dense",
		"attn_output_norm":  "attention.output.LayerNorm",
		"ffn_up":            "intermediate.dense",
		"ffn_down":          "output.dense",
		"layer_output_norm": "output.LayerNorm",
	},
}

var modernNames = ggufArchitecture{
	layer: "layers",
	global: map[string]string{
		"token_embd":      "embeddings.tok_embeddings",
		"token_embd_norm": "embeddings.norm",
		"output_norm":     "final_norm",
	},
	block: map[string]string{
		"attn_norm":   "attn_norm",
		"attn_qkv":    "attn.Wqkv",
		"attn_output": "attn.Wo",
		"ffn_norm":    "mlp_norm",
		"ffn_up":      "mlp.Wi",
		"ffn_down":    "mlp.Wo",
	},
}

// llamaNames hold for Llama, Qwen2 and Qwen3 alike: each has some of them.
var llamaNames = ggufArchitecture{
	layer: "model.layers",
	global: map[string]string{
		"token_embd":  "model.embed_tokens",
		"output_norm": "model.norm",
		"output":      "lm_head",
	},
	block: map[string]string{
		"attn_norm":   "input_layernorm",
		"attn_q":      "self_attn.q_proj",
		"attn_k":      "self_attn.k_proj",
		"attn_v":      "self_attn.v_proj",
		"attn_q_norm": "self_attn.q_norm",
		"attn_k_norm": "self_attn.k_norm",
		"attn_output": "self_attn.o_proj",
		"ffn_norm":    "post_attention_layernorm",
		"ffn_gate":    "mlp.gate_proj",
		"ffn_up":      "mlp.up_proj",
		"ffn_down":    "mlp.down_proj",
	},
}

var gpt2Names = ggufArchitecture{
	layer: "transformer.h",
	global: map[string]string{
		"token_embd":    "transformer.wte",
		"position_embd": "transformer.wpe",
		"output_norm":   "transformer.ln_f",
		"output":        "lm_head",
	},
	block: map[string]string{
		"attn_norm":   "ln_1",
		"attn_qkv":    "attn.c_attn",
		"attn_output": "attn.c_proj",
		"ffn_norm":    "ln_2",
		"ffn_up":      "mlp.c_fc",
		"ffn_down":    "mlp.c_proj",
	},
	conv1d: true,
}

// ggufArchitectures are the architectures whose names are known, by their key general.architecture.
var ggufArchitectures = map[string]ggufArchitecture{
	"bert": bertNames, "modern-bert": modernNames, "gpt2": gpt2Names, "llama": withRotaryPairs(llamaNames), "qwen2": llamaNames, "qwen3": llamaNames,
}

func withRotaryPairs(a ggufArchitecture) ggufArchitecture {
	a.rotary = true
	return a
}

// Architecture returns what a GGUF file says about the model, in its own words (bert, llama, qwen2 …); "" for other
// formats, whose config.json says it.
func (s *Set) Architecture() string {
	name, _ := s.metadata["general.architecture"].(string)
	return name
}

// renameGGUF gives all tensors Hugging Face's names and layouts.
func (s *Set) renameGGUF() error {
	a, ok := ggufArchitectures[s.Architecture()]
	if !ok {
		return hint.Errorf("bert, modern-bert, llama, qwen2, qwen3 and gpt2 are known; take the model as safetensors",
			"its architecture %q is not known", s.Architecture())
	}
	renamed := map[string]string{}
	for _, name := range s.names {
		to, ok := a.rename(name)
		if !ok {
			return hint.Errorf("take the model as safetensors", "tensor %q is not one of the architecture %s", name, s.Architecture())
		}
		t := s.tensors[name]
		renamed[name] = to
		if to == "" {
			s.metadata["rope_freqs"] = true // config.json has to say how positions are scaled
			continue
		}
		if s.tensors[to] != nil {
			return malformed("tensor %q stands twice", to)
		}
		if err := s.relayout(a, name, t); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		s.tensors[to] = t
	}
	s.rename(renamed)
	return nil
}

// ropeFactors is the tensor by which GGUF tells how Llama 3's rotary positions are scaled. It has no other name.
const ropeFactors = "rope_freqs.weight"

// rename returns the name that the Hugging Face library has for a tensor; "" for one that it computes instead.
func (a ggufArchitecture) rename(name string) (string, bool) {
	if name == ropeFactors {
		return "", true
	}
	stem, ending, ok := cutLast(name, ".")
	if !ok {
		return "", false
	}
	if to, ok := a.global[stem]; ok {
		return to + "." + ending, true
	}
	number, part, ok := strings.Cut(strings.TrimPrefix(stem, "blk."), ".")
	if _, err := strconv.ParseUint(number, 10, 16); err != nil || !ok || !strings.HasPrefix(stem, "blk.") {
		return "", false
	}
	to, ok := a.block[part]
	return a.layer + "." + number + "." + to + "." + ending, ok
}

// ggufLayout is what a converter does to a tensor's numbers.
type ggufLayout uint8

const (
	asItIs         ggufLayout = iota
	columnsFirst              // a transposed matrix
	pairsOfQueries            // rows in the order of rotary pairs
	pairsOfKeys
)

// layoutOf tells what is done to the tensor of that name in GGUF.
func (a ggufArchitecture) layoutOf(name string, dims int) ggufLayout {
	stem, ending, _ := cutLast(name, ".")
	_, part, inLayer := cutLast(stem, ".")
	switch {
	case a.conv1d && inLayer && ending == "weight" && dims == 2:
		return columnsFirst
	case a.rotary && inLayer && part == "attn_q":
		return pairsOfQueries
	case a.rotary && inLayer && part == "attn_k":
		return pairsOfKeys
	}
	return asItIs
}

// relayout undoes what the converter did to a tensor's layout.
func (s *Set) relayout(a ggufArchitecture, name string, t *tensor) error {
	switch a.layoutOf(name, len(t.shape)) {
	case columnsFirst:
		rows, columns := t.shape[1], t.shape[0]
		t.shape, t.view = []int{rows, columns}, transposed(rows, columns)
	case pairsOfQueries:
		return s.unpair(t, "attention.head_count")
	case pairsOfKeys:
		if _, ok := s.metadata[s.Architecture()+".attention.head_count_kv"]; ok {
			return s.unpair(t, "attention.head_count_kv")
		}
		return s.unpair(t, "attention.head_count")
	}
	return nil
}

// unpair restores the order of a projection's rows. Rotary positions turn pairs of numbers: rows 2j and 2j+1 of a
// head here, j and j+half there.
func (s *Set) unpair(t *tensor, key string) error {
	heads, ok := s.metadata[s.Architecture()+"."+key].(int64)
	if !ok || heads <= 0 || len(t.shape) == 0 || int64(t.shape[0])%(2*heads) != 0 {
		return malformed("shape %v does not consist of %v heads", t.shape, s.metadata[s.Architecture()+"."+key])
	}
	half := t.shape[0] / int(2*heads)
	width := product(t.shape[1:])
	t.view = &view{
		sizes:   []int{int(heads), 2, half, width},
		strides: []int{2 * half * width, width, 2 * width, 1},
	}
	return nil
}
