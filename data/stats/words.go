package stats

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Vocabulary describes the words of all texts: Chinese ones found by the dictionary, others between what is neither
// letter nor digit, in lower case.
type Vocabulary struct {
	Tokens   int         `json:"tokens"`   // words, as often as they occur
	Types    int         `json:"types"`    // different words
	Once     int         `json:"once"`     // words that occur once
	Growth   []Growth    `json:"growth"`   // different words after so many words (Heaps 1978)
	Ranks    []Rank      `json:"ranks"`    // frequency by rank (Zipf 1949)
	Slope    float64     `json:"slope"`    // of the logarithms of both: −1 by Zipf's law
	Frequent []WordCount `json:"frequent"` // most frequent words that say something: no stop words, two characters or more
}

// Growth is a point of the growth of the vocabulary.
type Growth struct {
	Tokens int `json:"tokens"`
	Types  int `json:"types"`
}

// Rank is the frequency of the word of a rank.
type Rank struct {
	Rank  int `json:"rank"`
	Count int `json:"count"`
}

// WordCount is a word and how often it occurs.
type WordCount struct {
	Word  string `json:"word"`
	Count int    `json:"count"`
}

// WordScore is a word that speaks for a label.
type WordScore struct {
	Word  string  `json:"word"`
	Count int     `json:"count"` // in texts of the label
	Score float64 `json:"score"` // deviations from what chance would give
}

const (
	growthPoints  = 60
	frequentWords = 40
	maxLabelWords = 1000 // labels whose words are counted: more are no classes
	typicalWords  = 10
	leastTypical  = 3    // occurrences of a word that can be typical
	typicalScore  = 1.96 // a word below it is no more typical than by chance
)

// wordCounter counts words, in all and by label.
type wordCounter struct {
	segmenter text.Segmenter // nil until Chinese text comes
	stop      map[string]bool
	total     map[string]int
	byLabel   map[string]map[string]int
	labelSize map[string]int
	tokens    int
	growth    []Growth
	next      int // tokens at which the growth is noted
	scratch   []string
}

func newWordCounter() (*wordCounter, error) {
	w := &wordCounter{total: map[string]int{}, byLabel: map[string]map[string]int{}, labelSize: map[string]int{}, stop: map[string]bool{}, next: 1}
	for _, language := range []string{"zh", "en"} {
		for _, s := range text.StopWords(language) {
			w.stop[s] = true
		}
	}
	var err error
	w.segmenter, err = text.NewSegmenter()
	return w, err
}

// add counts the words of a text and returns how many there are.
func (w *wordCounter) add(s string, labels []string) int {
	w.scratch = w.cut(w.scratch[:0], s)
	for _, word := range w.scratch {
		if w.total[word] == 0 {
			word = strings.Clone(word)
		}
		w.total[word]++
		if w.tokens++; w.tokens >= w.next {
			w.growth = append(w.growth, Growth{w.tokens, len(w.total)})
			w.next = max(w.tokens+1, int(float64(w.tokens)*1.2))
		}
	}
	for _, l := range labels {
		counts := w.byLabel[l]
		if counts == nil {
			if len(w.byLabel) == maxLabelWords {
				continue
			}
			counts = map[string]int{}
			w.byLabel[l] = counts
		}
		for _, word := range w.scratch {
			counts[word]++
		}
		w.labelSize[l] += len(w.scratch)
	}
	return len(w.scratch)
}

// cut appends the words of s.
func (w *wordCounter) cut(dst []string, s string) []string {
	s = strings.ToLower(s)
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		from := at
		switch {
		case unicode.Is(unicode.Han, r):
			at += run(s[at:], func(r rune) bool { return unicode.Is(unicode.Han, r) })
			for _, span := range w.segmenter.Segment(s[from:at]) {
				dst = append(dst, s[from+span.Start:from+span.End])
			}
		case wordRune(r):
			at += run(s[at:], func(r rune) bool {
				return !unicode.Is(unicode.Han, r) && (wordRune(r) || r == '\'' || r == '’')
			})
			dst = append(dst, strings.TrimRight(s[from:at], "'’"))
		default:
			at += n
		}
	}
	return dst
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// run returns the length of the characters at the beginning of s that fit.
func run(s string, fits func(r rune) bool) int {
	for at, r := range s {
		if !fits(r) {
			return at
		}
	}
	return len(s)
}

func (w *wordCounter) vocabulary() Vocabulary {
	v := Vocabulary{Tokens: w.tokens, Types: len(w.total), Growth: append(w.growth, Growth{w.tokens, len(w.total)}), Ranks: []Rank{}, Frequent: []WordCount{}}
	var all []WordCount
	for word, n := range w.total {
		all = append(all, WordCount{word, n})
		if n == 1 {
			v.Once++
		}
	}
	slices.SortFunc(all, func(a, b WordCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Word, b.Word))
	})
	for rank := 1; rank <= len(all); rank = max(rank+1, rank*6/5) {
		v.Ranks = append(v.Ranks, Rank{rank, all[rank-1].Count})
	}
	v.Slope = slope(v.Ranks)
	for _, c := range all {
		if len(v.Frequent) < frequentWords && w.telling(c.Word) {
			v.Frequent = append(v.Frequent, c)
		}
	}
	return v
}

// telling tells whether a word says something by itself.
func (w *wordCounter) telling(word string) bool {
	return !w.stop[word] && utf8.RuneCountInString(word) > 1 && strings.IndexFunc(word, unicode.IsLetter) >= 0
}

// slope fits a line through the logarithms of ranks and counts, of counts above one.
func slope(ranks []Rank) float64 {
	n, sx, sy, sxx, sxy := 0.0, 0.0, 0.0, 0.0, 0.0
	for _, r := range ranks {
		if r.Count < 2 {
			break
		}
		x, y := math.Log(float64(r.Rank)), math.Log(float64(r.Count))
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 1e-12 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

// typical returns the words whose share among the words of a label is most surely above that among all others: the
// log-odds ratio with the whole file as prior, in deviations (Monroe, Colaresi & Quinn 2008, "Fightin' Words").
func (w *wordCounter) typical(label string) []WordScore {
	if len(w.byLabel) < 2 {
		return nil
	}
	const prior = 0.01 // of the whole file's counts
	all, mine := float64(w.tokens), float64(w.labelSize[label])
	rest := all - mine
	strength := prior * all
	var scores []WordScore
	for word, n := range w.byLabel[label] {
		if n < leastTypical || !w.telling(word) {
			continue
		}
		total := float64(w.total[word])
		a, inside, outside := prior*total, float64(n), max(total-float64(n), 0)
		odds := math.Log((inside+a)/(mine+strength-inside-a)) - math.Log((outside+a)/(rest+strength-outside-a))
		z := odds / math.Sqrt(1/(inside+a)+1/(outside+a))
		if z > typicalScore {
			scores = append(scores, WordScore{word, n, z})
		}
	}
	slices.SortFunc(scores, func(a, b WordScore) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Word, b.Word))
	})
	return scores[:min(len(scores), typicalWords)]
}
