package encoder

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// bert is BERT (Devlin et al. 2019).
var bert = &architecture{
	class: "Bert", prefix: "bert.", layer: "encoder.layer.{}.",
	read: readBERT, body: bertBody, layers: bertLayer,
	heads: map[Head]head{
		Sequence: {pooled, classifier},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
		Masked:   {transformed(hiddenAct), bertPredictions},
	},
}

var bertEmbeddings = []module{
	{name: "embeddings.word_embeddings", param: "embeddings.tokens"},
	{name: "embeddings.position_embeddings", param: "embeddings.positions"},
	{name: "embeddings.token_type_embeddings", param: "embeddings.types"},
	{name: "embeddings.LayerNorm", param: "embeddings.norm"},
	{name: "embeddings.position_ids", kind: constant}, // 0, 1, 2 …, which older checkpoints keep
	{name: "embeddings.token_type_ids", kind: constant},
}

var bertBody = append([]module{{name: "pooler.dense", param: "pooler"}}, bertEmbeddings...)

var bertLayer = []module{
	{name: "attention.self.query", param: "qkv", part: query},
	{name: "attention.self.key", param: "qkv", part: key},
	{name: "attention.self.value", param: "qkv", part: value},
	{name: "attention.output.dense", param: "out"},
	{name: "attention.output.LayerNorm", param: "norm1"},
	{name: "intermediate.dense", param: "up"},
	{name: "output.dense", param: "down"},
	{name: "output.LayerNorm", param: "norm2"},
}

// Heads of the tensors' names.
var (
	classifier = []module{{name: "classifier", param: "head.out"}}
	spans      = []module{{name: "qa_outputs", param: "head.out"}}

	bertPredictions = []module{
		{name: "cls.predictions.transform.dense", param: "head.dense"},
		{name: "cls.predictions.transform.LayerNorm", param: "head.norm"},
		{name: "cls.predictions.bias", param: "head.out.bias"},
		{name: "cls.predictions.decoder.weight", param: "head.out.weight"},
		{name: "cls.predictions.decoder.bias", param: "head.out.bias", kind: double},
		{name: "cls.seq_relationship.weight", kind: constant},
		{name: "cls.seq_relationship.bias", kind: constant},
	}
)

// readBERT reads the keys that BERT shares with those that were made after it.
func readBERT(d *document, c *Config) {
	d.needs("is_decoder", "false")
	d.needs("add_cross_attention", "false")
	d.needs("position_embedding_type", `"absolute"`)
	c.Vocab = d.size("vocab_size", maxVocab)
	c.Hidden = d.size("hidden_size", maxWidth)
	c.Layers = d.size("num_hidden_layers", maxLayers)
	c.setHeads(d, d.size("num_attention_heads", maxWidth))
	c.FeedForward = d.size("intermediate_size", maxWidth)
	c.Positions = d.size("max_position_embeddings", maxTokens)
	c.MaxTokens = c.Positions
	c.Types = d.count("type_vocab_size", 2, 0, maxVocab)
	c.Activation = d.activation("hidden_act", "gelu")
	c.Epsilon = float32(d.number("layer_norm_eps", 1e-12))
	c.EmbedDim, c.EmbedNorm = c.Hidden, true
	c.AttentionBias, c.OutBias, c.FFBias = true, true, true
	c.Tied = d.flag("tie_word_embeddings", true)
	c.Dropout = d.share("hidden_dropout_prob", 0.1)
	c.AttentionDropout = d.share("attention_probs_dropout_prob", 0.1)
	c.HeadDropout = d.share("classifier_dropout", float64(c.Dropout))
	c.Deviation = d.number("initializer_range", 0.02)
}

// setHeads splits the width evenly.
func (c *Config) setHeads(d *document, n int) {
	c.Heads, c.KeyHeads, c.HeadDim = n, n, c.Hidden/n
	if c.Hidden%n != 0 {
		d.fail(fmt.Errorf("hidden states of %d numbers cannot be split into %d heads", c.Hidden, n))
	}
}

// ernie is ERNIE (Sun et al. 2019, 2020): BERT with types of tasks.
var ernie = &architecture{
	class: "Ernie", prefix: "ernie.", layer: bert.layer,
	read: func(d *document, c *Config) {
		readBERT(d, c)
		if d.flag("use_task_id", false) {
			c.Tasks = d.count("task_type_vocab_size", 3, 1, maxVocab)
		}
	},
	body:   append([]module{{name: "embeddings.task_type_embeddings", param: "embeddings.tasks"}}, bertBody...),
	layers: bertLayer, heads: bert.heads,
}

// roberta is RoBERTa (Liu et al. 2019), and XLM-RoBERTa (Conneau et al. 2020), which is the same for many languages.
func roberta(class string) *architecture {
	return &architecture{
		class: class, prefix: "roberta.", layer: bert.layer,
		read: func(d *document, c *Config) {
			readBERT(d, c)
			// Positions count on from the number of the padding token.
			c.FirstPosition = d.count("pad_token_id", 1, 0, maxTokens) + 1
			c.MaxTokens = c.Positions - c.FirstPosition
		},
		body: bertBody, layers: bertLayer,
		heads: map[Head]head{
			Sequence: {layered(always(nn.Tanh)), classifierLayers},
			Tokens:   {scores(everyToken), classifier},
			Span:     {scores(everyToken), spans},
			Masked:   {transformed(always(nn.GELU)), lmHead},
		},
	}
}

var (
	classifierLayers = []module{
		{name: "classifier.dense", param: "head.dense"},
		{name: "classifier.out_proj", param: "head.out"},
	}
	lmHead = []module{
		{name: "lm_head.dense", param: "head.dense"},
		{name: "lm_head.layer_norm", param: "head.norm"},
		{name: "lm_head.bias", param: "head.out.bias"},
		{name: "lm_head.decoder.weight", param: "head.out.weight"},
		{name: "lm_head.decoder.bias", param: "head.out.bias", kind: double},
	}
)

// electra is ELECTRA (Clark et al. 2020): BERT whose embeddings may be narrower.
var electra = &architecture{
	class: "Electra", prefix: "electra.", layer: bert.layer,
	read: func(d *document, c *Config) {
		readBERT(d, c)
		c.EmbedDim = d.count("embedding_size", c.Hidden, 1, maxWidth)
	},
	body:   append([]module{{name: "embeddings_project", param: "embeddings.project"}}, bertBody...),
	layers: bertLayer,
	heads: map[Head]head{
		Sequence: {layered(always(nn.GELU)), classifierLayers},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
		Masked: {transformed(always(nn.GELU)), []module{
			{name: "generator_predictions.dense", param: "head.dense"},
			{name: "generator_predictions.LayerNorm", param: "head.norm"},
			{name: "generator_lm_head.weight", param: "head.out.weight"},
			{name: "generator_lm_head.bias", param: "head.out.bias"},
		}},
		Discriminator: {
			func(c *Config) form {
				return form{dense: true, denseBias: true, activation: c.Activation, width: c.Hidden, out: true, outBias: true}
			},
			[]module{
				{name: "discriminator_predictions.dense", param: "head.dense"},
				{name: "discriminator_predictions.dense_prediction", param: "head.out"},
			},
		},
	},
}

// mpnet is MPNet (Song et al. 2020): BERT without types, with biases by distance.
var mpnet = &architecture{
	class: "MPNet", prefix: "mpnet.", layer: bert.layer,
	read: func(d *document, c *Config) {
		readBERT(d, c)
		c.Types = 0
		c.FirstPosition = 2 // whatever the number of the padding token
		c.MaxTokens = c.Positions - c.FirstPosition
		c.RelativeBuckets = d.count("relative_attention_num_buckets", 32, 4, maxTokens)
	},
	body: append([]module{{name: "encoder.relative_attention_bias", param: "relative"}}, bertBody...),
	layers: append([]module{
		{name: "attention.attn.q", param: "qkv", part: query},
		{name: "attention.attn.k", param: "qkv", part: key},
		{name: "attention.attn.v", param: "qkv", part: value},
		{name: "attention.attn.o", param: "out"},
		{name: "attention.LayerNorm", param: "norm1"},
	}, bertLayer[5:]...),
	heads: map[Head]head{
		Sequence: {layered(always(nn.Tanh)), classifierLayers},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
		Masked:   {transformed(always(nn.GELU)), lmHead},
	},
}

// roformer is RoFormer (Su et al. 2021): BERT with rotary positions.
var roformer = &architecture{
	class: "RoFormer", prefix: "roformer.", layer: bert.layer,
	read: func(d *document, c *Config) {
		readBERT(d, c)
		d.needs("rotary_value", "false")
		c.EmbedDim = d.count("embedding_size", c.Hidden, 1, maxWidth)
		c.Positions = 0
		c.RotaryLayout, c.Rotary = Interleaved, Rotary{Base: 10_000}
		c.headActivation = c.Activation
	},
	body: append([]module{
		{name: "embeddings_project", param: "embeddings.project"},
		{name: "encoder.embed_positions.weight", kind: turns},
	}, bertBody...),
	layers: bertLayer,
	heads: map[Head]head{
		Sequence: {layered(headAct), classifierLayers},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
		Masked:   bert.heads[Masked],
	},
}

// distilbert is DistilBERT (Sanh et al. 2019): BERT without types.
var distilbert = &architecture{
	class: "DistilBert", prefix: "distilbert.", layer: "transformer.layer.{}.",
	read: func(d *document, c *Config) {
		c.Vocab = d.size("vocab_size", maxVocab)
		c.Hidden = d.size("dim", maxWidth)
		c.Layers = d.size("n_layers", maxLayers)
		c.setHeads(d, d.size("n_heads", maxWidth))
		c.FeedForward = d.size("hidden_dim", maxWidth)
		c.Positions = d.size("max_position_embeddings", maxTokens)
		c.MaxTokens = c.Positions
		c.Activation = d.activation("activation", "gelu")
		c.Epsilon = 1e-12
		c.EmbedDim, c.EmbedNorm = c.Hidden, true
		c.AttentionBias, c.OutBias, c.FFBias = true, true, true
		c.Tied = d.flag("tie_word_embeddings", true)
		c.Dropout = d.share("dropout", 0.1)
		c.AttentionDropout = d.share("attention_dropout", 0.1)
		c.HeadDropout = d.share("seq_classif_dropout", 0.2)
		c.Deviation = d.number("initializer_range", 0.02)
	},
	body: bertBody,
	layers: []module{
		{name: "attention.q_lin", param: "qkv", part: query},
		{name: "attention.k_lin", param: "qkv", part: key},
		{name: "attention.v_lin", param: "qkv", part: value},
		{name: "attention.out_lin", param: "out"},
		{name: "sa_layer_norm", param: "norm1"},
		{name: "ffn.lin1", param: "up"},
		{name: "ffn.lin2", param: "down"},
		{name: "output_layer_norm", param: "norm2"},
	},
	heads: map[Head]head{
		Sequence: {layered(always(nn.ReLU)), []module{
			{name: "pre_classifier", param: "head.dense"},
			{name: "classifier", param: "head.out"},
		}},
		Tokens: {scores(everyToken), classifier},
		Span:   {scores(everyToken), spans},
		Masked: {transformed(hiddenAct), []module{
			{name: "vocab_transform", param: "head.dense"},
			{name: "vocab_layer_norm", param: "head.norm"},
			{name: "vocab_projector.weight", param: "head.out.weight"},
			{name: "vocab_projector.bias", param: "head.out.bias"},
		}},
	},
}

// albert is ALBERT (Lan et al. 2020): layers in groups of the same weights, narrow embeddings.
var albert = &architecture{
	class: "Albert", prefix: "albert.", layer: "encoder.albert_layer_groups.{group}.albert_layers.{inner}.",
	read: func(d *document, c *Config) {
		readBERT(d, c)
		c.EmbedDim = d.count("embedding_size", 128, 1, maxWidth)
		c.Groups = d.count("num_hidden_groups", 1, 1, maxLayers)
		c.Inner = d.count("inner_group_num", 1, 1, maxLayers)
		c.Layers *= c.Inner
		c.Activation = d.activation("hidden_act", "gelu_new")
		c.HeadDropout = d.share("classifier_dropout_prob", 0.1)
	},
	body: append([]module{
		{name: "encoder.embedding_hidden_mapping_in", param: "embeddings.project"},
		{name: "pooler", param: "pooler"},
	}, bertEmbeddings...),
	layers: []module{
		{name: "attention.query", param: "qkv", part: query},
		{name: "attention.key", param: "qkv", part: key},
		{name: "attention.value", param: "qkv", part: value},
		{name: "attention.dense", param: "out"},
		{name: "attention.LayerNorm", param: "norm1"},
		{name: "ffn", param: "up"},
		{name: "ffn_output", param: "down"},
		{name: "full_layer_layer_norm", param: "norm2"},
	},
	heads: map[Head]head{
		Sequence: {pooled, classifier},
		Tokens:   {scores(everyToken), classifier},
		Span:     {scores(everyToken), spans},
		Masked: {transformed(hiddenAct), []module{
			{name: "predictions.dense", param: "head.dense"},
			{name: "predictions.LayerNorm", param: "head.norm"},
			{name: "predictions.bias", param: "head.out.bias"},
			{name: "predictions.decoder.weight", param: "head.out.weight"},
			{name: "predictions.decoder.bias", param: "head.out.bias", kind: double},
		}},
	},
}
