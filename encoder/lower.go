package encoder

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// The network as a graph, for files that other runtimes execute: the padded twin of forward.go and heads.go.

// Lower returns the last hidden states, [batch, length, hidden].
func (n *Network) Lower(t *graph.Text) (*graph.Value, error) {
	e, c := &n.embeddings, n.Config
	x := t.Embedding(e.tokens)
	if e.positions != nil {
		x = t.Add(x, t.Rows(e.positions, t.Positions(c.FirstPosition)))
	}
	if e.types != nil {
		if c.Types > 1 {
			x = t.Add(x, t.Rows(e.types, t.Types()))
		} else {
			x = t.Add(x, t.First(e.types))
		}
	}
	if e.tasks != nil {
		x = t.Add(x, t.First(e.tasks))
	}
	x = e.norm.lower(t, x)
	if e.project.w != nil {
		x = e.project.lower(t, x, nn.Identity)
	}
	return n.Layers.Lower(t, x)
}

// LowerFeatures is Features: what the last layer of the head scores.
func (n *Network) LowerFeatures(t *graph.Text, x *graph.Value) *graph.Value {
	f := &n.Config.form
	switch f.pool {
	case firstToken:
		x = t.Pool(x, nn.FirstPool)
	case lastToken:
		x = t.Pool(x, nn.LastPool)
	case meanToken:
		x = t.Pool(x, nn.MeanPool)
	}
	switch {
	case f.pooler:
		x = n.pooler.lower(t, x, f.activation)
	case f.dense:
		x = n.head.dense.lower(t, x, f.activation)
	}
	return n.head.norm.lower(t, x)
}

// Lower takes x, [batch, length, hidden], through the layers.
func (n *Layers) Lower(t *graph.Text, x *graph.Value) (*graph.Value, error) {
	seen := n.lowerSeen(t)
	for i := range n.places {
		p := &n.places[i]
		attend := func(x *graph.Value) *graph.Value {
			return p.out.lower(t, n.lowerAttention(t, p, x, seen[p.attention.Window]), nn.Identity)
		}
		feed := func(x *graph.Value) *graph.Value { return p.down.lower(t, n.lowerFeed(t, p, x), nn.Identity) }
		if n.Config.PreNorm {
			x = t.Add(x, attend(p.norm1.lower(t, x)))
			x = t.Add(x, feed(p.norm2.lower(t, x)))
		} else {
			x = p.norm1.lower(t, t.Add(x, attend(x)))
			x = p.norm2.lower(t, t.Add(x, feed(x)))
		}
	}
	return n.final.lower(t, x), nil
}

func (l linear) lower(t *graph.Text, x *graph.Value, a nn.Activation) *graph.Value {
	return l.behind.lower(t, t.Linear(x, l.w, l.b, a))
}

func (n norm) lower(t *graph.Text, x *graph.Value) *graph.Value {
	g := t.Graph()
	switch {
	case n.gain == nil:
		return x
	case n.kind == RMSNorm:
		return g.RMSNorm(x, g.Param(n.gain), n.epsilon)
	}
	return g.LayerNorm(x, g.Param(n.gain), g.Param(n.bias), n.epsilon)
}

func (n *Layers) lowerFeed(t *graph.Text, l *place, x *graph.Value) *graph.Value {
	if !n.Config.Gated {
		return l.up.lower(t, x, n.Config.Activation)
	}
	g, width := t.Graph(), n.Config.FeedForward
	x = l.up.lower(t, x, nn.Identity)
	return g.Mul(g.Activate(g.Slice(x, 2, 0, width), n.Config.Activation), g.Slice(x, 2, width, 2*width))
}

// lowerSeen returns, for each window that layers have, what is added to scores so that what a token does not see has no
// part in it.
func (n *Layers) lowerSeen(t *graph.Text) map[int]*graph.Value {
	g, seen := t.Graph(), map[int]*graph.Value{}
	for i := range n.places {
		a := &n.places[i].attention
		if seen[a.Window] != nil {
			continue
		}
		score := t.Absent() // [batch, 1, 1, length]
		if a.Causal {
			score = g.Add(score, t.Beyond(g.Sub(t.Keys(), t.Queries())))
		}
		if a.Window > 0 {
			score = g.Add(score, t.Beyond(g.Sub(g.Abs(g.Sub(t.Keys(), t.Queries())), g.Number(float32(a.Window)))))
		}
		seen[a.Window] = score
	}
	return seen
}

// lowerAttention is attention without its last layer: [batch, length, heads·dim].
func (n *Layers) lowerAttention(t *graph.Text, l *place, x, seen *graph.Value) *graph.Value {
	g, c := t.Graph(), n.Config
	qkv := l.qkv.lower(t, x, nn.Identity)
	q := n.lowerHeads(t, l, g.Slice(qkv, 2, 0, c.QueryWidth()), c.Heads, l.queryNorm)
	k := n.lowerHeads(t, l, g.Slice(qkv, 2, c.QueryWidth(), c.QueryWidth()+c.KeyWidth()), c.KeyHeads, l.keyNorm)
	v := t.Split(g.Slice(qkv, 2, c.QueryWidth()+c.KeyWidth(), c.QueryWidth()+2*c.KeyWidth()), c.KeyHeads)
	scale := l.attention.Scale
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	}
	q, k, v = g.Transpose(q, 0, 2, 1, 3), g.Transpose(k, 0, 2, 1, 3), g.Transpose(v, 0, 2, 1, 3)
	group := c.Heads / c.KeyHeads
	if group > 1 { // several heads of queries read one of keys
		k, v = t.Repeat(k, group), t.Repeat(v, group)
	}
	scores := g.MatMul(q, g.Transpose(k, 0, 1, 3, 2)) // [batch, heads, queries, keys]
	if c.Disentangled != nil {
		scores = n.lowerDistances(t, l, q, k, scores)
	}
	scores = g.Mul(scores, g.Number(scale))
	if b := l.attention.Bias; b != nil {
		scores = g.Add(scores, n.lowerBias(t, b, l.attention.Bucket))
	}
	y := g.MatMul(g.Softmax(g.Add(scores, seen)), v)
	return t.Join(g.Transpose(y, 0, 2, 1, 3))
}

// lowerHeads splits queries or keys into heads, [batch, length, heads, dim], normed and turned.
func (n *Layers) lowerHeads(t *graph.Text, l *place, x *graph.Value, heads int, norm norm) *graph.Value {
	c := n.Config
	x = t.Split(x, heads)
	if c.HeadNorm {
		x = t.Graph().RMSNorm(x, t.Graph().Param(norm.gain), c.Epsilon)
	}
	if c.RotaryLayout == NoRotary {
		return x
	}
	name, r := "rotary frequencies", n.global
	if l.local {
		name, r = "local rotary frequencies", n.local
	}
	return t.Rotate(x, name, r)
}

// reach is how many distances to one side a table holds.
func (n *Layers) reach() int { return n.Config.MaxTokens - 1 }

// lowerBias is what the distance from query to key adds to a head's scores: [1, heads, queries, keys].
func (n *Layers) lowerBias(t *graph.Text, bias *nn.Param, bucket func(int) int) *graph.Value {
	g, heads, reach := t.Graph(), n.Config.Heads, n.reach()
	table, data := make([]float32, 0, (2*reach+1)*heads), bias.Floats()
	for d := -reach; d <= reach; d++ {
		table = append(table, data[bucket(d)*heads:][:heads]...)
	}
	rows := g.Gather(g.Weights(bias.Name+" by distance", table, 2*reach+1, heads), t.Distances(reach)) // [queries, keys, heads]
	return g.Transpose(g.Reshape(rows, 1, graph.Length, graph.Length, heads), 0, 3, 1, 2)
}

// lowerDistances adds to scores what contents and distances say of each other (Disentangled).
func (n *Layers) lowerDistances(t *graph.Text, l *place, q, k, scores *graph.Value) *graph.Value {
	g, c, d, reach := t.Graph(), n.Config, n.Config.Disentangled, n.reach()
	rows := 2 * d.Span
	table := g.Reshape(g.Param(n.relative.table), 1, rows, c.Hidden)
	x := l.qkv.lower(t, n.relative.norm.lower(t, table), nn.Identity)
	part := func(at int) *graph.Value { // [1, heads, dim, rows]
		x := g.Reshape(g.Slice(x, 2, at, at+c.QueryWidth()), 1, rows, c.Heads, c.HeadDim)
		return g.Transpose(x, 0, 2, 3, 1)
	}
	row := make([]int64, 0, 2*reach+1) // of the distance from query to key
	for at := -reach; at <= reach; at++ {
		row = append(row, int64(d.row(-at)))
	}
	index := g.Gather(g.Whole("rows of distances", row, len(row)), t.Distances(reach)) // [queries, keys]
	if d.ToKey {
		scores = g.Add(scores, g.GatherLast(g.MatMul(q, part(c.QueryWidth())), index))
	}
	if d.ToQuery {
		of := g.GatherLast(g.MatMul(k, part(0)), g.Transpose(index, 1, 0)) // [batch, heads, keys, queries]
		scores = g.Add(scores, g.Transpose(of, 0, 1, 3, 2))
	}
	return scores
}
