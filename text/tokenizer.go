// Package text turns text into tokens: cleaning, normalisation, segmentation, tokenizers and their vocabularies.
//
//	t, err := text.Load("model/tokenizer.json")
//	e := t.Encode("房间很干净")
//	// e.IDs[i] is the token that stands at e.Spans[i], in bytes of the text that was given
//
// A [Tokenizer] is a pipeline of stages, those of Hugging Face's tokenizers, whose file format it reads and writes: a
// [Normalizer] changes characters, a [PreTokenizer] cuts the text into pieces, a [Algorithm] cuts pieces into tokens. A
// new algorithm is a new file that implements a stage and a line in the table of its kind (json.go).
//
// Package text knows nothing of labels, files of examples, or networks.
package text

import "sync"

// Encoding is a text as tokens. Its slices are reused by EncodeTo.
type Encoding struct {
	IDs    []int32
	Spans  []Span // of each token, in bytes of the original text
	Pieces []Span // of each token, in bytes of Text
	Text   []byte // the normalised text
	work   workspace
}

// workspace is scratch memory of the stages.
type workspace struct {
	spans [2][]Span
	path  []step
}

// Normalizer changes a text before it is cut.
type Normalizer interface {
	// edits appends the changes to make in s.
	edits(s string, dst []edit) []edit
}

// PreTokenizer cuts pieces of a text into smaller ones; what no piece covers is dropped.
type PreTokenizer interface {
	// split appends the pieces of s[piece.Start:piece.End].
	split(s string, piece Span, dst []Span) []Span
}

// Algorithm cuts a piece into tokens of its vocabulary.
type Algorithm interface {
	// encode appends the tokens of s[piece.Start:piece.End] to e.IDs and e.Pieces.
	encode(s string, piece Span, e *Encoding)
	// vocabulary returns all tokens by id.
	vocabulary() []string
	// id returns the number of a token.
	id(token string) (int32, bool)
	// unknown returns the number of the token that stands for what is not in the vocabulary.
	unknown() int32
}

// Tokenizer turns text into numbers. It is safe for use by many goroutines, each with its own Encoding.
type Tokenizer struct {
	normalizers   []Normalizer
	preTokenizers []PreTokenizer
	algorithm     Algorithm
	scratch       sync.Pool // of *Aligned
}

// Special tokens. They are no part of any text: a text that spells one is cut like any other.
const (
	Pad     = "[PAD]"
	Unknown = "[UNK]"
)

// Encode returns the tokens of s.
func (t *Tokenizer) Encode(s string) Encoding {
	var e Encoding
	t.EncodeTo(&e, s)
	return e
}

// EncodeTo replaces e by the tokens of s. It reuses e's memory and allocates nothing once that is large enough and s
// needs no normalisation.
func (t *Tokenizer) EncodeTo(e *Encoding, s string) {
	a, _ := t.scratch.Get().(*Aligned)
	if a == nil {
		a = new(Aligned)
	}
	*a = Aligned{Original: s, Text: s}
	t.EncodeAligned(e, a)
	*a = Aligned{}
	t.scratch.Put(a)
}

// EncodeAligned replaces e by the tokens of a's text as it stands; Spans are counted in a's original. It normalises a.
func (t *Tokenizer) EncodeAligned(e *Encoding, a *Aligned) {
	for _, n := range t.normalizers {
		a.apply(n.edits(a.Text, nil))
	}
	e.IDs, e.Spans, e.Pieces = e.IDs[:0], e.Spans[:0], e.Pieces[:0]
	e.Text = append(e.Text[:0], a.Text...)
	spans, next := append(e.work.spans[0][:0], Span{0, len(a.Text)}), e.work.spans[1][:0]
	for _, p := range t.preTokenizers {
		next = next[:0]
		for _, s := range spans {
			next = p.split(a.Text, s, next)
		}
		spans, next = next, spans
	}
	e.work.spans = [2][]Span{spans, next}
	for _, s := range spans {
		t.algorithm.encode(a.Text, s, e)
	}
	for _, p := range e.Pieces {
		e.Spans = append(e.Spans, a.Source(p))
	}
}

// VocabSize returns the number of tokens; ids are below it.
func (t *Tokenizer) VocabSize() int { return len(t.algorithm.vocabulary()) }

// Token returns the token of that number, "" if there is none.
func (t *Tokenizer) Token(id int32) string {
	if v := t.algorithm.vocabulary(); id >= 0 && int(id) < len(v) {
		return v[id]
	}
	return ""
}

// ID returns the number of a token.
func (t *Tokenizer) ID(token string) (int32, bool) { return t.algorithm.id(token) }

// UnkID returns the number of the token that stands for everything outside the vocabulary.
func (t *Tokenizer) UnkID() int32 { return t.algorithm.unknown() }

// PadID returns the number of the padding token, 0 where the vocabulary has none. Nothing here pads; other runtimes do.
func (t *Tokenizer) PadID() int32 {
	id, _ := t.algorithm.id(Pad)
	return id
}

// Cut keeps the first n tokens.
func (e *Encoding) Cut(n int) {
	if len(e.IDs) > n {
		e.IDs, e.Spans, e.Pieces = e.IDs[:n], e.Spans[:n], e.Pieces[:n]
	}
}
