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
	first, _ := m.cleaner.Clean(s)
	e.Source = m.prompted(first)
	second := ""
	if m.Config.Pair {
		second, _ = m.cleaner.Clean(pair)
	}
	m.recognize(e, first, second)
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
	e.known = e.known[:0] // no head reads what is known
	if f, ok := m.Network.(Featurizer); ok {
		e.ids = f.Features(e.ids[:0], Encoded{Encoding: &e.Text}, Encoded{})
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
	first, second := text.NewAligned(s), text.NewAligned(pair)
	m.cleaner.CleanAligned(first)
	if m.Config.Pair {
		m.cleaner.CleanAligned(second)
	}
	m.recognizeAligned(e, first, second)
	switch {
	case m.Config.joined():
		m.alignWrapped(&e.Text, first, second)
	case m.wrapped():
		m.alignWrapped(&e.Text, first, nil)
		if m.Config.Pair {
			m.alignWrapped(&e.Pair, second, nil)
		}
	default:
		m.Tokenizer.EncodeAligned(&e.Text, first)
		if m.Config.Pair {
			m.Tokenizer.EncodeAligned(&e.Pair, second)
		}
	}
	m.Append(in, e)
}

func (m *Model) align(e *text.Encoding, s string) {
	a := text.NewAligned(s)
	m.cleaner.CleanAligned(a)
	m.Tokenizer.EncodeAligned(e, a)
}

// alignWrapped is read, or with two texts join, of cleaned texts, with places counted in them as they were given.
func (m *Model) alignWrapped(e *text.Encoding, first, second *text.Aligned) {
	if second != nil {
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

// recognize looks for what is known beforehand, and for what rules bind, in cleaned texts.
func (m *Model) recognize(e *Sample, first, second string) {
	e.known, e.second = m.find(e.known[:0], first), e.second[:0]
	if m.Config.Pair {
		e.second = m.find(e.second, second)
	}
	e.hits = m.Config.bound.find(e.hits[:0], first)
}

// recognizeAligned is recognize with places in the texts as they were given.
func (m *Model) recognizeAligned(e *Sample, first, second *text.Aligned) {
	e.known, e.second = m.findAligned(e.known[:0], first), e.second[:0]
	if m.Config.Pair {
		e.second = m.findAligned(e.second, second)
	}
	e.hits = m.Config.bound.find(e.hits[:0], first.Text)
	for i := range e.hits {
		s := first.Source(text.Span{Start: e.hits[i].Start, End: e.hits[i].End})
		e.hits[i].Start, e.hits[i].End = s.Start, s.End
	}
}

// Append appends an encoded example to a batch and cuts it to MaxTokens.
func (m *Model) Append(in *Input, e *Sample) {
	e.Text.Cut(m.Config.MaxTokens)
	e.Pair.Cut(m.Config.MaxTokens)
	first, second := m.readings(e)
	m.appendKnown(in, e)
	if m.wide != nil {
		e.ids = m.wide.Features(e.ids[:0], first, second)
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
	e.ids = f.Features(e.ids[:0], first, second)
	in.Tokens.Append(e.ids)
	if m.sequences() == 2 {
		e.ids = f.Features(e.ids[:0], second, first)
		in.Tokens.Append(e.ids)
	}
}

// readings are the texts of an example with what is known of them, as n-grams have it.
func (m *Model) readings(e *Sample) (first, second Encoded) {
	if m.Config.known != nil {
		e.known, e.second = m.uncut(e.known, &e.Text), m.uncut(e.second, &e.Pair)
		if m.wide != nil || m.readsNGrams() {
			e.hashes[0], e.hashes[1] = m.knownHashes(e.hashes[0][:0], e.known), m.knownHashes(e.hashes[1][:0], e.second)
		}
	}
	return Encoded{&e.Text, e.hashes[0]}, Encoded{&e.Pair, e.hashes[1]}
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
		if m.known != nil && enc == &e.Text {
			from := len(e.ids)
			e.ids = m.knownOfToken(e.ids, e, i)
			for k, id := range e.ids[from:] {
				e.ids[from+k] = h.bucket(knownFeature, []byte{byte(id), byte(id >> 8), byte(id >> 16)})
			}
		}
		if c.Dim > 0 {
			in.Features.Append(e.ids)
		}
		if m.direct != nil {
			e.ids = h.around(e.ids, i)
			in.Direct.Append(e.ids)
		}
	}
}
