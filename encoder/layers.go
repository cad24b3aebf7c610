package encoder

import (
	"fmt"
	"math"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Layers are what stands between embeddings and head, for networks that have inputs of their own as well.
type Layers struct {
	Config *Config

	params   *nn.Params
	places   []place // one after the other
	relative relative
	// How queries and keys turn, in global and in local layers.
	global, local nn.Rotary
	final         norm // after the last place
}

// NewLayers declares the layers' weights in ps ("layers.0.qkv.weight"). Of c it needs what concerns them. nn.Param.Layer
// is 2 in the lowest layer.
func NewLayers(c *Config, ps *nn.Params) *Layers {
	d := declaring{c, ps}
	n := &Layers{Config: c, params: ps, relative: d.relative()}
	distinct, of := c.distinct()
	own := make([]*layer, distinct)
	for i := range own {
		own[i] = d.layer(i)
	}
	if c.RotaryLayout != NoRotary {
		n.global, n.local = c.Rotary.frequencies(c.RotaryLayout, c.HeadDim), c.LocalRotary.frequencies(c.RotaryLayout, c.HeadDim)
	}
	for i, weights := range of {
		n.places = append(n.places, place{layer: own[weights], at: i, attention: n.attentionOf(i), local: c.isLocal(i)})
	}
	if c.PreNorm {
		n.final = d.norm("norm", c.Hidden)
		d.number(distinct+1, "norm.")
	}
	return n
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
type linear struct {
	w, b   *nn.Param
	behind *bottleneck // of the last ones of a layer's parts; nil for none
}

func (l linear) forward(t *nn.Tape, x *nn.Var, a nn.Activation) *nn.Var {
	return l.behind.forward(t, t.Linear(x, l.w, l.b, a))
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

// declaring makes the weights of a network.
type declaring struct {
	config *Config
	params *nn.Params
}

func (d declaring) relative() (r relative) {
	c := d.config
	switch apart := c.Disentangled; {
	case apart != nil:
		r.table = d.params.AddTable("relative.weight", d.fresh(), 2*apart.Span, c.Hidden)
		if apart.Norm {
			r.norm = d.norm("relative.norm", c.Hidden)
		}
		for i := range 2 * apart.Span {
			r.rows = append(r.rows, int32(i))
		}
	case c.RelativeBuckets > 0:
		r.table = d.params.Add("relative.weight", d.fresh(), c.RelativeBuckets, c.Heads)
		r.table.Decay, r.table.Plain = false, true
	}
	d.number(1, "relative.")
	return r
}

func (d declaring) layer(i int) *layer {
	c := d.config
	prefix := fmt.Sprintf("layers.%d.", i)
	up := c.FeedForward
	if c.Gated {
		up *= 2
	}
	l := &layer{
		number: i + 2,
		qkv:    d.linear(prefix+"qkv", c.QueryWidth()+2*c.KeyWidth(), c.Hidden, c.AttentionBias),
		out:    d.linear(prefix+"out", c.Hidden, c.QueryWidth(), c.OutBias),
		norm2:  d.norm(prefix+"norm2", c.Hidden),
		up:     d.linear(prefix+"up", up, c.Hidden, c.FFBias),
		down:   d.linear(prefix+"down", c.Hidden, c.FeedForward, c.FFBias),
	}
	if i > 0 || !c.NoFirstNorm {
		l.norm1 = d.norm(prefix+"norm1", c.Hidden)
	}
	if c.HeadNorm {
		l.queryNorm, l.keyNorm = d.norm(prefix+"query_norm", c.HeadDim), d.norm(prefix+"key_norm", c.HeadDim)
	}
	d.number(l.number, prefix)
	return l
}

func (d declaring) linear(name string, out, in int, bias bool) linear {
	l := linear{w: d.params.Add(name+".weight", d.fresh(), out, in)}
	if bias {
		l.b = d.params.Add(name+".bias", nn.Zeros, out)
	}
	return l
}

func (d declaring) norm(name string, dim int) norm {
	m := norm{gain: d.params.Add(name+".weight", nn.Constant(1), dim), epsilon: d.config.Epsilon, kind: d.config.Norm}
	if d.config.Norm == LayerNorm {
		m.bias = d.params.Add(name+".bias", nn.Zeros, dim)
	}
	return m
}

// fresh draws weights that do not come from a checkpoint.
func (d declaring) fresh() nn.Init {
	if d.config.Deviation > 0 {
		return nn.Normal(d.config.Deviation)
	}
	return nn.Xavier
}

// number gives the weights whose names begin so their nn.Param.Layer.
func (d declaring) number(layer int, prefix string) {
	for _, p := range d.params.All() {
		if strings.HasPrefix(p.Name, prefix) {
			p.Layer = layer
		}
	}
}

// attentionOf says how the layer at place i attends.
func (n *Layers) attentionOf(i int) nn.Attention {
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
