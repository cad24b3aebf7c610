package vector

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Keywords says what the parts of a set are about, by the words that are frequent in one and rarer in all: class-based
// TF-IDF (Grootendorst 2022, https://arxiv.org/abs/2203.05794). Stop words, numbers and single Chinese characters say
// nothing.
type Keywords struct {
	segmenter text.Segmenter
	stop      map[string]bool
	counts    []map[string]int // by cluster
	words     int
}

// NewKeywords counts for k clusters; the segmenter cuts texts into words.
func NewKeywords(k int, segmenter text.Segmenter) *Keywords {
	w := &Keywords{segmenter: segmenter, stop: map[string]bool{}, counts: make([]map[string]int, k)}
	for _, language := range []string{"zh", "en"} {
		for _, word := range text.StopWords(language) {
			w.stop[word] = true
		}
	}
	for i := range w.counts {
		w.counts[i] = map[string]int{}
	}
	return w
}

// Add counts the words of a text of a cluster.
func (w *Keywords) Add(cluster int32, s string) {
	for _, word := range text.Words(w.segmenter, s) {
		if w.speaks(word) {
			w.counts[cluster][word]++
			w.words++
		}
	}
}

// addressWords are pieces of addresses of the web.
var addressWords = map[string]bool{"http": true, "https": true, "www": true, "com": true, "cn": true, "html": true}

// speaks tells whether a word may be a keyword.
func (w *Keywords) speaks(word string) bool {
	first, size := utf8.DecodeRuneInString(word)
	return size < len(word) && !w.stop[word] && !strings.ContainsRune(word, '.') && !addressWords[word] && strings.ContainsFunc(word, unicode.IsLetter) && !unicode.IsNumber(first)
}

// Top returns the n words that tell most of each cluster, first the one that tells most.
func (w *Keywords) Top(n int) [][]string {
	everywhere := map[string]int{}
	for _, counts := range w.counts {
		for word, count := range counts {
			everywhere[word] += count
		}
	}
	perCluster := float64(w.words) / float64(max(len(w.counts), 1))
	out := make([][]string, len(w.counts))
	for i, counts := range w.counts {
		total := 0
		for _, count := range counts {
			total += count
		}
		type weighed struct {
			word   string
			weight float64
		}
		var all []weighed
		for word, count := range counts {
			all = append(all, weighed{word, float64(count) / float64(total) * math.Log1p(perCluster/float64(everywhere[word]))})
		}
		slices.SortFunc(all, func(a, b weighed) int {
			return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.word, b.word))
		})
		out[i] = []string{}
		for _, a := range all[:min(n, len(all))] {
			out[i] = append(out[i], a.word)
		}
	}
	return out
}
