package text

import (
	"math"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Segmenter cuts a text without spaces into words. The spans cover the text in order.
type Segmenter interface {
	Segment(s string) []Span
}

// SegmentOption changes what NewSegmenter returns.
type SegmentOption func(*WordSegmenter)

// WithDictionary adds the words of a user dictionary, which may grow while the segmenter is in use.
func WithDictionary(d *Dictionary) SegmentOption { return func(w *WordSegmenter) { w.user = d } }

// WithNewWords finds words that no dictionary lists: names of people, by the surnames and given names that the
// dictionary's own 77,000 have, and dates (2001年, 十二月, 31日). It also takes entries of the dictionary of three and
// more characters that no corpus has attested for the phrases that most of them are, and cuts them: 深化 改革.
func WithNewWords() SegmentOption { return func(w *WordSegmenter) { w.newWords = true } }

// NewSegmenter returns the segmenter of Chinese: the cut of maximum probability over gse's dictionary of simplified
// Chinese. Numbers, words in Latin letters and runs of dashes stay whole; what the dictionary lacks stays characters,
// unless WithNewWords is given. It is safe for use by many goroutines.
//
// The dictionary is read when it is first needed, once: some 0.1 s and 20 MB. Only training a word tokenizer needs it.
func NewSegmenter(options ...SegmentOption) (*WordSegmenter, error) {
	w := &WordSegmenter{}
	for _, o := range options {
		o(w)
	}
	var err error
	if w.newWords {
		if w.words, err = loadAttested(); err == nil {
			w.names, err = loadNames()
		}
		return w, err
	}
	w.words, err = loadWords()
	return w, err
}

// WordSegmenter cuts Chinese by a dictionary. Its cut is that of the Unigram search of Kudo 2018 and of jieba, over
// words of more kinds: those of the dictionary and of the user, numbers, and, if wanted, names and dates.
type WordSegmenter struct {
	words    *lexicon
	user     *Dictionary // nil for none
	newWords bool
	names    *nameModel // nil without newWords
	lattices sync.Pool
}

// Knows tells whether the word stands in a dictionary, the segmenter's own or the user's.
func (w *WordSegmenter) Knows(word string) bool {
	if _, ok := w.words.find(word); ok {
		return true
	}
	if user := w.user.lexicon(); user != nil {
		_, ok := user.find(word)
		return ok
	}
	return false
}

// dictionaryTotal is the number of words in the corpora that the dictionary's frequencies come from; its logarithm
// turns frequencies into probabilities.
const dictionaryTotal = 57_622_195

// Score of a character that is no word, and of a number or a word in Latin letters: below every word that the
// dictionary has, so that 4S店 stays whole.
var (
	unknownScore = math.Log(1.0/dictionaryTotal) - unknownPenalty
	atomScore    = math.Log(1.0 / dictionaryTotal)
)

// unattested is the frequency that the dictionary gives to words that its corpora did not have. They count as seen
// once.
const unattested = 3

var (
	loadWords = sync.OnceValues(func() (*lexicon, error) {
		return loadDictionary(func(string) float64 { return 1 })
	})
	// loadAttested counts set phrases as seen a hundredth of a time: what is made of known words falls apart into them.
	loadAttested = sync.OnceValues(func() (*lexicon, error) {
		return loadDictionary(func(word string) float64 {
			if utf8.RuneCountInString(word) > 2 {
				return 0.01
			}
			return 1
		})
	})
)

// loadDictionary reads gse's dictionary; rare tells how often a word of its default frequency counts as seen.
func loadDictionary(rare func(word string) float64) (*lexicon, error) {
	l := newLexicon(func(yield func(string, float32) bool) {
		last, score := 0.0, float32(0)
		for word, e := range dictionaryEntries {
			f := float64(e.frequency)
			if e.frequency <= unattested {
				f = rare(word)
			}
			if f != last { // most words have one frequency
				last, score = f, float32(math.Log(f/dictionaryTotal))
			}
			if !yield(word, score) {
				return
			}
		}
	})
	if simplifiedDictionary == "" {
		return nil, hint.Errorf("use the program xiaoyu for this", "loading the dictionary of Chinese words: this program carries none")
	}
	if len(l.nodes) < 100_000 {
		return nil, hint.Errorf("report this as a defect", "loading the dictionary of Chinese words: %d characters", len(l.nodes))
	}
	return l, nil
}

// dictionaryEntry is what the dictionary says of a word.
type dictionaryEntry struct {
	frequency int
	tag       string // part of speech: n, v, nr (a person's name), …
}

// dictionaryEntries yields the lines of the dictionary: word, frequency, tag.
func dictionaryEntries(yield func(word string, e dictionaryEntry) bool) {
	for rest := simplifiedDictionary; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		word, tail, _ := strings.Cut(line, " ")
		n, at := 0, 0
		for ; at < len(tail) && '0' <= tail[at] && tail[at] <= '9'; at++ {
			n = min(10*n+int(tail[at]-'0'), dictionaryTotal)
		}
		if word == "" || at == 0 {
			continue // a comment, or an entry without a frequency
		}
		tag := strings.TrimSpace(tail[at:])
		if !yield(word, dictionaryEntry{max(n, 1), tag}) {
			return
		}
	}
}
