package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// The heads: what a model says of a text.
const (
	ClassHead      = ""           // one of several labels
	MultiLabelHead = "multilabel" // any number of labels
	RegressionHead = "regression" // a number
	TokensHead     = "tokens"     // labelled stretches of the text
	MaskedHead     = "masked"     // the tokens that [MASK] stands for
	ReplacedHead   = "replaced"   // tokens that do not belong in the text
	CausalHead     = "causal"     // the token that follows the text: a language model that can write (package generate)
	EmbeddingHead  = "embedding"  // a vector of the text
	AnswerHead     = "qa"         // the stretch of the text that answers a question, the second text
)

var heads = []string{ClassHead, MultiLabelHead, RegressionHead, TokensHead, MaskedHead, ReplacedHead, CausalHead, EmbeddingHead, AnswerHead}

// Unlabelled tells whether a head has no labels: it is learnt from texts alone.
func Unlabelled(head string) bool {
	return head == MaskedHead || head == ReplacedHead || head == CausalHead || head == EmbeddingHead
}

// OfTokens tells whether the head reads the states of tokens, and not those of whole texts.
func (c *Config) OfTokens() bool {
	return c.Head == TokensHead || c.Head == AnswerHead || c.Head == ReplacedHead || c.ofVocabulary()
}

// ofVocabulary tells whether the head scores the vocabulary, at the tokens that are wanted.
func (c *Config) ofVocabulary() bool { return c.Head == MaskedHead || c.Head == CausalHead }

// Head maps hidden states to predictions and to a loss.
type Head interface {
	// Logits scores each output: [examples, labels], [tokens, tags], [tokens, 2] for the ends of answers, or the vector of
	// each sequence.
	Logits(t *nn.Tape, h Hidden) *nn.Var
	// Loss is the mean loss of logits against the truth.
	Loss(t *nn.Tape, logits *nn.Var, in *Input, y *Targets, o Loss) *nn.Var
	// lower is Logits in a graph.
	lower(t *graph.Text, x *graph.Value) *graph.Value
	// Predict reads the logits of example i.
	Predict(logits *nn.Var, in *Input, i int) Prediction
}

// Loss chooses what is minimised; each head reads what it knows.
type Loss struct {
	Kind      string    // cross_entropy, focal or hinge for classes; mse or huber for numbers; cosent, cosine or contrastive for scored pairs; "" for the head's usual one
	Weights   []float32 // of the classes; nil for equal ones
	Smoothing float32   // of cross_entropy
	Focus     float32   // γ of focal
	Delta     float32   // of huber

	Temperature float32 // of Targets.Soft; 0 is 1
}

// newHead declares the head over states of the network.
func (m *Model) newHead(in shape) Head {
	c, ps, labels := &m.Config, m.Params, m.Labels
	switch c.Head {
	case EmbeddingHead:
		return &embedding{&m.Config}
	case MaskedHead, CausalHead:
		if in.w != nil {
			return &masked{table: in.w, bias: in.b, names: m.Tokenizer.Token}
		}
		return newMasked(ps, in, m.Network.(tabled).tokenTable(), m.Tokenizer.Token)
	case ReplacedHead:
		return newReplaced(ps, in)
	}
	if c.Head == AnswerHead {
		return &answerer{newLinear(c, ps, in, 2)}
	}
	l := newLinear(c, ps, in, len(labels))
	switch c.Head {
	case MultiLabelHead:
		return &multiLabel{l, labels}
	case RegressionHead:
		return newRegressor(l, ps)
	case TokensHead:
		return newTagger(l, ps, labels)
	}
	return &classifier{l, labels}
}

// checkLabels refuses labels that occur twice, or that are no tags where tags are needed.
// Checkpoints bring tags of their own.
func checkLabels(family, head string, labels []string) error {
	if Unlabelled(head) || head == AnswerHead {
		if len(labels) > 0 {
			return fmt.Errorf("a model of head %s has labels", head)
		}
		return nil
	}
	if len(labels) == 0 {
		return fmt.Errorf("a model needs at least one label")
	}
	seen := map[string]bool{}
	for _, l := range labels {
		if seen[l] {
			return fmt.Errorf("label %q occurs twice", l)
		}
		seen[l] = true
	}
	if head == TokensHead && family != EncoderFamily && !ownTags(labels) {
		return hint.Errorf("give O, then B-, I-, E- and S- of each type", "the tags %s are not those of a tagger", strings.Join(labels[:min(len(labels), 9)], ", "))
	}
	return nil
}

// linear is what all heads begin with: dropout and one linear layer.
type linear struct {
	config *Config
	w, b   *nn.Param
	sparse bool
	given  bool // the network has the layer, and has dropped what is to be dropped
}

func newLinear(c *Config, ps *nn.Params, in shape, outputs int) linear {
	l := linear{config: c, sparse: in.sparse}
	if in.w != nil {
		l.w, l.b, l.given = in.w, in.b, true
		return l
	}
	if in.sparse {
		l.w = ps.AddTable("classifier.weight", nn.Zeros, in.width, outputs)
	} else {
		l.w = ps.Add("classifier.weight", nn.Xavier, outputs, in.width)
	}
	l.b = ps.Add("classifier.bias", nn.Zeros, outputs)
	return l
}

// Logits is [rows, outputs].
func (l *linear) Logits(t *nn.Tape, h Hidden) *nn.Var {
	if l.sparse {
		return t.SparseLinear(h.Sparse, l.w, l.b)
	}
	x := h.Dense
	if !l.given {
		x = t.Dropout(x, float32(l.config.Dropout))
	}
	return t.Linear(x, l.w, l.b, nn.Identity)
}

// scaled returns a copy of logits divided by the temperature (Guo et al. 2017).
func (l *linear) scaled(logits []float32) []float32 {
	p := slices.Clone(logits)
	if t := l.config.Temperature; t > 0 && t != 1 {
		kernel.Scale(float32(1/t), p)
	}
	return p
}

// classifier tells which of several labels a text has.
type classifier struct {
	linear
	labels []string
}

func (c *classifier) Loss(t *nn.Tape, logits *nn.Var, _ *Input, y *Targets, o Loss) *nn.Var {
	return y.withTeacher(t, func() *nn.Var {
		rows := given(y.Weights)
		switch o.Kind {
		case "hinge":
			return t.SquaredHinge(logits, y.Classes, o.Weights, rows)
		case "focal":
			return t.CrossEntropy(logits, y.Classes, nn.CrossEntropy{Weights: o.Weights, Rows: rows, Focus: o.Focus})
		}
		return t.CrossEntropy(logits, y.Classes, nn.CrossEntropy{Weights: o.Weights, Rows: rows, Smoothing: o.Smoothing})
	}, func() *nn.Var { return t.DistillLoss(logits, y.Soft, y.distill(o)) })
}

func (c *classifier) Predict(logits *nn.Var, _ *Input, i int) Prediction {
	p := c.scaled(logits.Row(i))
	kernel.Softmax(p, p)
	best := kernel.ArgMax(p)
	return Prediction{Class: best, Label: c.labels[best], Probability: p[best], Probabilities: p}
}

// multiLabel tells which labels a text has, each by itself.
type multiLabel struct {
	linear
	labels []string
}

func (m *multiLabel) Loss(t *nn.Tape, logits *nn.Var, _ *Input, y *Targets, o Loss) *nn.Var {
	return y.withTeacher(t, func() *nn.Var {
		return t.BinaryCrossEntropy(logits, &y.Labels, o.Weights, given(y.Weights))
	}, func() *nn.Var {
		d := y.distill(o)
		d.Binary = true
		return t.DistillLoss(logits, y.Soft, d)
	})
}

func (m *multiLabel) Predict(logits *nn.Var, _ *Input, i int) Prediction {
	p := m.scaled(logits.Row(i))
	kernel.Sigmoid(p, p)
	best := kernel.ArgMax(p)
	out := Prediction{Class: best, Label: m.labels[best], Probability: p[best], Probabilities: p, Labels: []string{}}
	for c, v := range p {
		if float64(v) >= m.threshold(c) {
			out.Labels = append(out.Labels, m.labels[c])
		}
	}
	return out
}

// threshold is the least probability that makes label c hold.
func (m *multiLabel) threshold(c int) float64 {
	if c < len(m.config.Thresholds) {
		return m.config.Thresholds[c]
	}
	return 0.5
}

// regressor tells a number. Its layer works on numbers of mean 0 and deviation 1; mean and deviation are weights that
// are not trained.
type regressor struct {
	linear
	mean, deviation *nn.Param
}

func newRegressor(l linear, ps *nn.Params) *regressor {
	r := &regressor{linear: l, mean: ps.Add("regressor.mean", nn.Zeros, 1), deviation: ps.Add("regressor.deviation", nn.Constant(1), 1)}
	r.mean.Frozen, r.deviation.Frozen = true, true
	return r
}

// SetScale tells a fresh model of head regression the numbers that it will learn, so that it can scale them. One that has
// learnt keeps its scale: its weights are made for it.
func (m *Model) SetScale(scores []float32) {
	r, ok := m.Head.(*regressor)
	if !ok || len(scores) == 0 || r.mean.Data[0] != 0 || r.deviation.Data[0] != 1 {
		return
	}
	mean, square := 0.0, 0.0
	for _, s := range scores {
		mean += float64(s) / float64(len(scores))
	}
	for _, s := range scores {
		square += (float64(s) - mean) * (float64(s) - mean) / float64(len(scores))
	}
	r.mean.Data[0], r.deviation.Data[0] = float32(mean), float32(max(math.Sqrt(square), 1e-6))
}

// Scaled returns numbers as the head's layer knows them.
func (m *Model) Scaled(scores []float32) []float32 {
	r, ok := m.Head.(*regressor)
	if !ok {
		return scores
	}
	out := make([]float32, len(scores))
	for i, s := range scores {
		out[i] = (s - r.mean.Data[0]) / r.deviation.Data[0]
	}
	return out
}

func (r *regressor) Loss(t *nn.Tape, logits *nn.Var, _ *Input, y *Targets, o Loss) *nn.Var {
	delta := float32(0)
	if o.Kind == "huber" {
		delta = o.Delta
	}
	distance := func(scores []float32, weights nn.Weights) *nn.Var {
		scaled := make([]float32, len(scores))
		for i, s := range scores {
			scaled[i] = (s - r.mean.Data[0]) / r.deviation.Data[0]
		}
		return t.Regression(logits, scaled, delta, given(weights))
	}
	return y.withTeacher(t, func() *nn.Var { return distance(y.Scores, y.Weights) }, func() *nn.Var { return distance(y.Soft, y.SoftWeights) })
}

func (r *regressor) Predict(logits *nn.Var, _ *Input, i int) Prediction {
	return Prediction{Score: float64(logits.Row(i)[0])*float64(r.deviation.Data[0]) + float64(r.mean.Data[0])}
}
