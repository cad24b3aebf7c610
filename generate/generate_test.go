package generate

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

const tale = "the cat, the dog and the 龙猫 went home; the cat slept. the dog ate, and the moon rose."

// storyteller is a small model with fresh weights, saved and opened.
func storyteller(t *testing.T, maxTokens int) *Model {
	t.Helper()
	tok, err := learn(t, "bpe", tale).WithSpecial(text.Ending)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Family: model.DecoderFamily, Head: model.CausalHead, Hidden: 32, Layers: 2, Heads: 4, KeyHeads: 2, MaxTokens: maxTokens, Pooling: "mean"}
	fresh, err := model.New(c, text.CleanConfig{}, tok, nil, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range fresh.Params.All() { // fresh weights say little of anything
		if len(p.Shape) > 1 {
			for i := range p.Data {
				p.Data[i] *= 8
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "storyteller")
	if _, err := fresh.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	w, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, m *Model, prompt string, o Options) *Result {
	t.Helper()
	r, err := m.Generate(context.Background(), prompt, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheSameSeedWritesTheSameText(t *testing.T) {
	m := storyteller(t, 100)
	o := Options{Temperature: 1, TopP: 0.95, MaxTokens: 30, Seed: 7}
	first := write(t, m, "the cat", o)
	if again := write(t, m, "the cat", o); again.Text != first.Text || first.Tokens == 0 {
		t.Errorf("%q, then %q", first.Text, again.Text)
	}
	o.Seed = 8
	if other := write(t, m, "the cat", o); other.Text == first.Text {
		t.Error("another seed writes the same")
	}
}

func TestWhereATextEnds(t *testing.T) {
	m := storyteller(t, 40)
	whole := write(t, m, "the cat", Options{})
	if whole.End != Full && whole.End != ModelEnd || whole.Prompt+whole.Tokens > 40 {
		t.Fatalf("%+v", whole)
	}
	short := write(t, m, "the cat", Options{MaxTokens: 5})
	if short.End != Length || short.Tokens != 5 || !strings.HasPrefix(whole.Text, short.Text) {
		t.Errorf("%+v is no beginning of %+v", short, whole)
	}
	middle := []rune(whole.Text)[len([]rune(whole.Text))/2:]
	stop := string(middle[:min(3, len(middle))])
	want, _, _ := strings.Cut(whole.Text, stop)
	if stopped := write(t, m, "the cat", Options{Stop: []string{stop}}); stopped.End != StopEnd || stopped.Text != want {
		t.Errorf("stopped at %q: %+v, want %q", stop, stopped, want)
	}
	first, _ := m.Begin(context.Background(), "the cat")
	defer first.Close()
	m.enders = append(m.enders, newSampler(Options{}, len(first.logits)).choose(first.logits))
	if r := write(t, m, "the cat", Options{}); r.End != ModelEnd || r.Tokens != 0 || r.Text != "" {
		t.Errorf("%+v", r)
	}
}

// TestPiecesMakeTheText compares a stream with the text as a whole, and a copy of a session with the session.
func TestPiecesMakeTheText(t *testing.T) {
	m := storyteller(t, 100)
	o := Options{Temperature: 1, MaxTokens: 40, Seed: 3, Repetition: 1.2}
	want := write(t, m, tale[:30], o)
	s, err := m.Begin(context.Background(), tale[:30])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clone := s.Clone()
	defer clone.Close()
	for name, session := range map[string]*Session{"the session": s, "its copy": clone} {
		var b strings.Builder
		pieces, last := 0, Piece{}
		for piece, err := range session.Stream(context.Background(), o) {
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(piece.Text)
			pieces++
			last = piece
		}
		if b.String() != want.Text || last.End != want.End || last.Tokens != want.Tokens || pieces < 5 {
			t.Errorf("%s: %q in %d pieces to the end %q, want %q", name, b.String(), pieces, last.End, want.Text)
		}
	}
}

func TestNoPromptBeginsWithTheModelsOwnToken(t *testing.T) {
	m := storyteller(t, 100)
	if r := write(t, m, "", Options{MaxTokens: 3}); r.Prompt != 1 || r.Tokens == 0 && r.End != ModelEnd {
		t.Errorf("%+v", r)
	}
	m.begin = -1
	if _, err := m.Generate(context.Background(), "", Options{}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Error(err)
	}
}

func TestWhatCannotBeContinuedIsExplained(t *testing.T) {
	m := storyteller(t, 20)
	if _, err := m.Generate(context.Background(), tale, Options{}); err == nil || !strings.Contains(err.Error(), "room for 20") {
		t.Errorf("a long prompt: %v", err)
	}
	if _, err := m.Generate(context.Background(), "the", Options{TopP: 3}); err == nil {
		t.Error("bad options are taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Generate(ctx, "the", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	m.Config.Head = model.MaskedHead
	if _, err := New(m.Model); err == nil || !strings.Contains(err.Error(), "no causal language model") {
		t.Errorf("another head: %v", err)
	}
}
