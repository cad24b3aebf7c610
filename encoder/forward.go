package encoder

import (
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Forward returns the last hidden states, [tokens, hidden]. In inference it allocates nothing once the tape is warm.
// Layers below the lowest that is trained run as in inference.
func (n *Network) Forward(t *nn.Tape, in Input) *nn.Var { return n.Keep(t, in, nil) }

// States are what a pass made on its way, which distillation compares.
type States struct {
	Layers []*nn.Var // [tokens, hidden]: the embeddings, then what each layer made; the last is Forward's result
	QKV    *nn.Var   // of the last layer: queries, keys and values side by side, [tokens, heads·dim + 2·key heads·dim]
}

// States runs the network as Forward does and keeps the states of all layers, which takes their memory.
func (n *Network) States(t *nn.Tape, in Input) *States {
	s := new(States)
	n.Keep(t, in, s)
	return s
}

// Keep is Forward; where s is not nil, it keeps the states there.
func (n *Network) Keep(t *nn.Tape, in Input, s *States) *nn.Var {
	t.Still(n.params.Lowest() > 1)
	n.turn(t, &in)
	x, begin := n.embed(t, in)
	x = n.Run(t, x, begin, in, s)
	for i, c := range in.Caches {
		c.Keep(c.Tokens() + len(in.Tokens.Sequence(i)))
	}
	return x
}

// Run takes x, [tokens, hidden], through the layers: the result is [tokens, hidden]. Layers below the lowest that is
// trained run as in inference. begin is the place in memory (nn.Tape.Mark) from which on there was nothing before x was
// made; x must not be used any more. Where s is not nil, the states are kept there, and no layer works in the memory of
// another.
func (n *Layers) Run(t *nn.Tape, x *nn.Var, begin tensor.Mark, in Input, s *States) *nn.Var {
	lowest := n.params.Lowest()
	s.keep(x)
	for i := range n.places {
		p := &n.places[i]
		t.Still(p.number < lowest)
		if t.Recompute && s == nil {
			in := in // of which the function is what keeps it
			x = t.Checkpoint(x, func(x *nn.Var) *nn.Var { return n.layer(t, p, x, begin, &in, nil) })
		} else {
			x = n.layer(t, p, x, begin, &in, s)
		}
		s.keep(x)
	}
	if n.final.gain != nil {
		x = n.final.forward(t, x)
		s.replace(x)
	}
	t.Still(false)
	return x
}

// turn computes the sines and cosines of rotary positions, which all layers of a pass share.
func (n *Network) turn(t *nn.Tape, in *Input) {
	c := n.Config
	if c.RotaryLayout == NoRotary {
		return
	}
	places := in.places(t)
	in.turns = t.Turns(places, n.global)
	if in.localTurns = in.turns; c.Local != nil {
		in.localTurns = t.Turns(places, n.local)
	}
}

// NewCache returns a cache for a text of so many tokens (Input.Caches).
func (n *Network) NewCache(room int) *nn.Cache {
	return nn.NewCache(len(n.places), n.Config.KeyWidth(), room)
}

// places returns the place of each token in its text.
func (in *Input) places(t *nn.Tape) []int32 {
	places := t.Positions(in.Tokens.Offsets)
	for s, c := range in.Caches {
		for i := in.Tokens.Offsets[s]; i < in.Tokens.Offsets[s+1]; i++ {
			places[i] += int32(c.Tokens())
		}
	}
	return places
}

func (s *States) keep(x *nn.Var) {
	if s != nil {
		s.Layers = append(s.Layers, x)
	}
}

// replace makes x the last of the states.
func (s *States) replace(x *nn.Var) {
	if s != nil {
		s.Layers[len(s.Layers)-1] = x
	}
}

// embed returns the states before the first layer, and the place in memory where they begin.
func (n *Network) embed(t *nn.Tape, in Input) (*nn.Var, tensor.Mark) {
	e, c := &n.embeddings, n.Config
	begin := t.Mark()
	x := t.Embedding(e.tokens, in.Tokens.IDs)
	if e.positions != nil {
		places := in.places(t)
		for i := range places {
			places[i] += int32(c.FirstPosition)
		}
		x = t.Add(x, t.Embedding(e.positions, places))
	}
	if e.types != nil {
		types := in.Types
		if types == nil || c.Types == 1 {
			types = t.Zeros(len(in.Tokens.IDs))
		}
		x = t.Add(x, t.Embedding(e.types, types))
	}
	if e.tasks != nil {
		x = t.Add(x, t.Embedding(e.tasks, t.Zeros(len(in.Tokens.IDs))))
	}
	if e.norm.gain != nil {
		t.Rewind(begin) // a norm may write where it reads
		x = e.norm.forward(t, x)
	}
	x = t.Dropout(x, c.Dropout)
	if e.project.w != nil {
		begin = t.Mark()
		x = e.project.forward(t, x, nn.Identity)
	}
	return x, begin
}

// layer takes x, [tokens, hidden], which lies in memory from begin on, to what the layer at a place makes of it.
func (n *Layers) layer(t *nn.Tape, p *place, x *nn.Var, begin tensor.Mark, in *Input, s *States) *nn.Var {
	if n.Config.PreNorm {
		return n.preNorm(t, p, x, in, s)
	}
	return n.postNorm(t, p, x, begin, in, s)
}

// preNorm is x + part(norm(x)), twice. In inference the sums are made in x's memory.
func (n *Layers) preNorm(t *nn.Tape, l *place, x *nn.Var, in *Input, s *States) *nn.Var {
	end := t.Mark()
	x = n.add(t, x, n.attend(t, l, l.norm1.forward(t, x), in, s), l.out, s != nil)
	x = n.add(t, x, n.feed(t, l, l.norm2.forward(t, x)), l.down, s != nil)
	if s == nil {
		t.Rewind(end)
	}
	return x
}

// postNorm is norm(x + part(x)), twice. begin is where x begins. In inference the sums are made in the memory of what
// they add to, and the norms write to and fro: the first one's result lies behind x, the second's where x was.
func (n *Layers) postNorm(t *nn.Tape, l *place, x *nn.Var, begin tensor.Mark, in *Input, s *States) *nn.Var {
	end := t.Mark()
	x = n.add(t, x, n.attend(t, l, x, in, s), l.out, s != nil)
	if s == nil {
		t.Rewind(end)
	}
	x = l.norm1.forward(t, x)
	x = n.add(t, x, n.feed(t, l, x), l.down, s != nil)
	if s == nil {
		t.Rewind(begin)
	}
	return l.norm2.forward(t, x)
}

// add is residual + dropout(linear(x)). In inference it takes residual's memory, unless that is kept.
func (n *Layers) add(t *nn.Tape, residual, x *nn.Var, l linear, keep bool) *nn.Var {
	switch {
	case keep:
		return t.Add(residual, t.Dropout(l.forward(t, x, nn.Identity), n.Config.Dropout))
	case l.behind != nil:
		return t.AddTo(residual, t.Dropout(l.forward(t, x, nn.Identity), n.Config.Dropout))
	}
	return t.LinearAdd(residual, x, l.w, l.b, n.Config.Dropout)
}

// attend is attention without its last layer: [tokens, heads·dim].
func (n *Layers) attend(t *nn.Tape, l *place, x *nn.Var, in *Input, s *States) *nn.Var {
	c := n.Config
	qkv := l.qkv.forward(t, x, nn.Identity)
	if c.HeadNorm {
		qkv = t.NormHeads(qkv, 0, c.Heads, c.HeadDim, l.queryNorm.gain, c.Epsilon)
		qkv = t.NormHeads(qkv, c.QueryWidth(), c.KeyHeads, c.HeadDim, l.keyNorm.gain, c.Epsilon)
	}
	if c.RotaryLayout != NoRotary {
		turns := in.turns
		if l.local {
			turns = in.localTurns
		}
		qkv = t.Rotate(qkv, turns, 0, c.Heads+c.KeyHeads, c.HeadDim)
	}
	if s != nil {
		s.QKV = qkv
	}
	a, offsets := l.attention, in.Tokens.Offsets
	if in.Caches != nil {
		return t.AttendCached(qkv, offsets, a, l.at, in.Caches)
	}
	a.Dropout, a.Reduced = c.AttentionDropout, l.qkv.w.Reduced()
	if c.Disentangled != nil {
		a.Relative = n.distances(t, l, offsets, &a)
	}
	return t.Attend(qkv, offsets, a)
}

// distances is the table of relative positions as queries and keys of a layer, beginning with the row of the largest
// distance that texts so long have.
func (n *Layers) distances(t *nn.Tape, l *place, offsets []int32, a *nn.Attention) *nn.Var {
	longest := 1
	for i := range max(len(offsets)-1, 0) {
		longest = max(longest, int(offsets[i+1]-offsets[i]))
	}
	d := n.Config.Disentangled
	a.FirstPosition = d.row(1 - longest)
	rows := n.relative.rows[a.FirstPosition : d.row(longest-1)+1]
	x := n.relative.norm.forward(t, t.Embedding(n.relative.table, rows))
	return l.qkv.forward(t, x, nn.Identity)
}

// feed is the feed-forward part without its last layer: [tokens, feed-forward].
func (n *Layers) feed(t *nn.Tape, l *place, x *nn.Var) *nn.Var {
	if n.Config.Gated {
		return t.Gate(l.up.forward(t, x, nn.Identity), n.Config.Activation)
	}
	return l.up.forward(t, x, n.Config.Activation)
}
