package model

import (
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Sample is one example as tokens; its memory is reused from one to the next.
type Sample struct {
	Text   text.Encoding
	Pair   text.Encoding // of the second text, for models of pairs
	Source string        // what Text.Spans count in
	ids    []int32
}

// Input is a packed batch of examples as networks read it.
type Input struct {
	Tokens     tensor.Packed // ids; a sequence an example, and for neural models of pairs two
	Features   tensor.Packed // hashed features, a sequence a token; empty unless Config.Features says otherwise
	Characters tensor.Packed // those of each token as it was written, a sequence a token; empty without Features.Chars
	Direct     tensor.Packed // the same with those of the surroundings, for Features.Direct
	Wide       tensor.Packed // n-grams, a sequence an example; empty but for Config.Wide
	Given      []float32     // scores in place of those of Wide, [examples, outputs], or none
	Types      []int32       // of Tokens: which text of a pair each belongs to, where both are one sequence; empty elsewhere
	States     []float32     // what the network makes of the examples, [examples, width], where it is known beforehand; see Model.Know
	Wanted     []int32       // head masked: the tokens whose scores are wanted, by their place in Tokens, rising
}

// Reset empties the batch and keeps its memory.
func (in *Input) Reset() {
	in.Tokens.Reset()
	in.Features.Reset()
	in.Characters.Reset()
	in.Direct.Reset()
	in.Wide.Reset()
	in.Given, in.Wanted, in.Types, in.States = in.Given[:0], in.Wanted[:0], in.Types[:0], in.States[:0]
}

// appendSequence copies sequence i of another batch.
func (in *Input) appendSequence(from *Input, i int) {
	in.Tokens.Append(from.Tokens.Sequence(i))
	if len(from.Types) > 0 {
		in.Types = append(in.Types, from.Types[from.Tokens.Offsets[i]:from.Tokens.Offsets[i+1]]...)
	}
	for t := int(from.Tokens.Offsets[i]); t < int(from.Tokens.Offsets[i+1]); t++ {
		if from.Features.Len() > 0 {
			in.Features.Append(from.Features.Sequence(t))
		}
		if from.Characters.Len() > 0 {
			in.Characters.Append(from.Characters.Sequence(t))
		}
		if from.Direct.Len() > 0 {
			in.Direct.Append(from.Direct.Sequence(t))
		}
	}
}

// AppendExample copies example i of another batch of m's, all its sequences.
func (m *Model) AppendExample(in, from *Input, i int) {
	n := m.sequences()
	for s := range n {
		in.appendSequence(from, n*i+s)
	}
	if len(from.States) > 0 {
		in.States = append(in.States, from.States[i*m.width:(i+1)*m.width]...)
	}
	if m.wide != nil {
		in.Wide.Append(from.Wide.Sequence(i))
		if k := len(m.Labels); len(from.Given) > 0 {
			in.Given = append(in.Given, from.Given[i*k:(i+1)*k]...)
		}
	}
}

// sequences returns how many sequences of tokens an example is.
func (m *Model) sequences() int {
	if _, joint := m.Network.(interface{ joint() }); !m.Config.Pair || joint {
		return 1
	}
	return 2
}

// Encode appends an example to a batch: s, and pair for models of pairs, each cut to MaxTokens. The places in e count
// in the cleaned text; EncodeAligned knows those in s.
func (m *Model) Encode(in *Input, e *Sample, s, pair string) {
	clean, _ := m.cleaner.Clean(s)
	e.Source = clean
	second := ""
	if m.Config.Pair {
		second, _ = m.cleaner.Clean(pair)
	}
	if m.wrapped() {
		m.wrap(&e.Text, clean, second)
	} else {
		m.Tokenizer.EncodeTo(&e.Text, clean)
		if m.Config.Pair {
			m.Tokenizer.EncodeTo(&e.Pair, second)
		}
	}
	m.Append(in, e)
}

// wrapped tells that texts are read with special tokens around them, pairs as one sequence.
func (m *Model) wrapped() bool {
	_, ok := m.Network.(interface{ wrapped() })
	return ok
}

// wrap encodes a text, or a pair of them, with special tokens, cut so that these stay.
func (m *Model) wrap(e *text.Encoding, s, pair string) {
	o := text.EncodeOptions{Special: true, MaxTokens: m.Config.MaxTokens}
	if m.Config.Pair {
		m.Tokenizer.EncodePair(e, s, pair, o)
	} else {
		m.Tokenizer.EncodeText(e, s, o)
	}
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
	if m.wrapped() {
		m.alignWrapped(&e.Text, s, pair)
	} else {
		m.align(&e.Text, s)
		if m.Config.Pair {
			m.align(&e.Pair, pair)
		}
	}
	m.Append(in, e)
}

// alignWrapped is wrap with places counted in the texts as they were given.
func (m *Model) alignWrapped(e *text.Encoding, s, pair string) {
	first, second := text.NewAligned(s), text.NewAligned(pair)
	m.cleaner.CleanAligned(first)
	if m.Config.Pair {
		m.cleaner.CleanAligned(second)
	}
	m.wrap(e, first.Text, second.Text)
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
		case m.Config.Pair && m.wrapped():
			in.Types = append(in.Types, e.Text.TypeIDs...)
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
	in.Tokens.Append(enc.IDs)
	c := &m.Config.Features
	if c.Dim == 0 && c.Chars == 0 && m.direct == nil {
		return
	}
	h := featureHasher{c, enc, e.Source, enc == &e.Text}
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
