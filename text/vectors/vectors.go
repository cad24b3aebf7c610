// Package vectors holds word vectors: a list of numbers for each word, near for words that are used alike.
//
//	v, err := vectors.Read(ctx, "glove.6B.100d.txt.gz", vectors.Options{})
//	for _, n := range v.Nearest("king", 10) {
//		fmt.Println(n.Word, n.Similarity)
//	}
//
// [Read] takes the formats that vectors are published in: word2vec's text and binary, GloVe's text, which has no
// header, and fastText's .vec, each also as gzip or zstd. It streams, and keeps only the words that are wanted, so that
// a file of millions of words needs the memory of those. [Train] makes vectors of a corpus by skip-gram or CBOW.
//
// The package knows words, not texts: cutting a text into words is package text's work.
package vectors

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// maxDim bounds the width of a vector, as model.embed_dim is bounded.
const maxDim = 8192

// Set is word vectors in memory.
type Set struct {
	Dim    int
	Words  []string  // in the order of the file: most files begin with the most frequent words
	Values []float32 // [words, Dim]
	Digest string    // of the file they were read from: "sha256:…"; "" if they were trained
	Total  int       // words of the file, those that were not wanted included
	Notes  []string  // what the user should know about the file, a line each

	index map[string]int32
}

// New returns an empty set of vectors of dim numbers.
func New(dim int) *Set { return &Set{Dim: dim, index: map[string]int32{}} }

// add appends a word and returns its vector, to be filled; nil if the word is there already.
func (s *Set) add(word string) []float32 {
	if _, ok := s.index[word]; ok {
		return nil
	}
	s.index[word] = int32(len(s.Words))
	s.Words = append(s.Words, word)
	n := len(s.Values)
	s.Values = slices.Grow(s.Values, s.Dim)[:n+s.Dim]
	return s.Values[n:]
}

// drop takes back the last add.
func (s *Set) drop() {
	last := len(s.Words) - 1
	delete(s.index, s.Words[last])
	s.Words, s.Values = s.Words[:last], s.Values[:last*s.Dim]
}

// Len returns the number of words.
func (s *Set) Len() int { return len(s.Words) }

// Row returns the vector of word number i; it is the set's own memory.
func (s *Set) Row(i int) []float32 { return s.Values[i*s.Dim : (i+1)*s.Dim] }

// ID returns the number of a word, spelled exactly so.
func (s *Set) ID(word string) (int, bool) {
	i, ok := s.index[word]
	return int(i), ok
}

// Find returns the vector of a word: as it is spelled, else in lower case, else nil.
func (s *Set) Find(word string) []float32 {
	i, ok := s.index[word]
	if !ok {
		i, ok = s.index[strings.ToLower(word)]
	}
	if !ok {
		return nil
	}
	return s.Row(int(i))
}

// Append adds a word with its vector; a word that is there already is an error, and so are too many or few numbers.
func (s *Set) Append(word string, vector []float32) error {
	if len(vector) != s.Dim {
		return hint.Errorf("give vectors of one width", "adding the vector of %q: %d numbers, not %d", word, len(vector), s.Dim)
	}
	row := s.add(word)
	if row == nil {
		return hint.Errorf("name each word once", "adding the vector of %q: it has one already", word)
	}
	copy(row, vector)
	return nil
}
