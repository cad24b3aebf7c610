package model

import (
	"cmp"
	"encoding/json"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// DecoderFamily is the family of networks that are made to write: transformers of which each token sees those before it,
// in the form of Llama (Touvron et al. 2023), with fresh weights. Once made, such a model is one of EncoderFamily, as if
// it had come from a checkpoint: others read its package as that of a Llama.
const DecoderFamily = "decoder"

// setDecoder makes the network's configuration from the keys of model.
func (c *Config) setDecoder(tok *text.Tokenizer, labels []string) error {
	if err := c.Check(); err != nil {
		return err
	}
	end, ok := tok.ID(text.Ending)
	if !ok {
		return hint.Errorf("take one that was made for language models", "building a decoder: the tokenizer has no token %s", text.Ending)
	}
	description, err := json.Marshal(c.llama(tok.VocabSize(), end))
	if err != nil {
		return err
	}
	base := Config{Pooling: OwnPooling}
	if base.Encoder, err = encoder.ReadConfig(description); err != nil {
		return hint.Wrap(err, "check model.hidden, model.heads and model.key_heads", "building a decoder")
	}
	c.Family = EncoderFamily
	return c.setEncoder(&base, labels)
}

// llama is the config.json of a Llama.
func (c *Config) llama(vocabulary int, end int32) map[string]any {
	// A gated part has three matrices where another has two: 8/3 makes them as large as those of four times the width.
	const multiple = 32
	feedForward := (8*c.Hidden/3 + multiple - 1) / multiple * multiple
	const theta = 10_000
	return map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "torch_dtype": "float32",
		"vocab_size": vocabulary, "max_position_embeddings": c.MaxTokens,
		"hidden_size": c.Hidden, "num_hidden_layers": c.Layers, "intermediate_size": cmp.Or(c.FeedForward, feedForward), "hidden_act": "silu",
		"num_attention_heads": c.Heads, "num_key_value_heads": cmp.Or(c.KeyHeads, c.Heads), "head_dim": c.Hidden / c.Heads,
		"attention_bias": false, "mlp_bias": false, "attention_dropout": 0.0,
		"rms_norm_eps": 1e-5, "initializer_range": 0.02, "tie_word_embeddings": true,
		"rope_theta": theta, "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": theta},
		"bos_token_id": end, "eos_token_id": end, "use_cache": true,
	}
}
