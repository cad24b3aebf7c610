package text

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Config chooses a tokenizer: the `tokenizer` part of xiaoyu.yaml.
type Config struct {
	Kind         string `yaml:"kind" json:"kind" doc:"what a token is: char (each character), word (words, Chinese ones found by a dictionary while training), whole (words as they are written, with hyphens, and abbreviations and numbers in one piece; single Chinese characters), parts of words as wordpiece (BERT's kind; single Chinese characters), bpe (GPT's kind, of bytes: nothing is unknown) or unigram (SentencePiece's kind) learn them, or auto: char for mostly Chinese text, else whole for task tokens and word for others" default:"auto" enum:"auto|char|word|whole|wordpiece|bpe|unigram"`
	Lowercase    bool   `yaml:"lowercase" json:"lowercase" doc:"turn letters to lower case" default:"true"`
	NFKC         bool   `yaml:"nfkc" json:"nfkc" doc:"unify compatibility forms of Unicode, such as full width" default:"true"`
	MinFrequency int    `yaml:"min_frequency" json:"min_frequency" doc:"a token must occur so often in the training texts" default:"2" min:"1" max:"1000000"`
	VocabSize    int    `yaml:"vocab_size" json:"vocab_size" doc:"at most so many tokens, the most frequent ones" default:"30000" min:"3" max:"4000000"`
	Dictionary   string `yaml:"dictionary" json:"dictionary,omitempty" doc:"file of words that a word tokenizer keeps together: a line each, word [frequency] [tag]; without a frequency always" default:""`
	NewWords     bool   `yaml:"new_words" json:"new_words,omitempty" doc:"word tokenizers also take names of people, dates and the parts of set phrases for words, which the dictionary of Chinese lacks" default:"false"`
}

// Train builds a tokenizer from texts. The same texts in any order give the same tokenizer. progress, which may be
// nil, is told how many texts were read.
func Train(ctx context.Context, texts iter.Seq[string], c Config, progress func(done int64)) (*Tokenizer, error) {
	return TrainStages(ctx, texts, c, func(stage string, done, _ int64) {
		if progress != nil && stage == StageReading {
			progress(done)
		}
	})
}

// Stages of a training, as TrainStages tells them.
const (
	StageReading = "reading" // texts
	StageMerging = "merging" // tokens made, of those wanted
	StagePruning = "pruning" // rounds; how many there will be is not known
)

// TrainStages is Train for those who show more of its progress: each call of observe tells the stage, what is done, and
// of how much, 0 where that is not known.
//
// A word tokenizer knows the words that a Segmenter finds in the training texts, and their frequencies; it is a
// Unigram model, which cuts new text into the most probable sequence of those words by itself. So the dictionary is
// needed for training alone, and any runtime that reads tokenizer.json cuts alike. Chinese characters are tokens too,
// of low probability: a word that training did not see falls apart into characters it did see. Words of other scripts
// are kept whole or become the unknown token, unless known words make them up.
//
// A whole tokenizer knows the words that training saw, and any other word is one unknown token: it does not fall apart,
// as names that training did not see must not where their characters are features of them.
//
// Tokenizers of the kinds wordpiece, bpe and unigram learn parts of words (trainmerges.go, trainunigram.go).
func TrainStages(ctx context.Context, texts iter.Seq[string], c Config, observe func(stage string, done, total int64)) (*Tokenizer, error) {
	classesOnce.Do(buildClasses)
	t := &Tokenizer{}
	if c.NFKC {
		t.normalizers = append(t.normalizers, nfkc)
	}
	if c.Lowercase && c.Kind != "wordpiece" {
		t.normalizers = append(t.normalizers, lowercaser{})
	}
	if err := t.stagesOf(c); err != nil {
		return nil, err
	}
	count := func(piece string, counts *counter) error { counts.add(piece, 1); return nil }
	var user *Dictionary
	if c.Kind == "word" {
		w := &wordCounter{newWords: c.NewWords}
		if c.Dictionary != "" {
			d, err := LoadDictionary(c.Dictionary)
			if err != nil {
				return nil, err
			}
			user = d.Mapped(t.Normalize)
			w.user = user
		}
		count = w.count
	}
	counts, err := t.countPieces(ctx, texts, count, func(done int64) { observe(StageReading, done, 0) })
	if err != nil {
		return nil, err
	}
	switch c.Kind {
	case "wordpiece":
		return t, t.learnWordPiece(ctx, counts, c, observe)
	case "bpe":
		return t, t.learnBPE(ctx, counts, c, observe)
	case "unigram":
		return t, t.learnUnigram(ctx, counts, c, observe)
	}
	tokens, frequencies := counts.most(c.MinFrequency, c.VocabSize-2)
	tokens = append([]string{Pad, Unknown}, tokens...)
	if c.Kind == "char" || c.Kind == "whole" {
		t.algorithm = newWordLevel(tokens, 1)
		return t, nil
	}
	scores := make([]float64, len(tokens))
	total := 0.0
	for _, f := range frequencies {
		total += float64(f)
	}
	for i, f := range frequencies {
		scores[i+2] = sixDecimals(math.Log(float64(f) / total))
	}
	t.algorithm = newUnigram(tokens, scores, 1)
	t.keep(user)
	return t, nil
}

// sixDecimals rounds a score: other readers of JSON may round longer numbers differently, which would decide ties
// otherwise.
func sixDecimals(score float64) float64 { return math.Round(1e6*score) / 1e6 }

// wholeWords finds the tokens of kind whole: a Chinese character, an abbreviation (u.s., or the initial j.), a word or a
// number with what joins its parts (at&t, o'brien, 1996-08-22, 3,000.5), what follows an apostrophe ('s), a run of one
// mark, any other character.
const wholeWords = `\p{Han}|(?:\p{L}\.)+|` + wordRun + `(?:[-&/._+]` + wordRun + `|[,:]\p{N}+|'\p{L}{3,})*|'\p{L}{1,2}(?![\p{L}\p{N}])|-+|\.+|\*+|=+|_+|[^\s]`

const wordRun = `(?:(?!\p{Han})[\p{L}\p{M}\p{N}])+`

// stagesOf sets the stages of a kind around its algorithm. Each cuts the brackets off "[PAD]", or takes bytes apart, so
// that no text can spell a special token.
func (t *Tokenizer) stagesOf(c Config) error {
	switch c.Kind {
	case "char":
		t.preTokenizers = []PreTokenizer{whitespaceSplit{}, characters()}
	case "word":
		t.preTokenizers = []PreTokenizer{whitespaceSplit{}, &punctuation{isolated}}
	case "whole":
		expression := wholeWords
		split := &splitStage{Pattern: splitPattern{Regex: &expression}, Behavior: removed, Invert: true}
		t.preTokenizers = []PreTokenizer{split}
		return split.prepare()
	case "wordpiece":
		bert := &bertNormalizer{Clean: true, Chinese: true, Lower: c.Lowercase}
		t.normalizers = append(t.normalizers, bert)
		t.preTokenizers = []PreTokenizer{bertPreTokenizer{}}
		t.decoder = []decoder{&wordPieceDecoder{"##", true}}
		return bert.prepare()
	case "bpe":
		t.preTokenizers = []PreTokenizer{&byteLevel{UseRegex: true, Trim: true}}
		t.decoder = []decoder{&byteLevel{UseRegex: true, Trim: true}}
	case "unigram":
		space := &metaspace{Replacement: "▁", Scheme: "always", Split: true}
		t.preTokenizers = []PreTokenizer{space, &punctuation{isolated}}
		t.decoder = []decoder{space}
	default:
		return hint.Errorf("choose char, word, whole, wordpiece, bpe or unigram", "training a tokenizer: unknown kind %q", c.Kind)
	}
	return nil
}

// countPieces counts the pieces that the algorithm will get.
func (t *Tokenizer) countPieces(ctx context.Context, texts iter.Seq[string], count func(piece string, counts *counter) error, progress func(done int64)) (*counter, error) {
	counts := &counter{n: map[string]*int64{}}
	read := int64(0)
	t.algorithm = newWordLevel([]string{Pad, Unknown}, 1) // stands in while pieces are counted
	var e Encoding
	for s := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.EncodeTo(&e, s)
		for _, p := range e.Pieces {
			if err := count(view(e.Text[p.Start:p.End]), counts); err != nil {
				return nil, err
			}
		}
		read++
		progress(read)
	}
	return counts, nil
}

// characters returns the stage that makes a piece of each character.
func characters() PreTokenizer {
	any := "."
	t := &splitStage{Pattern: splitPattern{Regex: &any}, Behavior: isolated}
	// The expression is a good one.
	_ = t.prepare()
	return t
}

// counter counts strings. Beyond so many different ones the rarest are forgotten, to bound memory.
type counter struct {
	n     map[string]*int64
	bytes int
}

const (
	maxCounted      = 4 << 20
	maxCountedBytes = 64 << 20
)

// add counts a string, whose memory the caller may use again.
func (c *counter) add(s string, n int64) {
	if count, ok := c.n[s]; ok {
		*count += n
		return
	}
	c.n[strings.Clone(s)] = &n
	c.bytes += len(s)
	if len(c.n) <= maxCounted && c.bytes <= maxCountedBytes {
		return
	}
	for floor := int64(1); len(c.n) > maxCounted/2 || c.bytes > maxCountedBytes/2; floor++ {
		for s, n := range c.n {
			if *n <= floor {
				delete(c.n, s)
				c.bytes -= len(s)
			}
		}
	}
}

// all returns what was counted, in the order of the strings, and the counts.
func (c *counter) all() (pieces []string, counts []int64) {
	pieces = slices.Sorted(maps.Keys(c.n))
	for _, p := range pieces {
		counts = append(counts, *c.n[p])
	}
	return pieces, counts
}

// most returns the most frequent strings, at most limit, and their counts; ties go by text.
func (c *counter) most(least, limit int) (tokens []string, counts []int64) {
	for s, n := range c.n {
		if *n >= int64(least) && s != Pad && s != Unknown {
			tokens = append(tokens, s)
		}
	}
	slices.SortFunc(tokens, func(a, b string) int {
		return cmp.Or(cmp.Compare(*c.n[b], *c.n[a]), cmp.Compare(a, b))
	})
	tokens = tokens[:min(len(tokens), max(limit, 0))]
	for _, s := range tokens {
		counts = append(counts, *c.n[s])
	}
	return tokens, counts
}

// wordCounter counts the words of pieces, and the single Chinese characters of longer words as rare words.
type wordCounter struct {
	user      *Dictionary
	newWords  bool
	segmenter Segmenter // loaded when the first Chinese text comes
}

func (w *wordCounter) count(piece string, counts *counter) error {
	for len(piece) > 0 {
		n := joinedLength(piece)
		run := piece[:n]
		piece = piece[n:]
		if strings.IndexFunc(run, isChinese) < 0 {
			counts.add(run, 1)
			continue
		}
		if w.segmenter == nil {
			options := []SegmentOption{WithDictionary(w.user)}
			if w.newWords {
				options = append(options, WithNewWords())
			}
			var err error
			if w.segmenter, err = NewSegmenter(options...); err != nil {
				return err
			}
		}
		for _, s := range w.segmenter.Segment(run) {
			word := run[s.Start:s.End]
			counts.add(word, 1)
			if utf8.RuneCountInString(word) == 1 {
				continue
			}
			for _, r := range word {
				if isChinese(r) {
					counts.add(string(r), 1)
				}
			}
		}
	}
	return nil
}

// joinedLength returns the length of the run at the beginning of s of characters that words of Chinese are made of,
// letters and digits among them (T恤, 4S店), or of others.
func joinedLength(s string) int {
	first, joined := true, false
	for at, r := range s {
		is := isChinese(r) || isLetter(r) || isDigit(r)
		if !first && is != joined {
			return at
		}
		first, joined = false, is
	}
	return len(s)
}

// CountChinese returns how many characters of s are Chinese, and how many there are that are no white space.
func CountChinese(s string) (chinese, all int) {
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			continue
		case unicode.Is(unicode.Han, r):
			chinese++
		}
		all++
	}
	return chinese, all
}
