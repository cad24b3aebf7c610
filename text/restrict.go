package text

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Restricted returns a tokenizer that has of t's tokens those that keep tells, and what it takes to cut any text: single
// characters, bytes, the unknown token and the added tokens. It puts no special tokens around texts, and cuts none short.
// olds holds for each of its tokens the number in t.
func (t *Tokenizer) Restricted(keep func(id int32) bool) (r *Tokenizer, olds []int32, err error) {
	tokens := t.algorithm.vocabulary()
	kept := make([]bool, len(tokens))
	for id, token := range tokens {
		kept[id] = token != "" && (keep(int32(id)) || int32(id) == t.UnkID() || t.indivisible(token))
	}
	if t.added != nil {
		for _, a := range t.added.list {
			if int(a.ID) < len(tokens) {
				kept[a.ID] = true
			}
		}
	}
	r = &Tokenizer{normalizers: t.normalizers, preTokenizers: t.preTokenizers, decoder: t.decoder}
	if b, ok := t.algorithm.(*bpe); ok {
		b.keepParts(kept)
	}
	var names []string
	var scores []float64
	news := make([]int32, len(tokens))
	for id, token := range tokens {
		news[id] = -1
		if !kept[id] {
			continue
		}
		news[id] = int32(len(names))
		names, olds = append(names, token), append(olds, int32(id))
		if u, ok := t.algorithm.(*unigram); ok {
			scores = append(scores, u.scores[id])
		}
	}
	if r.algorithm, err = t.restrictedTo(names, scores, news); err != nil {
		return nil, nil, err
	}
	if t.added != nil {
		list := slices.Clone(t.added.list)
		for i, a := range t.added.list {
			if int(a.ID) < len(tokens) && news[a.ID] >= 0 {
				list[i].ID = news[a.ID]
				continue
			}
			list[i].ID = int32(len(olds))
			olds = append(olds, a.ID)
		}
		r.added, err = newAddedTokens(list, r, false)
	}
	return r, olds, err
}

// indivisible tells whether a token is a single character, or the name of a byte, with what marks its place in a word.
func (t *Tokenizer) indivisible(token string) bool {
	switch a := t.algorithm.(type) {
	case *wordLevel:
		return false
	case *wordPiece:
		token = strings.TrimPrefix(token, a.prefix)
	case *bpe:
		token = strings.TrimSuffix(strings.TrimPrefix(token, orEmpty(a.config.Prefix)), orEmpty(a.config.Suffix))
	}
	return utf8.RuneCountInString(token) == 1 || len(token) == len("<0x00>") && strings.HasPrefix(token, "<0x")
}

// keepParts keeps what the kept tokens are joined of.
func (b *bpe) keepParts(kept []bool) {
	for rank := len(b.pairs) - 1; rank >= 0; rank-- {
		if kept[b.merged[rank]] {
			for _, part := range b.pairs[rank] {
				id, _ := b.id(part)
				kept[id] = true
			}
		}
	}
}

// restrictedTo makes the algorithm of some of the tokens; news are their numbers by the old ones.
func (t *Tokenizer) restrictedTo(names []string, scores []float64, news []int32) (Algorithm, error) {
	unk := int32(-1)
	if old := t.UnkID(); old >= 0 {
		unk = news[old]
	}
	switch a := t.algorithm.(type) {
	case *wordLevel:
		return newWordLevel(names, unk), nil
	case *wordPiece:
		return newWordPiece(newVocab(names), unk, a.prefix, a.longest), nil
	case *unigram:
		u := newUnigram(names, scores, unk)
		if a.fallBack {
			u.fallBackToBytes()
		}
		return u, nil
	case *bpe:
		v := newVocab(names)
		pairs := slices.DeleteFunc(slices.Clone(a.pairs), func(p [2]string) bool {
			return !v.has(p[0]) || !v.has(p[1]) || !v.has(p[0]+strings.TrimPrefix(p[1], orEmpty(a.config.Prefix)))
		})
		return newBPE(v, pairs, a.config, a.bytes)
	}
	return nil, hint.Errorf("keep all of its tokens", "leaving tokens out of a tokenizer of this kind")
}
