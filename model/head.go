package model

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Head maps hidden states to predictions and to a loss.
type Head interface {
	// Logits scores each label for each sequence: [sequences, labels].
	Logits(t *nn.Tape, h Hidden) *nn.Var
	// Loss is the mean loss of logits against a target class a sequence.
	Loss(t *nn.Tape, logits *nn.Var, targets []int32, o Loss) *nn.Var
	// Probabilities turns one row of logits into probabilities, in place.
	Probabilities(row []float32)
}

// Loss chooses what is minimised.
type Loss struct {
	Kind      string    // cross_entropy or hinge
	Weights   []float32 // of the classes; nil for equal ones
	Smoothing float32   // of cross_entropy
}

// classifier is the head for one label a text: dropout and one linear layer.
type classifier struct {
	w, b    *nn.Param
	sparse  bool
	dropout float32
}

func newClassifier(ps *nn.Params, in shape, labels int, dropout float64) *classifier {
	c := &classifier{sparse: in.sparse, dropout: float32(dropout)}
	if in.sparse {
		c.w = ps.AddTable("classifier.weight", nn.Zeros, in.width, labels)
	} else {
		c.w = ps.Add("classifier.weight", nn.Xavier, labels, in.width)
	}
	c.b = ps.Add("classifier.bias", nn.Zeros, labels)
	return c
}

func (c *classifier) Logits(t *nn.Tape, h Hidden) *nn.Var {
	if c.sparse {
		return t.SparseLinear(h.Sparse, c.w, c.b)
	}
	return t.Linear(t.Dropout(h.Dense, c.dropout), c.w, c.b, nn.Identity)
}

func (c *classifier) Loss(t *nn.Tape, logits *nn.Var, targets []int32, o Loss) *nn.Var {
	if o.Kind == "hinge" {
		return t.SquaredHinge(logits, targets, o.Weights)
	}
	return t.CrossEntropy(logits, targets, nn.CrossEntropy{Weights: o.Weights, Smoothing: o.Smoothing})
}

func (c *classifier) Probabilities(row []float32) { kernel.Softmax(row, row) }
