package text

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Config chooses a tokenizer: the `tokenizer` part of xiaoyu.yaml.
type Config struct {
	Kind         string `yaml:"kind" json:"kind" doc:"what a token is: char (each character), word (words, Chinese ones found by a dictionary while training), or auto: char for mostly Chinese text, else word" default:"auto" enum:"auto|char|word"`
	Lowercase    bool   `yaml:"lowercase" json:"lowercase" doc:"turn letters to lower case" default:"true"`
	NFKC         bool   `yaml:"nfkc" json:"nfkc" doc:"unify compatibility forms of Unicode, such as full width" default:"true"`
	MinFrequency int    `yaml:"min_frequency" json:"min_frequency" doc:"a token must occur so often in the training texts" default:"2" min:"1" max:"1000000"`
	VocabSize    int    `yaml:"vocab_size" json:"vocab_size" doc:"at most so many tokens, the most frequent ones" default:"30000" min:"3" max:"4000000"`
	Dictionary   string `yaml:"dictionary" json:"dictionary,omitempty" doc:"file of words that a word tokenizer keeps together: a line each, word [frequency] [tag]; without a frequency always" default:""`
	NewWords     bool   `yaml:"new_words" json:"new_words,omitempty" doc:"word tokenizers also take names of people, dates and the parts of set phrases for words, which the dictionary of Chinese lacks" default:"false"`
}

// Train builds a tokenizer from texts. The same texts in any order give the same tokenizer. progress, which may be
// nil, is told how many texts were read.
//
// A word tokenizer knows the words that a Segmenter finds in the training texts, and their frequencies; it is a
// Unigram model, which cuts new text into the most probable sequence of those words by itself. So the dictionary is
// needed for training alone, and any runtime that reads tokenizer.json cuts alike. Chinese characters are tokens too,
// of low probability: a word that training did not see falls apart into characters it did see. Words of other scripts
// are kept whole or become the unknown token, unless known words make them up.
func Train(ctx context.Context, texts iter.Seq[string], c Config, progress func(done int64)) (*Tokenizer, error) {
	classesOnce.Do(buildClasses)
	t := &Tokenizer{}
	if c.NFKC {
		t.normalizers = append(t.normalizers, nfkc)
	}
	if c.Lowercase {
		t.normalizers = append(t.normalizers, lowercaser{})
	}
	var count func(piece string, counts *counter) error
	var user *Dictionary
	switch c.Kind {
	case "char":
		t.preTokenizers = []PreTokenizer{whitespaceSplit{}, characters()}
		count = func(piece string, counts *counter) error { counts.add(piece, 1); return nil }
	case "word":
		t.preTokenizers = []PreTokenizer{whitespaceSplit{}, &punctuation{isolated}}
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
	default:
		return nil, hint.Errorf("choose char or word", "training a tokenizer: unknown kind %q", c.Kind)
	}
	counts := &counter{n: map[string]int64{}}
	read := int64(0)
	t.algorithm = newWordLevel([]string{Pad, Unknown}, 1) // stands in while pieces are counted
	var e Encoding
	for s := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.EncodeTo(&e, s)
		for _, p := range e.Pieces {
			if err := count(string(e.Text[p.Start:p.End]), counts); err != nil {
				return nil, err
			}
		}
		if read++; progress != nil {
			progress(read)
		}
	}
	tokens, frequencies := counts.most(c.MinFrequency, c.VocabSize-2)
	tokens = append([]string{Pad, Unknown}, tokens...)
	if c.Kind == "char" {
		t.algorithm = newWordLevel(tokens, 1)
		return t, nil
	}
	scores := make([]float64, len(tokens))
	total := 0.0
	for _, f := range frequencies {
		total += float64(f)
	}
	for i, f := range frequencies {
		// Six decimals: other readers of JSON may round longer numbers differently, which would decide ties otherwise.
		scores[i+2] = math.Round(1e6*math.Log(float64(f)/total)) / 1e6
	}
	t.algorithm = newUnigram(tokens, scores, 1)
	t.keep(user)
	return t, nil
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
type counter struct{ n map[string]int64 }

const maxCounted = 4 << 20

func (c *counter) add(s string, n int64) {
	if c.n[s] += n; len(c.n) <= maxCounted {
		return
	}
	for floor := int64(1); len(c.n) > maxCounted/2; floor++ {
		for s, n := range c.n {
			if n <= floor {
				delete(c.n, s)
			}
		}
	}
}

// most returns the most frequent strings, at most limit, and their counts; ties go by text.
func (c *counter) most(least, limit int) (tokens []string, counts []int64) {
	for s, n := range c.n {
		if n >= int64(least) && s != Pad && s != Unknown {
			tokens = append(tokens, s)
		}
	}
	slices.SortFunc(tokens, func(a, b string) int {
		return cmp.Or(cmp.Compare(c.n[b], c.n[a]), cmp.Compare(a, b))
	})
	tokens = tokens[:min(len(tokens), max(limit, 0))]
	for _, s := range tokens {
		counts = append(counts, c.n[s])
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
