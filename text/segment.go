package text

import (
	"sync"

	"github.com/go-ego/gse"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Segmenter cuts a text without spaces into words. The spans cover the text in order.
type Segmenter interface {
	Segment(s string) []Span
}

// NewSegmenter returns the segmenter of Chinese: the cut of maximum probability over gse's dictionary of simplified
// Chinese. Loading takes a second or so and is done once; only training tokenizers needs it. It is safe for use by
// many goroutines.
func NewSegmenter() (Segmenter, error) {
	s, err := loadGSE()
	if err != nil {
		return nil, hint.Wrap(err, "report this as a defect", "loading the dictionary of Chinese words")
	}
	return s, nil
}

type gseSegmenter struct{ seg gse.Segmenter }

var loadGSE = sync.OnceValues(func() (*gseSegmenter, error) {
	s := &gseSegmenter{}
	s.seg.SkipLog = true
	return s, s.seg.LoadDictEmbed("zh_s")
})

// Segment cuts without the hidden Markov model for new words: words that the dictionary lacks stay characters, which
// the tokenizer can learn, where the model would invent words that training sees once.
func (s *gseSegmenter) Segment(text string) []Span {
	var spans []Span
	at := 0
	for _, word := range s.seg.Cut(text, false) {
		spans = append(spans, Span{at, at + len(word)})
		at += len(word)
	}
	if at != len(text) { // a segmenter that drops or changes characters would shift all offsets
		return []Span{{0, len(text)}}
	}
	return spans
}
