// Package generate continues texts with causal language models, token by token.
//
//	m, err := model.Open("models/stories") // a package, or a folder in the Hugging Face layout
//	defer m.Package.Close()
//	w, err := generate.New(m)
//	for piece, err := range w.Stream(ctx, "Once upon a time", generate.Options{Temperature: 0.8, TopP: 0.95, MaxTokens: 200}) {
//		fmt.Print(piece.Text)
//	}
//
// The same options on the same model give the same text. A [Model] may be used by any number of goroutines.
package generate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// End says why a text ended.
type End string

const (
	ModelEnd End = "end"    // the model said that the text ends
	StopEnd  End = "stop"   // one of Options.Stop came
	Length   End = "length" // Options.MaxTokens are reached
	Full     End = "full"   // the model has no room for more
)

// Piece is some text that was written. The last one has an End, and perhaps no text.
type Piece struct {
	Text   string
	Tokens int // written so far
	End    End
}

// Result is a text that was written.
type Result struct {
	Text    string  `json:"text"` // without the prompt
	Prompt  int     `json:"prompt_tokens"`
	Tokens  int     `json:"tokens"`
	End     End     `json:"end"`
	Seconds float64 `json:"seconds"` // of writing
}

// Generate continues a text.
func (m *Model) Generate(ctx context.Context, prompt string, o Options) (*Result, error) {
	s, err := m.Begin(ctx, prompt)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Write(ctx, o, nil)
}

// Stream continues a text and yields it as it is written.
func (m *Model) Stream(ctx context.Context, prompt string, o Options) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		s, err := m.Begin(ctx, prompt)
		if err != nil {
			yield(Piece{}, err)
			return
		}
		defer s.Close()
		s.Stream(ctx, o)(yield)
	}
}

// Session is a text that was read, to be continued. It belongs to one goroutine, which closes it.
type Session struct {
	model  *Model
	pool   *parallel.Pool
	tape   *nn.Tape
	caches []*nn.Cache // one
	batch  tensor.Packed
	ids    []int32   // of the text
	logits []float32 // of the token that follows
}

// readTokens is how many tokens of a prompt are read at a time.
const readTokens = 256

// Begin reads a prompt.
func (m *Model) Begin(ctx context.Context, prompt string) (*Session, error) {
	ids := m.tokens(prompt)
	if len(ids) == 0 && m.begin >= 0 {
		ids = []int32{m.begin}
	}
	room := m.Config.MaxTokens
	switch {
	case len(ids) == 0:
		return nil, hint.Errorf("give it some words", "reading the prompt: it is empty, and the model has no token to begin a text with")
	case len(ids) >= room:
		return nil, hint.Errorf("shorten it", "reading the prompt: it has %d tokens, and the model has room for %d, the answer included", len(ids), room)
	}
	s := m.session(m.Transformer().NewCache(min(room, len(ids)+readTokens)))
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			s.Close()
			return nil, err
		}
		n := min(len(ids), readTokens)
		s.read(ids[:n])
		ids = ids[n:]
	}
	return s, nil
}

// tokens returns the tokens of a prompt, cleaned as the texts were that the model learnt from.
func (m *Model) tokens(prompt string) []int32 {
	clean, _ := m.cleaner.Clean(prompt)
	var e text.Encoding
	m.Tokenizer.EncodeText(&e, clean, text.EncodeOptions{Special: true})
	return e.IDs
}

func (m *Model) session(c *nn.Cache) *Session {
	pool := parallel.New(0)
	return &Session{model: m, pool: pool, tape: nn.NewTape(pool), caches: []*nn.Cache{c}}
}

// Close ends the session's workers.
func (s *Session) Close() { s.pool.Close() }

// Tokens returns how many tokens the text has.
func (s *Session) Tokens() int { return len(s.ids) }

// Clone returns a session that goes on from the same place by itself.
func (s *Session) Clone() *Session {
	c := s.model.session(s.caches[0].Clone(0))
	c.ids, c.logits = slices.Clone(s.ids), slices.Clone(s.logits)
	return c
}

// read goes on with tokens.
func (s *Session) read(ids []int32) {
	n, t := s.model.Transformer(), s.tape
	s.ids = append(s.ids, ids...)
	s.batch.Reset()
	s.batch.Append(ids)
	t.Begin(nn.Inference, 0, 0)
	states := n.Forward(t, encoder.Input{Tokens: &s.batch, Caches: s.caches})
	last := t.Input(states.Row(states.Rows-1), 1, states.Cols)
	s.logits = append(s.logits[:0], n.Logits(t, last, nil).Data...)
}

// Stream continues the text and yields it as it is written. When ctx ends, so does it, with the context's error.
func (s *Session) Stream(ctx context.Context, o Options) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		if err := o.Check(); err != nil {
			yield(Piece{}, err)
			return
		}
		c := continuation{Session: s, sampler: newSampler(o, len(s.logits)), writer: newWriter(s.model.Tokenizer, s.ids, o.Stop)}
		c.sampler.note(s.ids...)
		for {
			if err := ctx.Err(); err != nil {
				yield(Piece{Tokens: c.tokens}, err)
				return
			}
			piece := c.next()
			if (piece.Text != "" || piece.End != "") && !yield(piece, nil) || piece.End != "" {
				return
			}
		}
	}
}

// Write continues the text and returns all of it; show, which may be nil, is given the pieces as they come.
func (s *Session) Write(ctx context.Context, o Options, show func(piece string) error) (*Result, error) {
	start, r := time.Now(), &Result{Prompt: s.Tokens()}
	var b strings.Builder
	for piece, err := range s.Stream(ctx, o) {
		if err != nil {
			return nil, err
		}
		b.WriteString(piece.Text)
		r.Tokens, r.End = piece.Tokens, piece.End
		if show != nil {
			if err := show(piece.Text); err != nil {
				return nil, fmt.Errorf("showing the text: %w", err)
			}
		}
	}
	r.Text, r.Seconds = b.String(), time.Since(start).Seconds()
	return r, nil
}

// continuation is a session that is being continued.
type continuation struct {
	*Session
	sampler *sampler
	writer  *writer
	tokens  int // written
}

// next writes a token.
func (c *continuation) next() Piece {
	switch limit := c.sampler.MaxTokens; {
	case limit > 0 && c.tokens == limit:
		return c.end(Length)
	case len(c.ids) == c.model.Config.MaxTokens:
		return c.end(Full)
	}
	id := c.sampler.choose(c.logits)
	if c.model.ends(id) {
		return c.end(ModelEnd)
	}
	c.tokens++
	c.sampler.note(id)
	said, stopped := c.writer.add(id)
	if stopped {
		return Piece{said, c.tokens, StopEnd}
	}
	c.read([]int32{id})
	return Piece{Text: said, Tokens: c.tokens}
}

func (c *continuation) end(why End) Piece { return Piece{c.writer.end(), c.tokens, why} }
