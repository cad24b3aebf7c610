package text

import (
	"strings"
	"unicode"
)

// Words returns the words of s in lower case as seg cuts them, for counting and for training word vectors: white space
// and punctuation are left out.
func Words(seg Segmenter, s string) []string {
	s = strings.ToLower(s)
	var words []string
	for _, span := range seg.Segment(s) {
		w := s[span.Start:span.End]
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			words = append(words, w)
		}
	}
	return words
}
