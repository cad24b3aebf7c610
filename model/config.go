package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text/knowledge"
)

// Config designs a network: the `model` part of xiaoyu.yaml, and of a saved model. Each family reads the keys that
// its doc names and ignores the others; Preset gives sound values for each.
type Config struct {
	Family        string   `yaml:"family" json:"family" doc:"architecture: encoder (a pretrained transformer: model.base), decoder (a language model that writes, in the form of Llama; see xiaoyu pretrain), ngram (linear over hashed n-grams), fasttext (averaged embeddings of words and n-grams), static (averaged embeddings), mlp (the same with fully connected layers), cnn (TextCNN), dwcnn (depthwise separable convolutions), rnn, lstm, gru, transformer; or auto: what does best at the task from nothing, ngram where it can, for tokens lstm, for qa and with model.vectors gru, for embedding static, with pretrain.texts transformer" default:"auto" enum:"auto|encoder|decoder|ngram|fasttext|static|mlp|cnn|dwcnn|rnn|lstm|gru|transformer"`
	Base          string   `yaml:"base" json:"base,omitempty" doc:"what the weights start from: a package, a folder in the Hugging Face layout, or a reference such as hf://owner/name; it brings the tokenizer, and decides what the network looks like" default:""`
	MaxTokens     int      `yaml:"max_tokens" json:"max_tokens" doc:"tokens of a text that are read; the rest is cut off" default:"512" min:"1" max:"100000"`
	EmbedDim      int      `yaml:"embed_dim" json:"embed_dim,omitempty" doc:"width of the token embeddings (all but ngram)" default:"128" min:"1" max:"8192"`
	EmbedDropout  float64  `yaml:"embed_dropout" json:"embed_dropout,omitempty" doc:"share of embedding numbers dropped while training" default:"0.1" min:"0" max:"0.95"`
	WordDropout   float64  `yaml:"word_dropout" json:"word_dropout,omitempty" doc:"share of tokens replaced by the unknown token while training" default:"0" min:"0" max:"0.95"`
	Vectors       string   `yaml:"vectors" json:"-" doc:"file of word vectors (word2vec, GloVe or fastText) that the embeddings start from; sets embed_dim" default:""`
	VectorsSkip   bool     `yaml:"vectors_skip" json:"-" doc:"pass over broken lines of the file of word vectors, with a note, instead of refusing it" default:"false"`
	Frozen        bool     `yaml:"frozen" json:"frozen,omitempty" doc:"leave the embeddings as they start: word vectors are not trained further" default:"false"`
	Filters       int      `yaml:"filters" json:"filters,omitempty" doc:"filters of each width (cnn)" default:"100" min:"1" max:"8192"`
	Widths        []int    `yaml:"widths" json:"widths,omitempty" doc:"widths of the filters in tokens (cnn: side by side; dwcnn: of one layer after another)" default:"2,3,4" min:"1" max:"64"`
	Hidden        int      `yaml:"hidden" json:"hidden,omitempty" doc:"width of the hidden layers (mlp, dwcnn, transformer, decoder) or of each direction's state (rnn, lstm, gru)" default:"128" min:"1" max:"8192"`
	Layers        int      `yaml:"layers" json:"layers,omitempty" doc:"number of hidden layers (mlp, dwcnn, rnn, lstm, gru, transformer, decoder; cnn for labels of tokens)" default:"1" min:"1" max:"64"`
	Heads         int      `yaml:"heads" json:"heads,omitempty" doc:"attention heads; a divisor of hidden (transformer, decoder)" default:"4" min:"1" max:"256"`
	KeyHeads      int      `yaml:"key_heads" json:"key_heads,omitempty" doc:"heads of keys and values, each for several of queries; a divisor of heads; 0 for as many as there are (decoder)" default:"0" min:"0" max:"256"`
	FeedForward   int      `yaml:"feed_forward" json:"feed_forward,omitempty" doc:"width within the feed-forward part; 0 for four times hidden, or of a decoder, which has a gate beside it, 8/3 times (transformer, decoder)" default:"0" min:"0" max:"65536"`
	ShareLayers   bool     `yaml:"share_layers" json:"share_layers,omitempty" doc:"one set of weights for all layers (transformer)" default:"false"`
	Bidirectional bool     `yaml:"bidirectional" json:"bidirectional,omitempty" doc:"read the text in both directions (rnn, lstm, gru)" default:"true"`
	Activation    string   `yaml:"activation" json:"activation,omitempty" doc:"activation of hidden layers and filters (mlp, cnn, dwcnn, transformer)" default:"relu" enum:"relu|tanh|sigmoid|gelu|silu"`
	Pooling       string   `yaml:"pooling" json:"pooling,omitempty" doc:"how the states of all tokens become one: mean, max, the last, the first, root_mean (the sum over the square root of the length); own (as the checkpoint's architecture has it), mask (the gap of model.prompt, as train.recipe: prompt sets it) or auto (as a sentence encoder says, else own) are for family encoder (dwcnn, rnn, lstm, gru, transformer, encoder)" default:"max" enum:"mean|max|last|first|root_mean|own|auto"`
	Normalize     bool     `yaml:"normalize" json:"normalize,omitempty" doc:"the head reads states of length 1, as sentence encoders compare them (encoder, with a pooling of ours; static)" default:"false"`
	Prompt        string   `yaml:"prompt" json:"prompt,omitempty" doc:"what stands before each text that is judged as a whole: auto (what the folder of a sentence encoder names as its default prompt, else its query), none, the name of one of the folder's prompts, or words; with {text} in them they stand around it (encoder)" default:"auto"`
	Pairing       string   `yaml:"pair" json:"pairing,omitempty" doc:"how two texts are read: joint (as one sequence, a cross-encoder: encoder, transformer), siamese (each by itself, then their states are compared: all but ngram), or auto: joint for encoder, siamese for others; ngram sees which n-grams both have" default:"auto" enum:"auto|joint|siamese"`
	Dropout       float64  `yaml:"dropout" json:"dropout,omitempty" doc:"share of hidden numbers dropped between layers and before the head while training; of features (ngram)" default:"0.3" min:"0" max:"0.95"`
	CRF           bool     `yaml:"crf" json:"crf,omitempty" doc:"judge the labels of a text's tokens together, by a conditional random field (task tokens)" default:"true"`
	Buckets       int      `yaml:"buckets" json:"buckets,omitempty" doc:"rows of the table that runs of tokens are hashed to (fasttext)" default:"200000" min:"1" max:"16000000"`
	Windows       Windows  `yaml:"windows" json:"windows,omitzero" doc:"texts longer than max_tokens: cut off, or read in windows that overlap"`
	AnswerTokens  int      `yaml:"answer_tokens" json:"answer_tokens,omitempty" doc:"tokens of the longest answer (task qa)" default:"64" min:"1" max:"10000"`
	Features      Features `yaml:"features" json:"features,omitzero" doc:"hashed features of each token, beside its embedding (all but ngram and fasttext)"`
	Wide          bool     `yaml:"wide" json:"wide,omitempty" doc:"join a linear model over n-grams (model.ngram), which is fitted first, to the network, which learns what it leaves (all but ngram and fasttext; task class)" default:"false"`
	Knowledge     []string `yaml:"knowledge" json:"knowledge,omitempty" doc:"files of what is known beforehand, whose entries become features: lexicons and lists of names (an entry a line, after tabs its weight and category), and rules (.yaml, name: pattern)" default:""`
	Constraints   string   `yaml:"constraints" json:"constraints,omitempty" doc:"file of rules that bind what the model says: labels that patterns, keywords or names imply or forbid, that exclude or imply each other, that may not follow each other (YAML; tasks class, multilabel and tokens)" default:""`
	NGram         NGrams   `yaml:"ngram" json:"ngram,omitzero" doc:"features of the ngram and fasttext families, and of wide"`

	// What follows from the task and from training, and is no key of xiaoyu.yaml.
	LayerGroups int             `yaml:"-" json:"layer_groups,omitempty"` // in which neighbouring layers share their weights; 0: none is shared (transformer)
	HeadDim     int             `yaml:"-" json:"head_dim,omitempty"`     // width of an attention head where it is not hidden/heads: heads were taken out (transformer)
	Head        string          `yaml:"-" json:"head,omitempty"`         // see ClassHead and its like; "" is ClassHead
	Pair        bool            `yaml:"-" json:"pair,omitempty"`         // texts come in pairs
	Temperature float64         `yaml:"-" json:"temperature,omitempty"`  // logits are divided by it; 0 is 1
	Thresholds  []float64       `yaml:"-" json:"thresholds,omitempty"`   // of each label, head multilabel; 0.5 where there are none
	Bottleneck  Bottleneck      `yaml:"-" json:"bottleneck,omitzero"`    // see train.bottleneck
	Sentence    *Sentence       `yaml:"-" json:"sentence,omitempty"`     // of a sentence encoder
	Layout      string          `yaml:"-" json:"layout,omitempty"`       // of files: Model2Vec, family static; "" is ours
	Encoder     *encoder.Config `yaml:"-" json:"-"`                      // of family encoder: the rest of config.json

	known *knowledge.Base // what Knowledge names
	bound *bounds         // what Constraints names
}

// NGrams chooses the features of the ngram family.
type NGrams struct {
	Tokens      int    `yaml:"tokens" json:"tokens" doc:"longest run of tokens that is a feature; 0 for none, -1 to choose by the tokenizer (4 characters, else 2 words)" default:"-1" min:"-1" max:"8"`
	CharsMin    int    `yaml:"chars_min" json:"chars_min" doc:"shortest run of characters between spaces that is a feature; -1 to choose by the script (1 for Chinese, else 3)" default:"-1" min:"-1" max:"16"`
	CharsMax    int    `yaml:"chars_max" json:"chars_max" doc:"longest run of characters between spaces that is a feature; 0 for none, -1 to choose (none where tokens are characters, 4 for Chinese, else 5)" default:"-1" min:"-1" max:"16"`
	Form        string `yaml:"form" json:"form,omitempty" doc:"whether how long a text is, in characters and in gaps between words, is a feature as well: yes, no, or auto: where it lowers the loss on the validation part beyond chance (family ngram, optimizer dual; else no)" default:"auto" enum:"auto|yes|no"`
	MinTexts    int    `yaml:"min_texts" json:"min_texts" doc:"a feature must occur in so many training texts" default:"2" min:"1" max:"1000000"`
	MaxFeatures int    `yaml:"max_features" json:"max_features" doc:"at most so many features are kept, the most frequent ones" default:"1000000" min:"1" max:"8000000"`
	Weighting   string `yaml:"weighting" json:"weighting" doc:"value of a feature: nb (tfidf·√|log-count ratio|: what tells labels apart counts more), tfidf ((1+log tf)·idf), tf (1+log tf) or binary; each text's values are scaled to length 1" default:"nb" enum:"nb|tfidf|tf|binary"`
}

// Resolve replaces what is left to choose by what suits a tokenizer of the given kind and the script of the texts.
// Chinese words beside runs of characters are two views of a text, which together tell more than each.
func (n *NGrams) Resolve(tokenizer string, chinese bool) {
	tokens, least, chars := 2, 3, 5
	switch {
	case tokenizer == "char":
		tokens, chars = 4, 0
	case chinese:
		least, chars = 1, 4
	}
	if n.CharsMin < 0 {
		n.CharsMin = least
	}
	if n.Tokens < 0 {
		n.Tokens = tokens
	}
	if n.CharsMax < 0 {
		n.CharsMax = chars
	}
}

// ReadsForm tells whether the form of a text is among its features.
func (n *NGrams) ReadsForm() bool { return n.Form == "yes" || n.Form == "auto" && n.weighted() }

// weighted tells whether features have weights of their own.
func (n *NGrams) weighted() bool { return n.Weighting == "tfidf" || n.Weighting == "nb" }

// maxTokensLimit bounds MaxTokens.
const maxTokensLimit = 100_000

func inRange(v, lo, hi int) bool { return v >= lo && v <= hi }

// sound tells whether features can be made so.
func (n *NGrams) sound() bool {
	return inRange(n.Tokens, 0, 8) && inRange(n.CharsMin, 1, 16) && inRange(n.CharsMax, 0, 16) && n.Tokens+n.CharsMax > 0 && n.MaxFeatures > 0 &&
		slices.Contains([]string{"nb", "tfidf", "tf", "binary"}, n.Weighting) && slices.Contains([]string{"", "auto", "yes", "no"}, n.Form)
}

// family is a row of the table of families: what a new one has to bring.
type family struct {
	doc    string
	keys   []string // of Config, beside family and max_tokens
	tokens bool     // it has states of tokens, for head tokens
	build  func(c *Config, in inputs) Network
}

var (
	inputKeys     = []string{"embed_dim", "embed_dropout", "word_dropout", "dropout", "features", "wide"}
	recurrentKeys = slices.Concat(inputKeys, []string{"hidden", "layers", "bidirectional", "pooling"})
)

var families = map[string]family{
	"ngram":       {"linear over hashed n-grams", []string{"ngram", "dropout"}, false, newNGram},
	"fasttext":    {"averaged embeddings of words and their n-grams", []string{"embed_dim", "embed_dropout", "dropout", "ngram", "buckets"}, false, newFastText},
	"static":      {"averaged embeddings", slices.Concat(inputKeys, []string{"normalize"}), false, newStatic},
	"mlp":         {"averaged embeddings, fully connected layers", slices.Concat(inputKeys, []string{"hidden", "layers", "activation"}), false, newMLP},
	"cnn":         {"convolutions of several widths, maximum over time", slices.Concat(inputKeys, []string{"filters", "widths", "activation", "layers", "hidden"}), true, newCNN},
	"dwcnn":       {"depthwise separable convolutions", slices.Concat(inputKeys, []string{"hidden", "layers", "widths", "activation", "pooling"}), true, newDWCNN},
	"rnn":         {"recurrent units", recurrentKeys, true, newRecurrent},
	"lstm":        {"long short-term memory", recurrentKeys, true, newRecurrent},
	"gru":         {"gated recurrent units", recurrentKeys, true, newRecurrent},
	EncoderFamily: {"pretrained transformer", []string{"base", "pooling", "prompt", "normalize", "dropout"}, true, newEncoder},
	DecoderFamily: {"causal self-attention", []string{"hidden", "layers", "heads", "key_heads", "feed_forward", "dropout"}, true, newEncoder},
	"transformer": {"self-attention", slices.Concat(inputKeys, []string{"hidden", "layers", "heads", "feed_forward", "activation", "pooling"}), true, newTransformer},
}

// jointFamilies can read two texts as one sequence, see Config.Pairing.
var jointFamilies = []string{EncoderFamily, "transformer"}

// HasTokens tells whether a family has states of tokens: to label them, or to find answers among them.
func HasTokens(family string) bool { return families[family].tokens }

// TokenFamilies returns the names of the families that have states of tokens and learn from fresh weights.
func TokenFamilies() []string {
	return slices.DeleteFunc(Families(), func(name string) bool { return !HasTokens(name) })
}

// Pretrains tells whether what a family learns of texts without labels serves it for any task. cnn has filters of its
// own for states of tokens.
func Pretrains(family string) bool { return families[family].tokens && family != "cnn" }

// Families returns the names of the model families that learn a task from fresh weights, in alphabetical order.
func Families() []string {
	var names []string
	for name := range families {
		if name != EncoderFamily && name != DecoderFamily {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Reads tells whether a family reads a key of Config, such as filters or ngram.tokens. Keys that no family names are for
// all.
func Reads(family, key string) bool {
	key, _, _ = strings.Cut(key, ".")
	for _, f := range families {
		if slices.Contains(f.keys, key) {
			return slices.Contains(families[family].keys, key)
		}
	}
	return true
}

// Describe returns one line about a family, "" if there is none of that name.
func Describe(name string) string {
	if name == EnsembleFamily {
		return "several models whose answers are joined"
	}
	return families[name].doc
}

// Check reports the first value that no network can be built from. A configuration that came through package conf
// has been checked key by key; one that came with a model file has not.
func (c *Config) Check() error {
	way := "choose one of " + strings.Join(Families(), ", ")
	f, ok := families[c.Family]
	if !ok {
		return hint.Errorf(way, "unknown model family %q", c.Family)
	}
	if !inRange(c.MaxTokens, 1, maxTokensLimit) {
		return outOfRange("max_tokens", c.MaxTokens)
	}
	if !slices.Contains(heads, c.Head) {
		return hint.Errorf("choose one of "+strings.Join(heads[1:], ", "), "unknown head %q", c.Head)
	}
	if (c.Head == TokensHead || c.Head == AnswerHead) && !f.tokens {
		return hint.Errorf("choose one of "+strings.Join(TokenFamilies(), ", "), "the family %s has no states of tokens to label", c.Family)
	}
	if told := len(c.Knowledge) > 0 || c.Constraints != ""; told && (c.Windows.on() || c.Head == AnswerHead) {
		return hint.Errorf("set model.windows.join to cut, or leave them out", "model.knowledge and model.constraints: texts that are read in windows, and answers to questions, know neither")
	}
	if err := c.checkWindows(); err != nil {
		return err
	}
	if Unlabelled(c.Head) && c.Head != EmbeddingHead && !Pretrains(c.Family) {
		return hint.Errorf("choose one of "+strings.Join(slices.DeleteFunc(Families(), func(f string) bool { return !Pretrains(f) }), ", "), "the family %s cannot be trained on texts without labels", c.Family)
	}
	if c.Head == CausalHead && c.Family != EncoderFamily && c.Family != DecoderFamily {
		return hint.Errorf("choose the family "+DecoderFamily, "the family %s reads a text in both directions: it cannot learn to write", c.Family)
	}
	if c.OfTokens() && c.Pair != (c.Head == AnswerHead) {
		if c.Head == AnswerHead {
			return hint.Errorf("name the column of questions", "answers to questions, and no question")
		}
		return hint.Errorf("leave out the second text", "labels of tokens for pairs of texts")
	}
	if c.Head == EmbeddingHead && (c.Family == "ngram" || c.Wide) {
		return hint.Errorf("choose another with --model, and leave out model.wide", "hashed n-grams have no embedding of a text")
	}
	if c.Pair && c.Pairing == "joint" && c.Head != EmbeddingHead && c.Head != AnswerHead && !slices.Contains(jointFamilies, c.Family) {
		return hint.Errorf("choose one of "+strings.Join(jointFamilies, ", ")+", or set model.pair to siamese", "model.pair: the family %s does not read two texts as one sequence", c.Family)
	}
	if c.Pair && !slices.Contains([]string{"", "auto", "joint", "siamese"}, c.Pairing) {
		return outOfRange("pair", c.Pairing)
	}
	if c.Layout != "" && (c.Layout != Model2Vec || c.Family != "static" || c.Features.Dim+c.Features.Chars > 0) {
		return hint.Errorf("leave out model.features", "the layout %q is for static embeddings alone", c.Layout)
	}
	if b := c.Bottleneck.Size; b != 0 && (!inRange(b, 1, maxBottleneck) || c.Family != EncoderFamily && c.Family != "transformer" && c.Family != DecoderFamily) {
		return hint.Errorf("choose one of the families encoder and transformer, and a width up to 16384", "train.bottleneck: the family %s has no layers for bottlenecks of width %d", c.Family, b)
	}
	if c.Temperature < 0 || math.IsNaN(c.Temperature) || math.IsInf(c.Temperature, 0) {
		return outOfRange("temperature", c.Temperature)
	}
	return c.checkKeys(f.keys)
}

func outOfRange(key string, value any) error {
	return hint.Errorf("see `xiaoyu config --explain`", "model.%s: %v is out of range", key, value)
}

// checkKeys checks the keys that a family reads.
func (c *Config) checkKeys(keys []string) error {
	for _, key := range keys {
		ok, value := true, any(nil)
		switch key {
		case "embed_dim":
			ok, value = inRange(c.EmbedDim, 1, 8192), c.EmbedDim
		case "filters":
			ok, value = inRange(c.Filters, 1, 8192), c.Filters
		case "hidden":
			ok, value = inRange(c.Hidden, 1, 8192), c.Hidden
		case "layers":
			ok, value = inRange(c.Layers, 1, 64) && inRange(c.LayerGroups, 0, c.Layers), c.Layers
		case "heads":
			ok, value = inRange(c.Heads, 1, 256) && inRange(c.HeadDim, 0, 8192) && (c.HeadDim > 0 || c.Hidden%max(c.Heads, 1) == 0), c.Heads
		case "key_heads":
			ok, value = c.KeyHeads == 0 || inRange(c.KeyHeads, 1, c.Heads) && c.Heads%c.KeyHeads == 0, c.KeyHeads
		case "feed_forward":
			ok, value = inRange(c.FeedForward, 0, 65536), c.FeedForward
		case "buckets":
			ok, value = inRange(c.Buckets, 1, 16_000_000), c.Buckets
		case "features":
			ok, value = inRange(c.Features.Dim, 0, 1024) && inRange(c.Features.Chars, 0, 1024) && (c.Features.Dim == 0 || inRange(c.Features.Buckets, 1, 16_000_000)), fmt.Sprintf("%+v", c.Features)
		case "word_dropout":
			ok, value = c.WordDropout >= 0 && c.WordDropout < 1, c.WordDropout
		case "widths":
			ok, value = len(c.Widths) > 0 && len(c.Widths) <= 16, c.Widths
			for i, w := range c.Widths {
				ok = ok && inRange(w, 1, 64) && !slices.Contains(c.Widths[:i], w)
			}
		case "embed_dropout":
			ok, value = c.EmbedDropout >= 0 && c.EmbedDropout < 1, c.EmbedDropout
		case "dropout":
			ok, value = c.Dropout >= 0 && c.Dropout < 1, c.Dropout
		case "activation":
			_, err := nn.ParseActivation(c.Activation)
			ok, value = err == nil, c.Activation
		case "pooling":
			how, err := parsePoolings(c.Pooling)
			ok = err == nil && (len(how) == 1 || c.Family == EncoderFamily)
			ok, value = ok || c.Family == EncoderFamily && (c.Pooling == OwnPooling || c.Pooling == MaskPooling && c.Head == ClassHead && !c.Pair), c.Pooling
		case "base":
			if c.Encoder == nil {
				return hint.Errorf("set model.base to a folder or to a reference such as hf://owner/name", "a model of family %s begins with a checkpoint", c.Family)
			}
		case "ngram":
			ok, value = c.NGram.sound(), fmt.Sprintf("%+v", c.NGram)
		case "wide":
			if key = "ngram"; c.Wide && c.Head != ClassHead {
				return hint.Errorf("set model.wide to false", "model.wide: n-grams beside a network are for task class")
			}
			ok, value = !c.Wide || c.NGram.sound(), fmt.Sprintf("%+v", c.NGram)
		}
		if !ok {
			return outOfRange(key, value)
		}
	}
	return nil
}
