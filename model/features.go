package model

import (
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Features are hashed properties of each token. Those of the token itself (its form, its beginnings and ends, its shape
// such as Xx or d.d; for single Chinese characters the pairs that they form with their neighbours) have embeddings whose
// mean is joined to the token's own: they tell what a token is like that training never saw. With Direct, these and
// what stands around the token also score its labels by themselves, as a linear model does.
type Features struct {
	Dim     int    `yaml:"dim" json:"dim" doc:"width of the embeddings of token features (affixes, shape, pairs of characters); 0 for none, -1 to choose by the task (32 for tokens)" default:"-1" min:"-1" max:"1024"`
	Direct  string `yaml:"direct" json:"direct,omitempty" doc:"whether features of a token and its neighbours also score its label directly, as a linear model joined to the network (task tokens): yes, no, or auto: yes for that task" default:"auto" enum:"auto|yes|no"`
	Chars   int    `yaml:"chars" json:"chars,omitempty" doc:"filters of a convolution over the characters of each token; 0 for none, -1 to choose by the task (50 for tokens that are words)" default:"-1" min:"-1" max:"1024"`
	Buckets int    `yaml:"buckets" json:"buckets" doc:"rows of the table that features are hashed to" default:"65536" min:"1" max:"16000000"`
}

// Resolve replaces what is left to choose by what suits the family, the head and a tokenizer of the given kind: what a token
// is called shows in its form and its neighbours, and in the characters of words. Families that read no features, such as
// pretrained encoders, get none.
func (f *Features) Resolve(family, head, tokenizer string) {
	if !Reads(family, "features") {
		f.Dim, f.Chars, f.Direct = 0, 0, "no"
		return
	}
	if f.Dim < 0 {
		f.Dim = 0
		if head == TokensHead {
			f.Dim = 32
		}
	}
	if f.Chars < 0 {
		f.Chars = 0
		if head == TokensHead && tokenizer != "char" {
			f.Chars = 50
		}
	}
	if f.Direct == "auto" {
		f.Direct = "no"
		if head == TokensHead {
			f.Direct = "yes"
		}
	}
}

// Kinds of features keep their hashes apart.
const (
	wordFeature = iota + 1
	prefixFeature
	suffixFeature
	shapeFeature
	leftFeature
	rightFeature
	aroundFeature
	casedFeature
	neighbourFeature // and up to four numbers on: by distance, from -2
	_
	_
	_
	_
	shapesFeature // and one on
	_
	trigramFeature
	knownFeature // what is known beforehand
)

// The most features that a token has of itself, and of what stands around it.
const mostOwn, mostAround = 11, 10

// featureHasher finds the features of the tokens of one text.
type featureHasher struct {
	*Features
	e       *text.Encoding
	source  string // what spans count in, with letters as they were written
	aligned bool   // source is known
}

func (h *featureHasher) bucket(kind int, parts ...[]byte) int32 {
	hash := uint64(kind) * prime
	for _, p := range parts {
		hash = hashBytes(hash, p)
	}
	return int32(finish(hash) % uint64(h.Buckets))
}

// piece returns token i in its normalised form, nil beyond the ends.
func (h *featureHasher) piece(i int) []byte {
	if i < 0 || i >= len(h.e.Pieces) {
		return nil
	}
	return h.e.Text[h.e.Pieces[i].Start:h.e.Pieces[i].End]
}

// written returns token i as it was written.
func (h *featureHasher) written(i int) []byte {
	if i < 0 || i >= len(h.e.Spans) {
		return nil
	}
	if s := h.e.Spans[i]; h.aligned && s.End <= len(h.source) {
		return []byte(h.source[s.Start:s.End])
	}
	return h.piece(i)
}

// single tells of tokens that are one character and no letter or digit: Chinese characters and signs.
func single(word []byte) bool {
	first, size := utf8.DecodeRune(word)
	return size == len(word) && (unicode.Is(unicode.Han, first) || !unicode.IsLetter(first) && !unicode.IsDigit(first))
}

// own appends the buckets of the features of token i itself.
func (h *featureHasher) own(dst []int32, i int) []int32 {
	word := h.piece(i)
	if single(word) {
		return append(dst, h.bucket(leftFeature, h.piece(i-1), word), h.bucket(rightFeature, word, h.piece(i+1)), h.bucket(aroundFeature, h.piece(i-1), h.piece(i+1)))
	}
	written := h.written(i)
	dst = append(dst, h.bucket(wordFeature, word), h.bucket(casedFeature, written), h.bucket(shapeFeature, shapeOf(written)))
	at := 0
	for n := 1; n <= 4 && at < len(word); n++ {
		_, size := utf8.DecodeRune(word[at:])
		at += size
		dst = append(dst, h.bucket(prefixFeature, word[:at]))
	}
	at = len(word)
	for n := 1; n <= 4 && at > 0; n++ {
		_, size := utf8.DecodeLastRune(word[:at])
		at -= size
		dst = append(dst, h.bucket(suffixFeature, word[at:]))
	}
	return dst
}

// around appends the buckets of the features of token i's surroundings.
func (h *featureHasher) around(dst []int32, i int) []int32 {
	for d := -2; d <= 2; d++ {
		dst = append(dst, h.bucket(neighbourFeature+2+d, h.piece(i+d)))
	}
	word := h.piece(i)
	if single(word) {
		return append(dst, h.bucket(trigramFeature, h.piece(i-1), word, h.piece(i+1)), h.bucket(trigramFeature, h.piece(i-2), h.piece(i-1), word), h.bucket(trigramFeature, word, h.piece(i+1), h.piece(i+2)))
	}
	before, here, after := shapeOf(h.written(i-1)), shapeOf(h.written(i)), shapeOf(h.written(i+1))
	return append(dst, h.bucket(leftFeature, h.piece(i-1), word), h.bucket(rightFeature, word, h.piece(i+1)), h.bucket(shapesFeature, before, here), h.bucket(shapesFeature+1, here, after), h.bucket(shapesFeature, before, here, after))
}

// shapeOf writes X for capitals, x for other letters, d for digits and other characters as they are; runs are cut to
// three.
func shapeOf(word []byte) []byte {
	var out []byte
	var last rune
	run := 0
	for _, r := range string(word) {
		c := r
		switch {
		case unicode.IsUpper(r):
			c = 'X'
		case unicode.IsLetter(r):
			c = 'x'
		case unicode.IsDigit(r):
			c = 'd'
		}
		if c != last {
			last, run = c, 0
		}
		if run++; run <= 3 {
			out = utf8.AppendRune(out, c)
		}
	}
	return out
}
