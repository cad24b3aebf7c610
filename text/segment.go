package text

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
	_ "unsafe" // for go:linkname

	_ "github.com/go-ego/gse" // the dictionary

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Segmenter cuts a text without spaces into words. The spans cover the text in order.
type Segmenter interface {
	Segment(s string) []Span
}

// NewSegmenter returns the segmenter of Chinese: the cut of maximum probability over gse's dictionary of simplified
// Chinese, without a model for new words: what the dictionary lacks stays characters, which a tokenizer can learn,
// where a model would invent words that training sees once. The dictionary is read when it is first needed (some 0.2 s,
// 30 MB) and once; only training a word tokenizer needs it. It is safe for use by many goroutines.
func NewSegmenter() (Segmenter, error) { return loadDictionary() }

// dictionarySegmenter is the cut that gse's and jieba's Cut without HMM compute. It is the same search as a Unigram
// tokenizer's, so it is done by the same code and trie, in a fifth of the memory of gse's own.
type dictionarySegmenter struct{ words *unigram }

var loadDictionary = sync.OnceValues(func() (*dictionarySegmenter, error) {
	tokens, counts := []string{Unknown}, []float64{1}
	total := 0.0
	for line := range strings.Lines(simplifiedDictionary) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, _, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || word == "" {
			continue // a comment or an entry without a frequency
		}
		n = max(n, 1)
		tokens, counts = append(tokens, word), append(counts, n)
		total += n
	}
	if len(tokens) < 100_000 {
		return nil, hint.Errorf("report this as a defect", "loading the dictionary of Chinese words: %d entries", len(tokens))
	}
	for i, n := range counts {
		counts[i] = math.Log(n / total)
	}
	u := &unigram{tokens: tokens, scores: counts, lowest: math.Log(1/total) + unknownPenalty}
	u.trie.build(tokens)
	return &dictionarySegmenter{u}, nil
})

// simplifiedDictionary is gse's dictionary of simplified Chinese. gse hands it out only through a method that names
// its Japanese and traditional dictionaries as well, which would put 33 MB more into every binary.
//
//go:linkname simplifiedDictionary github.com/go-ego/gse.zhS
var simplifiedDictionary string

// Segment cuts s. Characters that no word begins with are words by themselves.
func (d *dictionarySegmenter) Segment(s string) []Span {
	var e Encoding
	d.words.encode(s, Span{0, len(s)}, &e)
	spans := e.Pieces[:0:0]
	for i, p := range e.Pieces {
		if e.IDs[i] != d.words.unk {
			spans = append(spans, p)
			continue
		}
		for at := p.Start; at < p.End; {
			_, n := utf8.DecodeRuneInString(s[at:])
			spans = append(spans, Span{at, at + n})
			at += n
		}
	}
	return spans
}
