package encoder

import (
	"fmt"
	"slices"
	"strings"
)

// deberta is DeBERTa of versions 2 and 3 (He et al. 2021): queries and keys meet contents and distances apart.
var deberta = &architecture{
	class: "DebertaV2", prefix: "deberta.", layer: bert.layer,
	read: readDeBERTa,
	body: append([]module{
		{name: "encoder.rel_embeddings", param: "relative"},
		{name: "encoder.LayerNorm", param: "relative.norm"},
	}, bertEmbeddings...),
	layers: append([]module{
		{name: "attention.self.query_proj", param: "qkv", part: query},
		{name: "attention.self.key_proj", param: "qkv", part: key},
		{name: "attention.self.value_proj", param: "qkv", part: value},
	}, bertLayer[3:]...),
	heads: map[Head]head{
		Sequence: {layered(headAct), []module{
			{name: "pooler.dense", param: "head.dense"},
			{name: "classifier", param: "head.out"},
		}},
		Tokens: {scores(everyToken), classifier},
		Span:   {scores(everyToken), spans},
		Masked: {transformed(hiddenAct), append([]module{
			{name: "lm_predictions.lm_head.dense"}, // what it was pretrained with, which the reference library does not use either
			{name: "lm_predictions.lm_head.LayerNorm"},
			{name: "lm_predictions.lm_head.bias"},
			{name: "mask_predictions.dense"},
			{name: "mask_predictions.LayerNorm"},
			{name: "mask_predictions.classifier"},
		}, bertPredictions...)},
	},
}

func readDeBERTa(d *document, c *Config) {
	readBERT(d, c)
	d.needs("relative_attention", "true")
	d.needs("share_att_key", "true")
	d.needs("conv_kernel_size", "0")
	d.needs("legacy", "true")
	d.needs("embedding_size", fmt.Sprint(c.Hidden))
	d.needs("attention_head_size", fmt.Sprint(c.HeadDim))
	c.Types = d.count("type_vocab_size", 0, 0, maxVocab)
	c.Epsilon = float32(d.number("layer_norm_eps", 1e-7))
	if !d.flag("position_biased_input", true) {
		c.Positions = 0
	}
	r := &Disentangled{Buckets: max(d.count("position_buckets", -1, -1, maxWidth), 0)}
	r.MaxDistance = d.count("max_relative_positions", -1, -1, maxWidth)
	if r.MaxDistance < 1 {
		r.MaxDistance = c.MaxTokens
	}
	r.Span = min(r.MaxDistance, maxWidth)
	if r.Buckets > 0 {
		r.Span = r.Buckets
	}
	kinds := d.words("pos_att_type", "|")
	r.ToKey, r.ToQuery = slices.Contains(kinds, "c2p"), slices.Contains(kinds, "p2c")
	r.Norm = strings.Contains(d.word("norm_rel_ebd", "none"), "layer_norm")
	c.Disentangled = r
	c.headActivation = d.activation("pooler_hidden_act", "gelu")
	c.HeadDropout = d.share("cls_dropout", float64(c.Dropout))
}
