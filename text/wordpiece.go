package text

import "unicode/utf8"

// wordPiece cuts a piece into the longest tokens from left to right (Schuster and Nakajima 2012; BERT). Tokens within a
// word begin with a prefix in the vocabulary. A word that cannot be cut to its end is one unknown token.
type wordPiece struct {
	vocab
	unk      int32
	unkToken string
	prefix   string
	longest  int // characters of a word; longer ones are unknown

	trie trie
	next int32 // the trie's node behind prefix; -1 where no token begins with it
}

func newWordPiece(v vocab, unk int32, prefix string, longest int) *wordPiece {
	w := &wordPiece{vocab: v, unk: unk, unkToken: v.tokens[unk], prefix: prefix, longest: longest}
	w.trie.build(v.tokens)
	for _, r := range prefix {
		var ok bool
		if w.next, _, ok = w.trie.next(w.next, r); !ok {
			w.next = -1
			break
		}
	}
	return w
}

func (w *wordPiece) encode(s string, p Span, e *Encoding) {
	first := len(e.IDs)
	if p.End-p.Start > w.longest && utf8.RuneCountInString(s[p.Start:p.End]) > w.longest {
		e.append(w.unk, p)
		return
	}
	node := int32(0)
	for at := p.Start; at < p.End; node = w.next {
		id, end := int32(-1), at
		for to := at; to < p.End && node >= 0; {
			r, n := runeAt(s, to)
			var token int32
			var ok bool
			if node, token, ok = w.trie.next(node, r); !ok {
				break
			}
			to += n
			if token >= 0 {
				id, end = token, to
			}
		}
		if id < 0 {
			e.truncate(first)
			e.append(w.unk, p)
			return
		}
		e.append(id, Span{at, end})
		at = end
	}
}

func (w *wordPiece) unknown() int32 { return w.unk }
