package encoder

import (
	"cmp"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// gpt2 is GPT-2 (Radford et al. 2019). Its layers keep their weights transposed.
var gpt2 = &architecture{
	class: "GPT2", prefix: "transformer.", layer: "h.{}.",
	tasks: map[Head]string{Causal: "LMHeadModel"},
	read: func(d *document, c *Config) {
		d.needs("add_cross_attention", "false")
		d.needs("scale_attn_weights", "true")
		d.needs("scale_attn_by_inverse_layer_idx", "false")
		c.Vocab = d.size("vocab_size", maxVocab)
		c.Hidden = d.size("n_embd", maxWidth)
		c.Layers = d.size("n_layer", maxLayers)
		c.setHeads(d, d.size("n_head", maxWidth))
		c.FeedForward = d.count("n_inner", 4*c.Hidden, 1, 4*maxWidth)
		c.Positions = d.size("n_positions", maxTokens)
		c.MaxTokens = c.Positions
		c.Activation = d.activation("activation_function", "gelu_new")
		c.Epsilon = float32(d.number("layer_norm_epsilon", 1e-5))
		c.EmbedDim, c.PreNorm, c.IsCausal = c.Hidden, true, true
		c.AttentionBias, c.OutBias, c.FFBias = true, true, true
		c.Tied = d.flag("tie_word_embeddings", true)
		c.Dropout = d.share("resid_pdrop", 0.1)
		c.AttentionDropout = d.share("attn_pdrop", 0.1)
		c.HeadDropout = d.share("classifier_dropout", 0.1)
		c.Deviation = d.number("initializer_range", 0.02)
	},
	body: []module{
		{name: "wte", param: "embeddings.tokens"},
		{name: "wpe", param: "embeddings.positions"},
		{name: "ln_f", param: "norm"},
	},
	layers: []module{
		{name: "ln_1", param: "norm1"},
		{name: "attn.c_attn", param: "qkv", transposed: true},
		{name: "attn.c_proj", param: "out", transposed: true},
		{name: "ln_2", param: "norm2"},
		{name: "mlp.c_fc", param: "up", transposed: true},
		{name: "mlp.c_proj", param: "down", transposed: true},
		{name: "attn.bias", kind: constant}, // the mask, which older checkpoints keep
		{name: "attn.masked_bias", kind: constant},
	},
	heads: map[Head]head{
		Causal:   {nextToken, []module{{name: "lm_head", param: "head.out"}}},
		Sequence: {lastScores, []module{{name: "score", param: "head.out"}}},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
	},
}

// nextToken is the head of a causal language model.
func nextToken(c *Config) form { return form{width: c.Hidden, out: true, tied: c.Tied} }

// lastScores judges a text by its last token, the only one that saw it all.
func lastScores(c *Config) form { return form{pool: lastToken, width: c.Hidden, out: true} }

// decoder is Llama (Touvron et al. 2023; Grattafiori et al. 2024) and what was made after it.
func decoder(class string, more func(d *document, c *Config)) *architecture {
	return &architecture{
		class: class, prefix: "model.", layer: "layers.{}.",
		read: func(d *document, c *Config) {
			readLlama(d, c)
			more(d, c)
		},
		body: []module{
			{name: "embed_tokens", param: "embeddings.tokens"},
			{name: "norm", param: "norm"},
		},
		layers: []module{
			{name: "input_layernorm", param: "norm1"},
			{name: "self_attn.q_proj", param: "qkv", part: query},
			{name: "self_attn.k_proj", param: "qkv", part: key},
			{name: "self_attn.v_proj", param: "qkv", part: value},
			{name: "self_attn.q_norm", param: "query_norm"},
			{name: "self_attn.k_norm", param: "key_norm"},
			{name: "self_attn.o_proj", param: "out"},
			{name: "post_attention_layernorm", param: "norm2"},
			{name: "mlp.gate_proj", param: "up", part: gate},
			{name: "mlp.up_proj", param: "up", part: rest},
			{name: "mlp.down_proj", param: "down"},
			{name: "self_attn.rotary_emb.inv_freq", kind: constant}, // which older checkpoints keep
		},
		heads: map[Head]head{
			Causal:   {nextToken, []module{{name: "lm_head", param: "head.out"}}},
			Sequence: {lastScores, []module{{name: "score", param: "head.out"}}},
			Tokens:   {scores(everyToken), []module{{name: "score", param: "head.out"}}},
		},
	}
}

func readLlama(d *document, c *Config) {
	c.Vocab = d.size("vocab_size", maxVocab)
	c.Hidden = d.size("hidden_size", maxWidth)
	c.Layers = d.size("num_hidden_layers", maxLayers)
	c.Heads = d.size("num_attention_heads", maxWidth)
	c.KeyHeads = d.count("num_key_value_heads", c.Heads, 1, maxWidth)
	c.HeadDim = d.count("head_dim", c.Hidden/c.Heads, 1, maxWidth)
	c.FeedForward = d.size("intermediate_size", maxWidth)
	c.MaxTokens = d.size("max_position_embeddings", maxTokens)
	c.Activation = d.activation("hidden_act", "silu")
	c.Norm, c.Epsilon = RMSNorm, float32(d.number("rms_norm_eps", 1e-6))
	c.Gated, c.PreNorm, c.IsCausal = true, true, true
	c.EmbedDim = c.Hidden
	c.Tied = d.flag("tie_word_embeddings", false)
	c.AttentionDropout = d.share("attention_dropout", 0)
	c.HeadDropout = d.share("classifier_dropout", 0.1)
	c.Deviation = d.number("initializer_range", 0.02)
	c.RotaryLayout = Halves
	c.Rotary = d.rotary("", "rope_theta", 10_000)
	c.LocalRotary = c.Rotary
}

var llama = decoder("Llama", func(d *document, c *Config) {
	c.AttentionBias = d.flag("attention_bias", false)
	c.OutBias = c.AttentionBias
	c.FFBias = d.flag("mlp_bias", false)
})

var qwen2 = decoder("Qwen2", func(d *document, c *Config) {
	c.AttentionBias = true
	d.slide(c)
})

var qwen3 = decoder("Qwen3", func(d *document, c *Config) {
	c.AttentionBias = d.flag("attention_bias", false)
	c.OutBias = c.AttentionBias
	c.HeadNorm = true
	d.slide(c)
})

// slide reads which layers see a window alone.
func (d *document) slide(c *Config) {
	if !d.flag("use_sliding_window", false) {
		return
	}
	c.Window = d.size("sliding_window", maxTokens) - 1 // the token itself is counted
	first := d.count("max_window_layers", 28, 0, maxLayers)
	c.Local = d.local(c.Layers, func(i int) bool { return i >= first })
}

// local reads which layers see a window alone: from layer_types, or by the older rule.
func (d *document) local(layers int, older func(i int) bool) []bool {
	var kinds []string
	list := make([]bool, layers)
	if !d.read("layer_types", &kinds) {
		for i := range list {
			list[i] = older(i)
		}
		return list
	}
	list = make([]bool, len(kinds))
	for i, kind := range kinds {
		list[i] = kind == "sliding_attention"
		if !list[i] && kind != "full_attention" {
			d.fail(unsupported("layer_types", kind, "full_attention and sliding_attention"))
		}
	}
	return list
}

// rope is what config.json says of rotary positions.
type rope struct {
	Theta    float64 `json:"rope_theta"`
	Type     string  `json:"rope_type"`
	OldType  string  `json:"type"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original int     `json:"original_max_position_embeddings"`
	Partial  float64 `json:"partial_rotary_factor"`
}

// rotary reads rope_parameters, of one kind of layers if they differ, or the keys of older versions: thetaKey and
// rope_scaling.
func (d *document) rotary(kind, thetaKey string, theta float64) Rotary {
	r := rope{Theta: d.number(thetaKey, theta), Partial: d.number("partial_rotary_factor", 1)}
	var byKind map[string]rope
	switch {
	case kind != "" && d.has("rope_parameters"):
		if d.read("rope_parameters", &byKind) {
			r = byKind[kind]
		}
	case !d.read("rope_parameters", &r):
		d.read("rope_scaling", &r)
	}
	if r.Theta == 0 {
		r.Theta = theta
	}
	switch how := cmp.Or(r.Type, r.OldType); {
	case !(r.Theta > 1) || !(r.Factor >= 0):
		d.fail(unsupported("rope_theta, factor", [2]float64{r.Theta, r.Factor}, "numbers above 1"))
	case r.Partial != 0 && r.Partial != 1:
		d.fail(unsupported("partial_rotary_factor", r.Partial, "1"))
	case how == "linear":
		return Rotary{Base: r.Theta, Stretch: r.Factor}
	case how == "llama3":
		if !(r.Factor > 0 && r.High > r.Low && r.Low > 0 && r.Original > 0) {
			d.fail(unsupported("rope_parameters", r, "factors above 0"))
		}
		return Rotary{Base: r.Theta, Llama3: &nn.Llama3Scaling{Factor: r.Factor, LowFactor: r.Low, HighFactor: r.High, Original: r.Original}}
	case how != "" && how != "default":
		d.fail(unsupported("rope_type", how, "default, linear and llama3"))
	}
	return Rotary{Base: r.Theta}
}
