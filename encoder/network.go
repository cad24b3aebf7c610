// Package encoder is one transformer for every architecture whose checkpoints people use: BERT and its kin as encoders,
// Llama and its kin as decoders. What differs between them (positions, norms, gates, windows, sharing, names) is told
// by a [Config], which [ReadConfig] reads from a checkpoint's config.json; the network exists once.
//
//	c, err := encoder.ReadConfig(configJSON)
//	c.Fit(weights)                    // what only the tensors tell
//	ps := new(nn.Params)
//	n := encoder.New(c, ps)
//	err = n.Load(weights)             // every tensor has its place, or the error names it
//	t.Begin(nn.Inference, 0, 0)
//	hidden := n.Forward(t, encoder.Input{Tokens: &batch}) // [tokens, hidden]
//	logits := n.Logits(t, hidden, batch.Offsets)
//
// To fine-tune, choose a head and keep the checkpoint's body: [Config.SetHead] before New, then Params.Allocate, which
// makes the head's weights, and [Network.LoadBody]. [Network.Tensors] gives the weights back under the names that they
// came with.
//
// Texts are packed without padding, and no operation knows of any. It does not read files or tokenize: weights come
// through [Weights], ids as numbers.
package encoder

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Network is a transformer with its head. Its weights lie in the nn.Params that it was made in; any number of tapes may
// run it at once.
type Network struct {
	*Layers
	embeddings embeddings
	pooler     linear
	head       headWeights
	slots      []*slot // places of a checkpoint's tensors
	knows      map[string]bool
	prefix     string // of the body's tensors
}

// Input is a batch of texts.
type Input struct {
	Tokens *tensor.Packed
	Types  []int32 // [tokens], which text of a pair a token belongs to; nil: all 0. Networks that do not tell types pass over them
	// Caches hold what a causal network has read of each text before; Tokens are those that follow, and are in them
	// afterwards. For inference alone; nil where each text is whole.
	Caches []*nn.Cache

	turns, localTurns nn.Turns // of rotary positions, in global and in local layers
}

type embeddings struct {
	tokens, positions, types, tasks *nn.Param // [vocabulary, embed], [positions, embed] …; nil for what there is not
	norm                            norm
	project                         linear // [hidden, embed]
}

// New declares the network's weights in ps, under names of its own ("layers.0.qkv.weight"). They get their numbers from
// Load, or from Params.Allocate, which draws fresh ones.
func New(c *Config, ps *nn.Params) *Network {
	d := declaring{c, ps}
	n := &Network{embeddings: d.embeddings(), Layers: NewLayers(c, ps), knows: map[string]bool{}}
	if c.Pooler || c.form.pooler {
		n.pooler = d.linear("pooler", c.Hidden, c.Hidden, true)
	}
	n.head = d.head(n.embeddings.tokens)
	n.makeSlots()
	n.prefix = n.defaultPrefix()
	return n
}

func (d declaring) embeddings() embeddings {
	c := d.config
	table := func(name string, rows int) *nn.Param {
		if rows == 0 {
			return nil
		}
		return d.params.AddTable("embeddings."+name+".weight", d.fresh(), rows, c.EmbedDim)
	}
	e := embeddings{
		tokens: table("tokens", c.Vocab), positions: table("positions", c.Positions),
		types: table("types", c.Types), tasks: table("tasks", c.Tasks),
	}
	if c.EmbedNorm {
		e.norm = d.norm("embeddings.norm", c.EmbedDim)
	}
	if c.EmbedDim != c.Hidden {
		e.project = d.linear("embeddings.project", c.Hidden, c.EmbedDim, true)
	}
	d.number(1, "embeddings.")
	return e
}

// Check reports the first token, type or length that the network has no place for: what comes from outside is checked
// once here.
func (n *Network) Check(in Input) error {
	c := n.Config
	if err := in.Tokens.Check(c.Vocab); err != nil {
		return err
	}
	for i := range in.Tokens.Len() {
		length := len(in.Tokens.Sequence(i))
		if in.Caches != nil {
			length += in.Caches[i].Tokens()
		}
		if length > c.MaxTokens {
			return fmt.Errorf("text %d of the batch has %d tokens, the network has positions for %d", i, length, c.MaxTokens)
		}
	}
	if in.Types != nil && len(in.Types) != in.Tokens.Tokens() {
		return fmt.Errorf("%d types for %d tokens", len(in.Types), in.Tokens.Tokens())
	}
	for i, id := range in.Types {
		if c.Types > 1 && (id < 0 || int(id) >= c.Types) {
			return fmt.Errorf("token %d has type %d of %d", i, id, c.Types)
		}
	}
	return nil
}
