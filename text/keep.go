package text

import "strings"

// Mapped returns a dictionary of the words as f changes them; those that it leaves empty are gone.
func (d *Dictionary) Mapped(f func(word string) string) *Dictionary {
	list := d.Words()
	kept := list[:0]
	for _, w := range list {
		if w.Word = f(w.Word); w.Word != "" {
			kept = append(kept, w)
		}
	}
	return NewDictionary(kept...)
}

// keep makes the words of a user dictionary tokens of a word tokenizer, whether training saw them or not: a hot word with
// Chinese characters with a score that wins over every way to cut it, others as rare words. A hot word
// in letters alone gets no such score, since it would be found within longer ones. Words that the pre-tokenizers cut, for
// their blanks or punctuation, cannot be kept.
func (t *Tokenizer) keep(d *Dictionary) {
	u, ok := t.algorithm.(*unigram)
	if !ok || d == nil {
		return
	}
	tokens, scores := u.tokens, u.scores
	rare := 0.0
	for _, s := range scores {
		rare = min(rare, s)
	}
	for _, w := range d.Words() {
		if !t.Whole(w.Word) {
			continue
		}
		score := rare
		if w.Frequency == 0 && strings.IndexFunc(w.Word, isChinese) >= 0 {
			score = hotScore
		}
		if id, ok := u.id(w.Word); ok {
			scores[id] = max(scores[id], score)
			continue
		}
		tokens, scores = append(tokens, w.Word), append(scores, score)
	}
	t.algorithm = newUnigram(tokens, scores, u.unk)
}
