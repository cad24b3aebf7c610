package model

import (
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Features are hashed properties of each token whose embeddings are averaged and joined to that of the token itself: its
// lower-cased form, its beginnings and ends, its shape (Xx, d.d), and for single Chinese characters the pairs that they
// form with their neighbours. They tell what a token is like that training never saw.
type Features struct {
	Dim     int `yaml:"dim" json:"dim" doc:"width of the embeddings of token features (affixes, shape, pairs of characters); 0 for none" default:"0" min:"0" max:"1024"`
	Buckets int `yaml:"buckets" json:"buckets" doc:"rows of the table that features are hashed to" default:"50000" min:"1" max:"16000000"`
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
)

// hash appends the rows of the features of token i. source is the text that spans count in, with letters as they were
// written; aligned tells that it is known.
func (f *Features) hash(dst []int32, e *text.Encoding, i int, source string, aligned bool) []int32 {
	add := func(kind int, parts ...[]byte) {
		h := uint64(kind) * prime
		for _, p := range parts {
			h = hashBytes(h, p)
		}
		dst = append(dst, int32(finish(h)%uint64(f.Buckets)))
	}
	piece := func(i int) []byte {
		if i < 0 || i >= len(e.Pieces) {
			return nil
		}
		return e.Text[e.Pieces[i].Start:e.Pieces[i].End]
	}
	word := piece(i)
	first, size := utf8.DecodeRune(word)
	if size == len(word) && (unicode.Is(unicode.Han, first) || !unicode.IsLetter(first) && !unicode.IsDigit(first)) {
		add(leftFeature, piece(i-1), word)
		add(rightFeature, word, piece(i+1))
		add(aroundFeature, piece(i-1), piece(i+1))
		return dst
	}
	add(wordFeature, word)
	written := word
	if s := e.Spans[i]; aligned && s.End <= len(source) {
		written = []byte(source[s.Start:s.End])
	}
	add(shapeFeature, shapeOf(written))
	at := 0
	for n := 1; n <= 4 && at < len(word); n++ {
		_, size := utf8.DecodeRune(word[at:])
		at += size
		add(prefixFeature, word[:at])
	}
	at = len(word)
	for n := 1; n <= 4 && at > 0; n++ {
		_, size := utf8.DecodeLastRune(word[:at])
		at -= size
		add(suffixFeature, word[at:])
	}
	return dst
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
