package text

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Normalize returns s as the tokenizer's normalizers leave it.
func (t *Tokenizer) Normalize(s string) string {
	var d draft
	d.begin(s)
	for _, n := range t.normalizers {
		n.normalize(&d)
	}
	return d.text
}

// Whole tells whether the tokenizer's pre-tokenizers leave the normalised word s in one piece, so that it can be a
// token.
func (t *Tokenizer) Whole(s string) bool {
	var d draft
	d.begin(s)
	spans := t.pieces(&d, &[2][]Span{{{0, len(s)}}, nil})
	return s != "" && len(spans) == 1 && spans[0] == Span{0, len(s)} && d.text == s
}

// Extended returns a tokenizer that knows more words, behind those of t; each must be Whole and new. It is for
// tokenizers of the kinds char and word: word vectors know words that the training texts lack and that other texts
// have. A word that t cuts by probability is as rare as one that training saw once.
func (t *Tokenizer) Extended(words []string) (*Tokenizer, error) {
	if len(words) == 0 {
		return t, nil
	}
	longer := &Tokenizer{normalizers: t.normalizers, preTokenizers: t.preTokenizers}
	switch a := t.algorithm.(type) {
	case *wordLevel:
		longer.algorithm = newWordLevel(slices.Concat(a.tokens, words), a.unk)
	case *unigram:
		if len(t.decoder) > 0 {
			break // its tokens are parts of words
		}
		scores := slices.Clone(a.scores)
		rare := 0.0 // special tokens have no probability of their own: their score is 0
		for _, s := range scores {
			rare = min(rare, s)
		}
		for range words {
			scores = append(scores, math.Round(1e6*(rare-math.Ln2))/1e6)
		}
		longer.algorithm = newUnigram(slices.Concat(a.tokens, words), scores, a.unk)
	}
	if longer.algorithm == nil {
		return nil, hint.Errorf("set tokenizer.kind to char or word", "adding words to a tokenizer whose tokens are no words")
	}
	return longer, nil
}

// WithSpecial returns a tokenizer that has special tokens behind those of t, such as the [MASK] of a masked language
// model; what t has already stays. A text that spells one means it: see Literal.
func (t *Tokenizer) WithSpecial(tokens ...string) (*Tokenizer, error) {
	w := t.Literal()
	var list []AddedToken
	if t.added != nil {
		list = slices.Clone(t.added.list)
	}
	next := int32(t.VocabSize())
	for _, token := range tokens {
		if _, ok := t.ID(token); !ok {
			list = append(list, AddedToken{ID: next, Content: token, Special: true})
			next++
		}
	}
	var err error
	w.added, err = newAddedTokens(list, w, false)
	return w, err
}
