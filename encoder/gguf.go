package encoder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ggufKey is what a key of config.json is called in GGUF, behind the architecture's name, and its value.
type ggufKey struct {
	gguf, config string // config "": GGUF alone has it
	needed       bool
	value        func(c *Config) any // uint32, float32 or bool; nil there: the key is left out
}

// whole32 is a key whose value is a whole number.
func whole32(gguf, config string, needed bool, value func(c *Config) int) ggufKey {
	return ggufKey{gguf, config, needed, func(c *Config) any { return uint32(value(c)) }}
}

var (
	ggufWidth   = func(c *Config) int { return c.Hidden }
	ggufLayers  = func(c *Config) int { return c.Layers }
	ggufInner   = func(c *Config) int { return c.FeedForward }
	ggufHeads   = func(c *Config) int { return c.Heads }
	ggufTokens  = func(c *Config) int { return c.MaxTokens }
	ggufHeadDim = func(c *Config) int { return c.HeadDim }
	ggufEpsilon = func(c *Config) any { return c.Epsilon }
)

var ggufDecoder = []ggufKey{
	whole32("embedding_length", "hidden_size", true, ggufWidth), whole32("block_count", "num_hidden_layers", true, ggufLayers),
	whole32("feed_forward_length", "intermediate_size", true, ggufInner), whole32("attention.head_count", "num_attention_heads", true, ggufHeads),
	whole32("attention.head_count_kv", "num_key_value_heads", false, func(c *Config) int { return c.KeyHeads }),
	whole32("attention.key_length", "head_dim", false, ggufHeadDim), whole32("attention.value_length", "", false, ggufHeadDim),
	whole32("context_length", "max_position_embeddings", true, ggufTokens), {"attention.layer_norm_rms_epsilon", "rms_norm_eps", true, ggufEpsilon},
	{"rope.freq_base", "rope_theta", false, func(c *Config) any { return float32(c.Rotary.Base) }}, whole32("rope.dimension_count", "", false, ggufHeadDim),
	{"rope.scaling.type", "", false, func(c *Config) any {
		if c.Rotary.Stretch > 0 {
			return "linear"
		}
		return nil
	}},
	{"rope.scaling.factor", "", false, func(c *Config) any {
		if c.Rotary.Stretch > 0 {
			return float32(c.Rotary.Stretch)
		}
		return nil
	}},
}

// ggufConfigs say how GGUF's keys become those of config.json, and what of a network their values are, by architecture.
var ggufConfigs = map[string]struct {
	class  string
	tokens string // the tensor whose rows are the vocabulary
	keys   []ggufKey
}{
	"bert": {"BertModel", "embeddings.word_embeddings.weight", []ggufKey{
		whole32("embedding_length", "hidden_size", true, ggufWidth), whole32("block_count", "num_hidden_layers", true, ggufLayers),
		whole32("feed_forward_length", "intermediate_size", true, ggufInner), whole32("attention.head_count", "num_attention_heads", true, ggufHeads),
		whole32("context_length", "", false, ggufTokens), {"attention.layer_norm_epsilon", "layer_norm_eps", true, ggufEpsilon},
		{"attention.causal", "", false, func(*Config) any { return false }},
	}},
	"modern-bert": {"ModernBertModel", "embeddings.tok_embeddings.weight", []ggufKey{
		whole32("embedding_length", "hidden_size", true, ggufWidth), whole32("block_count", "num_hidden_layers", true, ggufLayers),
		whole32("feed_forward_length", "intermediate_size", true, ggufInner), whole32("attention.head_count", "num_attention_heads", true, ggufHeads),
		whole32("context_length", "max_position_embeddings", true, ggufTokens), {"attention.layer_norm_epsilon", "norm_eps", true, ggufEpsilon},
		whole32("attention.sliding_window", "local_attention", true, func(c *Config) int { return 2 * c.Window }),
		whole32("attention.sliding_window_pattern", "global_attn_every_n_layers", false, (*Config).localPeriod),
		{"rope.freq_base", "global_rope_theta", false, func(c *Config) any { return float32(c.Rotary.Base) }},
		{"rope.freq_base_swa", "local_rope_theta", false, func(c *Config) any { return float32(c.LocalRotary.Base) }},
		{"rope.scaling.type", "", false, func(*Config) any { return "none" }},
		whole32("vocab_size", "", false, func(c *Config) int { return c.Vocab }),
		{"attention.causal", "", false, func(*Config) any { return false }},
	}},
	"gpt2": {"GPT2LMHeadModel", "transformer.wte.weight", []ggufKey{
		whole32("embedding_length", "n_embd", true, ggufWidth), whole32("block_count", "n_layer", true, ggufLayers),
		whole32("feed_forward_length", "n_inner", false, ggufInner), whole32("attention.head_count", "n_head", true, ggufHeads),
		whole32("context_length", "n_positions", true, ggufTokens), {"attention.layer_norm_epsilon", "layer_norm_epsilon", true, ggufEpsilon},
	}},
	"llama": {"LlamaForCausalLM", "model.embed_tokens.weight", ggufDecoder},
	"qwen2": {"Qwen2ForCausalLM", "model.embed_tokens.weight", ggufDecoder},
	"qwen3": {"Qwen3ForCausalLM", "model.embed_tokens.weight", ggufDecoder},
}

// GGUFConfig returns the config.json that the keys of a GGUF file stand for; w are its tensors under Hugging Face's names
// (package tensor/checkpoint).
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
func GGUFConfig(keys map[string]any, w Weights) ([]byte, error) {
	const way = "put the model's config.json beside the file, or name its folder with --config"
	name, _ := keys["general.architecture"].(string)
	a, ok := ggufConfigs[name]
	if !ok {
		return nil, hint.Errorf("there are "+strings.Join(slices.Sorted(maps.Keys(ggufConfigs)), ", "), "general.architecture: %q is not supported", name)
	}
	shape, ok := w.Shape(a.tokens)
	if !ok || len(shape) != 2 {
		return nil, hint.Errorf("take another edition of the model", "the table of tokens is missing")
	}
	has := func(tensor string) bool { _, ok := w.Shape(tensor); return ok }
	config := map[string]any{"model_type": ownName(name), "architectures": []string{a.class}, "vocab_size": shape[0]}
	for _, k := range a.keys {
		v, ok := keys[name+"."+k.gguf]
		if k.config == "" {
			continue
		}
		if !ok && k.needed {
			return nil, hint.Errorf(way, "the key %s.%s is missing", name, k.gguf)
		}
		if ok {
			config[k.config] = v
		}
	}
	switch kind, _ := keys[name+".rope.scaling.type"].(string); {
	case keys["rope_freqs"] != nil:
		return nil, hint.Errorf(way, "rope_freqs.weight: how positions are scaled is told by the table alone")
	case kind == "linear":
		config["rope_scaling"] = map[string]any{"rope_type": "linear", "factor": keys[name+".rope.scaling.factor"]}
	case kind != "" && kind != "none":
		return nil, hint.Errorf(way, "%s.rope.scaling.type: %q is not supported", name, kind)
	}
	switch name {
	case "bert":
		positions, _ := w.Shape("embeddings.position_embeddings.weight")
		types, _ := w.Shape("embeddings.token_type_embeddings.weight")
		if len(positions) != 2 {
			return nil, hint.Errorf("take another edition of the model", "the table of positions is missing")
		}
		config["max_position_embeddings"], config["type_vocab_size"] = positions[0], 0
		if len(types) == 2 {
			config["type_vocab_size"] = types[0]
		}
	case ggufNames[ggufModern]:
	default:
		config["tie_word_embeddings"] = !has("lm_head.weight")
		config["attention_bias"] = has("model.layers.0.self_attn.q_proj.bias")
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("its keys: %w", err)
	}
	return data, nil
}
