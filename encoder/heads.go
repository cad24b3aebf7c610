package encoder

import "github.com/xiaoyu-slm/xiaoyu/nn"

// headWeights are those of the head alone; the pooler and the table of tokens belong to the body.
type headWeights struct {
	dense linear
	norm  norm
	out   linear
}

func (d declaring) head(tokens *nn.Param) (h headWeights) {
	c, f := d.config, d.config.form
	if f.dense && !f.pooler {
		h.dense = d.linear("head.dense", f.width, c.Hidden, f.denseBias)
	}
	if f.norm {
		h.norm = d.norm("head.norm", f.width)
	}
	switch {
	case f.out && !f.tied:
		h.out = d.linear("head.out", c.Outputs(), f.width, f.outBias)
	case f.tied:
		h.out.w = tokens
		tokens.Factor = true
		if f.outBias {
			h.out.b = d.params.Add("head.out.bias", nn.Zeros, c.Outputs())
		}
	}
	return h
}

// Logits makes the head's scores of the last hidden states, [tokens, hidden] packed by offsets: [texts, labels] for
// Sequence, [tokens, Outputs] for the others. Of Span, column 0 scores the first token and column 1 the last. A masked
// or causal network may be given chosen rows alone; offsets are then not used.
func (n *Network) Logits(t *nn.Tape, hidden *nn.Var, offsets []int32) *nn.Var {
	return t.Linear(n.Features(t, hidden, offsets), n.head.out.w, n.head.out.b, nn.Identity)
}

// Features makes what the last layer of the head scores, dropout included. See Decoder.
func (n *Network) Features(t *nn.Tape, hidden *nn.Var, offsets []int32) *nn.Var {
	c, f := n.Config, &n.Config.form
	x := hidden
	switch f.pool {
	case firstToken:
		x = t.Pool(x, offsets, nn.FirstPool)
	case lastToken:
		x = t.Pool(x, offsets, nn.LastPool)
	case meanToken:
		x = t.Pool(x, offsets, nn.MeanPool)
	}
	switch {
	case f.pooler:
		x = n.pooler.forward(t, x, f.activation)
	case f.dense:
		if c.Head == Sequence {
			x = t.Dropout(x, c.HeadDropout)
		}
		x = n.head.dense.forward(t, x, f.activation)
	}
	x = n.head.norm.forward(t, x)
	if c.Head == Sequence || c.Head == Tokens || c.Head == Span {
		x = t.Dropout(x, c.HeadDropout)
	}
	return x
}

// Decoder returns the weights that score the vocabulary, [vocabulary, width of Features], and their bias, which may be
// nil: a loss over a large vocabulary need not make all logits (nn.Tape.VocabularyLoss).
func (n *Network) Decoder() (w, b *nn.Param) { return n.head.out.w, n.head.out.b }

// Pooled makes the pooler's result of a Bare network that has one (Config.Pooler): [texts, hidden].
func (n *Network) Pooled(t *nn.Tape, hidden *nn.Var, offsets []int32) *nn.Var {
	return n.pooler.forward(t, t.Pool(hidden, offsets, nn.FirstPool), nn.Tanh)
}
