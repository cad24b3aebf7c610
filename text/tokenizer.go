// Package text turns text into tokens: cleaning, normalisation, segmentation, tokenizers and their vocabularies.
//
//	t, err := text.Load("model/tokenizer.json")
//	e := t.Encode("房间很干净")
//	// e.IDs[i] is the token that stands at e.Spans[i], in bytes of the text that was given
//
//	t.EncodePair(&e, "房间很干净", "", text.EncodeOptions{Special: true})
//	// e.IDs begins and ends with [CLS] and [SEP], where the tokenizer has a post-processor that says so
//	s := t.Decode(e.IDs, true)
//
// A [Tokenizer] is a pipeline of stages, those of Hugging Face's tokenizers, whose file format it reads and writes: a
// [Normalizer] changes characters, a [PreTokenizer] cuts the text into pieces, an [Algorithm] cuts pieces into tokens,
// a post-processor adds special ones, a decoder makes text of tokens again. A new algorithm or stage is a new file and
// a line in the table of its kind (json.go).
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

	// What EncodePair adds.
	TypeIDs []int32 // of each token: 0 for the first text, 1 for the second where the tokenizer tells them apart
	Special []bool  // of each token: it was added and stands for no part of a text; its Span is empty
	Second  []bool  // of each token: its Span is in the second text

	Dropped int // tokens that were cut off, by EncodeOptions.MaxTokens or Cut

	work *workspace
}

// workspace is scratch memory of the stages.
type workspace struct {
	draft   draft
	parts   []addedMatch
	inner   []addedMatch
	spans   [2][]Span
	path    []step
	symbols []symbol
	ranks   []int32
	heap    heap
	cache   pieceCache
	texts   [2]*Encoding
}

// scratch returns e's workspace.
func (e *Encoding) scratch() *workspace {
	if e.work == nil {
		e.work = new(workspace)
	}
	return e.work
}

// Normalizer changes a text before it is cut.
type Normalizer interface {
	// normalize changes d.
	normalize(d *draft)
}

// PreTokenizer cuts pieces of a text into smaller ones; what no piece covers is dropped. It is a splitter or, if it
// changes the text as well, a rewriter.
type PreTokenizer any

type splitter interface {
	// split appends the pieces of d.text[piece.Start:piece.End].
	split(d *draft, piece Span, dst []Span) []Span
}

type rewriter interface {
	// rewrite changes d and appends the new pieces.
	rewrite(d *draft, pieces, dst []Span) []Span
}

// Algorithm cuts a piece into tokens of its vocabulary.
type Algorithm interface {
	// encode appends the tokens of s[piece.Start:piece.End] to e.IDs and e.Pieces.
	encode(s string, piece Span, e *Encoding)
	// vocabulary returns all tokens by id; numbers without a token are empty.
	vocabulary() []string
	// id returns the number of a token.
	id(token string) (int32, bool)
	// unknown returns the number of the token that stands for what is not in the vocabulary, -1 if there is none.
	unknown() int32
}

// Tokenizer turns text into numbers. It is safe for use by many goroutines, each with its own Encoding.
type Tokenizer struct {
	normalizers   []Normalizer
	preTokenizers []PreTokenizer
	algorithm     Algorithm
	added         *addedTokens
	processors    []processor
	decoder       []decoder // none: tokens are joined by spaces
	trim          *trimOffsets
	truncation    *Truncation
	padding       *Padding
	wrapped       wrapping

	scratch sync.Pool // of *workspace
}

// Special tokens of tokenizers trained here. They are no part of any text: a text that spells one is cut like any other.
const (
	Pad     = "[PAD]"
	Unknown = "[UNK]"
	Mask    = "[MASK]"        // only of tokenizers for masked language models, see Tokenizer.WithSpecial
	Ending  = "<|endoftext|>" // only of tokenizers for causal language models: it stands behind each text
)

// Encode returns the tokens of s, without special tokens.
func (t *Tokenizer) Encode(s string) Encoding {
	w, _ := t.scratch.Get().(*workspace)
	e := Encoding{work: w}
	t.EncodeTo(&e, s)
	w, e.work = e.work, nil
	t.scratch.Put(w)
	return e
}

// EncodeTo replaces e by the tokens of s, without special tokens. It reuses e's memory and allocates nothing once that
// is large enough.
func (t *Tokenizer) EncodeTo(e *Encoding, s string) {
	t.encode(e, s)
}

// EncodeAligned replaces e by the tokens of a's text as it stands; Spans are counted in a's original.
func (t *Tokenizer) EncodeAligned(e *Encoding, a *Aligned) {
	t.encode(e, a.Text)
	for i, s := range e.Spans {
		e.Spans[i] = a.Source(s)
	}
}

// encode runs the pipeline over each part of s between added tokens.
func (t *Tokenizer) encode(e *Encoding, s string) {
	e.IDs, e.Spans, e.Pieces, e.Text = e.IDs[:0], e.Spans[:0], e.Pieces[:0], e.Text[:0]
	e.TypeIDs, e.Special, e.Second, e.Dropped = e.TypeIDs[:0], e.Special[:0], e.Second[:0], 0
	if t.added == nil {
		t.encodePart(e, s, 0)
	} else {
		w := e.scratch()
		w.parts = t.added.raw.find(w.parts[:0], s)
		for i := range w.parts {
			p := w.parts[i]
			if p.id < 0 {
				t.encodePart(e, s[p.Start:p.End], p.Start)
				continue
			}
			start := len(e.Text)
			e.Text = append(e.Text, s[p.Start:p.End]...)
			e.append(p.id, Span{start, len(e.Text)})
			e.Spans = append(e.Spans, p.Span)
		}
	}
	if t.trim != nil {
		t.trim.apply(t, e, s)
	}
}

// encodePart appends the tokens of a part of the text that begins at position offset and has no added token but
// normalised ones.
func (t *Tokenizer) encodePart(e *Encoding, s string, offset int) {
	w := e.scratch()
	d := &w.draft
	d.begin(s)
	d.offset = offset
	for _, n := range t.normalizers {
		n.normalize(d)
	}
	if t.added == nil || t.added.normalized.empty() {
		t.encodePieces(e, Span{0, len(d.text)})
		return
	}
	w.inner = t.added.normalized.find(w.inner[:0], d.text)
	if len(w.inner) == 1 && w.inner[0].id < 0 {
		t.encodePieces(e, Span{0, len(d.text)})
		return
	}
	// Pre-tokenizers may rewrite the draft, which the parts still lie in.
	whole, from, straight := append([]byte(nil), d.text...), append([]int32(nil), d.from...), d.straight
	for _, p := range w.inner {
		d.text, d.straight = view(whole), straight
		d.from = append(d.from[:0], from...)
		d.start()
		if p.id < 0 {
			t.encodePieces(e, p.Span)
			continue
		}
		start := len(e.Text)
		e.Text = append(e.Text, d.text[p.Start:p.End]...)
		e.append(p.id, Span{start, len(e.Text)})
		source := d.source(p.Span)
		e.Spans = append(e.Spans, Span{offset + source.Start, offset + source.End})
	}
}

// encodePieces cuts a range of the draft into pieces and appends their tokens.
func (t *Tokenizer) encodePieces(e *Encoding, all Span) {
	if all.Start >= all.End {
		return
	}
	w := e.work
	d := &w.draft
	w.spans[0] = append(w.spans[0][:0], all)
	spans := t.pieces(d, &w.spans)
	first, base := len(e.IDs), len(e.Text)
	for _, s := range spans {
		t.algorithm.encode(d.text, s, e)
	}
	e.Text = append(e.Text, d.text...)
	for i := first; i < len(e.Pieces); i++ {
		source := e.Pieces[i]
		if !d.inPlace(source) {
			source = d.source(source)
		}
		e.Spans = append(e.Spans, Span{d.offset + source.Start, d.offset + source.End})
		e.Pieces[i].Start += base
		e.Pieces[i].End += base
	}
}

// pieces cuts spans[0], which are ranges of d, by all pre-tokenizers.
func (t *Tokenizer) pieces(d *draft, spans *[2][]Span) []Span {
	for _, p := range t.preTokenizers {
		next := spans[1][:0]
		if r, ok := p.(rewriter); ok {
			next = r.rewrite(d, spans[0], next)
		} else {
			stage := p.(splitter)
			for _, s := range spans[0] {
				next = stage.split(d, s, next)
			}
		}
		spans[0], spans[1] = next, spans[0]
	}
	return spans[0]
}

// VocabSize returns the number of tokens, added ones included; ids are below it.
func (t *Tokenizer) VocabSize() int {
	n := len(t.algorithm.vocabulary())
	if t.added != nil {
		n = max(n, t.added.size)
	}
	return n
}

// Token returns the token of that number, "" if there is none.
func (t *Tokenizer) Token(id int32) string {
	if t.added != nil {
		if s, ok := t.added.shown[id]; ok {
			return s
		}
	}
	if v := t.algorithm.vocabulary(); id >= 0 && int(id) < len(v) {
		return v[id]
	}
	return ""
}

// ID returns the number of a token.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if t.added != nil {
		if id, ok := t.added.ids[token]; ok {
			return id, true
		}
	}
	return t.algorithm.id(token)
}

// UnkID returns the number of the token that stands for everything outside the vocabulary, -1 if there is none.
func (t *Tokenizer) UnkID() int32 { return t.algorithm.unknown() }

// PadID returns the number of the padding token, 0 where there is none. Nothing here pads; other runtimes do.
func (t *Tokenizer) PadID() int32 {
	if t.padding != nil {
		return t.padding.PadID
	}
	for _, pad := range []string{Pad, "<pad>"} {
		if id, ok := t.ID(pad); ok {
			return id
		}
	}
	return 0
}

// MaskID returns the number of the token that stands for what a masked language model has to guess.
func (t *Tokenizer) MaskID() (id int32, ok bool) {
	for _, mask := range []string{Mask, "<mask>"} {
		if id, ok = t.ID(mask); ok {
			return id, true
		}
	}
	return -1, false
}

// Special returns the numbers of the tokens that stand for no text in particular: special ones, the unknown token, and
// numbers that no token has.
func (t *Tokenizer) Special() []int32 {
	var ids []int32
	for id := range int32(t.VocabSize()) {
		token := t.Token(id)
		special := token == "" || token == Pad || id == t.UnkID()
		if t.added != nil && t.added.byID[id] != nil {
			special = special || t.added.byID[id].Special
		}
		if special {
			ids = append(ids, id)
		}
	}
	return ids
}

// Cut keeps the first n tokens.
func (e *Encoding) Cut(n int) {
	if len(e.IDs) > n {
		e.Dropped += len(e.IDs) - n
		e.IDs, e.Spans, e.Pieces = e.IDs[:n], e.Spans[:n], e.Pieces[:n]
		if len(e.TypeIDs) > n {
			e.TypeIDs, e.Special, e.Second = e.TypeIDs[:n], e.Special[:n], e.Second[:n]
		}
	}
}
