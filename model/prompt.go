package model

import (
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// AutoPrompt leaves Config.Prompt to the folder of a sentence encoder.
const AutoPrompt = "auto"

// textPlace is where in a prompt the text goes; without it, a prompt stands before the text.
const textPlace = "{text}"

// setPrompt turns Config.Prompt into the words that stand around each text: what a sentence encoder was trained with
// belongs before the texts that it is to judge as well (Wang et al. 2022, "Text Embeddings by Weakly-Supervised
// Contrastive Pre-training").
func (c *Config) setPrompt(s *Sentence) error {
	if s == nil {
		s = &Sentence{}
	}
	if c.OfTokens() || c.joined() {
		if c.Prompt != AutoPrompt && c.Prompt != "none" && c.Prompt != "" {
			return hint.Errorf("leave it out", "model.prompt: a prompt is for texts that are judged as a whole, each by itself")
		}
		c.Prompt = ""
		return nil
	}
	switch c.Prompt {
	case "none":
		c.Prompt = ""
	case AutoPrompt:
		c.Prompt = s.Prompts[s.DefaultPrompt]
		if c.Prompt == "" && s.DefaultPrompt == "" {
			c.Prompt = s.Prompts["query"] // by which texts of one kind are compared
		}
	default:
		if named, ok := s.Prompts[c.Prompt]; ok {
			c.Prompt = named
		}
	}
	return nil
}

// around returns what stands before and after each text.
func (c *Config) around() (before, after string) {
	before, after, _ = strings.Cut(c.Prompt, textPlace)
	return before, after
}

// prompted puts the prompt around a text, which it shortens so that what stands behind it is read as well.
func (m *Model) prompted(s string) string {
	before, after := m.Config.around()
	if after == "" {
		return before + s
	}
	var e text.Encoding
	m.Tokenizer.EncodeTo(&e, before+after)
	begin, end := m.Around()
	room := max(m.Config.MaxTokens-len(e.IDs)-len(begin)-len(end)-2, 1) // two, as tokens may fall apart at the seams
	if m.Tokenizer.EncodeTo(&e, s); len(e.IDs) > room {
		s = s[:e.Spans[room-1].End]
	}
	return before + s + after
}

// unprompt turns places in a text with its prompt into those in the text alone, whose length is n bytes. Tokens of the
// prompt become special ones, which belong to nothing in the text.
func (m *Model) unprompt(e *text.Encoding, n int) {
	before, _ := m.Config.around()
	from := len(before)
	for i, s := range e.Spans {
		inside := text.Span{Start: min(max(s.Start-from, 0), n), End: min(max(s.End-from, 0), n)}
		if !e.Special[i] && inside.Start == inside.End && s.Start < s.End {
			e.Special[i] = true
		}
		e.Spans[i] = inside
	}
}
