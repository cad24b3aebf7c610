package model

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// EncoderFamily is the family of networks that come from a checkpoint of others: its architecture is what the
// checkpoint's config.json says.
const EncoderFamily = "encoder"

// Poolings of the family encoder beside those of package nn.
const (
	// OwnPooling judges texts as the checkpoint's architecture does: by the first token and a layer of its own.
	OwnPooling = "own"
	// AutoPooling is what the checkpoint's sentence-transformers modules say, else OwnPooling.
	AutoPooling = "auto"
)

// pretrained is a network of package encoder.
type pretrained struct {
	config    *Config
	network   *encoder.Network
	poolings  []nn.Pooling // whose results stand side by side
	dense     []dense      // over them
	mask      int32        // of the tokenizer, for MaskPooling
	maskToken string
}

func newEncoder(c *Config, in inputs) Network {
	how, _ := parsePoolings(c.Pooling) // OwnPooling and MaskPooling ask for none
	return &pretrained{config: c, poolings: how, mask: in.mask, maskToken: in.maskToken}
}

func (e *pretrained) declare(ps *nn.Params) shape {
	e.network = encoder.New(e.config.Encoder, ps)
	s := shape{width: e.config.Encoder.Hidden}
	if e.config.Pooling == MaskPooling {
		table, _ := e.network.Decoder()
		s.width = table.Width()
	}
	if e.config.ownHead() {
		s.w, s.b = e.network.Decoder()
	}
	if e.config.ownHead() || e.config.Pooling == MaskPooling {
		return s
	}
	s.width *= len(e.poolings)
	if e.config.Sentence != nil {
		e.dense, s.width = declareDense(ps, e.config.Sentence.Dense, s.width)
	}
	return s
}

func (e *pretrained) Forward(t *nn.Tape, in *Input) Hidden {
	x := e.states(t, in)
	if e.config.ownHead() {
		return Hidden{Dense: e.network.Features(t, x, in.Tokens.Offsets)}
	}
	if e.config.Pooling == MaskPooling {
		return Hidden{Dense: e.maskStates(t, x, in)}
	}
	var pooled []*nn.Var
	for _, how := range e.poolings {
		pooled = append(pooled, t.Pool(x, in.Tokens.Offsets, how))
	}
	if x = pooled[0]; len(pooled) > 1 {
		x = t.Concat(pooled...)
	}
	for _, d := range e.dense {
		x = t.Linear(x, d.w, d.b, d.activation)
	}
	if e.config.Normalize {
		x = t.UnitRows(x)
	}
	return Hidden{Dense: x}
}

// states are the last hidden ones, [tokens, hidden].
func (e *pretrained) states(t *nn.Tape, in *Input) *nn.Var {
	return e.network.Keep(t, encoder.Input{Tokens: &in.Tokens, Types: in.Types}, in.Keep.states())
}

// load takes the weights of the network, and of the layers over it where they stand beside.
func (e *pretrained) load(w encoder.Weights) error {
	ours := map[string]bool{}
	for _, d := range e.dense {
		for _, p := range d.params() {
			if err := d.set(p, w, p.Name); err != nil {
				return err
			}
			ours[p.Name] = true
		}
	}
	return e.network.Load(without{w, ours})
}

func (e *pretrained) tensors() []safetensors.Tensor {
	list := e.network.Tensors()
	for _, d := range e.dense {
		for _, p := range d.params() {
			list = append(list, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
		}
	}
	return list
}

// Transformer returns the network of a model of family encoder, nil for others.
func (m *Model) Transformer() *encoder.Network {
	if e, ok := m.Network.(*pretrained); ok && m.program == nil {
		return e.network
	}
	return nil
}

// wrapped tells that the tokenizer's special tokens stand around each text.
func (e *pretrained) wrapped() {}

// ownHead tells that the last layer is one of the network, under the checkpoint's name.
func (c *Config) ownHead() bool {
	return c.Encoder != nil && c.Encoder.Head != encoder.Bare && c.Pooling != MaskPooling
}

// setEncoder takes the network of a base, with the head that c asks for and within the limits of the network.
func (c *Config) setEncoder(base *Config, labels []string) error {
	e := *base.Encoder
	if c.Pooling == AutoPooling {
		c.Pooling = OwnPooling
		if base.Sentence != nil {
			c.Pooling = base.Pooling
		}
	}
	head := encoder.Bare
	if c.Pooling == MaskPooling && base.Encoder.Head != encoder.Masked {
		return hint.Errorf("take a base with a masked head, such as BERT, or another train.recipe", "model.pooling: mask: the base has no masked head, but %q", base.Encoder.Head)
	}
	switch {
	case c.Head == MaskedHead || c.Pooling == MaskPooling && c.Head == ClassHead:
		head = encoder.Masked
	case c.Head == CausalHead:
		head = encoder.Causal
	case c.Head == TokensHead:
		head = encoder.Tokens
	case c.Head == AnswerHead:
		head = encoder.Span
	case c.Head == EmbeddingHead:
		c.Pooling = base.Pooling
	case c.Pooling == OwnPooling:
		head = encoder.Sequence
	}
	if head == encoder.Bare {
		labels = nil
	}
	if err := e.SetHead(head, labels); err != nil {
		return hint.Wrap(err, "set model.pooling to mean", "giving the network a head")
	}
	c.MaxTokens = min(c.MaxTokens, e.MaxTokens)
	e.Dropout, e.AttentionDropout, e.HeadDropout = float32(c.Dropout), float32(c.Dropout), float32(c.Dropout)
	c.Encoder, c.Sentence = &e, base.Sentence
	if c.Head == EmbeddingHead && c.Prompt == AutoPrompt {
		c.Prompt = "" // Encode takes the default one, and others may ask for another
	}
	return c.setPrompt(base.Sentence)
}

// without hides from the weights of a package those that are not the network's but another part's, under names of ours. Names
// of the network's own parameters may be the checkpoint's as well.
type without struct {
	encoder.Weights
	ours map[string]bool
}

// Tensor is that of the weights within, where they know how theirs are stored.
func (w without) Tensor(name string) (safetensors.Tensor, error) {
	if s, ok := w.Weights.(tensorSource); ok {
		return s.Tensor(name)
	}
	data, err := w.Float32(name)
	shape, _ := w.Shape(name)
	return safetensors.FromFloat32(name, shape, data), err
}

func (w without) Names() []string {
	return slices.DeleteFunc(w.Weights.Names(), func(name string) bool { return w.ours[name] })
}

func (e *pretrained) lower(t *graph.Text) (*graph.Value, error) {
	x, err := e.network.Lower(t)
	switch {
	case err != nil:
		return nil, err
	case e.config.Pooling == MaskPooling:
		return nil, hint.Errorf("train it with another recipe", "a model that is judged by the gap of its prompt (train.recipe: prompt) does not become a graph")
	case e.config.ownHead():
		return e.network.LowerFeatures(t, x), nil
	}
	var pooled []*graph.Value
	for _, how := range e.poolings {
		pooled = append(pooled, t.Pool(x, how))
	}
	if x = pooled[0]; len(pooled) > 1 {
		x = t.Graph().Concat(1, pooled...)
	}
	for _, d := range e.dense {
		x = t.Linear(x, d.w, d.b, d.activation)
	}
	if e.config.Normalize {
		x = lowerUnit(t.Graph(), x)
	}
	return x, nil
}
