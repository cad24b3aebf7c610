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
	"fmt"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
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
	Package   *Package // where it was loaded from; nil for a new model

	cleaner *text.Cleaner
	workers sync.Pool // of *worker, see predict.go
}

// Network maps a packed batch of ids to hidden states.
type Network interface {
	Forward(t *nn.Tape, in *tensor.Packed) Hidden
	// declare adds the network's weights to ps, once, and returns the shape of its hidden states.
	declare(ps *nn.Params) shape
}

// Hidden is what a network makes of a batch, a row a sequence: dense or sparse.
type Hidden struct {
	Dense  *nn.Var    // [sequences, width]
	Sparse *nn.Sparse // [sequences, features]
}

// Featurizer is a network that reads other features than the tokenizer's ids: it turns an encoded text into ids of
// its own. Fit chooses the features from the training texts, before the weights are declared.
type Featurizer interface {
	Features(dst []int32, e *text.Encoding) []int32
	Fit(add func(yield func(e *text.Encoding) bool)) error
}

// shape is the width of a Hidden, and whether it is sparse.
type shape struct {
	width  int
	sparse bool
}

// New builds a model with fresh weights that follow from seed. encodings yields the training texts as the tokenizer
// sees them; only families that choose their features from the data (Featurizer) read it, others take nil.
func New(c Config, clean text.CleanConfig, tok *text.Tokenizer, labels []string, seed uint64, encodings func(yield func(*text.Encoding) bool)) (*Model, error) {
	m, err := assemble(c, clean, tok, labels)
	if err != nil {
		return nil, err
	}
	if f, ok := m.Network.(Featurizer); ok {
		if encodings == nil {
			return nil, fmt.Errorf("building a %s model: it needs texts to choose its features from", c.Family)
		}
		if err := f.Fit(encodings); err != nil {
			return nil, err
		}
	}
	m.declare()
	m.Params.Allocate(seed)
	return m, nil
}

// assemble builds everything but the weights.
func assemble(c Config, clean text.CleanConfig, tok *text.Tokenizer, labels []string) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if len(labels) < 2 {
		return nil, hint.Errorf("add examples of at least one more label", "a classifier needs two labels, there is %d: %q", len(labels), labels)
	}
	seen := map[string]bool{}
	for _, l := range labels {
		if seen[l] {
			return nil, fmt.Errorf("label %q occurs twice", l)
		}
		seen[l] = true
	}
	m := &Model{Config: c, Clean: clean, Tokenizer: tok, Labels: labels, Params: new(nn.Params), cleaner: text.NewCleaner(clean)}
	m.Network = families[c.Family].build(c, tok.VocabSize())
	return m, nil
}

// declare adds the weights of the network and the head, once the features are known.
func (m *Model) declare() {
	m.Head = newClassifier(m.Params, m.Network.declare(m.Params), len(m.Labels), m.Config.Dropout)
}

// Forward computes the logits of a batch, [sequences, labels].
func (m *Model) Forward(t *nn.Tape, in *tensor.Packed) *nn.Var {
	return m.Head.Logits(t, m.Network.Forward(t, in))
}

// Encode turns a text into the ids that the network reads, cut to MaxTokens, and appends them to ids. e is scratch
// that is reused, and afterwards holds the tokens with their places in the original text.
func (m *Model) Encode(ids []int32, e *text.Encoding, s string) []int32 {
	clean, _ := m.cleaner.Clean(s)
	m.Tokenizer.EncodeTo(e, clean)
	return m.appendIDs(ids, e)
}

// EncodeAligned is Encode with e.Spans counted in the original text s, before cleaning.
func (m *Model) EncodeAligned(ids []int32, e *text.Encoding, s string) []int32 {
	a := text.NewAligned(s)
	m.cleaner.CleanAligned(a)
	m.Tokenizer.EncodeAligned(e, a)
	return m.appendIDs(ids, e)
}

func (m *Model) appendIDs(ids []int32, e *text.Encoding) []int32 {
	e.Cut(m.Config.MaxTokens)
	if f, ok := m.Network.(Featurizer); ok {
		return f.Features(ids, e)
	}
	return append(ids, e.IDs...)
}

// Vocabulary returns the number of different ids that Encode yields.
func (m *Model) Vocabulary() int {
	if f, ok := m.Network.(*ngram); ok {
		return f.features
	}
	return m.Tokenizer.VocabSize()
}
