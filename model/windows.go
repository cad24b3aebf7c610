package model

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Windows says what becomes of texts that are longer than a model reads (Config.MaxTokens).
type Windows struct {
	Join   string `yaml:"join" json:"join,omitempty" doc:"cut: the end of a long text is cut off; mean or max: windows read all of it, and that of their logits decides; labels of tokens are taken from the window that sees more around them, answers from the best window, and embeddings are averaged, weighted by length" default:"cut" enum:"cut|mean|max"`
	Stride int    `yaml:"stride" json:"stride,omitempty" doc:"tokens that a window shares with the one before (the document stride of tokenizers); less than half of what a window holds" default:"64" min:"0" max:"50000"`
}

// What Windows.Join can be, beside "cut".
const (
	JoinMean = "mean"
	JoinMax  = "max"
)

func (w Windows) on() bool { return w.Join == JoinMean || w.Join == JoinMax }

// Windowed tells whether a training has an example for each window of a text: vectors of texts are learnt from their
// beginnings.
func (c *Config) Windowed() bool {
	return c.Head == AnswerHead || c.Windows.on() && c.Head != EmbeddingHead
}

// checkWindows refuses windows where nobody reads in such.
func (c *Config) checkWindows() error {
	switch w := c.Windows; {
	case w.Join != "" && w.Join != "cut" && !w.on():
		return hint.Errorf("choose cut, mean or max", "model.windows.join: %q", w.Join)
	case w.Stride < 0:
		return hint.Errorf("see `xiaoyu config --explain`", "model.windows.stride: %d is out of range", w.Stride)
	case w.on() && c.Pair && c.Head != AnswerHead && c.Head != EmbeddingHead:
		return hint.Errorf("set model.windows.join to cut", "model.windows: pairs of texts are not read in windows")
	case w.on() && (c.Head == MaskedHead || c.Head == CausalHead || c.Head == ReplacedHead):
		return hint.Errorf("set model.windows.join to cut", "model.windows: models that learn from texts alone read no windows")
	}
	return nil
}

// Window is a part of a text that is read as one sequence.
type Window struct {
	*Sample              // the sequence, special tokens included; valid until the next window
	From, To int         // which tokens of the text it holds, To not included
	Before   int         // tokens of the sequence before those: special ones, and those of a question
	Places   []text.Span // of the text's tokens that it holds, in bytes of the text if that was asked for
	Low      int         // the first token for which this window counts: that from the middle of the overlap on
	High     int         // and the one after the last
	First    bool
	Last     bool
}

// chunkBytes is how much of a long text is tokenized at once: memory is bounded by it, and not by the text.
const chunkBytes = 1 << 18

// Windows yields the windows of a text, and of a question about it for head qa; without windows in the configuration, the
// first one alone. Tokens are counted from the beginning of each chunk of chunkBytes, which ends where a line, a sentence
// or a word does; First and Last are those of a chunk. With aligned, places count in the text as it was given.
func (m *Model) Windows(s, question string, aligned bool) iter.Seq[Window] {
	return func(yield func(Window) bool) {
		var whole, part Sample
		if m.Config.Head == AnswerHead {
			m.encodePlain(&whole.Pair, question, false)
		}
		for start, chunk := range chunks(s) {
			whole.Source = m.encodePlain(&whole.Text, chunk, aligned)
			e := &whole.Text
			question := m.question(&whole)
			list := m.cutWindows(len(e.IDs), len(question.IDs))
			for i, w := range list {
				part.Text.Slice(e, w.From, w.To)
				part.Source = whole.Source
				w.Before = m.wrapWindow(&part, question)
				w.Sample = &part
				w.Places = slices.Clone(e.Spans[w.From:w.To])
				for j := range w.Places {
					w.Places[j].Start += start
					w.Places[j].End += start
				}
				w.First, w.Last = i == 0, i+1 == len(list)
				if !yield(w) {
					return
				}
			}
			if !m.Config.Windows.on() {
				return
			}
		}
	}
}

// encodePlain encodes all of a text, without special tokens, and returns what its places count in.
func (m *Model) encodePlain(e *text.Encoding, s string, aligned bool) (source string) {
	if aligned {
		m.align(e, s)
		return s
	}
	clean, _ := m.cleaner.Clean(s)
	m.Tokenizer.EncodeTo(e, clean)
	return clean
}

// question is that of head qa, which may take half of the room; it has no tokens for other heads.
func (m *Model) question(whole *Sample) *text.Encoding {
	if m.Config.Head == AnswerHead {
		whole.Pair.Cut(max(m.Config.MaxTokens-m.Tokenizer.SpecialTokens(true), 0) / 2)
	}
	return &whole.Pair
}

// cutWindows returns which of so many tokens of a text each window holds, beside a question.
func (m *Model) cutWindows(tokens, question int) []Window {
	room := m.Config.MaxTokens
	switch {
	case m.Config.Head == AnswerHead:
		room -= question + m.Tokenizer.SpecialTokens(true)
	case m.wrapped():
		room -= m.Tokenizer.SpecialTokens(false)
	}
	room = max(room, 1)
	step := max(room-m.Config.Windows.Stride, room/2, 1)
	list := []Window{{To: min(room, tokens)}}
	for at := step; m.Config.Windows.on() && list[len(list)-1].To < tokens; at += step {
		list = append(list, Window{From: at, To: min(at+room, tokens)})
	}
	for i := range list {
		list[i].Low, list[i].High = list[i].From, list[i].To
		if i > 0 {
			middle := (list[i].From + list[i-1].To + 1) / 2
			list[i].Low, list[i-1].High = middle, middle
		}
	}
	return list
}

// wrapWindow puts special tokens around the tokens of a window, and the question before them; it returns how many tokens
// then stand before those of the text.
func (m *Model) wrapWindow(part *Sample, question *text.Encoding) (before int) {
	plain := text.Encoding{IDs: part.Text.IDs, Spans: part.Text.Spans, Pieces: part.Text.Pieces, Text: part.Text.Text}
	switch {
	case m.Config.Head == AnswerHead:
		part.Text = text.Encoding{}
		m.Tokenizer.Wrap(&part.Text, question, &plain, true)
		before = slices.Index(part.Text.Second, true)
	case m.wrapped():
		part.Text = text.Encoding{}
		m.Tokenizer.Wrap(&part.Text, &plain, nil, true)
		before = slices.Index(part.Text.Special, false)
	}
	return max(before, 0)
}

// chunks yields the parts of a text that are tokenized at once, and where they begin.
func chunks(s string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		start := 0
		for len(s)-start > chunkBytes {
			end := start + chunkEnd(s[start:start+chunkBytes])
			if !yield(start, s[start:end]) {
				return
			}
			start = end
		}
		yield(start, s[start:])
	}
}

// chunkEnd returns where in its second half a text is best cut: after a line, a sentence, a word, or at least a character.
func chunkEnd(s string) int {
	half := len(s) / 2
	if at := strings.LastIndexByte(s[half:], '\n'); at >= 0 {
		return half + at + 1
	}
	if at := strings.LastIndexAny(s[half:], "。！？!?；;"); at >= 0 {
		_, size := utf8.DecodeRuneInString(s[half+at:])
		return half + at + size
	}
	if at := strings.LastIndexFunc(s[half:], unicode.IsSpace); at >= 0 {
		_, size := utf8.DecodeRuneInString(s[half+at:])
		return half + at + size
	}
	end := len(s)
	for end > half && !utf8.RuneStart(s[end-1]) {
		end--
	}
	return max(end-1, 1) // the last character may be cut in two
}
