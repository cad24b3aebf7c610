// Package model says what a model is: a cleaner and a tokenizer that turn text into token ids, a network that turns
// ids into hidden states, a head that turns those into predictions, the labels, and the folder on disk that holds
// it all.
//
//	m, err := model.Open("models/reviews")
//	predictions, err := m.Predict(ctx, []string{"房间很干净"}, model.PredictOptions{})
//
// A network family is one file (cnn.go, recurrent.go, …) that declares its weights and its forward pass; a new
// family is a new file and a line in the table of families. Training lies above, in package train: it calls the same
// Network and Head as prediction does.
package model

import (
	"context"
	"fmt"
	"iter"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Model is a network with all that it needs to read text and to name what it predicts. While it is trained it
// belongs to the trainer; afterwards it is read-only and may be used by any number of goroutines.
type Model struct {
	Config    Config
	Clean     text.CleanConfig // what was done to the training texts, done to every text
	Tokenizer *text.Tokenizer
	Labels    []string // by class number
	Params    *nn.Params
	Network   Network
	Head      Head
	Ensemble  *Ensemble // in place of network and head, for family ensemble; nil for all others
	Package   *Package  // where it was loaded from; nil for a new model

	Compression Compression // how its package keeps weights; Weights are those of the package it came from

	direct  *nn.Param // [features.buckets, tags] scores of token features, nil for none
	wide    *wide     // nil but for Config.Wide
	known   *nn.Param // [features, outputs] scores of what is known beforehand, nil for none and for family ngram
	body    int       // how many of Params are the network's
	width   int       // of its dense states
	cleaner *text.Cleaner
	idle    idle    // workers of predictions
	program Program // in place of the network's weights, for a model that was exported; nil for all others
}

// Network maps a packed batch of ids to hidden states.
type Network interface {
	Forward(t *nn.Tape, in *Input) Hidden
	// declare adds the network's weights to ps, once, and returns the shape of its hidden states.
	declare(ps *nn.Params) shape
}

// Hidden is what a network makes of a batch, dense or sparse: a row a sequence, or a row a token for head tokens.
type Hidden struct {
	Dense  *nn.Var    // [rows, width]
	Sparse *nn.Sparse // [rows, features]
}

// Featurizer is a network that reads other features than the tokenizer's ids: it turns an encoded text, or a pair of
// them, into ids of its own, below Vocabulary.
type Featurizer interface {
	Features(dst []int32, e, pair Encoded) []int32
	Vocabulary() int
}

// Encoded is an encoded text, and what is known of it beforehand as hashed features.
type Encoded struct {
	*text.Encoding
	Known []uint64
}

// fitter is a network that chooses its features from the training texts, before the weights are declared.
type fitter interface {
	Fit(examples iter.Seq[Example]) error
}

// Example is a training text as networks choose their features from it.
type Example struct {
	Text, Pair *text.Encoding // Pair is nil but for pairs of texts
	Source     string         // the first text, cleaned: where what is known beforehand is looked for
	Second     string         // the other one
	Classes    []int32        // that hold: one for head class, any number for head multilabel, none for the others

	known, second []uint64 // of both texts
}

func (e *Example) text() Encoded { return Encoded{e.Text, e.known} }
func (e *Example) pair() Encoded { return Encoded{e.Pair, e.second} }

// shape is the width of a Hidden, and whether it is sparse.
type shape struct {
	width  int
	sparse bool
	w, b   *nn.Param // of the head's last layer, where the network has it
}

// New builds a model with fresh weights that follow from seed. examples yields the training texts as the tokenizer
// sees them, more than once if it is asked to; only families that choose their features from the data read it, others
// take nil.
func New(c Config, clean text.CleanConfig, tok *text.Tokenizer, labels []string, seed uint64, examples iter.Seq[Example]) (*Model, error) {
	c.Prompt = "" // of pretrained networks
	if c.Family == DecoderFamily {
		if err := c.setDecoder(tok, labels); err != nil {
			return nil, err
		}
	}
	m, err := assemble(c, clean, tok, labels)
	if err != nil {
		return nil, err
	}
	if f, ok := m.Network.(fitter); ok {
		if examples == nil {
			return nil, fmt.Errorf("building a %s model: it needs texts to choose its features from", c.Family)
		}
		if err := f.Fit(m.recognized(examples)); err != nil {
			return nil, err
		}
	}
	if err := m.fitWide(examples); err != nil {
		return nil, err
	}
	m.declare()
	m.Params.Allocate(seed)
	return m, nil
}

// assemble builds everything but the weights.
func assemble(c Config, clean text.CleanConfig, tok *text.Tokenizer, labels []string) (*Model, error) {
	c.Features.Resolve(c.Family, c.Head, "")
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := clean.Check(); err != nil {
		return nil, err
	}
	if err := checkLabels(c.Family, c.Head, labels); err != nil {
		return nil, err
	}
	if c.Head == ClassHead && len(labels) < 2 {
		return nil, hint.Errorf("add examples of at least one more label", "a classifier needs two labels, there is %d: %q", len(labels), labels)
	}
	seen := map[string]bool{}
	for _, l := range labels {
		if seen[l] {
			return nil, fmt.Errorf("label %q occurs twice", l)
		}
		seen[l] = true
	}
	if _, ok := tok.MaskID(); ok && c.Head != MaskedHead && c.Pooling != MaskPooling {
		tok = tok.Literal() // only to a model that fills it a gap is more than text
	}
	cleaner := text.NewCleaner(clean)
	if err := c.readKnowledge(cleaner); err != nil {
		return nil, err
	}
	if err := c.readConstraints(cleaner, labels); err != nil {
		return nil, err
	}
	m := &Model{Config: c, Clean: clean, Tokenizer: tok, Labels: labels, Params: new(nn.Params), cleaner: cleaner}
	in := inputs{config: &m.Config, vocab: tok.VocabSize(), unknown: tok.UnkID(), mask: -1}
	if id, ok := tok.MaskID(); ok {
		in.mask, in.maskToken = id, tok.Token(id)
	}
	m.Network = families[c.Family].build(&m.Config, in)
	if c.Wide {
		m.wide = newWide(&m.Config)
	}
	return m, nil
}

// declare adds the weights of the network and the head, once the features are known.
func (m *Model) declare() {
	in := m.Network.declare(m.Params)
	m.body = len(m.Params.All())
	if b := m.Config.Bottleneck; b.Size > 0 {
		m.layersOf().AddBottlenecks(b.Size, b.Attention)
	}
	if !in.sparse {
		m.width = in.width
	}
	if m.compares() {
		in.width *= 4 // see nn.Tape.PairFeatures
	}
	m.Head = m.newHead(in)
	if f := m.Config.Features; f.Direct == "yes" && m.Config.Head == TokensHead {
		m.direct = m.Params.AddTable("features.direct", nn.Zeros, f.Buckets, len(m.Labels))
	}
	if m.wide != nil {
		m.wide.declare(m.Params, len(m.Labels))
	}
	m.declareKnown(m.Params)
}

// compares tells whether the head reads what two texts' hidden states have in common.
func (m *Model) compares() bool { return m.sequences() == 2 && m.Config.Head != EmbeddingHead }

// Forward computes the logits of a batch: [examples, outputs], [tokens, tags] for head tokens, [tokens, 1] for head
// replaced, [masks, vocabulary] for head masked, [texts, vocabulary] for head causal, and [sequences, width] for head
// embedding.
func (m *Model) Forward(t *nn.Tape, in *Input) *nn.Var {
	in.Keep.begin()
	h := m.hidden(t, in)
	in.Keep.note(h)
	if m.compares() {
		h.Dense = t.PairFeatures(h.Dense)
	}
	logits := m.Head.Logits(t, h)
	if m.direct != nil {
		logits = t.Add(logits, t.EmbeddingSum(m.direct, &in.Direct, float32(m.Config.Dropout)))
	}
	if m.wide != nil {
		logits = t.Add(logits, m.wide.logits(t, in))
	}
	if m.known != nil {
		logits = t.Add(logits, t.EmbeddingScaled(m.known, &in.Known, knownScale))
	}
	return logits
}

// hidden is what the network makes of a batch, or what is known of it.
func (m *Model) hidden(t *nn.Tape, in *Input) Hidden {
	if len(in.States) > 0 {
		return Hidden{Dense: t.Input(in.States, len(in.States)/m.width, m.width)}
	}
	if m.Config.ofVocabulary() {
		return Hidden{Dense: m.wanted(t, in)}
	}
	return m.Network.Forward(t, in)
}

// HeadAlone tells that of all weights the head's alone are trained, over states of whole texts that therefore never
// change.
func (m *Model) HeadAlone() bool {
	for _, p := range m.Params.All()[:m.body] {
		if !p.Frozen || len(p.Changes) > 0 {
			return false
		}
	}
	return m.body > 0 && m.width > 0 && m.Config.Bottleneck.Size == 0 && m.sequences() == 1 && !m.Config.OfTokens()
}

// HeadApart tells that the head is one linear layer over states of whole texts, which stay what they are while it alone
// is trained (HeadAlone).
func (m *Model) HeadApart() bool {
	w, _ := m.Classifier()
	return w != nil && m.known == nil && m.body > 0 && m.sequences() == 1 && !m.Config.OfTokens()
}

// Body returns the weights of the network, without the head's.
func (m *Model) Body() []*nn.Param { return m.Params.All()[:m.body] }

// Know puts what the network makes of the examples of in into its States, so that no later pass has to. progress hears
// how many are done. The network's weights must not change any more.
func (m *Model) Know(ctx context.Context, in *Input, t *nn.Tape, progress func(done int)) error {
	examples := in.Tokens.Len()
	states := make([]float32, 0, examples*m.width)
	var batch Input
	for at := 0; at < examples; {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch.Reset()
		for first := at; at < examples && at-first < batchTexts && batch.Tokens.Tokens() < batchTokens; at++ {
			m.AppendExample(&batch, in, at)
		}
		t.Begin(nn.Inference, 0, 0)
		states = append(states, m.Network.Forward(t, &batch).Dense.Data...)
		progress(at)
	}
	in.States = states
	return nil
}

// SetPrecision chooses how exactly predictions multiply: nn.F32, which is how a model opens, nn.BF16 or nn.INT8, which
// are faster where the processor has instructions for them. No prediction may be under way. A model that was exported
// computes in the precision of its file.
func (m *Model) SetPrecision(p nn.Precision) {
	if m.program != nil {
		return
	}
	if m.Ensemble != nil {
		for _, member := range m.Ensemble.Members {
			member.SetPrecision(p)
		}
		return
	}
	m.Params.Freeze(p)
}

// Vocabulary returns the number of different ids that Encode yields.
func (m *Model) Vocabulary() int {
	if f, ok := m.Network.(Featurizer); ok {
		return f.Vocabulary()
	}
	return m.Tokenizer.VocabSize()
}
