package encoder

import "slices"

// modernbert is ModernBERT (Warner et al. 2024): rotary positions, local layers between global ones, gated feed-forward
// parts, no biases.
var modernbert = &architecture{
	class: "ModernBert", prefix: "model.", layer: "layers.{}.",
	read: readModernBERT,
	body: []module{
		{name: "embeddings.tok_embeddings", param: "embeddings.tokens"},
		{name: "embeddings.norm", param: "embeddings.norm"},
		{name: "final_norm", param: "norm"},
	},
	layers: []module{
		{name: "attn_norm", param: "norm1"},
		{name: "attn.Wqkv", param: "qkv"},
		{name: "attn.Wo", param: "out"},
		{name: "mlp_norm", param: "norm2"},
		{name: "mlp.Wi", param: "up"},
		{name: "mlp.Wo", param: "down"},
	},
	heads: map[Head]head{
		Sequence: {modernScores(true), append(slices.Clone(modernHead), classifier...)},
		Tokens:   {modernScores(false), append(slices.Clone(modernHead), classifier...)},
		Span:     {modernScores(false), append(slices.Clone(modernHead), classifier...)},
		Masked: {
			func(c *Config) form {
				f := modernScores(false)(c)
				f.tied, f.outBias = c.Tied, c.decoderBias
				return f
			},
			append(slices.Clone(modernHead), module{name: "decoder", param: "head.out"}),
		},
	},
}

var modernHead = []module{
	{name: "head.dense", param: "head.dense"},
	{name: "head.norm", param: "head.norm"},
}

// modernScores is a layer with a norm before the scores.
func modernScores(pooled bool) func(c *Config) form {
	return func(c *Config) form {
		f := form{dense: true, denseBias: c.headBias, activation: c.headActivation, norm: true, width: c.Hidden, out: true, outBias: true}
		if pooled {
			f.pool = c.headPool
		}
		return f
	}
}

func readModernBERT(d *document, c *Config) {
	c.Vocab = d.size("vocab_size", maxVocab)
	c.Hidden = d.size("hidden_size", maxWidth)
	c.Layers = d.size("num_hidden_layers", maxLayers)
	c.setHeads(d, d.size("num_attention_heads", maxWidth))
	c.FeedForward = d.size("intermediate_size", maxWidth)
	c.MaxTokens = d.size("max_position_embeddings", maxTokens)
	c.Activation = d.activation("hidden_activation", "gelu")
	c.Gated, c.PreNorm, c.NoFirstNorm = true, true, true
	c.Norm = LayerNormPlain
	if d.flag("norm_bias", false) {
		c.Norm = LayerNorm
	}
	c.Epsilon = float32(d.number("norm_eps", 1e-5))
	c.EmbedDim, c.EmbedNorm = c.Hidden, true
	c.AttentionBias = d.flag("attention_bias", false)
	c.OutBias = c.AttentionBias
	c.FFBias = d.flag("mlp_bias", false)
	c.Tied = d.flag("tie_word_embeddings", true)
	c.Dropout = d.share("mlp_dropout", 0)
	c.AttentionDropout = d.share("attention_dropout", 0)
	c.HeadDropout = d.share("classifier_dropout", 0)
	c.Deviation = d.number("initializer_range", 0.02)
	c.headActivation, c.headBias = d.activation("classifier_activation", "gelu"), d.flag("classifier_bias", false)
	c.decoderBias = d.flag("decoder_bias", true)
	d.needs("classifier_pooling", `"cls"`, `"mean"`)
	c.headPool = firstToken
	if d.word("classifier_pooling", "cls") == "mean" {
		c.headPool = meanToken
	}
	// Of the window, half is on each side.
	c.Window = d.count("local_attention", 128, 2, maxTokens) / 2
	every := d.count("global_attn_every_n_layers", 3, 1, maxLayers)
	c.Local = d.local(c.Layers, func(i int) bool { return i%every != 0 })
	c.RotaryLayout = Halves
	c.Rotary = d.rotary("full_attention", "global_rope_theta", 160_000)
	c.LocalRotary = d.rotary("sliding_attention", "local_rope_theta", 10_000)
}
