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
	"math"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Network is a transformer with its head. Its weights lie in the nn.Params that it was made in; any number of tapes may
// run it at once.
type Network struct {
	Config *Config

	params     *nn.Params
	embeddings embeddings
	places     []place // one after the other
	relative   relative
	// How queries and keys turn, in global and in local layers.
	global, local nn.Rotary
	final         norm // after the last place
	pooler        linear
	head          headWeights
	slots         []*slot // places of a checkpoint's tensors
	knows         map[string]bool
	prefix        string // of the body's tensors
}

// Input is a batch of texts.
type Input struct {
	Tokens *tensor.Packed
	Types  []int32 // [tokens], which text of a pair a token belongs to; nil: all 0
	// Caches hold what a causal network has read of each text before; Tokens are those that follow, and are in them
	// afterwards. For inference alone; nil where each text is whole.
	Caches []*nn.Cache
}

type embeddings struct {
	tokens, positions, types, tasks *nn.Param // [vocabulary, embed], [positions, embed] …; nil for what there is not
	norm                            norm
	project                         linear // [hidden, embed]
}

// relative is what the attention of all layers knows of distances; table is nil where it knows nothing.
type relative struct {
	table *nn.Param // [buckets, heads], or of Disentangled [2·Span, hidden]
	norm  norm
	rows  []int32 // 0, 1, 2 … of the table of Disentangled
}

// place is a layer where it stands: shared weights stand in several.
type place struct {
	*layer
	at        int // from 0
	attention nn.Attention
	local     bool
}

// layer is the weights of one layer.
type layer struct {
	number             int    // nn.Param.Layer
	qkv                linear // queries, keys and values side by side: [heads·dim + 2·key heads·dim, hidden]
	out                linear // [hidden, heads·dim]
	up                 linear // [feed-forward, hidden]; gated: the gate's rows, then the others
	down               linear // [hidden, feed-forward]
	norm1, norm2       norm   // before the two parts, or after them
	queryNorm, keyNorm norm   // of each head
}

// linear is the weights of a linear layer; w is nil where there is none, b where it has no bias.
type linear struct{ w, b *nn.Param }

func (l linear) forward(t *nn.Tape, x *nn.Var, a nn.Activation) *nn.Var {
	return t.Linear(x, l.w, l.b, a)
}

// norm is the weights of a norm; gain is nil where there is none.
type norm struct {
	gain, bias *nn.Param
	epsilon    float32
	kind       NormKind
}

func (n norm) forward(t *nn.Tape, x *nn.Var) *nn.Var {
	switch {
	case n.gain == nil:
		return x
	case n.kind == RMSNorm:
		return t.RMSNorm(x, n.gain, n.epsilon)
	}
	return t.LayerNorm(x, n.gain, n.bias, n.epsilon)
}

// New declares the network's weights in ps, under names of its own ("layers.0.qkv.weight"). They get their numbers from
// Load, or from Params.Allocate, which draws fresh ones.
func New(c *Config, ps *nn.Params) *Network {
	n := &Network{Config: c, params: ps, knows: map[string]bool{}}
	n.declareEmbeddings()
	n.declareRelative()
	distinct, of := c.distinct()
	own := make([]*layer, distinct)
	for i := range own {
		own[i] = n.declareLayer(i)
	}
	if c.RotaryLayout != NoRotary {
		n.global, n.local = c.Rotary.frequencies(c.RotaryLayout, c.HeadDim), c.LocalRotary.frequencies(c.RotaryLayout, c.HeadDim)
	}
	for i, weights := range of {
		n.places = append(n.places, place{layer: own[weights], at: i, attention: n.attentionOf(i), local: c.isLocal(i)})
	}
	if c.PreNorm {
		n.final = n.norm("norm", c.Hidden)
		n.number(distinct+1, "norm")
	}
	if c.Pooler || c.form.pooler {
		n.pooler = n.linear("pooler", c.Hidden, c.Hidden, true)
	}
	n.declareHead()
	n.makeSlots()
	n.prefix = n.defaultPrefix()
	return n
}

func (n *Network) declareEmbeddings() {
	c, e := n.Config, &n.embeddings
	table := func(name string, rows int) *nn.Param {
		if rows == 0 {
			return nil
		}
		return n.params.AddTable("embeddings."+name+".weight", nn.Normal(c.Deviation), rows, c.EmbedDim)
	}
	e.tokens, e.positions = table("tokens", c.Vocab), table("positions", c.Positions)
	e.types, e.tasks = table("types", c.Types), table("tasks", c.Tasks)
	if c.EmbedNorm {
		e.norm = n.norm("embeddings.norm", c.EmbedDim)
	}
	if c.EmbedDim != c.Hidden {
		e.project = n.linear("embeddings.project", c.Hidden, c.EmbedDim, true)
	}
	n.number(1, "embeddings.")
}

func (n *Network) declareRelative() {
	c, r := n.Config, &n.relative
	switch d := c.Disentangled; {
	case d != nil:
		r.table = n.params.AddTable("relative.weight", nn.Normal(c.Deviation), 2*d.Span, c.Hidden)
		if d.Norm {
			r.norm = n.norm("relative.norm", c.Hidden)
		}
		for i := range 2 * d.Span {
			r.rows = append(r.rows, int32(i))
		}
	case c.RelativeBuckets > 0:
		r.table = n.params.Add("relative.weight", nn.Normal(c.Deviation), c.RelativeBuckets, c.Heads)
		r.table.Decay = false
	}
	n.number(1, "relative.")
}

// attentionOf says how the layer at place i attends.
func (n *Network) attentionOf(i int) nn.Attention {
	c := n.Config
	a := nn.Attention{Heads: c.Heads, KeyHeads: c.KeyHeads, Size: c.HeadDim, Causal: c.IsCausal}
	if c.isLocal(i) {
		a.Window = c.Window
	}
	if c.RelativeBuckets > 0 {
		a.Bias = n.relative.table
		a.Bucket = func(distance int) int { return relativeBucket(distance, c.RelativeBuckets) }
	}
	if d := c.Disentangled; d != nil {
		a.Position, a.ToKey, a.ToQuery = d.row, d.ToKey, d.ToQuery
		terms := 1
		for _, on := range []bool{d.ToKey, d.ToQuery} {
			if on {
				terms++
			}
		}
		a.Scale = float32(1 / math.Sqrt(float64(c.HeadDim*terms)))
	}
	return a
}

func (n *Network) declareLayer(i int) *layer {
	c := n.Config
	prefix := fmt.Sprintf("layers.%d.", i)
	up := c.FeedForward
	if c.Gated {
		up *= 2
	}
	l := &layer{
		number: i + 2,
		qkv:    n.linear(prefix+"qkv", c.QueryWidth()+2*c.KeyWidth(), c.Hidden, c.AttentionBias),
		out:    n.linear(prefix+"out", c.Hidden, c.QueryWidth(), c.OutBias),
		norm2:  n.norm(prefix+"norm2", c.Hidden),
		up:     n.linear(prefix+"up", up, c.Hidden, c.FFBias),
		down:   n.linear(prefix+"down", c.Hidden, c.FeedForward, c.FFBias),
	}
	if i > 0 || !c.NoFirstNorm {
		l.norm1 = n.norm(prefix+"norm1", c.Hidden)
	}
	if c.HeadNorm {
		l.queryNorm, l.keyNorm = n.norm(prefix+"query_norm", c.HeadDim), n.norm(prefix+"key_norm", c.HeadDim)
	}
	n.number(l.number, prefix)
	return l
}

func (n *Network) linear(name string, out, in int, bias bool) linear {
	l := linear{w: n.params.Add(name+".weight", nn.Normal(n.Config.Deviation), out, in)}
	if bias {
		l.b = n.params.Add(name+".bias", nn.Zeros, out)
	}
	return l
}

func (n *Network) norm(name string, dim int) norm {
	m := norm{gain: n.params.Add(name+".weight", nn.Constant(1), dim), epsilon: n.Config.Epsilon, kind: n.Config.Norm}
	if n.Config.Norm == LayerNorm {
		m.bias = n.params.Add(name+".bias", nn.Zeros, dim)
	}
	return m
}

// number gives the weights whose names begin so their nn.Param.Layer.
func (n *Network) number(layer int, prefix string) {
	for _, p := range n.params.All() {
		if len(p.Name) >= len(prefix) && p.Name[:len(prefix)] == prefix {
			p.Layer = layer
		}
	}
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
		if id < 0 || int(id) >= max(c.Types, 1) {
			return fmt.Errorf("token %d has type %d of %d", i, id, c.Types)
		}
	}
	return nil
}
