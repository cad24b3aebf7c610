package encoder

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Head is what a network makes of its last hidden states.
type Head uint8

const (
	Bare          Head = iota // nothing; the pooler, where there is one
	Sequence                  // scores of a text, or of a pair: [texts, labels]
	Tokens                    // scores of each token: [tokens, labels]
	Span                      // scores of the first and the last token of an answer: [tokens, 2]
	Masked                    // scores of the vocabulary at each token: [tokens, vocabulary]
	Causal                    // the same for the token that follows
	Discriminator             // the score that a token was replaced (Clark et al. 2020, "ELECTRA"): [tokens, 1]
)

var headNames = [...]string{"model", "sequence", "tokens", "span", "masked", "causal", "discriminator"}

func (h Head) String() string { return headNames[h] }

// NormKind is how rows are brought to one scale.
type NormKind uint8

const (
	LayerNorm      NormKind = iota // Ba, Kiros & Hinton 2016
	LayerNormPlain                 // without a bias
	RMSNorm                        // Zhang & Sennrich 2019
)

// Layout says which numbers of a head rotate together.
type Layout uint8

const (
	NoRotary    Layout = iota
	Interleaved        // neighbours: 0 and 1, 2 and 3 (Su et al. 2021, "RoFormer")
	Halves             // i and i + half of the head (GPT-NeoX, Llama)
)

// Rotary says how fast queries and keys turn: pair i of a head by place/Base^(2i/HeadDim), divided by Stretch (Chen et al.
// 2023; 0 is 1) or scaled as Llama 3's are.
type Rotary struct {
	Base, Stretch float64
	Llama3        *nn.Llama3Scaling
}

// frequencies are what package nn turns by.
func (r Rotary) frequencies(layout Layout, size int) nn.Rotary {
	f := nn.RotaryFrequencies(r.Base, size)
	if r.Llama3 != nil {
		r.Llama3.Scale(f)
	}
	if r.Stretch > 0 {
		for i := range f {
			f[i] /= float32(r.Stretch)
		}
	}
	return nn.Rotary{Frequencies: f, Interleaved: layout == Interleaved}
}

// Config is what of a checkpoint's config.json decides its network, in the terms of this package.
type Config struct {
	Architecture string // model_type: whose names the tensors have
	Head         Head
	Labels       []string // of Sequence and Tokens
	Pooler       bool     // Bare has the layer over the first token that some checkpoints bring

	Vocab, Hidden, Layers int
	MaxTokens             int // longest text

	// Embeddings.
	EmbedDim      int  // width of the tables; a projection follows where it is not Hidden
	EmbedNorm     bool // a norm after their sum
	Positions     int  // rows of the table of positions; 0: none
	FirstPosition int  // row of the first token
	Types, Tasks  int  // rows of the tables of token and task types; 0: none

	// Attention.
	Heads, KeyHeads, HeadDim int    // KeyHeads < Heads: several heads of queries share keys and values (Ainslie et al. 2023)
	AttentionBias, OutBias   bool   // of queries, keys and values, and of what follows
	HeadNorm                 bool   // RMSNorm of each head's queries and keys (Qwen3)
	IsCausal                 bool   // a token sees those before it
	Window                   int    // how far a local layer sees: |i−j| ≤ Window
	Local                    []bool // of each layer; nil: none is local
	RotaryLayout             Layout
	Rotary, LocalRotary      Rotary        // of global and of local layers
	RelativeBuckets          int           // distances share so many biases of a head, the same in every layer (Raffel et al. 2020, "T5"); 0: none
	Disentangled             *Disentangled // nil: none

	// Feed-forward.
	FeedForward int
	Activation  nn.Activation
	Gated       bool // act(gate)·up (Shazeer 2020)
	FFBias      bool

	// Norms.
	Norm        NormKind
	Epsilon     float32
	PreNorm     bool // before each part, and after the last layer (Xiong et al. 2020); else after each sum
	NoFirstNorm bool // none before the first attention (ModernBERT)

	// Sharing (Lan et al. 2020, "ALBERT"): layers are split into so many groups of the same weights; 0: none is shared.
	Groups int
	Inner  int // layers of a group, run in turn; 0 is 1

	Tied bool // the decoder of Masked and Causal is the table of tokens

	// Shares that are dropped while training.
	Dropout, AttentionDropout, HeadDropout float32

	Deviation float64 // of fresh weights

	form           form // of the head, and what config.json says of it:
	headActivation nn.Activation
	headPool       pool
	headBias       bool // of the layer before the scores
	decoderBias    bool // of the scores of the vocabulary
	source         *document
}

// Disentangled is attention to contents and distances apart (He et al. 2021, "DeBERTa").
type Disentangled struct {
	Span           int  // distances from -Span to Span-1 have a row in the table
	Buckets        int  // 0: each distance has its own; else distances beyond half of Buckets share them by logarithm
	MaxDistance    int  // what is further counts as this
	ToKey, ToQuery bool // contents attend to distances, and distances to contents
	Norm           bool // of the table's rows
}

// Outputs returns the width of what the head makes.
func (c *Config) Outputs() int {
	switch c.Head {
	case Sequence, Tokens:
		return len(c.Labels)
	case Span:
		return 2
	case Masked, Causal:
		return c.Vocab
	case Discriminator:
		return 1
	}
	return c.Hidden
}

// SetHead gives the network another head; labels are those of Sequence and Tokens.
func (c *Config) SetHead(h Head, labels []string) error {
	a := architectures[c.Architecture]
	if _, ok := a.heads[h]; !ok && h != Bare {
		var names []string
		for other := range Head(len(headNames)) {
			if _, ok := a.heads[other]; ok {
				names = append(names, other.String())
			}
		}
		return hint.Errorf(fmt.Sprintf("choose one of %v, or another architecture", names), "architecture %s has no head %q", c.Architecture, h)
	}
	if (h == Sequence || h == Tokens) && len(labels) == 0 {
		return fmt.Errorf("head %q without labels", h)
	}
	c.Head, c.Labels, c.Pooler = h, slices.Clone(labels), false
	c.form = form{}
	if h != Bare {
		c.form = a.heads[h].form(c)
	}
	return nil
}

// CheckVocabulary tells whether a tokenizer of so many tokens fits the network.
func (c *Config) CheckVocabulary(tokens int) error {
	if tokens > c.Vocab {
		return hint.Errorf("take the tokenizer.json that came with the weights", "the tokenizer has %d tokens, the network's embedding %d rows", tokens, c.Vocab)
	}
	return nil
}

// KeyWidth is the width of all keys, and of all values.
func (c *Config) KeyWidth() int { return c.KeyHeads * c.HeadDim }

// QueryWidth is the width of all queries.
func (c *Config) QueryWidth() int { return c.Heads * c.HeadDim }

// isLocal tells whether layer i sees a window alone.
func (c *Config) isLocal(i int) bool { return c.Local != nil && c.Local[i] }

// distinct returns how many layers have weights of their own, and for each layer which of them it uses.
func (c *Config) distinct() (n int, of []int) {
	of = make([]int, c.Layers)
	if c.Groups == 0 {
		for i := range of {
			of[i] = i
		}
		return c.Layers, of
	}
	inner := max(c.Inner, 1)
	for i := range of {
		group := i / inner * c.Groups / (c.Layers / inner)
		of[i] = group*inner + i%inner
	}
	return c.Groups * inner, of
}

// check reports the first value that no network can be built from: a file may hold anything.
func (c *Config) check() error {
	switch {
	case c.HeadDim < 1 || c.Heads < 1 || c.KeyHeads < 1 || c.Heads%c.KeyHeads != 0:
		return fmt.Errorf("%d heads of queries, %d of keys, %d wide", c.Heads, c.KeyHeads, c.HeadDim)
	case c.RotaryLayout != NoRotary && c.HeadDim%2 != 0:
		return fmt.Errorf("heads of %d numbers cannot rotate in pairs", c.HeadDim)
	case c.MaxTokens < 1:
		return fmt.Errorf("positions for %d tokens", c.MaxTokens)
	case c.Layers > maxLayers:
		return fmt.Errorf("%d layers", c.Layers)
	case c.Groups > c.Layers/max(c.Inner, 1):
		return fmt.Errorf("%d groups of %d layers", c.Groups, c.Layers/max(c.Inner, 1))
	case c.Local != nil && len(c.Local) != c.Layers:
		return fmt.Errorf("layer_types of %d layers for %d layers", len(c.Local), c.Layers)
	case !(c.Epsilon > 0):
		return fmt.Errorf("an epsilon of %v", c.Epsilon)
	}
	return nil
}
