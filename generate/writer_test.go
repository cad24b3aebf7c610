package generate

import (
	"context"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// learn makes a tokenizer of a kind from a text.
func learn(t *testing.T, kind, from string) *text.Tokenizer {
	t.Helper()
	tok, err := text.Train(context.Background(), func(yield func(string) bool) { yield(from) }, text.Config{Kind: kind, MinFrequency: 1, VocabSize: 300}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestWhatIsSaidIsWholeAndCertain writes the tokens of a text one by one.
func TestWhatIsSaidIsWholeAndCertain(t *testing.T) {
	const story = "the cat, the dog and the 龙猫 went home; the cat slept 🐈."
	for _, kind := range []string{"bpe", "unigram"} {
		tok := learn(t, kind, story)
		for _, c := range []struct {
			name string
			stop []string
			want string
		}{
			{"to the end", nil, story},
			{"a stop word", []string{" home"}, "the cat, the dog and the 龙猫 went"},
			{"the first of two", []string{"slept", "龙", "猫"}, "the cat, the dog and the "},
			{"one that begins but does not come", []string{"went homeward"}, story},
			{"one that is the beginning of another", []string{"dogs", "dog"}, "the cat, the "},
		} {
			t.Run(kind+", "+c.name, func(t *testing.T) {
				prompt := tok.Encode("the cat").IDs
				rest := tok.Encode(story).IDs
				if decoded := tok.Decode(rest, true); decoded != story {
					t.Fatalf("the tokenizer says %q", decoded)
				}
				w := newWriter(tok, prompt, c.stop)
				var said strings.Builder
				stopped := false
				for _, id := range rest {
					var s string
					s, stopped = w.add(id)
					if strings.ContainsRune(s, '\uFFFD') {
						t.Errorf("%q is not whole", s)
					}
					said.WriteString(s)
					if stopped {
						break
					}
				}
				if !stopped {
					said.WriteString(w.end())
				}
				if got := strings.TrimPrefix(said.String(), " "); got != c.want || stopped != (c.want != story) {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestBytesThatNeverBecomeACharacterAreSaidInTheEnd(t *testing.T) {
	tok := learn(t, "bpe", "some text 猫")
	lone := tok.Encode("猫").IDs[0]
	w := newWriter(tok, nil, nil)
	var said strings.Builder
	for range 2 * patience {
		s, _ := w.add(lone)
		said.WriteString(s)
	}
	if said.Len() == 0 {
		t.Error("the writer waits for ever")
	}
	said.WriteString(w.end())
	if n := strings.Count(said.String(), "\uFFFD"); n == 0 {
		t.Errorf("%q", said.String())
	}
}
