package model

import "github.com/xiaoyu-slm/xiaoyu/text"

// How texts become sequences of tokens in a batch: one a text, two for a pair that is compared, one for a pair that is
// read at once.

// joined tells that the two texts of a pair are one sequence of tokens (a cross-encoder).
func (c *Config) joined() bool {
	return c.Pair && c.Head != EmbeddingHead && (c.Head == AnswerHead || c.Pairing == "joint" || c.Family == EncoderFamily && c.Pairing != "siamese")
}

// sequences returns how many sequences of tokens an example is.
func (m *Model) sequences() int {
	if _, joint := m.Network.(interface{ joint() }); !m.Config.Pair || joint || m.Config.joined() {
		return 1
	}
	return 2
}

// Encode appends an example to a batch: s, and pair for models of pairs, each cut to MaxTokens. The places in e count
// in the cleaned text; EncodeAligned knows those in s. To texts whose vectors are compared, the model's prompt is added.
func (m *Model) Encode(in *Input, e *Sample, s, pair string) {
	if m.Config.Head == EmbeddingHead && m.Config.Pair {
		prompt := m.Config.Sentence.defaultPrompt()
		if m.Config.Prompt != "" {
			prompt, _ = m.Config.around()
		}
		m.EncodeText(in, e, prompt+s)
		m.EncodeText(in, e, prompt+pair)
		return
	}
	if m.Config.Head == AnswerHead {
		m.EncodeAligned(in, e, s, pair)
		return
	}
	e.Source, _ = m.cleaner.Clean(s)
	e.Source = m.prompted(e.Source)
	second := ""
	if m.Config.Pair {
		second, _ = m.cleaner.Clean(pair)
	}
	if m.Config.joined() {
		m.join(&e.Text, e.Source, second)
	} else {
		m.read(&e.Text, e.Source)
		if m.Config.Pair {
			m.read(&e.Pair, m.prompted(second))
		}
	}
	m.Append(in, e)
}

// EncodeText appends a single text to a batch, cut to MaxTokens, also of a model of pairs.
func (m *Model) EncodeText(in *Input, e *Sample, s string) {
	e.Source, _ = m.cleaner.Clean(s)
	m.read(&e.Text, e.Source)
	e.Text.Cut(m.Config.MaxTokens)
	if f, ok := m.Network.(Featurizer); ok {
		e.ids = f.Features(e.ids[:0], &e.Text, nil)
		in.Tokens.Append(e.ids)
		return
	}
	m.appendTokens(in, &e.Text, e)
}

// wrapped tells that texts are read with special tokens around them.
func (m *Model) wrapped() bool {
	_, ok := m.Network.(interface{ wrapped() })
	return ok
}

// read encodes a text by itself, with special tokens where the network wants them, cut so that these stay.
func (m *Model) read(e *text.Encoding, s string) {
	if m.wrapped() {
		m.Tokenizer.EncodeText(e, s, text.EncodeOptions{Special: true, MaxTokens: m.Config.MaxTokens})
	} else {
		m.Tokenizer.EncodeTo(e, s)
	}
}

// join encodes two texts as one sequence, with special tokens where the tokenizer knows of such.
func (m *Model) join(e *text.Encoding, s, pair string) {
	m.Tokenizer.EncodePair(e, s, pair, text.EncodeOptions{Special: true, MaxTokens: m.Config.MaxTokens})
}

// Around returns the special tokens before and after the texts that the network reads, none for most families.
func (m *Model) Around() (begin, end []int32) {
	if !m.wrapped() {
		return nil, nil
	}
	var e text.Encoding
	m.Tokenizer.EncodeText(&e, "a", text.EncodeOptions{Special: true})
	inside := false
	for i, id := range e.IDs {
		switch {
		case !e.Special[i]:
			inside = true
		case inside:
			end = append(end, id)
		default:
			begin = append(begin, id)
		}
	}
	return begin, end
}

// EncodeAligned is Encode with e.Text.Spans counted in the original text s, before cleaning.
func (m *Model) EncodeAligned(in *Input, e *Sample, s, pair string) {
	e.Source = s
	if m.Config.Head == AnswerHead { // the first window
		for w := range m.Windows(s, pair, true) {
			*e = *w.Sample
			m.Append(in, e)
			return
		}
	}
	switch {
	case m.Config.joined():
		m.alignWrapped(&e.Text, s, pair)
	case m.wrapped():
		m.alignWrapped(&e.Text, s, "")
		if m.Config.Pair {
			m.alignWrapped(&e.Pair, pair, "")
		}
	default:
		m.align(&e.Text, s)
		if m.Config.Pair {
			m.align(&e.Pair, pair)
		}
	}
	m.Append(in, e)
}

// alignWrapped is read, or join, with places counted in the texts as they were given.
func (m *Model) alignWrapped(e *text.Encoding, s, pair string) {
	first, second := text.NewAligned(s), text.NewAligned(pair)
	m.cleaner.CleanAligned(first)
	if m.Config.joined() {
		m.cleaner.CleanAligned(second)
		m.join(e, first.Text, second.Text)
	} else {
		m.read(e, m.prompted(first.Text))
		m.unprompt(e, len(first.Text))
	}
	for i := range e.Spans {
		switch {
		case e.Special[i]:
		case e.Second[i]:
			e.Spans[i] = second.Source(e.Spans[i])
		default:
			e.Spans[i] = first.Source(e.Spans[i])
		}
	}
}

func (m *Model) align(e *text.Encoding, s string) {
	a := text.NewAligned(s)
	m.cleaner.CleanAligned(a)
	m.Tokenizer.EncodeAligned(e, a)
}

// Append appends an encoded example to a batch and cuts it to MaxTokens.
func (m *Model) Append(in *Input, e *Sample) {
	e.Text.Cut(m.Config.MaxTokens)
	e.Pair.Cut(m.Config.MaxTokens)
	if m.wide != nil {
		e.ids = m.wide.Features(e.ids[:0], &e.Text, &e.Pair)
		in.Wide.Append(e.ids)
	}
	f, ok := m.Network.(Featurizer)
	if !ok {
		from := in.Tokens.Tokens()
		m.appendTokens(in, &e.Text, e)
		m.want(in, from)
		switch {
		case m.Config.joined():
			m.appendTypes(in, &e.Text)
		case m.Config.Pair:
			m.appendTokens(in, &e.Pair, e)
		}
		return
	}
	e.ids = f.Features(e.ids[:0], &e.Text, &e.Pair)
	in.Tokens.Append(e.ids)
	if m.sequences() == 2 {
		e.ids = f.Features(e.ids[:0], &e.Pair, &e.Text)
		in.Tokens.Append(e.ids)
	}
}

func (m *Model) appendTokens(in *Input, enc *text.Encoding, e *Sample) {
	if s, ok := m.Network.(*model2vec); ok {
		e.ids = s.known(e.ids[:0], enc.IDs)
		in.Tokens.Append(e.ids)
		return
	}
	in.Tokens.Append(enc.IDs)
	c := &m.Config.Features
	if c.Dim == 0 && c.Chars == 0 && m.direct == nil {
		return
	}
	h := featureHasher{c, enc, e.Source, enc == &e.Text && !m.Config.joined()}
	for i := range enc.IDs {
		if c.Chars > 0 {
			e.ids = characterIDs(e.ids[:0], h.written(i))
			in.Characters.Append(e.ids)
		}
		e.ids = h.own(e.ids[:0], i)
		if c.Dim > 0 {
			in.Features.Append(e.ids)
		}
		if m.direct != nil {
			e.ids = h.around(e.ids, i)
			in.Direct.Append(e.ids)
		}
	}
}
