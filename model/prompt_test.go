package model

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TestClassifiersOnSentenceEncodersReadThePrompt compares token ids with those that were recorded of prompt and text, and
// has each token's place, sliced out of the text, be what stands there without the prompt.
func TestClassifiersOnSentenceEncodersReadThePrompt(t *testing.T) {
	if testing.Short() {
		t.Skip("a real encoder is adapted")
	}
	dir := golden.Path(t, "models", "multilingual-e5-small-zh-en")
	base, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Package.Close()
	m, err := Adapt(base, Config{Family: EncoderFamily, MaxTokens: 512, Pooling: AutoPooling, Prompt: AutoPrompt}, text.CleanConfig{}, []string{"a", "b"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Config.Prompt != "query: " {
		t.Fatalf("prompt %q", m.Config.Prompt)
	}
	f, err := os.Open(filepath.Join(dir, "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, compared := bufio.NewScanner(f), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c struct {
			Text, Prefix string
			IDs          []int32
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		var in Input
		var e Sample
		m.Encode(&in, &e, c.Text, "")
		if !slices.Equal(in.Tokens.IDs, c.IDs) {
			t.Errorf("%.20q: ids %v, want %v", c.Text, in.Tokens.IDs, c.IDs)
		}
		in.Reset()
		m.EncodeAligned(&in, &e, c.Text, "")
		if !slices.Equal(in.Tokens.IDs, c.IDs) {
			t.Errorf("%.20q: ids %v with places, want %v", c.Text, in.Tokens.IDs, c.IDs)
		}
		end := 0
		for i, s := range e.Text.Spans {
			if e.Text.Special[i] {
				continue
			}
			if s.Start < end-4 || s.End > len(c.Text) || s.Start > s.End {
				t.Fatalf("%.20q: token %d stands at %v", c.Text, i, s)
			}
			end = s.End
			token := strings.TrimPrefix(m.Tokenizer.Token(in.Tokens.IDs[i]), "▁")
			// Single characters may have another width in the text.
			if piece := c.Text[s.Start:s.End]; len([]rune(token)) > 1 && strings.Contains(c.Text, token) && !strings.Contains(piece, token) {
				t.Errorf("%.20q: token %q stands at %q", c.Text, token, piece)
			}
		}
		compared++
	}
	if compared < 200 {
		t.Errorf("only %d texts were compared", compared)
	}
}

// TestPromptsAreNamedOrWords goes through the forms of model.prompt.
func TestPromptsAreNamedOrWords(t *testing.T) {
	folder := &Sentence{Prompts: map[string]string{"query": "query: ", "passage": "passage: "}}
	withDefault := &Sentence{Prompts: folder.Prompts, DefaultPrompt: "passage"}
	for _, c := range []struct {
		prompt, head string
		folder       *Sentence
		want         string
	}{
		{"auto", ClassHead, folder, "query: "},
		{"auto", ClassHead, withDefault, "passage: "},
		{"auto", ClassHead, nil, ""},
		{"none", RegressionHead, folder, ""},
		{"passage", ClassHead, folder, "passage: "},
		{"Review: ", MultiLabelHead, folder, "Review: "},
		{"auto", TokensHead, folder, ""},
		{"", ClassHead, folder, ""},
	} {
		config := Config{Prompt: c.prompt, Head: c.head}
		if err := config.setPrompt(c.folder); err != nil || config.Prompt != c.want {
			t.Errorf("%q, head %q: %q, %v", c.prompt, c.head, config.Prompt, err)
		}
		if again := config; again.setPrompt(c.folder) != nil || again.Prompt != config.Prompt {
			t.Errorf("%q becomes %q at a second look", config.Prompt, again.Prompt)
		}
	}
	if err := (&Config{Prompt: "x", Head: TokensHead}).setPrompt(folder); err == nil {
		t.Error("a prompt before labelled tokens was accepted")
	}
}
