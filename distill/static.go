package distill

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// StaticOptions say how a static embedding is made of an encoder.
type StaticOptions struct {
	Dim       int               // numbers of an embedding: so many principal components; 0 for as many as the encoder has
	SIF       float64           // a of the weight a/(a+p) that a token of frequency p has; 0 for equal weights
	Stored    safetensors.DType // of the rows: F32, F16 or I8
	Texts     func() iter.Seq2[string, error]
	Trim      bool   // leave out the tokens that Texts lack
	Fit       int    // so many of Texts the rows are fitted to
	FitTokens int    // of each of those
	Memory    string // folder that keeps what the encoder says until all is done; "" for none
	Stage     func(name string, total int64, unit string)
	Progress  func(done int64, detail string)
}

// Static makes of a sentence encoder an embedding that is a table: the vector of a text is the mean of its tokens' rows,
// some hundred times faster than the encoder and not quite as good (model2vec; Tulkens & van Dongen 2024). A row is what
// the encoder makes of the token alone, in the directions in which those vary most (PCA), weighted by how much tokens of
// its frequency tell (Arora, Liang & Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings"). With Fit,
// rows then move to where the means come nearest to what the encoder says of whole texts.
func Static(ctx context.Context, encoder *model.Model, o StaticOptions) (*model.Model, error) {
	s := &staticMaker{encoder: encoder, o: o}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.readTexts(ctx); err != nil {
		return nil, err
	}
	if err := s.chooseTokens(); err != nil {
		return nil, err
	}
	rows, err := s.ask(ctx, "tokens", s.sequences())
	if err != nil {
		return nil, err
	}
	p := newProjection(rows, s.width, s.o.Dim)
	s.table = p.apply(rows)
	s.weigh()
	if len(s.sample) > 0 {
		if err := s.fit(ctx, p); err != nil {
			return nil, err
		}
	}
	return model.NewStatic(s.tokenizer, s.table, s.o.Dim, s.o.Stored, model.Sentence{Normalize: true})
}

// staticMaker is a static embedding under way.
type staticMaker struct {
	encoder *model.Model
	o       StaticOptions
	width   int // of the encoder's vectors

	counts []int64   // of the encoder's tokens in the texts; nil without any
	sample [][]int32 // texts to fit to, as the encoder's tokens

	tokenizer *text.Tokenizer
	olds      []int32   // by token: the encoder's
	table     []float32 // [tokens, dim]
}

func (s *staticMaker) check() error {
	c := &s.encoder.Config
	s.width = s.encoder.Dim()
	switch {
	case s.width == 0 || c.Pair:
		return hint.Errorf("take a sentence encoder", "static embeddings are made of models with vectors of texts: this one has none")
	case slices.Contains([]string{"static", "fasttext"}, c.Family):
		return hint.Errorf("take a sentence encoder", "a model of family %s is a table already", c.Family)
	case s.o.Dim < 0 || s.o.Dim > s.width:
		return hint.Errorf("choose fewer, or 0 for all", "static embeddings of %d numbers: the encoder's vectors have %d", s.o.Dim, s.width)
	case s.o.SIF < 0 || s.o.SIF >= 1:
		return hint.Errorf("choose a number from 0 (equal weights) to 1; 0.001 is usual", "the frequency weight %v", s.o.SIF)
	case s.o.Texts == nil && (s.o.Trim || s.o.Fit > 0):
		return hint.Errorf("name a file of them", "static embeddings for a vocabulary, or fitted, without texts")
	}
	s.o.Dim = cmp.Or(s.o.Dim, s.width)
	s.o.Stored = cmp.Or(s.o.Stored, safetensors.F16)
	return nil
}

// readTexts counts the tokens of the texts, and takes a sample of texts that is the same at every call.
func (s *staticMaker) readTexts(ctx context.Context) error {
	if s.o.Texts == nil {
		return nil
	}
	s.counts = make([]int64, s.encoder.Tokenizer.VocabSize())
	s.o.Stage("counting", 0, "texts")
	var e text.Encoding
	n := 0
	for t, err := range s.o.Texts() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		s.encoder.Tokenizer.EncodeTo(&e, t)
		for _, id := range e.IDs {
			s.counts[id]++
		}
		s.consider(e.IDs, n)
		if n++; n%256 == 0 {
			s.o.Progress(int64(n), "")
		}
	}
	s.o.Progress(int64(n), "")
	if n == 0 {
		return hint.Errorf("name a file with texts", "static embeddings: there is no text")
	}
	return nil
}

// consider takes text n into the sample, perhaps in the place of another: each is as likely (Vitter 1985, algorithm R).
func (s *staticMaker) consider(ids []int32, n int) {
	if s.o.Fit == 0 || len(ids) == 0 {
		return
	}
	at := len(s.sample)
	if at == s.o.Fit {
		if at = int(mix(uint64(n)) % uint64(n+1)); at >= len(s.sample) {
			return
		}
		s.sample[at] = nil
	} else {
		s.sample = append(s.sample, nil)
	}
	s.sample[at] = slices.Clone(ids[:min(len(ids), max(s.o.FitTokens, 1))])
}

// mix scatters numbers (SplitMix64; Steele, Lea & Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// chooseTokens makes the tokenizer of the result.
func (s *staticMaker) chooseTokens() (err error) {
	s.tokenizer, s.olds, err = s.encoder.Tokenizer.Restricted(func(id int32) bool { return !s.o.Trim || s.counts[id] > 0 })
	return err
}

// sequences are the tokens of the result, each as a text of its own.
func (s *staticMaker) sequences() [][]int32 {
	begin, end := s.encoder.Around()
	list := make([][]int32, len(s.olds))
	for i, old := range s.olds {
		list[i] = slices.Concat(begin, []int32{old}, end)
	}
	return list
}

// ask has the encoder say its vectors.
func (s *staticMaker) ask(ctx context.Context, what string, sequences [][]int32) ([]float32, error) {
	s.o.Stage("encoding "+what, int64(len(sequences)), what)
	return pass(ctx, s.encoder, sequences, s.o.Memory, func(done int) { s.o.Progress(int64(done), "") })
}

// weigh scales the rows by the frequencies of their tokens; where no texts tell those, tokens are taken for sorted by
// them, as Zipf's law has it. Special tokens stand for no text: their rows are zero.
func (s *staticMaker) weigh() {
	shares, total := make([]float64, len(s.olds)), 0.0
	for i, old := range s.olds {
		shares[i] = 1 / float64(i+2)
		if s.counts != nil {
			shares[i] = float64(s.counts[old])
		}
		total += shares[i]
	}
	dim := s.o.Dim
	for i, p := range shares {
		if s.o.SIF > 0 && total > 0 {
			scale(float32(s.o.SIF/(s.o.SIF+p/total)), s.table[i*dim:(i+1)*dim])
		}
	}
	for _, id := range s.tokenizer.Special() {
		clear(s.table[int(id)*dim : (int(id)+1)*dim])
	}
}

func scale(f float32, row []float32) {
	for i := range row {
		row[i] *= f
	}
}
